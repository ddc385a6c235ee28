"""What every reader makes of its raw files."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import accumulate
from typing import Any, Iterable, NamedTuple, Sequence, Union

import numpy as np

Rows = Union[slice, Sequence[int], np.ndarray]


class Strings:
    """Strings without a Python object for each, which every worker process would copy by counting references to it.

    A fixed-width array would pad each string to the longest.
    """

    def __init__(self, strings: Iterable[str]) -> None:
        encoded = [string.encode() for string in strings]
        self.text = b''.join(encoded)
        self.ends = np.fromiter(accumulate(map(len, encoded), initial=0), dtype=np.int64, count=len(encoded) + 1)

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, rows: int | Rows) -> str | Strings:
        """One string, or those that a slice, a mask or indices pick."""
        if isinstance(rows, (int, np.integer)):
            row = range(len(self))[rows]
            return self.text[self.ends[row]:self.ends[row + 1]].decode()
        return Strings(map(self.__getitem__, np.arange(len(self))[rows].tolist()))


class Places(NamedTuple):
    """Which of K landmarks a category has, where rows keep the landmarks of their category alone."""

    number: int  # K
    of_categories: Sequence[np.ndarray]  # ids, by category from 1, in the order in which rows keep them


@dataclass(frozen=True, eq=False)
class Records:
    """One garment a row, in columns. N: rows, K: landmarks, M: landmarks that are kept of a row.

    Landmarks are in COCO's sense: x and y in pixels, then v = 0 not annotated (x = y = 0), 1 occluded, 2 visible.
    """

    ids: np.ndarray  # (N,) int
    names: Strings  # N, as the raw file has them; slashes where it has backslashes and only that file exists
    folders: np.ndarray  # (N,) int, which of the roots a name belongs to
    roots: tuple[str, ...]  # folders or prefixes
    categories: np.ndarray  # (N,) int, from 1, in the order of the data set's categories
    landmarks: np.ndarray  # (N, M, 3) float32: all K, or those that `places` says
    boxes: np.ndarray | None = None  # (N, 4) float32, x1 y1 x2 y2
    variations: np.ndarray | None = None  # (N,) int
    images: np.ndarray | None = None  # (N,) int, number of the image; None: one garment an image, and the ids number it
    scores: np.ndarray | None = None  # (N,) float32 of boxes that a detector found; None: they are annotated
    attributes: np.ndarray | None = None  # (N, A) int, in the order of the data set's attributes
    places: Places | None = None  # where the landmarks of a row's category belong; None: M = K

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: int | Rows) -> dict[str, Any] | Records:
        """One row as a dict, or the rows that a slice, a mask or indices pick."""
        if isinstance(rows, (int, np.integer)):
            return self._row(rows)
        columns = {field.name: getattr(self, field.name) for field in fields(self)
                   if field.name not in ('roots', 'places')}
        return replace(self, **{name: column[rows] for name, column in columns.items() if column is not None})

    def _row(self, row: int) -> dict[str, Any]:
        found = dict(
            id=int(self.ids[row]), image_name=self.names[row], root=self.roots[self.folders[row]],
            category_id=int(self.categories[row]), landmarks=self.points([row])[0])
        found['image_id'] = found['id'] if self.images is None else int(self.images[row])
        if self.boxes is not None:
            found['box'] = self.boxes[row]
        if self.variations is not None:
            found['variation'] = int(self.variations[row])
        if self.scores is not None:
            found['score'] = self.scores[row]
        if self.attributes is not None:
            found['attributes'] = self.attributes[row].tolist()
        return found

    def points(self, rows: Rows) -> np.ndarray:
        """All K landmarks of some rows, (n, K, 3)."""
        own = self.landmarks[rows]
        if self.places is None:
            return own
        every = np.zeros((len(own), self.places.number, 3), dtype=np.float32)
        for number, category in enumerate(self.categories[rows]):
            ids = self.places.of_categories[category - 1]
            every[number, ids] = own[number, :len(ids)]
        return every


def coco_landmarks(points: np.ndarray, visibility: np.ndarray) -> np.ndarray:
    """Join positions (N, K, 2) and COCO visibilities (N, K); what is not annotated has no position."""
    landmarks = np.empty((*visibility.shape, 3), dtype=np.float32)
    landmarks[..., :2], landmarks[..., 2] = points, visibility
    landmarks[~(visibility > 0)] = 0
    return landmarks
