"""What takes seconds before a command's own work, before which it says what it waits for."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

#: What launchers set to the number of a process.
RANKS = 'RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'


def is_first() -> bool:
    """Whether this is the first, or only one, of the processes that a launcher has started."""
    return all(os.environ.get(rank, '0') == '0' for rank in RANKS)


def say(words: str) -> None:
    """Print what is done now; the first of several processes does."""
    if is_first():
        print(f'{words} ...', file=sys.stderr, flush=True)


def load(name: str, *modules: str) -> None:
    """Import modules of a package; the first of several processes says so, by the package's name.

    What they make stays, so that Python's search for garbage is put off meanwhile, and passes over it from then on:
    MMEngine has it look at everything for each data set that is read.
    """
    if modules[0] in sys.modules:
        return
    say(f'loading {name}')
    warnings.filterwarnings('ignore', 'pkg_resources is deprecated')  # MMEngine's matter
    gc.disable()
    try:
        for module in modules:
            import_module(module)
        gc.freeze()
    finally:
        gc.enable()


def say_reading(path: Path) -> None:
    """Say that a config is read, before the first one, which takes seconds."""
    if 'mmengine.config' not in sys.modules:
        say(f'reading {path.name}')


def read_config(path: Path) -> Any:
    """MMEngine's config of a file (:func:`~pcloss_mmpose.configs.load_config`)."""
    say_reading(path)
    from ..configs import load_config
    return load_config(path)
