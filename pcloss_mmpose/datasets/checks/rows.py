"""What is wrong with rows: boxes and landmarks that do not fit their image, each other, or pixels.

K: landmarks
"""

from __future__ import annotations

from collections import Counter
from typing import Iterator, Mapping, NamedTuple, Sequence

import numpy as np

from ...metainfo import raw_box
from .report import Finding

#: Pixels that a landmark may lie outside: official data has coordinates that equal the width or height.
LANDMARK_SLACK = 1

#: The same for a box, whose lower right corner may stand after its last pixel, counted from 1.
BOX_SLACK = 2

#: Parts of the box's longer side by which a landmark may lie outside of it: boxes are often drawn around what is seen.
BOX_MARGIN = 0.5

#: Part of a landmark's labels from which labels at 0 0 are taken for a habit of a tool, and not for corners.
ORIGIN_SHARE = 0.01

#: Pixels from which an image is large enough to show that its labels are in percent, and how many it takes.
PERCENT_SIDE, PERCENT_IMAGES = 200, 3


class Row(NamedTuple):
    """What is labelled in one row."""

    path: str  #: of the image
    points: np.ndarray  #: (K, 2) x, y
    known: np.ndarray  #: (K,) bool, which landmarks are labelled
    box: np.ndarray | None  #: (4,) x1 y1 x2 y2, as :func:`row_box` gives it


def read_row(info: Mapping) -> Row:
    """The row of a data info; nothing is labelled in a detector's."""
    points = np.asarray(info['keypoints'])[0]
    known = np.asarray(info['keypoints_visible'])[0].reshape(len(points), -1)[:, 0] > 0
    known &= 'raw_ann_info' in info
    return Row(info['img_path'], points[:, :2], known, row_box(info))


def row_box(info: Mapping) -> np.ndarray | None:
    """Box of a row as it is annotated, (4,) x1 y1 x2 y2: MMPose clips those of COCO files to the image."""
    annotated = raw_box(info.get('raw_ann_info'))
    if annotated is None and 'bbox' in info:
        return np.array(info['bbox'][0], dtype=float)
    return annotated


def row_findings(row: Row, width: int, height: int, names: Sequence[str]) -> Iterator[Finding]:
    """Whether the box and the landmarks of one row lie in its image, of width x height pixels, and in each other.

    ``names`` are those of the landmarks.
    """
    size, box = f'the image of {width} x {height}', row.box
    if box is not None:
        corners = ' '.join(f'{value:g}' for value in box)
        if not (box[2] > box[0] and box[3] > box[1]):
            yield Finding('empty boxes', f'{row.path}: box {corners} (x1 y1 x2 y2) holds nothing')
        elif outside(box.reshape(2, 2), width, height, BOX_SLACK).any():
            yield Finding('boxes outside the image', f'{row.path}: box {corners} (x1 y1 x2 y2) leaves {size}')
    is_outside = row.known & outside(row.points, width, height, LANDMARK_SLACK)
    for k in np.flatnonzero(is_outside):
        yield Finding('landmarks outside the image',
                      f'{row.path}: {_at(row, names, k)} is outside {size}')
    if box is not None:
        away = np.maximum(box[:2] - row.points, row.points - box[2:]).max(axis=1)
        far = row.known & ~is_outside & (away > BOX_MARGIN * max(box[2:] - box[:2]))
        for k in np.flatnonzero(far):
            yield Finding('landmarks far from their box', f'{row.path}: {_at(row, names, k)} is {away[k]:g} pixels '
                          f'away from the box {corners} (x1 y1 x2 y2)')


def origin_findings(labelled: Mapping[int, int], rows: Sequence[Row], names: Sequence[str]) -> Iterator[Finding]:
    """Landmarks that are labelled at 0 0, as some tools write those that are not labelled.

    They are a problem where they lie outside of their box, or are many; a few may be true corners.

    Args:
        labelled: How many rows label each landmark, by its id.
        rows: Those that have a landmark at 0 0.
        names: Of the landmarks.
    """
    found: Counter = Counter()
    outside_box: Counter = Counter()
    for row in rows:
        own = np.flatnonzero(at_origin(row)).tolist()
        found.update(own)
        if row.box is not None and (row.box[:2] > BOX_SLACK).any():
            outside_box.update(own)
    for k, count in sorted(found.items()):
        is_habit = count > 1 and count >= ORIGIN_SHARE * labelled[k]
        is_problem = is_habit or outside_box[k] > 0
        advice = ': where it is not labelled, write v = 0' if is_problem else ''
        yield Finding('landmarks at 0 0', f'{names[k]} is labelled at 0 0 in {count:,} of {labelled[k]:,} rows{advice}',
                      is_problem)


def at_origin(row: Row) -> np.ndarray:
    """(K,) which labelled landmarks lie at 0 0."""
    return row.known & ~row.points.any(axis=1)


def unit_findings(largest: float, side: int, images: int) -> Iterator[Finding]:
    """Labels that seem to be fractions of the image, or percent.

    Args:
        largest: Coordinate of the labelled landmarks; -inf if there are none.
        side: The shortest of the images.
        images: How many were looked at.
    """
    unit = None
    if 0 < largest <= 1 and side > 2:
        unit = 'fractions'
    elif 0 < largest <= 100 and side >= PERCENT_SIDE and images >= PERCENT_IMAGES:
        unit = 'percent'
    if unit:
        yield Finding('units', f'the largest coordinate of a landmark is {largest:g}, in images of {side} pixels and '
                      f'more: the labels seem to be {unit} of the image; write pixels')


def _at(row: Row, names: Sequence[str], k: int) -> str:
    x, y = row.points[k]
    return f'{names[k]} at {x:g} {y:g}'


def outside(points: np.ndarray, width: int, height: int, slack: float) -> np.ndarray:
    """(N,) which of the points (N, 2) lie more than ``slack`` from the pixels 0 to width - 1 and 0 to height - 1."""
    inside = (points >= -slack) & (points <= np.array([width, height]) - 1 + slack)
    return ~inside.all(axis=1)
