"""Faults of a file of detected boxes, which MMPose answers with a bare KeyError or predicts on, and how good it is."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Iterator, Sequence

import mmengine.fileio as fileio
import numpy as np
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from ...text import LARGEST_COORDINATE, brief
from ..box_ap import PAPER_AP, box_ap
from .releases import Split
from .report import Finding

_LARGEST_FLOAT = float(np.finfo(np.float32).max)

PERSON = 1  # the only category of detections that MMPose reads


def detection_findings(split: Split, dataset: BaseCocoStyleDataset) -> Iterator[Finding]:
    """What is wrong with the ``bbox_file`` of a data set, and what there is to know of it.

    A file that is no JSON, here or of the annotations, is left to the reader.
    """
    path = dataset.bbox_file
    try:
        truth, boxes = (fileio.load(name, file_format='json') for name in (dataset.ann_file, path))
        images = {image['id'] for image in truth['images']}
    except Exception:  # what a storage raises has no bounds
        return
    if not isinstance(boxes, list) or not all(isinstance(box, dict) for box in boxes):
        yield Finding('boxes that cannot be read',
                      f'{path}: it should be a list of objects with image_id, category_id, bbox and score')
        return
    faults = [_fault(box, images) for box in boxes]
    for kind, number in Counter(filter(None, faults)).items():
        yield Finding('unfit boxes', f'{path}: {number:,} of {len(boxes):,} boxes {kind}; the first is '
                      f'[{faults.index(kind)}], {_brief(boxes[faults.index(kind)])}')
    others = sum(box.get('category_id', PERSON) != PERSON for box in boxes)
    if others:
        yield Finding('boxes of other categories', f'{path}: {others:,} of {len(boxes):,} boxes have another '
                      f'category_id than {PERSON}: MMPose leaves them out', is_problem=False)
    if any(faults) or others == len(boxes):
        return
    empty = images - {box['image_id'] for box in boxes if box['category_id'] == PERSON}
    if empty:
        yield Finding('images without a box', f'{split.name}: {len(empty):,} of {len(images):,} images have no box: '
                      'nothing is predicted on them', is_problem=False)
    yield from _quality(split, truth, boxes)


def _quality(split: Split, truth: dict, boxes: Sequence[dict]) -> Iterator[Finding]:
    """The AP, where there are annotated boxes to compare with."""
    try:
        ap = box_ap(truth, boxes, PERSON)
    except (KeyError, TypeError, IndexError):  # the annotations' own check names what they lack
        return
    if not math.isnan(ap):
        official = f', {PAPER_AP} in the official release' if split.counts else ''
        yield Finding('qualities', f'{split.name}: the boxes have an AP of {ap:.1f}{official}', is_problem=False)


def _fault(box: dict, images: set[int]) -> str | None:
    """The first fault of a box that MMPose reads."""
    missing = [key for key in ('category_id', 'image_id', 'bbox', 'score') if key not in box]
    if missing and box.get('category_id', PERSON) == PERSON:
        return f"have no {' and no '.join(missing)}"
    if box['category_id'] != PERSON:
        return None
    if not isinstance(box['image_id'], int) or box['image_id'] not in images:
        return 'are on images that the annotations do not have'
    if not isinstance(box['bbox'], list) or len(box['bbox']) != 4 or not all(map(_is_finite, box['bbox'])):
        return 'are not four finite numbers'
    if max(map(abs, box['bbox'])) > LARGEST_COORDINATE:
        return f'go beyond {LARGEST_COORDINATE:,} pixels'
    if not min(box['bbox'][2:]) > 0:
        return 'have no area'
    if not _is_finite(box['score']):
        return 'have a score that is no finite number'
    return None


def _is_finite(value: Any) -> bool:
    """Whether it is a number that float32 holds, as MMPose keeps it; NaN is neither below nor above."""
    return isinstance(value, (int, float)) and abs(value) <= _LARGEST_FLOAT


def _brief(box: dict) -> str:
    return ', '.join(f'{key} {brief(box[key])}' for key in ('image_id', 'bbox', 'score') if key in box)
