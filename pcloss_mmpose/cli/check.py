"""Check a data set before anyone trains on it: its files, row counts, images, boxes and landmarks.

    python tools/check_dataset.py deepfashion /data/deepfashion
    python tools/check_dataset.py my_config.py --all --picture check.png

The first form checks an official release, the second what a config trains and tests on, such as own garments. Every
problem is one line. Notes, such as a row count that is not the official one, are no problems. The exit code is 0
without problems, 1 with, 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from itertools import zip_longest
from pathlib import Path
from typing import Iterator

import cv2
import numpy as np
from mmengine.config import Config, DictAction
from rich.console import Console
from rich.progress import Progress

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.datasets import LoadImageStrict
from pcloss_mmpose.datasets.checks import (
    Finding,
    Report,
    Track,
    category_name,
    category_names,
    check_split,
    row_box,
    row_visibility,
    spread,
)
from pcloss_mmpose.datasets.checks.releases import RELEASES, Split, config_splits
from pcloss_mmpose.visualization import draw_landmarks, picture_grid

SHOWN = 5  # findings of a kind, for each split
PAGE_COLUMNS, PAGE_ROWS = 4, 6  # at least so many columns, at most so many rows
PAGE_IMAGES = 200  # of each split, to choose from
BOX_COLOR = (255, 0, 255)


def parse_args() -> tuple[argparse.Namespace, list[Split]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data', help=f'{", ".join(RELEASES)}, or the path of a config')
    parser.add_argument('root', nargs='?', help='folder of the release (default: from FASHIONAI_ROOT, '
                        'DEEPFASHION_ROOT, FLD_ROOT or COCO_ROOT, else data/<name>, as in the configs)')
    parser.add_argument('--sample', type=int, default=200, metavar='N',
                        help='images to decode, of each split (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='another seed decodes other images (default: %(default)s)')
    parser.add_argument('--all', action='store_true', help='decode every image')
    parser.add_argument('--picture', type=Path, help='draw a page of images with their landmarks and boxes')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
                        help='changes to the config, as for tools/train.py')
    args = parser.parse_args()
    if args.sample < 1 or args.seed < 0:
        parser.error(f'--sample must be at least 1 and --seed at least 0, got {args.sample} and {args.seed}')
    if args.picture and not (args.picture.parent.is_dir() and cv2.haveImageWriter(str(args.picture))):
        parser.error(f'--picture {args.picture}: no such folder, or no known format')
    if args.data in RELEASES:
        root = args.root or os.environ.get(f'{args.data.upper()}_ROOT', f'data/{args.data}')
        if args.cfg_options:
            parser.error('--cfg-options goes with a config')
        if '://' not in root and not Path(root).is_dir():
            parser.error(f'{root}: no such folder')
        return args, RELEASES[args.data](root)
    if not args.data.endswith('.py'):
        parser.error(f"'{args.data}' is none of {', '.join(RELEASES)}, and no path of a config (.py)")
    if args.root:
        parser.error(f'{args.data} names its own root: {args.root} is not needed')
    try:
        config = Config.fromfile(args.data)
        config.merge_from_dict(args.cfg_options or {})
        splits = config_splits(config)
    except Exception as error:  # a config is a program
        parser.error(f'{args.data}: {type(error).__name__}: {error}')
    if not splits:
        parser.error(f'{args.data}: it has no train_dataloader, val_dataloader or test_dataloader with a dataset')
    return args, splits


def check(splits: list[Split], args: argparse.Namespace, console: Console) -> list[Report]:
    """Check one split after the other, and print about each when it is done."""
    reports, said = [], set()
    for split in splits:
        with tracking(console, split.name) as track:
            report = check_split(split, None if args.all else args.sample, args.seed, track)
        # Splits share files: what was said of one is neither said nor counted again.
        report.findings = [finding for finding in report.findings if finding.text not in said]
        said.update(finding.text for finding in report.findings)
        reports.append(report)
        say(console, *describe(report))
    return reports


@contextlib.contextmanager
def tracking(console: Console, name: str) -> Iterator[Track]:
    """Bars that show how far a check is, on a terminal."""
    if not console.is_terminal:  # rich 12 would end a disabled bar with an empty line
        yield lambda items, what: items
        return
    with Progress(console=console, transient=True) as progress:
        progress.add_task(name, start=False)  # moves without end
        yield lambda items, what: progress.track(items, description=f'  {what}')


def say(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def describe(report: Report) -> Iterator[str]:
    """The lines on one split."""
    if report.dataset is None:
        yield f'{report.split.name}: not read'
    else:
        yield (f'{report.split.name}: {len(report.dataset):,} rows, {report.images:,} images, '
               f'{len(report.opened):,} decoded')
    kinds: dict[str, list[Finding]] = {}
    for finding in report.findings:
        kinds.setdefault(finding.kind, []).append(finding)
    for kind, findings in kinds.items():
        word = 'problem' if findings[0].is_problem else 'note'
        yield from (f'  {word}: {finding.text}' for finding in findings[:SHOWN])
        if len(findings) > SHOWN:
            yield f'  {word}: and {len(findings) - SHOWN:,} more {kind}'


def draw_page(reports: list[Report]) -> np.ndarray | None:
    """Some of the decoded images, a category a column; None where nothing annotated was decoded."""
    rows: dict[str, list[tuple[Report, dict]]] = {}
    for report in reports:
        paths = list(report.opened)
        for path in (paths[index] for index in spread(len(paths), PAGE_IMAGES)):
            for info in map(report.dataset.get_data_info, report.opened[path]):
                if 'raw_ann_info' in info:  # a detector's box has no landmarks
                    rows.setdefault(category_name(info, category_names(report.dataset)), []).append((report, info))
    if not rows:
        return None
    times = -(-PAGE_COLUMNS // len(rows))  # a few categories take several columns each
    titles = list(rows) * times
    columns = []
    for number, title in enumerate(titles):
        chosen = [rows[title][index] for index in spread(len(rows[title]), times * PAGE_ROWS)]
        columns.append([draw(*row) for row in chosen[number // len(rows)::times]])
    blank = np.full((8, 8, 3), 255, np.uint8)
    return picture_grid(list(zip_longest(*columns, fillvalue=blank)), titles)


def draw(report: Report, info: dict) -> np.ndarray:
    """One row's picture with its box and landmarks."""
    image = np.ascontiguousarray(LoadImageStrict().transform({'img_path': info['img_path']})['img'])
    box = row_box(info)
    if box is not None:
        x1, y1, x2, y2 = (int(value) for value in box.round())
        cv2.rectangle(image, (x1, y1), (x2, y2), BOX_COLOR, max(1, max(image.shape[:2]) // 200))
    return draw_landmarks(image, info['keypoints'][0], row_visibility(info), report.dataset.metainfo['keypoint_colors'])


def main() -> None:
    args, splits = parse_args()
    console = Console(file=sys.stdout)
    reports = check(splits, args, console)
    if args.picture:
        page = draw_page(reports)
        if page is None:
            say(console, f'{args.picture}: not written, as there is nothing to draw')
        else:
            cv2.imwrite(str(args.picture), page)
            say(console, f'{args.picture}: landmarks (rings where occluded) and boxes')
    problems = sum(finding.is_problem for report in reports for finding in report.findings)
    if problems:
        say(console, f'{problems:,} problem{"s" * (problems > 1)}: not fit to train')
        sys.exit(1)
    sampled = any(len(report.opened) < report.images for report in reports)
    say(console, f'fit to train{", as far as this sample of images shows (--all decodes every one)" * sampled}')


if __name__ == '__main__':
    main()
