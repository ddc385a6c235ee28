"""Which release of FashionAI a folder holds: the competition's two archives, the later set, or something else."""

from __future__ import annotations

import glob
import os.path as osp
from itertools import chain
from typing import Collection, Iterator, NamedTuple

import mmengine.fileio as fileio
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from ...errors import FileFormatError, InputError
from ..formats.fashionai import FILES_VARIABLE, PAPER_IMAGES, TRAIN_FILES, read_csv, train_files
from .report import Finding


class Csv(NamedTuple):
    """A CSV in FashionAI's layout, and what is in it."""

    name: str  # below the root
    rows: int
    has_landmarks: bool

    def __str__(self) -> str:
        return f'{self.name} ({self.rows:,} rows{" without landmarks" * (not self.has_landmarks)})'


def chosen_files(root: str) -> list[str]:
    """The CSVs that the configs read.

    Raises:
        InputError: The two official ones are not all there, but others are, and nothing names them.
    """
    files = train_files()
    missing = [path for path in files if not fileio.exists(fileio.join_path(root, path))]
    others = [csv for csv in find_csvs(root) if csv.has_landmarks] if missing and files == list(TRAIN_FILES) else []
    if others:
        raise InputError(
            f'{root}: no {" and no ".join(missing)}, but there are other CSVs with landmarks: '
            f'{", ".join(map(str, others))}. Name those to train and validate on, in their order: '
            f'export {FILES_VARIABLE}={",".join(csv.name for csv in others)}')
    return files


def find_csvs(root: str, leave_out: Collection[str] = ()) -> list[Csv]:
    """The CSVs in FashionAI's layout below a local folder, by name, but for those with the paths ``leave_out``."""
    found = []
    for path in sorted(glob.glob(osp.join(glob.escape(root), '**', '*.csv'), recursive=True)):
        if osp.abspath(path) in leave_out:
            continue
        try:
            _, names, _, landmarks = read_csv(path)
        except FileFormatError:  # no CSV of FashionAI's, or one whose reader is to say what is wrong
            continue
        found.append(Csv(osp.relpath(path, root), len(names), landmarks is not None))
    return found


def found_release(root: str, dataset: BaseCocoStyleDataset) -> Iterator[Finding]:
    """What a folder holds, from the CSVs that its data set reads, and what else lies there."""
    names = [read_csv(path)[1] for path in dataset.ann_file]
    paper = "The paper's " + ', '.join(f'{number:,} {split}' for split, number in PAPER_IMAGES.items()) + ' images'
    rows, images = [len(own) for own in names], len(set(chain(*names)))
    if sorted(rows) == sorted(TRAIN_FILES.values()):
        text = (f"the competition's two archives, {rows[0]:,} + {rows[1]:,} rows. {paper} need the set that was "
                'released again')
    elif images == PAPER_IMAGES['train'] + PAPER_IMAGES['val']:
        text = f"{images:,} images to train and validate on, as in the paper: the set that was released again"
    else:
        text = (f"{sum(rows):,} rows of {images:,} images: neither the competition's two archives, "
                f'{" + ".join(f"{number:,}" for number in TRAIN_FILES.values())} rows, nor the set that was released '
                f'again. {paper} need that')
    yield Finding('releases', f'found: {text}', is_problem=False)
    others = find_csvs(root, leave_out={osp.abspath(path) for path in dataset.ann_file})
    for csv in others:
        yield Finding('other CSVs', f'not read: {csv}', is_problem=False)
    tests = sum(csv.rows for csv in others if not csv.has_landmarks)
    if tests != PAPER_IMAGES['test']:
        yield Finding('test images', f'test: {tests:,} rows without landmarks, {PAPER_IMAGES["test"]:,} images in the '
                      "paper; its tables and the configs measure on val", is_problem=False)
