"""The checkpoint that a training goes on from."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any, Iterator, Mapping

import torch
from mmengine.logging import print_log
from mmengine.runner.checkpoint import CheckpointLoader

from ..errors import InputError
from .reading import read_checkpoint

#: What a resumed training goes on with. The best checkpoints of a training have no optimizer.
STATE = ('meta', 'state_dict', 'optimizer', 'message_hub')


def newest_checkpoint(work_dir: str, folder: str) -> tuple[str, Mapping[str, Any]]:
    """The newest checkpoint that a training can go on from, and its meta data.

    The log names those that are newer and were passed over, each with the reason on a line.

    Args:
        work_dir: Where ``last_checkpoint`` is.
        folder: Where the checkpoints are, mostly the same.

    Raises:
        InputError: There is none.
    """
    for path in candidates(Path(work_dir), Path(folder)):
        try:
            content = resumable(path)
            check_finite(path, content['state_dict'])
            return path, content['meta']
        except InputError as error:
            pass_over(str(error))
    raise InputError(f'{folder} has no whole checkpoint to go on from: name one by --resume CHECKPOINT, or leave out '
                     '--resume to begin a new training')


def resumable(path: str) -> Mapping[str, Any]:
    """The content of a checkpoint, which has all that a training needs to go on.

    Raises:
        InputError: It is not whole, or lacks something.
    """
    if '://' in path:
        try:
            content = CheckpointLoader.load_checkpoint(path, map_location='cpu')
        except Exception as error:  # of whatever storage it is
            raise InputError(f'{path}: no whole checkpoint ({type(error).__name__}: {error})') from error
    else:
        content = read_checkpoint(path)
    absent = [part for part in STATE if part not in content]
    if absent:
        raise InputError(f'{path} cannot be resumed, as it has no {" and no ".join(absent)}: begin a training with '
                         'load_from=CHECKPOINT instead')
    return content


def check_finite(path: str, weights: Mapping[str, torch.Tensor]) -> None:
    """Raise InputError if a weight of a checkpoint is no number."""
    broken = [name for name, value in weights.items() if not torch.isfinite(value).all()]
    if broken:
        raise InputError(f'{path} cannot be resumed, as {broken[0]} is NaN or infinite in it')


def candidates(work_dir: Path, folder: Path) -> Iterator[str]:
    """Checkpoints that may be the newest, the likeliest first."""
    named = named_last(work_dir)
    if named and '://' in named:
        yield named
    files = {str(path) for path in folder.glob('*.pth') if path.is_file()}
    if named and '://' not in named:
        if os.path.isfile(named):
            files = {path for path in files if not os.path.samefile(path, named)} | {named}
        else:
            pass_over(f'{work_dir / "last_checkpoint"} names {named}, which is not there')
    yield from sorted(files, key=age, reverse=True)


def named_last(work_dir: Path) -> str:
    """What MMEngine's ``last_checkpoint`` says, or nothing."""
    file = work_dir / 'last_checkpoint'
    if not file.is_file():
        return ''
    text = file.read_bytes().decode(errors='replace').strip('\0 \n')
    if not text:
        pass_over(f'{file} is empty')
    return text


def age(path: str) -> tuple[int, int]:
    """What grows with the time at which a checkpoint was written; where that is the same, with the number it is of."""
    number = re.search(r'(\d+)$', Path(path).stem)
    return os.stat(path).st_mtime_ns, int(number[1]) if number else -1


def pass_over(reason: str) -> None:
    print_log(f'Passed over: {reason}', 'current', logging.WARNING)
