"""Add PCLoss to an MMPose top-down config, by a config that inherits it.

    pcloss add CONFIG                # prints it, as it would stand in this folder
    pcloss add CONFIG NEW_CONFIG     # writes it

CONFIG is a file, the name of one of `pcloss configs`, or one of MMPose's own, as mmpose::body_2d_keypoint/...py. Both
configs are loaded first, and what differs is printed as a diff. docs/any_model.md explains the lines.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..configs import find_config
from ..errors import InputError
from ..files import write_at_once
from .arguments import out_file
from .loading import say_reading


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('config', metavar='CONFIG', help='a top-down config')
    parser.add_argument('new_config', metavar='NEW_CONFIG', type=out_file('.py', makes_folder=True), nargs='?',
                        help='the config to write, .py')


def run(args: Namespace) -> None:
    path, file = find_config(args.config), args.new_config or Path('printed.py')
    if args.new_config and file.exists():
        raise InputError(f'{file}: exists already')
    base = Path(os.path.relpath(path, file.parent))
    if (file.parent.resolve() / base).resolve() != path.resolve():  # a link is on the way
        base = path.absolute()
    say_reading(path)
    from ..add_pcloss import add_pcloss, changes
    warnings.filterwarnings('once', 'metainfo')
    warnings.filterwarnings('ignore', 'The metainfo config file')  # MMPose's, of its own files
    with contextlib.redirect_stdout(sys.stderr):  # what MMEngine says is no part of the config
        text, old, new = add_pcloss(path, args.config if '::' in args.config else base.as_posix())
    if args.new_config:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_at_once(file, text)
    else:
        print(text, end='', flush=True)
    for lines in changes(old, new).values():
        print(*lines, sep='\n', file=sys.stdout if args.new_config else sys.stderr)
    print(f'`pcloss calibrate {args.new_config or "NEW_CONFIG"}` measures which loss_weight fits your data: one with a '
          'pc_share of about 0.4 (docs/evidence.md), which the log of the training has, too.', file=sys.stderr)
