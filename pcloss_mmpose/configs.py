"""Configs by name: ours, MMPose's as ``mmpose::...``, and files. Nothing here imports MMPose."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import logging
import pickle
import traceback
import warnings
from pathlib import Path
from typing import Any, Callable, Iterator

from .errors import InputError, PclossError


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


def take_preprocessor(config: Any) -> None:
    """Give the model the ``preprocess_cfg`` of a config, as MMPose's train.py does and MMEngine's Runner does not."""
    if 'preprocess_cfg' in config:
        config.model.setdefault('data_preprocessor', config.preprocess_cfg)


def read_dumped_config(path: str | Path) -> Any:
    """MMEngine's ``Config`` of a file that it has dumped, as it does for each run. It is read as data: nothing runs.

    Raises:
        InputError: It is not there, or not only names with plain values.
    """
    from mmengine.config import Config
    if not Path(path).is_file():
        raise InputError(f'{path}: no such file')
    try:
        return Config(plain_values(Path(path).read_text(encoding='utf-8')))
    except (KeyError, MemoryError, RecursionError, SyntaxError, TypeError, ValueError) as error:
        raise InputError(f'{path}: not a complete config, as a run dumps it ({type(error).__name__}: {error})'
                         ) from error


def plain_values(text: str) -> dict[str, Any]:
    """The names and values of a Python file that only assigns literals and dicts of them.

    >>> plain_values("model = dict(depth=18, size=(64, 64))")
    {'model': {'depth': 18, 'size': (64, 64)}}

    Raises:
        SyntaxError, ValueError: It is another kind of file, which would have to be run.
    """
    values = {}
    for line in ast.parse(text).body:
        if not isinstance(line, ast.Assign) or len(line.targets) != 1 or not isinstance(line.targets[0], ast.Name):
            raise ValueError(f'line {line.lineno} is no NAME = VALUE')
        try:
            values[line.targets[0].id] = ast.literal_eval(_PlainDicts().visit(line.value))
        except ValueError:
            raise ValueError(f'the value at line {line.lineno} is a program') from None
    if '_base_' in values:
        raise ValueError('it inherits from a _base_')
    return values


class _PlainDicts(ast.NodeTransformer):
    """What MMEngine writes that is no literal: ``dict(name=...)``, ``dict({...})``, inf and nan."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id != 'dict':
            return node
        if len(node.args) == 1 and isinstance(node.args[0], ast.Dict) and not node.keywords:
            return node.args[0]
        if node.args or not all(keyword.arg for keyword in node.keywords):
            return node
        keys: list = [ast.Constant(keyword.arg) for keyword in node.keywords]
        return ast.copy_location(ast.Dict(keys, [keyword.value for keyword in node.keywords]), node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.copy_location(ast.Constant(float(node.id)), node) if node.id in ('inf', 'nan') else node


@contextlib.contextmanager
def config_errors(name: str | Path, passes: Callable[[Exception], bool] = lambda error: False) -> Iterator[None]:
    """What is raised while the parts of a config are built, as of an unknown name or argument, becomes an error that
    names the config and the part.

    Errors of checkpoints pass as they are, and those of files that name their file.

    Args:
        name: Of the config.
        passes: Whether another error passes too.

    Raises:
        InputError: In place of all others.
    """
    try:
        yield
    except (PclossError, pickle.UnpicklingError, EOFError):
        raise
    except Exception as error:  # of whatever the config names
        if (isinstance(error, OSError) and error.filename is not None) or passes(error):
            raise
        text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
        text = text.partition(' Please check whether the value of')[0]  # MMEngine's advice on registries
        if not text:
            place = traceback.extract_tb(error.__traceback__)[-1]
            text = f'{place.line}, in {place.filename}, line {place.lineno}'
        part, advice = _built_part(error)
        raise InputError(f'{name}: {part} cannot be built ({type(error).__name__}: {text[:500]}){advice}') from error


def _built_part(error: Exception) -> tuple[str, str]:
    """The innermost part of a config that was being built, in words, and what to do about it."""
    from mmengine.registry import Registry
    calls = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_name == 'build']
    builds = [(values['self'], values.get('cfg')) for values in calls if isinstance(values.get('self'), Registry)]
    if not builds:
        return 'it', ''
    registry, options = builds[-1]
    kind = options.get('type') if isinstance(options, dict) else None
    part = f'its {registry.name} {getattr(kind, "__name__", kind) or ""}'.rstrip()
    if registry.name != 'dataset' or not isinstance(options, dict):
        return part, ''
    files = [str(options[key]) for key in ('data_root', 'ann_file', 'bbox_file') if options.get(key)]
    return f'{part} of {", ".join(files)}', '; `pcloss check CONFIG` names what is wrong'


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
