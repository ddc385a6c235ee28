"""Places for labels beside points: inside the picture, and on each other as little as can be."""

from __future__ import annotations

import numpy as np

#: Directions from a point to its label, the best first.
DIRECTIONS = np.array([(1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1)], dtype=float)
#: How far away a label may begin, in gaps.
DISTANCES = (1., 3., 6.)


def place_labels(points: np.ndarray, sizes: np.ndarray, picture: tuple[int, int], gap: float,
                 obstacles: np.ndarray | None = None) -> np.ndarray:
    """The left upper corner of each point's label.

    One after the other, those with the nearest neighbours first, gets the place that covers least of other labels and
    of points, of 24 around its point, each moved into the picture. N: points.

    Args:
        points: (N, 2) x, y in pixels, inside the picture.
        sizes: (N, 2) width and height of the labels. One that is larger than the picture begins at its edge.
        picture: Its width and height.
        gap: Pixels between a point's middle and its label; so far around, nothing should be covered.
        obstacles: (M, 2) what else should not be covered; by default the points.

    Returns:
        (N, 2) x, y.
    """
    points, sizes = np.asarray(points, dtype=float), np.asarray(sizes, dtype=float)
    around = points if obstacles is None else np.asarray(obstacles, dtype=float)
    taken = [np.concatenate([around - 0.7 * gap, around + 0.7 * gap], axis=1)]
    corners = np.zeros_like(points)
    distances = np.linalg.norm(points[:, None] - points, axis=2) + np.diag(np.full(len(points), np.inf))
    order = np.argsort(distances.min(axis=1)) if len(points) > 1 else range(len(points))
    for n in order:
        width, height = sizes[n]
        middles = np.concatenate([points[n] + DIRECTIONS * (sizes[n] / 2 + gap * times) for times in DISTANCES])
        room = np.maximum(np.array(picture) - sizes[n], 0)
        choices = np.clip(middles - sizes[n] / 2, 0, room)
        boxes = np.concatenate([choices, choices + sizes[n]], axis=1)
        covered = _overlap(boxes, np.concatenate(taken)).sum(axis=1) / (width * height)
        best = np.argmin(covered + np.arange(len(choices)) / 200)  # among equals the nearer, in the better direction
        corners[n] = choices[best]
        taken.append(boxes[best:best + 1])
    return corners


def _overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, M) areas that boxes (N, 4) and others (M, 4), x1 y1 x2 y2, have in common."""
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:], others[:, 2:])
    return np.clip(high - low, 0, None).prod(axis=2)
