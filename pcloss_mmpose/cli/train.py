"""Train a model: MMPose's own train.py, which knows this package's components.

    pcloss train CONFIG
    tools/dist_train.sh CONFIG 4      # on four GPUs, or in four processes on the CPU

CONFIG is the name of one of `pcloss configs`, a file, or one of MMPose's own, as mmpose::body_2d_keypoint/...py.
A training that was cut off goes on with --resume, and comes to the end that it would have come to
(docs/reproduce.md, "A training that was cut off"). One that begins with a checkpoint of another number of landmarks
names the layers that may differ: --cfg-options load_from=FILE may_differ=[head.final_layer] (docs/any_model.md).
"""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace

from .arguments import checkpoint_file, config_file
from .mmpose_tool import SHARED_OPTIONS, add_options, as_argv, run_tool

OPTIONS = {
    **SHARED_OPTIONS,
    '--resume': dict(nargs='?', const='auto', metavar='CHECKPOINT',
                     type=lambda text: text if text == 'auto' else checkpoint_file(text),
                     help='go on from a checkpoint (default: the newest whole one of the work folder)'),
    '--amp': dict(action='store_true', help='train with automatic mixed precision'),
    '--no-validate': dict(action='store_true', help='do not evaluate during the training'),
    '--auto-scale-lr': dict(action='store_true', help="scale the learning rate by the batch's size"),
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('config', type=config_file, metavar='CONFIG')
    add_options(parser, OPTIONS)


def run(args: Namespace) -> None:
    logging.raiseExceptions = False  # on a full disk, each line of the log would print a traceback
    run_tool('train.py', [str(args.config), *as_argv(args, OPTIONS)])
