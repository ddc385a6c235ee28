"""Which landmarks the garments of a category have."""

from __future__ import annotations

from typing import Mapping, Sequence

from . import fashion8, fashionai


def category_landmarks(dataset_name: str) -> Mapping[str, Sequence[int]]:
    """Landmark indices of each category of a data set; empty for one that is not ours."""
    if dataset_name == 'fashionai':
        return fashionai.CATEGORY_LANDMARKS
    return fashion8.CATEGORY_LANDMARKS if dataset_name in ('deepfashion_attribute', 'fld') else {}
