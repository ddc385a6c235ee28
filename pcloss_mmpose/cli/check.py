"""Check a data set before anyone trains on it: its files, row counts, images, boxes and landmarks.

    pcloss check deepfashion /data/deepfashion
    pcloss check CONFIG --all --picture check.png

The first form checks an official release, the second what a config trains and tests on, such as your own garments.
Every problem is one line. Notes, such as a row count that is not the official one, are no problems. The exit code is 0
without problems, 1 with problems, 2 for wrong arguments.
"""

from __future__ import annotations

import contextlib
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Callable, Iterator

from ..errors import InputError
from .arguments import add_config_options, add_names_option, config_file, image_file, merge_options, whole_number
from .loading import load, read_config
from .progress import track

RELEASES = ('fashionai', 'deepfashion', 'deepfashion2', 'fld', 'coco')


def release_or_config(text: str) -> str | Path:
    """The name of a release, or a config's file."""
    if text in RELEASES:
        return text
    try:
        return config_file(text)
    except ArgumentTypeError as error:
        raise ArgumentTypeError(f'{error}; the releases are {", ".join(RELEASES)}') from None


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('data', type=release_or_config, metavar='DATA', help=f'{", ".join(RELEASES)}, or a config')
    parser.add_argument('root', nargs='?', metavar='ROOT', help='folder of the release (default: from FASHIONAI_ROOT, '
                        'DEEPFASHION_ROOT, DEEPFASHION2_ROOT, FLD_ROOT or COCO_ROOT, else data/<name>, as in the '
                        'configs)')
    parser.add_argument('--sample', type=whole_number(1), default=200, metavar='N',
                        help='images to decode, of each split (default: %(default)s)')
    parser.add_argument('--seed', type=whole_number(0), default=0,
                        help='another seed decodes other images (default: %(default)s)')
    parser.add_argument('--all', action='store_true', help='decode every image')
    parser.add_argument('--picture', type=image_file, help='draw a page of images with their landmarks and boxes')
    add_names_option(parser)
    add_config_options(parser)


def run(args: Namespace) -> None:
    if args.names and not args.picture:
        raise InputError('--names goes with --picture')
    config = None
    if args.data in RELEASES:
        root = args.root or os.environ.get(f'{args.data.upper()}_ROOT', f'data/{args.data}')
        if args.cfg_options:
            raise InputError('--cfg-options goes with a config')
        if '://' not in root and not Path(root).is_dir():
            raise InputError(f'{root}: no such folder')
        load('MMPose', 'mmpose.datasets')
        from ..datasets import checks
        splits = checks.RELEASES[args.data](root)
    else:
        if args.root:
            raise InputError(f'{args.data} names its own root: {args.root} is not needed')
        from ..configs import config_errors
        config = merge_options(read_config(args.data), args.cfg_options)
        load('MMPose', 'mmpose.datasets')
        from ..datasets import checks
        with config_errors(args.data):
            splits = checks.config_splits(config)
        if not splits:
            raise InputError(f'{args.data}: it has no train_dataloader, val_dataloader or test_dataloader with a '
                             'dataset')

    from rich.console import Console
    console = Console(file=sys.stdout, soft_wrap=True, markup=False, highlight=False)
    reports = []
    for report in checks.check_splits(splits, None if args.all else args.sample, args.seed, bars):
        reports.append(report)
        for line in checks.describe(report):
            console.print(line)
    if args.picture:
        console.print(f'{args.picture}: {write_page(args.picture, reports, args.names)}')
    others = []
    if config is not None:
        from ..preflight import config_findings
        others = config_findings(config, reports)
    for line in checks.describe_findings(others):
        console.print(line)
    console.print(checks.verdict(reports, others))
    if checks.count_problems(reports, others):
        sys.exit(1)


@contextlib.contextmanager
def bars(name: str) -> Iterator[Callable]:
    """What shows how far the check of a split is."""
    yield lambda items, what: track(items, f'{name}: {what}')


def write_page(path: Path, reports: list, names: bool) -> str:
    """Write the page, and say what is on it."""
    from ..images import write_image
    from ..metainfo import landmark_names
    from ..visualization.dataset_pages import draw_annotations
    from ..visualization.text import warn_of_numbers
    if names:
        datasets = [report.dataset for report in reports if report.dataset]
        warn_of_numbers([name for dataset in datasets for name in landmark_names(dataset.metainfo)])
    page = draw_annotations(reports, names)
    if page is None:
        return 'not written, as there is nothing to draw'
    write_image(path, page)
    return 'landmarks (hollow where occluded) and boxes'
