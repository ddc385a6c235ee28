"""Make the file to publish from a checkpoint: the weights, and what MMPose needs to run them.

    python tools/publish_model.py work_dirs/NAME/iter_100000.pth -o published

writes published/NAME-<first 8 digits of its SHA-256>_<date>.pth, NAME being that of the config. Optimizer, schedulers,
log buffers and the state of hooks are dropped. What is left are tensors and plain values, which
`torch.load(file, weights_only=True)`, from torch 2.0 on, reads without this package. The text of the config is part of
it, with the folders that it names.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import sys
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pcloss_mmpose  # noqa: F401  (lets torch.load read what MMEngine writes)

#: What is kept of a checkpoint's meta.
META = ('dataset_meta', 'cfg', 'epoch', 'iter', 'seed', 'experiment_name', 'time', 'mmengine_version')


def plain(value: Any) -> Any:
    """A value of dicts, lists and Python's own scalars, in place of numpy's and of subclasses.

    >>> plain({'sigmas': np.array([0.5, 0.25]), 'ids': (np.int64(3), )})
    {'sigmas': [0.5, 0.25], 'ids': [3]}

    Raises:
        TypeError: There is a value of another kind.
    """
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if value is None:
        return None
    raise TypeError(f'{type(value).__name__} is no plain value')


def published(checkpoint: dict) -> dict:
    """The part of a checkpoint that is published: ``state_dict``, on the CPU, and ``meta``.

    dataset_meta becomes lists, which MMPose's inference and drawing take as they take arrays.

    Raises:
        ValueError: There is no state_dict of tensors, or the meta has values that are not plain.
    """
    weights = checkpoint.get('state_dict') if isinstance(checkpoint, dict) else None
    if not weights or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise ValueError('it has no state_dict of tensors')
    meta = checkpoint.get('meta') or {}
    try:
        kept = {key: plain(meta[key]) for key in META if key in meta}
    except TypeError as error:
        raise ValueError(f'its meta cannot be published: {error}') from error
    kept['pcloss_mmpose_version'] = pcloss_mmpose.__version__
    state_dict = OrderedDict((name, value.detach().cpu().clone()) for name, value in weights.items())
    state_dict._metadata = plain(getattr(weights, '_metadata', {}))  # the versions of the modules
    return dict(meta=kept, state_dict=state_dict)


def file_name(checkpoint: Path, meta: dict, content: bytes) -> str:
    """``<stem of the config>-<hash>_<date>.pth``; where no config is known, the checkpoint's own name."""
    stem = re.sub(r'_?\d{8}_\d{6}$', '', meta.get('experiment_name', '')) or checkpoint.stem
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:8]}_{time.strftime('%Y%m%d')}.pth"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', type=Path, metavar='CHECKPOINT', help='a .pth file that a training wrote')
    parser.add_argument('-o', '--out', type=Path, metavar='DIR', help="default: the checkpoint's folder")
    args = parser.parse_args()
    try:
        checkpoint = torch.load(args.checkpoint, map_location='cpu')
        result = published(checkpoint)
    except OSError as error:
        sys.exit(f'{args.checkpoint}: {error.strerror}')
    except ValueError as error:
        sys.exit(f'{args.checkpoint} is no checkpoint of a training: {error}')
    except Exception as error:  # bytes that are no checkpoint make torch.load raise anything
        reason = f'{type(error).__name__}: {error}'.splitlines()[0].split('. ')[0]
        sys.exit(f'{args.checkpoint} is no checkpoint of a training: {reason}')

    buffer = io.BytesIO()  # a file's name would be part of its content, and so of its hash
    torch.save(result, buffer)
    folder = args.out or args.checkpoint.parent
    path = folder / file_name(args.checkpoint, result['meta'], buffer.getvalue())
    if path.exists():
        sys.exit(f'{path} is there already')
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
    except OSError as error:
        sys.exit(f'{error.filename}: {error.strerror}')
    meta = checkpoint.get('meta') or {}
    dropped = sorted(checkpoint.keys() - result.keys()) + sorted(f'meta.{key}' for key in meta.keys() - META)
    print(f"dropped: {', '.join(dropped) or 'nothing'}")
    print(f'{args.checkpoint}: {args.checkpoint.stat().st_size / 1e6:.1f} MB')
    print(f'{path}: {path.stat().st_size / 1e6:.1f} MB')


if __name__ == '__main__':
    main()
