"""Configs by name: ours, MMPose's as ``mmpose::...``, and files. Nothing here imports MMPose."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import warnings
from pathlib import Path
from typing import Any, Iterator

from .errors import InputError


def package_folder(package: str) -> Path:
    """Where an installed package keeps ``configs/`` and ``tools/``: in its ``.mim`` (a wheel), or beside it (a clone).

    Raises:
        InputError: There is no such package.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"there is no package '{package}' here: install it, or correct the name")
    folder = Path(next(iter(spec.submodule_search_locations)))
    return folder / '.mim' if (folder / '.mim').is_dir() else folder.parent


def list_configs() -> list[Path]:
    """The configs that this package brings, in order of their paths."""
    folder = package_folder('pcloss_mmpose') / 'configs'
    return sorted(path for path in folder.rglob('*.py') if '_base_' not in path.relative_to(folder).parts)


def find_config(name: str) -> Path:
    """The file of a config: its path, ``<package>::<path below its configs>``, or the name of one of ours.

    Raises:
        InputError: There is none.
    """
    package, colons, below = name.partition('::')
    if colons:
        path = package_folder(package) / 'configs' / below
        if not path.is_file():
            raise InputError(f'{name}: no such config of {package}, looked for {path}')
        return path
    path = Path(name)
    if path.is_file():
        return path
    if path.parent == Path() and (found := [each for each in list_configs() if each.stem == path.stem]):
        return found[0]
    raise InputError(f'{name}: no such file (in the folder {Path.cwd()}), and no config of that name: `pcloss configs` '
                       'lists them')


def load_config(path: str | Path, custom_imports: bool = True) -> Any:
    """MMEngine's ``Config`` of a file.

    Args:
        path: The file.
        custom_imports: Import the modules that the config names. Reading one needs no import.

    Raises:
        InputError: It does not load; a config is a program, which may raise anything.
    """
    from mmengine.config import Config
    if not Path(path).is_file():
        raise InputError(f'{path}: no such file')
    try:
        with _quiet():
            return Config.fromfile(str(path), import_custom_modules=custom_imports)
    except Exception as error:
        raise InputError(f'{path}: not a complete config ({type(error).__name__}: {error})') from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """MMEngine logs each environment variable, and pkg_resources warns of itself where a base is ``mmpose::...``."""
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(logging.NOTSET)
