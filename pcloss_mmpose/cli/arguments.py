"""Types of arguments, which refuse what does not fit before anything is done."""

from __future__ import annotations

import glob
import math
import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any, Callable, Sequence

from ..configs import find_config
from ..errors import InputError, PclossError
from ..model_folder import CONFIG, WEIGHTS, check_name, is_model_folder, is_model_name, model_config, weights_file
from ..text import IMAGE_SUFFIXES


def config_file(text: str) -> Path:
    """A config by name, path or ``mmpose::...``."""
    try:
        return find_config(text)
    except PclossError as error:
        raise ArgumentTypeError(str(error)) from None


def checkpoint_file(text: str) -> str:
    """A checkpoint's path or address, or the folder or the name of a model."""
    if is_model_name(text):
        return model_name(text)
    if os.path.isdir(text) and not os.path.isfile(os.path.join(text, WEIGHTS)):
        raise ArgumentTypeError(f'{text}: a folder without {WEIGHTS}, which that of a model has')
    if '://' not in text and not os.path.exists(text):
        raise ArgumentTypeError(f'{text}: no such file (in the folder {Path.cwd()})')
    if text.lower().endswith('.onnx'):
        raise ArgumentTypeError(f'{text}: a graph, and no checkpoint: examples/onnx_predict.py runs it, or rtmlib')
    return text


def model_name(text: str) -> str:
    """The name of a model, on the hub or in this package."""
    try:
        check_name(text)
    except PclossError as error:
        raise ArgumentTypeError(str(error)) from None
    return text


def config_or_model(text: str) -> str | Path:
    """A config, or a model that has its own."""
    if is_model_name(text):
        return model_name(text)
    if is_model_folder(text):
        if not os.path.isfile(os.path.join(text, CONFIG)):
            raise ArgumentTypeError(f'{text}: it has no {CONFIG}: name a config in front of it')
        return text
    if os.path.isdir(text):
        raise ArgumentTypeError(f'{text}: a folder without {WEIGHTS}, which that of a model has')
    return config_file(text)


def add_model(parser: ArgumentParser, default: str | None = None) -> None:
    """CONFIG and CHECKPOINT, in whose place the folder or the name of a model can stand alone, and of which neither
    need be given in front of images where there is a ``default`` (:func:`with_both`)."""
    parser.set_defaults(has_model=True, model_by_default=default)
    parser.add_argument('config', type=config_or_model, metavar='CONFIG',
                        help='or, in the place of both, a folder that `pcloss publish` wrote, or a name: '
                        'hf-hub:OWNER/NAME, pcloss:garments' + (f' (in front of images, {default} need not be named)'
                                                                if default else ''))
    parser.add_argument('checkpoint', type=checkpoint_file, metavar='CHECKPOINT')


def with_both(parser: ArgumentParser, argv: Sequence[str]) -> list[str]:
    """The arguments, in which a model that stands for config and checkpoint stands for each; a default one as well."""
    argv = list(argv)
    place = first_positional(parser, argv)
    default = parser.get_default('model_by_default')
    if default and argv[place:] and are_images(*argv[place:place + 2]):
        argv.insert(place, default)
    own, following = argv[place:place + 1], argv[place + 1:place + 2]
    if own and own != following and (is_model_name(own[0]) or is_model_folder(own[0])):
        argv[place:place] = own
    return argv


def are_images(text: str, following: str = '-') -> bool:
    """Whether an argument can only be images that are there, or a list of them, and no model or config."""
    if os.path.isdir(text):
        return not is_model_folder(text)
    suffix = os.path.splitext(text)[1].lower()
    if suffix == '.json':  # as MMEngine's configs may be, behind which a checkpoint stands
        return os.path.isfile(text) and following.startswith('-')
    return suffix in (*IMAGE_SUFFIXES, '.txt', '.csv') and (os.path.isfile(text) or glob.has_magic(text))


def first_positional(parser: ArgumentParser, argv: Sequence[str]) -> int:
    """Where the first argument stands that is no option and belongs to none."""
    place = 0
    while place < len(argv) and argv[place].startswith('-') and argv[place] != '--':
        text = argv[place]
        place += 1
        known = [action for option, action in parser._option_string_actions.items() if option.startswith(text)]
        if '=' in text or not known or known[0].nargs == 0:
            continue
        most = {None: 1, '?': 1}.get(known[0].nargs, len(argv))
        end = place + most
        while place < min(end, len(argv)) and not argv[place].startswith('-'):
            place += 1
    return place + (argv[place:place + 1] == ['--'])


def fetch_model(args: Namespace) -> None:
    """Put files in the place of a model that was named: its config, if it stands for that, and its weights."""
    if not isinstance(args.config, Path):
        args.config = model_config(args.config)
    args.checkpoint = weights_file(args.checkpoint)


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
