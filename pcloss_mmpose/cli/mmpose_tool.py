"""MMPose's own command-line tools, with this package's components registered."""

from __future__ import annotations

import contextlib
import runpy
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Iterator, Mapping, Sequence

from ..configs import package_folder
from ..errors import InputError, PclossError
from .arguments import key_value, whole_number


def find_tool(name: str) -> Path:
    """Where the installed MMPose keeps ``tools/<name>``.

    Raises:
        InputError: This MMPose came without its tools.
    """
    path = package_folder('mmpose') / 'tools' / name
    if not path.is_file():
        raise InputError(f'MMPose has no {path}: install it from its wheel, or in place from a clone of its repository')
    return path


def run_tool(name: str, argv: Sequence[str]) -> None:
    """Run MMPose's ``tools/<name>`` in this process, which may be one of torchrun's."""
    tool = find_tool(name)
    from ..compat import cpu_processes
    from ..preflight import checked_training
    sys.argv = [str(tool), *argv]
    with cpu_processes(), checked_training(), named_data_errors():
        runpy.run_path(str(tool), run_name='__main__')


@contextlib.contextmanager
def named_data_errors() -> Iterator[None]:
    """What MMPose and MMEngine raise of a data set that they cannot read becomes an error that names its files."""
    from mmengine.registry import DATASETS
    build = DATASETS.build

    def build_named(cfg, *args, **kwargs):
        try:
            return build(cfg, *args, **kwargs)
        except PclossError:
            raise
        except Exception as error:  # of a file that is not as they expect it
            files = [str(cfg[key]) for key in ('data_root', 'ann_file', 'bbox_file') if cfg.get(key)]
            raise InputError(f'{cfg.get("type")} of {", ".join(files)} cannot be read ({type(error).__name__}: {error})'
                             '; `pcloss check CONFIG` names what is wrong') from error

    DATASETS.build = build_named
    try:
        yield
    finally:
        DATASETS.build = build


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
    '--work-dir': dict(help='folder for logs and results (default: work_dirs/<name of the config>)'),
    '--cfg-options': dict(nargs='+', type=key_value, action='extend', default=[], metavar='KEY=VALUE',
                          help='changes to the config, such as model.head.pc_loss.topk=4'),
    '--show-dir': dict(help='folder below the run for pictures with the landmarks that were found'),
    '--show': dict(action='store_true', help='show these pictures in windows'),
    '--interval': dict(type=whole_number(1), help='draw every n-th picture only (default: 1)'),
    '--wait-time': dict(type=float, help='seconds for which a window stays (default: 1)'),
    '--launcher': dict(choices=('none', 'pytorch', 'slurm', 'mpi'),
                       help='what started several processes; tools/dist_*.sh and tools/slurm_*.sh set it'),
    '--local_rank': dict(type=int, help='set by the launcher'),
}
