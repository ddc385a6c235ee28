"""MMPose's own command-line tools, with this package's components registered."""

from __future__ import annotations

import contextlib
import os
import runpy
import sys
import traceback
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Callable, ContextManager, Mapping, Sequence

from ..configs import config_errors, package_folder
from ..errors import InputError
from .arguments import key_value, number, out_folder, whole_number
from .loading import load

#: What a launcher sets for each process that it starts.
LAUNCHED = {'pytorch': 'RANK', 'slurm': 'SLURM_PROCID', 'mpi': 'OMPI_COMM_WORLD_LOCAL_RANK'}


def find_tool(name: str) -> Path:
    """Where the installed MMPose keeps ``tools/<name>``.

    Raises:
        InputError: This MMPose came without its tools.
    """
    path = package_folder('mmpose') / 'tools' / name
    if not path.is_file():
        raise InputError(f'MMPose has no {path}: install it from its wheel, or in place from a clone of its repository')
    return path


def run_tool(name: str, argv: Sequence[str], within: Callable[[], ContextManager] = contextlib.nullcontext) -> None:
    """Run MMPose's ``tools/<name>`` in this process, which may be one of torchrun's.

    Args:
        name: Of the tool.
        argv: The config, then the other arguments.
        within: Makes a context in which the tool runs; is called when MMPose is imported.

    Raises:
        InputError: The arguments do not fit this machine, or a part of the config cannot be built.
    """
    tool = find_tool(name)
    if '--show' in argv and sys.platform.startswith('linux') and not {'DISPLAY', 'WAYLAND_DISPLAY'} & set(os.environ):
        raise InputError('--show opens windows, and there is no display here: --show-dir FOLDER writes pictures')
    launcher = argv[argv.index('--launcher') + 1] if '--launcher' in argv else None
    if launcher in LAUNCHED and LAUNCHED[launcher] not in os.environ:
        raise InputError(f'--launcher {launcher}: {LAUNCHED[launcher]} is not set, so no launcher has started this; '
                         'tools/dist_*.sh and tools/slurm_*.sh do')
    load('MMPose', 'mmpose.apis', 'mmengine.runner')
    from ..compat import cpu_processes
    from ..preflight import checked_training
    sys.argv = [str(tool), *argv]
    with config_errors(argv[0], passes=has_begun), cpu_processes(), checked_training(), within():
        runpy.run_path(str(tool), run_name='__main__')


def has_begun(error: Exception) -> bool:
    """Whether an error was raised while a loop of MMEngine's ran: that may be a fault of the program, and keeps its
    traceback."""
    from mmengine.runner import BaseLoop
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(frame.f_code.co_name == 'run' and isinstance(frame.f_locals.get('self'), BaseLoop) for frame in frames)


def add_options(parser: ArgumentParser, options: Mapping[str, Mapping]) -> None:
    """Declare options that MMPose's tool understands, by flag, with what ``add_argument`` takes."""
    for flag, settings in options.items():
        parser.add_argument(flag, *(['--local-rank'] if flag == '--local_rank' else []), **settings)


def as_argv(args: Namespace, options: Mapping[str, Mapping]) -> list[str]:
    """The options that were given, as MMPose's tool takes them."""
    argv = []
    for flag in options:
        value = getattr(args, flag.lstrip('-').replace('-', '_'))
        if value is True:
            argv.append(flag)
        elif value not in (None, False, []):
            argv += [flag, *map(str, value)] if isinstance(value, list) else [flag, str(value)]
    return argv


#: What MMPose's train.py and test.py both take.
SHARED_OPTIONS = {
    '--work-dir': dict(type=out_folder, help='folder for logs and results (default: work_dirs/<name of the config>)'),
    '--cfg-options': dict(nargs='+', type=key_value, action='extend', default=[], metavar='KEY=VALUE',
                          help='changes to the config, such as model.head.pc_loss.topk=4'),
    '--show-dir': dict(help='folder below the run for pictures with the landmarks that were found'),
    '--show': dict(action='store_true', help='show these pictures in windows'),
    '--interval': dict(type=whole_number(1), help='draw every n-th picture only (default: 1)'),
    '--wait-time': dict(type=number(0), help='seconds for which a window stays (default: 1)'),
    '--launcher': dict(choices=('none', 'pytorch', 'slurm', 'mpi'),
                       help='what started several processes; tools/dist_*.sh and tools/slurm_*.sh set it'),
    '--local_rank': dict(type=whole_number(0), help='set by the launcher'),
}
