"""Compare tested models in one HTML page: figures, curves, and the images with what each model found.

    pcloss test CONFIG CHECKPOINT --work-dir RUN --dump RUN/predictions.jsonl     # for each model
    pcloss report RUN [RUN ...] -o report.html

A RUN is such a folder, or NAME=FOLDER to give it another name in the page; the others are compared with the first. It
is measured as its config says (NormalizedError, FailureModes). The page needs no network and no other file: it holds
the images, cut around the garments and made small.

Folders of other people's runs may be read: configs, predictions.jsonl and MMEngine's predictions.pkl are taken as data,
and what would have to be run is refused.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from .arguments import out_file
from .loading import load, say
from .progress import Bars


def tested_run(text: str) -> tuple[str, Path]:
    """Name, which may be empty, and folder of a run that has predictions."""
    name, _, folder = ('', '', text) if Path(text).is_dir() else text.rpartition('=')
    path = Path(folder)
    if not path.is_dir():
        raise ArgumentTypeError(f'{path}: no such folder')
    predictions = path / 'predictions.jsonl'
    if not predictions.is_file() and not predictions.with_suffix('.pkl').is_file():
        raise ArgumentTypeError(f'{predictions}: no such file; write it by testing with --work-dir {path} --dump '
                                f'{predictions}')
    return name, path


def above_zero(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ArgumentTypeError(f"'{text}' is not a number") from None
    if not 0 < value < float('inf'):
        raise ArgumentTypeError(f'must be above 0, got {value:g}')
    return value


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('runs', nargs='+', type=tested_run, metavar='RUN',
                        help='folder with predictions.jsonl, or NAME=FOLDER')
    parser.add_argument('-o', '--out', type=out_file('.html', '.htm'), default='report.html',
                        help='default: %(default)s')
    parser.add_argument('--title', default='Landmark errors', help='of the page (default: %(default)s)')
    parser.add_argument('--threshold', type=above_zero, metavar='PERCENT',
                        help="of T, above which a landmark is an outlier (default: the config's, or else 10)")


def run(args: Namespace) -> None:
    load('MMPose', 'mmpose.evaluation')
    from ..files import write_at_once
    from ..visualization.report import check_same_images, load_run, report_page, summary_sentence
    say('measuring the runs')
    threshold = None if args.threshold is None else args.threshold / 100
    runs = [load_run(folder, name, threshold) for name, folder in args.runs]
    check_same_images(runs)
    with Bars() as bars:
        page, broken = report_page(runs, args.title, bars.add('images', len(runs[0].paths)).update)
    write_at_once(args.out, page)
    if broken:
        print(f'{len(broken)} images could not be read (relative paths start from the current folder), the first is '
              f'{broken[0]}', file=sys.stderr)
    print(f'{args.out}: {len(runs[0].paths)} images, {args.out.stat().st_size / 1e6:.1f} MB')
    print(summary_sentence(runs))
