"""What every reader makes of its raw files."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Sequence

import numpy as np


@dataclass(frozen=True)
class Records:
    """One garment a row, in arrays. N: rows, K: landmarks.

    Landmarks are in COCO's sense: x and y in pixels, then v = 0 not annotated (x = y = 0), 1 occluded, 2 visible.
    """

    ids: np.ndarray  # (N,) int
    names: np.ndarray  # (N,) str, as the raw file has them; slashes where it has backslashes and only that file exists
    roots: np.ndarray  # (N,) str, the folder or prefix that a name belongs to
    categories: np.ndarray  # (N,) str
    landmarks: np.ndarray  # (N, K, 3) float32
    boxes: np.ndarray | None = None  # (N, 4) float32, x1 y1 x2 y2
    variations: np.ndarray | None = None  # (N,) int

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: np.ndarray) -> Records:
        """The rows that a mask or an array of indices picks."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: column[rows] for name, column in columns.items() if column is not None})


def coco_landmarks(points: np.ndarray, visibility: np.ndarray) -> np.ndarray:
    """Join positions (N, K, 2) and COCO visibilities (N, K); what is not annotated has no position."""
    visibility = visibility[..., None]
    return np.concatenate([np.where(visibility > 0, points, 0), visibility], axis=-1, dtype=np.float32)


def object_array(strings: Sequence[str]) -> np.ndarray:
    """(N,) array that holds the strings themselves: a fixed-width array would pad each to the longest."""
    return np.array(strings, dtype=object)
