"""Measure a model on the test set: MMPose's own test.py, which knows this package's components.

    pcloss test CONFIG CHECKPOINT
    tools/dist_test.sh CONFIG CHECKPOINT 4      # on four GPUs, or in four processes on the CPU
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from .arguments import checkpoint_file, config_file
from .mmpose_tool import SHARED_OPTIONS, add_options, as_argv, run_tool

OPTIONS = {
    **SHARED_OPTIONS,
    '--out': dict(metavar='FILE', help='write the figures to a file (.json, .yml or .pkl)'),
    '--dump': dict(metavar='FILE', help='write the predictions to a file (.pkl), for `pcloss report`'),
    '--badcase': dict(action='store_true', help="collect MMPose's bad cases"),
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('config', type=config_file, metavar='CONFIG')
    parser.add_argument('checkpoint', type=checkpoint_file, metavar='CHECKPOINT')
    add_options(parser, OPTIONS)


def run(args: Namespace) -> None:
    run_tool('test.py', [str(args.config), args.checkpoint, *as_argv(args, OPTIONS)])
