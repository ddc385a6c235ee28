"""COCO's AP of detected boxes."""

from __future__ import annotations

import contextlib
import io
from typing import Iterable, Mapping, Sequence

import numpy as np

#: AP of the faster R-CNN whose boxes the paper takes: persons of COCO val2017.
PAPER_AP = 56.4


def mean_box_ap(truth: Mapping, results: Sequence[Mapping], category_ids: Iterable[int]) -> float:
    """Mean of :func:`box_ap` over the categories of which the truth has a box, as COCO takes it."""
    each = np.array([box_ap(truth, results, category) for category in category_ids])
    known = ~np.isnan(each)
    return float(each[known].mean()) if known.any() else float('nan')


def box_ap(truth: Mapping, results: Sequence[Mapping], category_id: int = 1) -> float:
    """AP over the overlaps 0.50 to 0.95 (pycocotools' COCOeval, at most 100 boxes an image), in percent.

    Args:
        truth: A COCO annotation file's content. All of its images count, also those on which there is nothing to find.
        results: Detections in COCO's form: ``image_id``, ``category_id``, ``bbox`` as x y width height, ``score``.
        category_id: The only category that counts.

    Returns:
        NaN where the truth has no box of the category.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    annotations = [
        dict(image_id=each['image_id'], category_id=category_id, bbox=each['bbox'], iscrowd=each.get('iscrowd', 0),
             area=each.get('area', each['bbox'][2] * each['bbox'][3]))
        for each in truth['annotations'] if each['category_id'] == category_id]
    if all(each['iscrowd'] for each in annotations):
        return float('nan')
    found = [dict(each) for each in results if each['category_id'] == category_id]  # pycocotools adds keys
    if not found:
        return 0.
    with contextlib.redirect_stdout(io.StringIO()):
        index = COCO()
        index.dataset = dict(
            images=[dict(id=image['id']) for image in truth['images']], categories=[dict(id=category_id)],
            # Numbered from 1, because pycocotools takes a match with the id 0 for none.
            annotations=[dict(each, id=number) for number, each in enumerate(annotations, 1)])
        index.createIndex()
        evaluation = COCOeval(index, index.loadRes(found), 'bbox')
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return 100 * float(evaluation.stats[0])
