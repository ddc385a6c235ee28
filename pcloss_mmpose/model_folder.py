"""Models as they are shared: a folder with weights and config, here, in this package or on Hugging Face's hub.

A folder's config is read by everyone who gets it, so that it is held to be data: it assigns plain values, and names
nothing but registered parts. Nothing here imports MMPose.
"""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Iterator

from .configs import read_dumped_config
from .errors import InputError, MissingPackageError

WEIGHTS = 'model.safetensors'
CONFIG = 'config.py'
#: What a name on the hub begins with, as in timm and OpenCLIP. No path of this machine is taken for one.
HUB = 'hf-hub:'
#: What the name of a model begins with that is part of this package, and the only one.
OWN = 'pcloss:'
GARMENTS = f'{OWN}garments'
OWN_FOLDERS = {GARMENTS: Path(__file__).parent / 'garments'}
HUB_NAME = re.compile(rf'{HUB}(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?')
#: Packages whose parts a config of others may name, and import.
PACKAGES = ('pcloss_mmpose', 'mmpose', 'mmdet', 'mmpretrain', 'mmengine', 'mmcv')
#: A class by the name of its package, which is the scope of a registry.
SCOPED = re.compile(rf'({"|".join(PACKAGES)})\.[A-Z]\w*')


def is_model_name(text: str) -> bool:
    """Whether it names a model of the hub or of this package."""
    return text.startswith((HUB, OWN))


def is_model_folder(text: str) -> bool:
    return os.path.isdir(text) and any(os.path.isfile(os.path.join(text, name)) for name in (WEIGHTS, CONFIG))


def check_name(text: str) -> None:
    """Check the name of a model, and whether there is what downloads it; nothing is downloaded.

    Raises:
        InputError: It is no such name.
        MissingPackageError: huggingface_hub is missing.
    """
    if text.startswith(OWN):
        if text not in OWN_FOLDERS:
            raise InputError(f'{text}: this package has no such model, but {", ".join(OWN_FOLDERS)}')
        return
    if not HUB_NAME.fullmatch(text):
        raise InputError(f'{text}: a model on the hub is {HUB}OWNER/NAME or {HUB}OWNER/NAME@REVISION')
    if find_spec('huggingface_hub') is None:
        raise MissingPackageError('huggingface_hub not installed: pip install huggingface_hub')


def weights_file(checkpoint: str) -> str:
    """The file of a checkpoint that is a folder or a name, downloaded if it must be; others stay as they are.

    Raises:
        InputError: It has none.
    """
    return _file(checkpoint, WEIGHTS)


def model_config(model: str) -> Path:
    """The config of a folder or of a name, downloaded if it must be; see :func:`check_config`.

    Raises:
        InputError: It has none, or one that would have to be run.
    """
    path = Path(_file(model, CONFIG))
    try:
        check_config(path)
    except InputError as error:
        raise InputError(f'{error}. To run it as a program, name it: {path} {model}') from error
    return path


def check_config(path: Path) -> None:
    """Refuse a config that does more than describing a model.

    Raises:
        InputError: It is no text of plain values; or it names a module or a file that would be run, or a function.
    """
    if '{{' in path.read_text(encoding='utf-8', errors='replace'):
        raise InputError(f'{path}: not read as data, as it has {{{{ }}}}, which MMEngine replaces before it runs it')
    config = read_dumped_config(path)
    for fault in _faults('', config.to_dict()):
        raise InputError(f'{path}: not read as data, as {fault}')


def _faults(place: str, value: Any) -> Iterator[str]:
    """What of a config's value is more than data, in words."""
    if isinstance(value, dict):
        for key, item in value.items():
            below = f'{place}.{key}' if place else str(key)
            names = item if isinstance(item, (list, tuple)) else [item]
            if key in ('default_scope', '_scope_') and item not in (None, *PACKAGES):
                yield f'{below} is {item!r}, and only {", ".join(PACKAGES)} are imported'
            elif key in ('type', 'metainfo') and isinstance(item, str) and not _is_part(item):
                yield f'{below} is {item!r}, which is no name of a registered part'
            elif key == 'from_file':
                yield f'{below} names the file {item!r}, which would be run'
            elif key == 'imports' and not all(str(name).partition('.')[0] in PACKAGES for name in names):
                yield f'{below} names {", ".join(map(str, names))}, and only {", ".join(PACKAGES)} are imported'
            else:
                yield from _faults(below, item)
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield from _faults(f'{place}.{number}', item)


def _is_part(name: str) -> bool:
    """Whether a name can only be that of a registered part; others MMEngine imports."""
    return SCOPED.fullmatch(name) is not None or (re.fullmatch(r'\w*', name) is not None and (
        not name or find_spec(name) is None))


def _file(model: str, name: str) -> str:
    """The path of a file of a folder or of a model by name; what is neither stays as it is."""
    if is_model_name(model):
        check_name(model)
        return str(OWN_FOLDERS[model] / name) if model in OWN_FOLDERS else _downloaded(model, name)
    if not os.path.isdir(model):
        return model
    path = os.path.join(model, name)
    if not os.path.isfile(path):
        raise InputError(f'{model}: it has no {name}, which the folder of a model has')
    return path


def _downloaded(model: str, name: str) -> str:
    """A file of a model on the hub, from Hugging Face's cache if it is there."""
    import huggingface_hub
    from huggingface_hub import constants
    repository, revision = HUB_NAME.fullmatch(model).group('repository', 'revision')
    if os.environ.get('RANK', '0') == '0':
        print(f'{name} of {model[len(HUB):]}: from {constants.ENDPOINT}, or its copy in {constants.HF_HUB_CACHE}',
              file=sys.stderr, flush=True)
    try:
        return huggingface_hub.hf_hub_download(repository, name, revision=revision)
    except Exception as error:  # of whatever a network and a server can do
        text = ' '.join(str(error).split())
        raise InputError(f'{model}: no {name} ({type(error).__name__}: {text[:300]})') from error
