"""Measure a model on the test set: MMPose's own test.py, which knows this package's components.

    pcloss test CONFIG CHECKPOINT
    pcloss test hf-hub:OWNER/NAME               # or the folder of a model, with the config that it has
    tools/dist_test.sh CONFIG CHECKPOINT 4      # on four GPUs, or in four processes on the CPU
"""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser, ArgumentTypeError, Namespace

from .arguments import add_model, fetch_model, out_file
from .mmpose_tool import SHARED_OPTIONS, add_options, as_argv, find_tool, run_tool


def predictions_file(text: str) -> str:
    """A file to write predictions to."""
    if not text.endswith(('.jsonl', '.pkl', '.pickle')):
        raise ArgumentTypeError(f'{text}: its name must end in .jsonl, .pkl or .pickle')
    return text


OPTIONS = {
    **SHARED_OPTIONS,
    '--out': dict(metavar='FILE', type=out_file('.json', '.yaml', '.yml', '.pkl', makes_folder=True),
                  help='write the figures to a file (.json, .yml or .pkl)'),
    '--dump': dict(metavar='FILE', type=predictions_file,
                   help="write the predictions to a file, for `pcloss report`: .jsonl, or .pkl as MMPose's test.py"),
    '--badcase': dict(action='store_true', help="collect MMPose's bad cases"),
}


def add_arguments(parser: ArgumentParser) -> None:
    add_model(parser)
    add_options(parser, OPTIONS)


def run(args: Namespace) -> None:
    find_tool('test.py')
    fetch_model(args)
    dumped = contextlib.nullcontext()
    if args.dump is not None and args.dump.endswith('.jsonl'):
        from ..evaluation.predictions import dumped_predictions
        dumped, args.dump = dumped_predictions(args.dump), None
    with dumped:
        run_tool('test.py', [str(args.config), args.checkpoint, *as_argv(args, OPTIONS)])
