"""What a raw annotation says: visibility, box and category. ``raw`` is a sample's ``raw_ann_info``. K: landmarks."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np

Raw = Mapping[str, Any]


def raw_visibility(raw: Raw | None) -> np.ndarray | None:
    """(K,) COCO's v of each landmark: 0 not annotated, 1 occluded, 2 visible; None where there is no annotation."""
    keypoints = (raw or {}).get('keypoints')
    return None if keypoints is None else np.asarray(keypoints, dtype=np.float64).reshape(-1, 3)[:, 2]


def raw_box(raw: Raw | None) -> np.ndarray | None:
    """(4,) x1 y1 x2 y2 in pixels, as it was annotated; None where it was not."""
    box = (raw or {}).get('bbox')
    if box is None:
        return None
    x, y, width, height = box
    return np.array([x, y, x + width, y + height], dtype=float)


def raw_category(raw: Raw | None, metainfo: Mapping) -> str | None:
    """Name of the category; its id where the data set's ``CLASSES`` do not name it; None where there is neither."""
    raw = raw or {}
    if 'category' in raw:
        return str(raw['category'])
    if 'category_id' not in raw:
        return None
    return category_names(metainfo).get(raw['category_id'], str(raw['category_id']))


def category_names(metainfo: Mapping) -> dict[int, str]:
    """Names of the categories by id, where the data set's ``CLASSES`` give any."""
    return {entry['id']: str(entry.get('name', '')) for entry in metainfo.get('CLASSES') or ()}


def coco_box(box: np.ndarray) -> dict:
    """COCO's ``bbox`` (x, y, w, h) and ``area`` for a box (1, 4) given as x1 y1 x2 y2."""
    x1, y1, x2, y2 = box[0].tolist()
    return {'bbox': [x1, y1, x2 - x1, y2 - y1], 'area': (x2 - x1) * (y2 - y1)}
