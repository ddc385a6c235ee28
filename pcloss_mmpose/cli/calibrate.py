"""Find the loss_weight that gives a structural loss a wanted share of the gradient on your data.

    pcloss calibrate CONFIG
    pcloss calibrate CONFIG --share 0.2,0.4 --iterations 500

CONFIG has pc_loss or structural_loss in its head. Its model trains without that loss for a while, and then the
gradients of both are compared over 10 steps, at the head's output: so much weight is so much of the gradient
(pc_share in the log of a training, docs/loss.md). A share changes while a model trains; the table shows how it has
changed since the 10th step. Nothing is kept of the training.
"""

from __future__ import annotations

import contextlib
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from .arguments import add_config_options, config_file, merge_options, number, whole_number
from .loading import load, read_config, say

if TYPE_CHECKING:
    from ..calibration import Calibration

SHARES = [0.1, 0.2, 0.3, 0.4, 0.5]
#: Whose weight is written out, if it is among those that are asked for.
ADVISED = 0.4


def shares(text: str) -> list[float]:
    """Numbers between 0 and 1, by commas."""
    values = [number()(each) for each in text.split(',')]
    for value in values:
        if not 0 < value < 1:
            raise ArgumentTypeError(f'a share lies between 0 and 1, got {value:g}')
    return values


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('config', type=config_file, metavar='CONFIG')
    parser.add_argument('--share', type=shares, default=SHARES, metavar='SHARE,...',
                        help='wanted parts of the gradient (default: 0.1 to 0.5)')
    parser.add_argument('--iterations', type=whole_number(1), metavar='N',
                        help='steps without the loss before it is measured (default: a tenth of the training, from 20 '
                             'to 200)')
    add_config_options(parser)


def run(args: Namespace) -> None:
    config = merge_options(read_config(args.config), args.cfg_options)
    from ..calibration import added_loss, calibrate
    from ..configs import config_errors
    with config_errors(args.config):
        added_loss(config)
    load('MMPose', 'mmpose.apis', 'mmengine.runner')
    from .mmpose_tool import has_begun
    from .progress import Bars
    say('training without the loss, to measure the gradients')
    with contextlib.redirect_stdout(sys.stderr), config_errors(args.config, passes=has_begun), Bars() as bars:
        measured = calibrate(config, args.iterations, progress=bars.add('steps').update)
    show(measured, args.share)


def show(measured: Calibration, wanted: list[float]) -> None:
    """Print the weights, how their shares have changed, and what to write into the config."""
    from rich.console import Console
    from rich.table import Table
    console = Console(soft_wrap=True, markup=False, highlight=False)
    table = Table(title=f'{measured.place}, measured while the model trained without it')
    for column in ('share', 'loss_weight', f'share after {measured.early} steps', f'after {measured.late}'):
        table.add_column(column, justify='right')
    for share in wanted:
        weight = measured.weight(share)
        table.add_row(f'{share:g}', f'{weight:g}', *(f'{each:.2f}' for each in measured.shares(weight)))
    console.print(table)
    share = ADVISED if ADVISED in wanted else wanted[0]
    weight = measured.weight(share)
    early, late = measured.shares(weight)
    *keys, loss = measured.place.split('.')
    line = f'{loss}=dict(loss_weight={weight:g})'
    for key in reversed(keys[1:]):
        line = f'{key}=dict({line})'
    console.print(f'loss_weight {weight:g} is a share of {early:.2f} after {measured.early} steps and of {late:.2f} '
                  f'after {measured.late}. Either of these sets it:')
    console.print(f'  --cfg-options {measured.place}.loss_weight={weight:g}')
    console.print(f'  {keys[0]} = dict({line})')
