"""What is wrong with a data set, found before anyone trains on it: files, rows, images, boxes, landmarks.

N: points or boxes, K: landmarks
"""

from __future__ import annotations

import contextlib
import io
import math
import os.path as osp
import warnings
from collections import Counter
from itertools import starmap
from typing import Callable, Collection, ContextManager, Iterable, Iterator, Mapping, Sequence

import mmengine.fileio as fileio
import numpy as np
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from ...errors import BrokenImageError, FileFormatError, PclossError
from ...metainfo import landmark_names
from ...text import slash_hint
from ..deepfashion2 import DeepFashion2Dataset
from ..formats.deepfashion import anno_file, read_partition
from ..formats.deepfashion2 import Fault, parse_folder
from ..transforms import LoadImageStrict
from .coco import UNREADABLE, coco_faults, read_labels, reads_coco, why_empty
from .detections import detection_findings
from .index import Track, index_rows
from .pairs import describe_pairs, pair_findings
from .releases import ROWS, Split
from .report import Finding, Report
from .rows import origin_findings, read_row, row_findings, unit_findings


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
    done: list[Report] = []
    for split in splits:
        with tracker(split.name) as track:
            report = check_split(split, sample, seed, track)
        report.findings += shared_images(report, done)
        report.findings = [finding for finding in report.findings if finding.text not in reported]
        reported.update(finding.text for finding in report.findings)
        report.pairs = '' if report.pairs in reported else report.pairs
        reported.add(report.pairs)
        done.append(report)
        yield report


def shared_images(report: Report, earlier: Iterable[Report]) -> Iterator[Finding]:
    """Images that a split has in common with the training split."""
    for other in earlier:
        shared = len(report.images & other.images)
        if shared and other.split.name == 'train' != report.split.name:
            yield Finding('shared images', f'{report.split.name}: {shared:,} of its {len(report.images):,} images are '
                          'in train too, so that its figures say little about new images', is_problem=False)


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
    index, names = index_rows(dataset, track), landmark_names(dataset.metainfo)
    findings += [*split.remarks(dataset), *count_findings(split, index.counts)]
    there = [path for path in track(list(index.rows), 'image files') if '://' in path or osp.isfile(path)]
    findings += missing_images(sorted(index.rows.keys() - set(there)))
    findings += origin_findings(index.labelled, index.at_origin, names)

    report = Report(split, findings, dataset, images=set(index.rows), pairs=describe_pairs(dataset.metainfo))
    sizes, largest, side = {}, -math.inf, math.inf
    if reads_coco(dataset):
        sizes, labelled = read_labels(dataset.ann_file, dataset.data_prefix['img'])
        findings += lost_rows(dataset, labelled - index.ids, findings)
    loader = LoadImageStrict()
    for path in track([there[number] for number in spread(len(there), sample, seed)], 'images decoded'):
        try:
            height, width = loader.transform({'img_path': path})['img'].shape[:2]
        except BrokenImageError as error:
            findings.append(Finding('broken images', str(error)))
            continue
        report.opened[path] = index.rows[path]
        if sizes.get(path, (width, height)) != (width, height):
            findings.append(Finding('images of another size', f'{path}: {width} x {height} as it is loaded, and '
                                    f'{sizes[path][0]} x {sizes[path][1]} in {dataset.ann_file}'))
        for row in map(read_row, map(dataset.get_data_info, index.rows[path])):
            findings += row_findings(row, width, height, names)
            largest = max(largest, row.points[row.known].max(initial=-math.inf))
            side = min(side, width, height)
    findings += unit_findings(largest, side, len(report.opened))
    return report


def lost_rows(dataset: BaseCocoStyleDataset, lost: Collection[int], findings: Sequence[Finding]) -> Iterator[Finding]:
    """Labelled annotations, by id, that MMPose leaves out, where no finding gives the reason yet."""
    if dataset.sample_interval != 1 or dataset._indices is not None or dataset.filter_cfg:  # it is asked to
        return
    explained = {finding.text.partition(': ')[0] for finding in findings}
    for number in sorted(lost):
        place = f'{dataset.ann_file}, annotation {number}'
        if place not in explained:
            yield Finding('lost rows', f'{place}: MMPose leaves the row out; no x or y of its landmarks is above 0')


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

    findings = [*pair_findings(dataset.metainfo)]
    if reads_coco(dataset):
        findings += starmap(Finding, coco_faults(dataset.ann_file, landmark_names(dataset.metainfo),
                                                  dataset.data_prefix.get('img', '')))
        if any(finding.kind == UNREADABLE for finding in findings):
            return None, findings
    elif getattr(dataset, 'bbox_file', None):
        findings += detection_findings(split, dataset)
    dataset.data_list = None  # until rows have been read
    try:
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter('always')
            dataset.full_init()
    except Exception as error:
        findings += [Finding('faulty annotations', f'{fault.error()}') for fault in item_faults(dataset)]
        # MMEngine fails on no rows at all with a ValueError of NumPy's.
        text = f'no row is left{_why_empty(dataset)}' if dataset.data_list == [] else _one_line(error)
        if not isinstance(error, FileFormatError):  # which names its file
            text = f'{" or ".join(annotation_files(dataset))}: {text}'
        if not any(finding.is_problem for finding in findings):  # else that is the reason
            findings.append(Finding('unreadable files', text))
        return None, findings
    findings += [Finding('warnings', str(warning.message), is_problem=False) for warning in caught
                 if warning.category is UserWarning]
    return dataset, findings


def item_faults(dataset: BaseCocoStyleDataset) -> list[Fault]:
    """All faults of DeepFashion2's annotations, of which its reader names the first."""
    if not isinstance(dataset, DeepFashion2Dataset):
        return []
    with contextlib.suppress(FileFormatError):  # of the folder as a whole
        return parse_folder(dataset.ann_file)[1]
    return []


def _why_empty(dataset: BaseCocoStyleDataset) -> str:
    return f': {why_empty(dataset.ann_file)}' if reads_coco(dataset) else ''


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


def count_findings(split: Split, counts: Mapping[str, int]) -> Iterator[Finding]:
    """Where numbers of rows are not the official ones, as in subsets and in new releases, which are no fault."""
    for what, official in split.counts.items():
        if counts.get(what, 0) != official:
            kind, of = ('counts', '') if what == ROWS else ('counts of categories', f' of {what}')
            yield Finding(f'different {kind}', f'{split.name}: {counts.get(what, 0):,} rows{of}, {official:,} in '
                          f'{split.source}', is_problem=False)


def missing_images(paths: Sequence[str]) -> list[Finding]:
    """Images that are not there; a missing folder is named once, with the number of its images."""
    folders = {path: _missing_folder(path) for path in paths}
    numbers = Counter(filter(None, folders.values()))
    return [
        *(Finding('missing folders', f'{folder}: no such folder, and {number:,} images should be in it')
          for folder, number in numbers.items()),
        *(Finding('missing images', f'{path}: no such file{slash_hint(path)}') for path in paths if not folders[path]),
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
