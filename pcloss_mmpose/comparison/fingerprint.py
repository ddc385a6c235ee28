"""What decides a run, as plain values: a run whose config or annotations have changed must not go on, nor count."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import os.path as osp
from functools import lru_cache
from typing import Any, Iterator, Mapping

from ..add_pcloss import dotted, leaves

#: What a Runner reads that only says where files are kept, or what is printed.
ASIDE = {'work_dir', 'experiment_name', 'visualizer', 'log_level', 'log_processor', 'resume', 'launcher', 'cfg'}
#: And what this package reads.
OURS = ('fast', 'may_differ')


def decisive(config: Mapping) -> dict[str, str]:
    """Each value of a config that decides a training and its test, by its place, and the annotations' checksums."""
    from mmengine.runner import Runner
    keys = [*(key for key in inspect.signature(Runner.__init__).parameters if key not in ASIDE), *OURS]
    values = {key: config[key] for key in keys if config.get(key) is not None}
    found = {dotted(place): _text(value) for place, value in leaves(values)
             if place[:2] != ('default_hooks', 'checkpoint')}
    found.update((f'content of {path}', checksum(path)) for path in sorted(set(annotation_files(config))))
    return found


def digest(values: Mapping[str, str]) -> str:
    """A short name of them."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """The first thing that is not the same, in words; empty where all is."""
    for key in [*old, *new]:
        if old.get(key) != new.get(key):
            return f'{key} was {old.get(key, "not there")} and is {new.get(key, "not there")}'
    return ''


def annotation_files(config: Mapping) -> Iterator[str]:
    """The local annotation files of the training and the test, and DeepFashion2's folders of them."""
    for loader in ('train_dataloader', 'test_dataloader'):
        yield from _files(config.get(loader))


def _files(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        names = node.get('ann_file') or ()
        for name in [names] if isinstance(names, str) else names:
            path = osp.join(node.get('data_root') or '', name)
            if osp.isfile(path) or (osp.isdir(path) and _is_deepfashion2(node)):
                yield path
        node = list(node.values())
    for each in node if isinstance(node, (list, tuple)) else ():
        yield from _files(each)


def _is_deepfashion2(dataset: Mapping) -> bool:
    from mmpose.registry import DATASETS

    from ..datasets import DeepFashion2Dataset
    kind = dataset.get('type')
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    return inspect.isclass(kind) and issubclass(kind, DeepFashion2Dataset)


def checksum(path: str) -> str:
    """Of a file's content, or of what a folder of DeepFashion2's annotations says.

    Raises:
        FileFormatError: An annotation in the folder is faulty.
    """
    if osp.isdir(path):
        from ..datasets.formats.deepfashion2 import read_items
        found = hashlib.sha256()
        for column in read_items(path):
            found.update(column.tobytes())
        return found.hexdigest()[:16]
    there = os.stat(path)
    return _checksum(path, there.st_mtime_ns, there.st_size)


@lru_cache(maxsize=None)  # every run asks for the same files
def _checksum(path: str, changed: int, size: int) -> str:
    with open(path, 'rb') as file:
        found = hashlib.sha256()
        for part in iter(lambda: file.read(2**20), b''):
            found.update(part)
    return found.hexdigest()[:16]


def _text(value: Any) -> str:
    """As Python writes it, without the address that a function or a class has in memory."""
    return value.__qualname__ if hasattr(value, '__qualname__') else repr(value)
