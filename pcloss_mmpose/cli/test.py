"""Measure a model on the test set: MMPose's own test.py, which knows this package's components.

    pcloss test CONFIG CHECKPOINT
    pcloss test CONFIG CHECKPOINT --show-dir pictures --names
    pcloss test hf-hub:OWNER/NAME               # or the folder of a model, with the config that it has
    tools/dist_test.sh CONFIG CHECKPOINT 4      # on four GPUs, or in four processes on the CPU

Pictures show what the model found, with lines to the true places. They are in WORK_DIR/TIME/pictures.
"""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from functools import partial
from typing import Iterator

from ..errors import InputError
from .arguments import add_model, add_names_option, fetch_model, out_file
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
    add_names_option(parser)


def run(args: Namespace) -> None:
    if args.names and not (args.show_dir or args.show):
        raise InputError('--names goes with --show-dir or --show')
    find_tool('test.py')
    fetch_model(args)
    lines = args.dump if (args.dump or '').endswith('.jsonl') else None
    if lines:
        args.dump = None
    run_tool('test.py', [str(args.config), args.checkpoint, *as_argv(args, OPTIONS)],
             partial(drawn_and_dumped, args.names, lines))


@contextlib.contextmanager
def drawn_and_dumped(names: bool, dump: str | None) -> Iterator[None]:
    """While it is open, pictures are drawn as this package draws them, and predictions go to a .jsonl, if named."""
    from ..evaluation.predictions import dumped_predictions
    from ..visualization.visualizer import own_drawings
    with own_drawings(names), dumped_predictions(dump) if dump else contextlib.nullcontext():
        yield
