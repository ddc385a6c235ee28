"""Run one of MMPose's own command-line tools with this package's components registered."""

from __future__ import annotations

import argparse
import contextlib
import pickle
import runpy
import sys
from pathlib import Path
from typing import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # a clone works without being installed
    sys.path.insert(0, str(ROOT))

import mmpose  # noqa: E402  (its version only: the parts come with the next line)

import pcloss_mmpose  # noqa: E402, F401
from pcloss_mmpose.compat import cpu_processes  # noqa: E402
from pcloss_mmpose.datasets import DatasetFormatError  # noqa: E402


def find_tool(name: str, package: Path) -> Path:
    """Where an installed MMPose keeps ``tools/<name>``: in ``.mim`` (pip), or beside the package (source).

    Args:
        name: File name of the tool.
        package: The folder of the package ``mmpose``.

    Raises:
        FileNotFoundError: This MMPose came without its tools.
    """
    places = [package / '.mim' / 'tools' / name, package.parent / 'tools' / name]
    for place in places:
        if place.is_file():
            return place
    raise FileNotFoundError(
        f'MMPose at {package} has no {name}: looked for {" and ".join(map(str, places))}. '
        'Install MMPose from its wheel, or in place from a clone of its repository.')


@contextlib.contextmanager
def readable_data_errors() -> Iterator[None]:
    """End with one line where a data set is at fault, in place of a traceback."""
    try:
        yield
    except DatasetFormatError as error:
        sys.exit(f'error: {error}')
    except AssertionError as error:  # as MMPose's CocoDataset tells of a missing file
        if 'does not exist' not in str(error):
            raise
        sys.exit(f'error: {error}. Check the path; `python tools/check_dataset.py CONFIG` names all that is missing.')


@contextlib.contextmanager
def readable_errors() -> Iterator[None]:
    """The same where any input is at fault."""
    try:
        with readable_data_errors():
            yield
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f'error: {error}')
    except (pickle.UnpicklingError, EOFError) as error:  # of torch.load, whose advice is for other programs
        sys.exit(f'error: the checkpoint is broken, or no checkpoint ({type(error).__name__})')


def check_out_file(parser: argparse.ArgumentParser, path: Path, suffixes: Sequence[str]) -> None:
    """End before any work where a file cannot be written, or has another ending than the program gives it."""
    if path.suffix.lower() not in suffixes:
        parser.error(f'{path}: its name must end in {" or ".join(suffixes)}')
    if path.is_dir():
        parser.error(f'{path} is a folder: name a file')
    if not path.absolute().parent.is_dir():
        parser.error(f'{path}: there is no such folder')


def run(name: str) -> None:
    """Run MMPose's ``tools/<name>`` on this process's arguments, on one process or as one of torchrun's."""
    tool = find_tool(name, Path(mmpose.__file__).parent)
    try:
        with readable_data_errors(), cpu_processes():
            runpy.run_path(str(tool), run_name='__main__')
    except FileNotFoundError as error:
        if error.filename not in sys.argv[1:]:
            raise
        sys.exit(f'{error.filename}: no such file (in the folder {Path.cwd()})')
