"""Types of arguments, which refuse what does not fit before anything is done."""

from __future__ import annotations

import math
import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any, Callable, Sequence

from ..configs import find_config
from ..errors import InputError, PclossError


def config_file(text: str) -> Path:
    """A config by name, path or ``mmpose::...``."""
    try:
        return find_config(text)
    except PclossError as error:
        raise ArgumentTypeError(str(error)) from None


def checkpoint_file(text: str) -> str:
    """A checkpoint's path or address."""
    if '://' not in text and not os.path.isfile(text):
        raise ArgumentTypeError(f'{text}: no such file (in the folder {Path.cwd()})')
    return text


def folder(text: str) -> str:
    """A folder that is there."""
    if not os.path.isdir(text):
        raise ArgumentTypeError(f'{text}: no such folder (in the folder {Path.cwd()})')
    return text


def whole_number(least: int, most: float = math.inf) -> Callable[[str], int]:
    """A type for whole numbers from ``least`` to ``most``."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ArgumentTypeError(f"'{text}' is not a whole number") from None
        if value < least:
            raise ArgumentTypeError(f'must be at least {least}, got {value}')
        if value > most:
            raise ArgumentTypeError(f'must be at most {most}, got {value}')
        return value

    return convert


def out_file(*suffixes: str, makes_folder: bool = False) -> Callable[[str], Path]:
    """A type for files to write, which must have one of the endings, and a folder, unless the command makes it."""

    def convert(text: str) -> Path:
        path = Path(text)
        if path.suffix.lower() not in suffixes:
            raise ArgumentTypeError(f'{path}: its name must end in {" or ".join(suffixes)}')
        if path.is_dir():
            raise ArgumentTypeError(f'{path} is a folder: name a file')
        if not makes_folder and not path.absolute().parent.is_dir():
            raise ArgumentTypeError(f'{path}: there is no such folder')
        _refuse_below(path)
        return path

    return convert


def _refuse_below(path: Path) -> None:
    """Raise for a path that cannot be made: what there is of the folders above it is none, or not to be written to."""
    parent = next(parent for parent in path.absolute().parents if parent.exists())
    if not parent.is_dir():
        raise ArgumentTypeError(f'{path}: {parent} is a file')
    if not path.exists() and not os.access(parent, os.W_OK):
        raise ArgumentTypeError(f'{path}: {parent} cannot be written to')


#: A type for images to write.
image_file = out_file('.png', '.jpg', '.jpeg')


def out_folder(text: str) -> Path:
    """A folder to write to, which need not exist."""
    if not text:
        raise ArgumentTypeError('name a folder, got an empty text')
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise ArgumentTypeError(f'{path} is a file: name a folder')
    _refuse_below(path)
    return path


def number(least: float = -math.inf, most: float = math.inf) -> Callable[[str], float]:
    """A type for finite numbers from ``least`` to ``most``."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ArgumentTypeError(f"'{text}' is not a number") from None
        if not math.isfinite(value) or not least <= value <= most:
            raise ArgumentTypeError(f'must be from {least:g} to {most:g}, got {value:g}')
        return value

    return convert


def key_value(text: str) -> str:
    """KEY=VALUE, as ``--cfg-options`` takes it."""
    if '=' not in text or not all(text.partition('=')[0].split('.')):
        raise ArgumentTypeError(f"'{text}' is not KEY=VALUE")
    return text


def add_names_option(parser: ArgumentParser) -> None:
    """``--names``, of every command that draws landmarks."""
    parser.add_argument('--names', action='store_true', help="write the landmarks' names on the pictures")


def add_config_options(parser: ArgumentParser) -> None:
    """``--cfg-options``, as MMPose's tools have it."""
    parser.add_argument('--cfg-options', nargs='+', type=key_value, action='extend', default=[], metavar='KEY=VALUE',
                        help='changes to the config, such as model.head.pc_loss.topk=4')


def merge_options(config: Any, options: Sequence[str]) -> Any:
    """MMEngine's ``config``, with what :func:`add_config_options` gave.

    Raises:
        InputError: An option does not fit the config.
    """
    from mmengine.config import DictAction
    parsed = Namespace()
    try:
        DictAction([], 'options')(None, parsed, options)
        config.merge_from_dict(parsed.options)
    except Exception as error:  # of what MMEngine meets on its way into the config
        raise InputError(f'--cfg-options {" ".join(options)}: {type(error).__name__}: {error}') from error
    return config
