"""The part of a checkpoint that is published: weights, and what MMPose needs to run them."""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any, Mapping

import numpy as np
import torch

from .. import __version__
from ..checkpoints import read_checkpoint
from ..errors import InputError
from ..files import write_whole

#: What is kept of a checkpoint's meta.
META = ('dataset_meta', 'cfg', 'epoch', 'iter', 'seed', 'experiment_name', 'time', 'mmengine_version')


def publish(checkpoint: Path, folder: Path) -> tuple[Path, list[str]]:
    """Write the published form of a checkpoint, as one file of torch's, into a folder, which is made if it is missing.

    Returns:
        The new file, and the names of what was dropped.

    Raises:
        InputError: The file is no whole checkpoint of a training, or the new one is there already.
    """
    result, dropped = read_published(checkpoint)
    buffer = io.BytesIO()  # a file's name would be part of its content, and so of its hash
    torch.save(result, buffer)
    path = folder / f"{content_name(checkpoint, result['meta'], buffer.getvalue())}.pth"
    if path.exists():
        raise InputError(f'{path} is there already')
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, buffer.getvalue())
    return path, dropped


def read_published(checkpoint: Path) -> tuple[dict, list[str]]:
    """What is published of a checkpoint's file, and the names of what is dropped.

    Raises:
        InputError: The file is no whole checkpoint of a training.
    """
    content = read_checkpoint(checkpoint)
    try:
        result = published(content)
    except InputError as error:
        raise InputError(f'{checkpoint} is no checkpoint of a training: {error}') from error
    meta = content.get('meta') or {}
    return result, sorted(content.keys() - result.keys()) + sorted(f'meta.{key}' for key in meta.keys() - META)


def published(checkpoint: dict) -> dict:
    """The part of a checkpoint that is published: ``state_dict``, on the CPU, and ``meta``.

    dataset_meta becomes lists, which MMPose's inference and drawing take as they take arrays.

    Raises:
        InputError: There is no state_dict of tensors, one is NaN or infinite, or a value in the meta is not plain.
    """
    weights = checkpoint.get('state_dict') if isinstance(checkpoint, dict) else None
    if not (weights and isinstance(weights, dict) and all(isinstance(each, torch.Tensor) for each in weights.values())):
        raise InputError('it has no state_dict of tensors')
    broken = [name for name, value in weights.items() if not torch.isfinite(value).all()]
    if broken:
        raise InputError(f'{len(broken)} of its weights are NaN or infinite, the first is {broken[0]}')
    meta = checkpoint.get('meta') or {}
    try:
        kept = {key: plain(meta[key]) for key in META if key in meta}
    except TypeError as error:
        raise InputError(f'its meta cannot be published: {error}') from error
    kept['pcloss_mmpose_version'] = __version__
    # A training with channels_last leaves an order of strides that safetensors does not take.
    state_dict = OrderedDict((name, value.detach().cpu().clone(memory_format=torch.contiguous_format))
                             for name, value in weights.items())
    state_dict._metadata = plain(getattr(weights, '_metadata', {}))  # the versions of the modules
    return dict(meta=kept, state_dict=state_dict)


def halved(weights: Mapping[str, torch.Tensor]) -> OrderedDict:
    """Weights in half precision, which a model that loads them turns into its own.

    Raises:
        InputError: One is too large for it.
    """
    half = OrderedDict((name, value.half() if value.is_floating_point() else value) for name, value in weights.items())
    half._metadata = getattr(weights, '_metadata', {})
    large = [name for name, value in half.items() if not torch.isfinite(value).all()]
    if large:
        raise InputError(f'{len(large)} of its weights are too large for half precision, the first is {large[0]}')
    return half


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


def content_name(checkpoint: Path, meta: dict, content: bytes) -> str:
    """``<stem of the config>-<hash>_<date>``; where no config is known, with the checkpoint's own name."""
    return f"{config_name(checkpoint, meta)}-{hashlib.sha256(content).hexdigest()[:8]}_{time.strftime('%Y%m%d')}"


def config_name(checkpoint: Path, meta: dict) -> str:
    """The stem of a checkpoint's config, or else its own."""
    return re.sub(r'_?\d{8}_\d{6}$', '', meta.get('experiment_name', '')) or checkpoint.stem
