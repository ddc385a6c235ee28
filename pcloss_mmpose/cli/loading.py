"""Imports that take seconds, before which a command says what it waits for."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from importlib import import_module

#: What launchers set to the number of a process.
RANKS = 'RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'


def load(name: str, *modules: str) -> None:
    """Import modules of a package; the first of several processes says so, by the package's name.

    What they make stays, so that Python's search for garbage is put off meanwhile, and passes over it from then on:
    MMEngine has it look at everything for each data set that is read.
    """
    if modules[0] in sys.modules:
        return
    if all(os.environ.get(rank, '0') == '0' for rank in RANKS):
        print(f'loading {name} ...', file=sys.stderr, flush=True)
    warnings.filterwarnings('ignore', 'pkg_resources is deprecated')  # MMEngine's matter
    gc.disable()
    try:
        for module in modules:
            import_module(module)
        gc.freeze()
    finally:
        gc.enable()
