"""What is wrong with a data set, found before anyone trains on it: files, rows, images, boxes, landmarks.

N: points or boxes, K: landmarks
"""

from __future__ import annotations

import contextlib
import io
import os.path as osp
import warnings
from collections import Counter
from itertools import starmap
from typing import Callable, ContextManager, Iterable, Iterator, Mapping, Sequence

import mmengine.fileio as fileio
import numpy as np
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from ...errors import BrokenImageError, FileFormatError, PclossError
from ...metainfo import raw_box, raw_category
from ..fashionai import FashionAIDataset
from ..formats.deepfashion import anno_file, read_partition
from ..formats.fashionai import read_csv
from ..transforms import LoadImageStrict
from .coco import UNREADABLE, coco_faults, coco_sizes, reads_coco
from .releases import ROWS, Split
from .report import Finding, Report

#: Pixels that a landmark may lie outside: official data has coordinates that equal the width or height.
LANDMARK_SLACK = 1

#: The same for a box, whose lower right corner may stand after its last pixel, counted from 1.
BOX_SLACK = 2

#: Wraps what is looped over, to show how far it is: items and what they are.
Track = Callable[[Sequence, str], Iterable]


def _untracked(items: Sequence, what: str) -> Sequence:
    return items


def check_splits(splits: Iterable[Split], sample: int | None, seed: int,
                 tracker: Callable[[str], ContextManager[Track]]) -> Iterator[Report]:
    """Check one split after the other. They share files, so a fault is reported and counted for the first one only.

    Args:
        splits: What to build.
        sample: As for :func:`check_split`.
        seed: Alike.
        tracker: Gives each split's :data:`Track`, by the name of the split.
    """
    reported: set[str] = set()
    for split in splits:
        with tracker(split.name) as track:
            report = check_split(split, sample, seed, track)
        report.findings = [finding for finding in report.findings if finding.text not in reported]
        reported.update(finding.text for finding in report.findings)
        yield report


def check_split(split: Split, sample: int | None = 200, seed: int = 0, track: Track = _untracked) -> Report:
    """Read one split and look at its rows and images.

    Args:
        split: What to build.
        sample: How many images to decode, spread evenly over the rows; None for all. Whether an image is there is
            looked up for every local one.
        seed: Another seed takes other images.
        track: See :data:`Track`.
    """
    dataset, findings = read_split(split)
    if dataset is None:
        return Report(split, findings)
    rows, counts = index_rows(dataset, track)
    if isinstance(dataset, FashionAIDataset):
        counts.update({path: len(read_csv(path)[1]) for path in dataset.ann_file if path in split.counts})
    findings += count_findings(split, counts)
    there = [path for path in track(list(rows), 'image files') if '://' in path or osp.isfile(path)]
    findings += missing_images(sorted(rows.keys() - set(there)))

    report = Report(split, findings, dataset, images=len(rows))
    loader, landmark_names = LoadImageStrict(), dataset.metainfo['keypoint_id2name']
    sizes = coco_sizes(dataset.ann_file, dataset.data_prefix['img']) if reads_coco(dataset) else {}
    for path in track([there[index] for index in spread(len(there), sample, seed)], 'images decoded'):
        try:
            height, width = loader.transform({'img_path': path})['img'].shape[:2]
        except BrokenImageError as error:
            findings.append(Finding('broken images', str(error)))
            continue
        report.opened[path] = rows[path]
        if sizes.get(path, (width, height)) != (width, height):
            findings.append(Finding('images of another size', f'{path}: {width} x {height} as it is loaded, and '
                                    f'{sizes[path][0]} x {sizes[path][1]} in {dataset.ann_file}'))
        for row in rows[path]:
            findings += row_findings(dataset.get_data_info(row), width, height, landmark_names)
    return report


def read_split(split: Split) -> tuple[BaseCocoStyleDataset | None, list[Finding]]:
    """The data set, or None where it cannot be read, and what its reader raises, warns of and passes over."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # MMPose tells where it found its metainfo
            # Without reading, since MMEngine would wrap what a reader raises here.
            dataset = DATASETS.build(dict(split.config, pipeline=[], lazy_init=True, serialize_data=True))
        if not isinstance(dataset, BaseCocoStyleDataset):
            raise TypeError(f'{type(dataset).__name__} is none of the data sets of images that can be checked')
    except Exception as error:  # what a config can get wrong has no bounds
        return None, [Finding('unusable data sets', f'{split.name}: {_one_line(error)}')]
    missing = [path for path in annotation_files(dataset) if not fileio.exists(anno_file(path))]
    if missing:
        advice = 'docs/datasets.md shows what belongs where'
        return None, [Finding('missing files', f'{path}: no such file ({advice})') for path in missing]
    if _lacks_test(dataset):
        note = f'{split.name}: no row of {dataset.partition_file} belongs to it'
        return None, [Finding('absent splits', note, is_problem=False)]

    findings = []
    if reads_coco(dataset):
        names = dataset.metainfo['keypoint_id2name']
        findings += starmap(Finding, coco_faults(dataset.ann_file, [names[k] for k in sorted(names)]))
        if any(finding.kind == UNREADABLE for finding in findings):
            return None, findings
    dataset.data_list = None  # until rows have been read
    try:
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter('always')
            dataset.full_init()
    except Exception as error:
        # MMEngine fails on no rows at all with a ValueError of NumPy's.
        text = 'no row is left' if dataset.data_list == [] else _one_line(error)
        if not isinstance(error, FileFormatError):  # which names its file
            text = f'{" or ".join(annotation_files(dataset))}: {text}'
        if not any(finding.is_problem for finding in findings):  # else that is the reason
            findings.append(Finding('unreadable files', text))
        return None, findings
    findings += [Finding('warnings', str(warning.message), is_problem=False) for warning in caught
                 if warning.category is UserWarning]
    return dataset, findings


def _one_line(error: Exception) -> str:
    """What an error says, with its type where it is not made for readers."""
    text = ' '.join(str(error).split())
    return text if isinstance(error, PclossError) else f'{type(error).__name__}: {text}'


def annotation_files(dataset: BaseCocoStyleDataset) -> list[str]:
    """The files that a data set's rows are read from."""
    names = ['ann_file', 'bbox_file', 'box_file']
    if getattr(dataset, 'split', None) is not None:
        names.append('partition_file')
    found = [getattr(dataset, name, None) or [] for name in names]
    return [path for paths in found for path in ([paths] if isinstance(paths, str) else paths)]


def _lacks_test(dataset: BaseCocoStyleDataset) -> bool:
    """Whether a partition file has no test rows, which own data in DeepFashion's layout need not have."""
    if getattr(dataset, 'split', None) != 'test':
        return False
    try:
        return 'test' not in read_partition(dataset.partition_file)[1]
    except FileFormatError:  # the reader is to say so
        return False


def index_rows(dataset: BaseCocoStyleDataset, track: Track) -> tuple[dict[str, list[int]], Counter]:
    """The rows of each image, by its path, and how many rows there are: :data:`ROWS`, and by name of category."""
    metainfo = dataset.metainfo  # a copy, each time that it is asked for
    rows: dict[str, list[int]] = {}
    counts: Counter = Counter({ROWS: len(dataset)})
    for index in track(range(len(dataset)), 'rows'):
        info = dataset.get_data_info(index)
        rows.setdefault(info['img_path'], []).append(index)
        counts[raw_category(info.get('raw_ann_info'), metainfo)] += 1
    return rows, counts


def count_findings(split: Split, counts: Mapping[str, int]) -> Iterator[Finding]:
    """Where numbers of rows are not the official ones, as in subsets and in new releases, which are no fault."""
    for what, official in split.counts.items():
        if counts.get(what, 0) != official:
            of = '' if what == ROWS else f' of {what}'
            yield Finding('different counts', f'{split.name}: {counts.get(what, 0):,} rows{of}, {official:,} in the '
                          'official release', is_problem=False)


def missing_images(paths: Sequence[str]) -> list[Finding]:
    """Images that are not there; a missing folder is named once, with the number of its images."""
    folders = {path: _missing_folder(path) for path in paths}
    numbers = Counter(filter(None, folders.values()))
    return [
        *(Finding('missing folders', f'{folder}: no such folder, and {number:,} images should be in it')
          for folder, number in numbers.items()),
        *(Finding('missing images', f'{path}: no such file') for path in paths if not folders[path]),
    ]


def _missing_folder(path: str) -> str:
    """The uppermost folder above a path that does not exist, or ''."""
    missing, folder = '', osp.dirname(path)
    while folder and not osp.isdir(folder):
        missing, folder = folder, osp.dirname(folder)
    return missing


def spread(number: int, sample: int | None, seed: int = 0) -> list[int]:
    """At most ``sample`` of ``range(number)`` at even distances, the first one at random; None for all."""
    if sample is None or sample >= number:
        return list(range(number))
    start = np.random.default_rng(seed).random()
    return ((np.arange(sample) + start) * number / sample).astype(int).tolist()


def row_findings(info: dict, width: int, height: int, names: Mapping[int, str]) -> Iterator[Finding]:
    """Whether the box and the landmarks of one row lie in its image, of width x height pixels.

    ``names`` are those of the landmarks, by id.
    """
    path, size = info['img_path'], f'the image of {width} x {height}'
    box = row_box(info)
    if box is not None:
        x1, y1, x2, y2 = box
        corners = ' '.join(f'{value:g}' for value in box)
        if not (x2 > x1 and y2 > y1):
            yield Finding('empty boxes', f'{path}: box {corners} (x1 y1 x2 y2) holds nothing')
        elif outside(box.reshape(2, 2), width, height, BOX_SLACK).any():
            yield Finding('boxes outside the image', f'{path}: box {corners} (x1 y1 x2 y2) leaves {size}')
    points = np.asarray(info['keypoints'])[0]
    known = np.asarray(info['keypoints_visible'])[0] > 0
    for k in np.flatnonzero(known & outside(points, width, height, LANDMARK_SLACK)):
        x, y = points[k]
        yield Finding('landmarks outside the image', f'{path}: {names[k]} at {x:g} {y:g} is outside {size}')


def row_box(info: dict) -> np.ndarray | None:
    """Box of a row as it is annotated, (4,) x1 y1 x2 y2: MMPose clips those of COCO files to the image."""
    annotated = raw_box(info.get('raw_ann_info'))
    if annotated is None and 'bbox' in info:
        return np.array(info['bbox'][0], dtype=float)
    return annotated


def outside(points: np.ndarray, width: int, height: int, slack: float) -> np.ndarray:
    """(N,) which of the points (N, 2) lie more than ``slack`` from the pixels 0 to width - 1 and 0 to height - 1."""
    inside = (points >= -slack) & (points <= np.array([width, height]) - 1 + slack)
    return ~inside.all(axis=1)
