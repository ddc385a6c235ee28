"""Drawings of landmarks on images."""

from __future__ import annotations

from typing import Sequence

import cv2
import numpy as np


def draw_landmarks(image: np.ndarray,
                   keypoints: np.ndarray,
                   visible: np.ndarray,
                   colors: np.ndarray,
                   truth: np.ndarray | None = None) -> np.ndarray:
    """A copy of an image with its landmarks: discs, rings where occluded, and lines to the true places.

    K: landmarks, H, W: height and width.

    Args:
        image: (H, W, 3) uint8, BGR.
        keypoints: (K, 2) x, y in pixels of the image; what is not finite is not drawn.
        visible: (K,) 0 not drawn, 1 occluded, 2 visible.
        colors: (K, 3) RGB, as MMPose's metainfo holds them (its documentation says BGR, its visualizer takes RGB).
        truth: (K, 2) the true x, y; a line from there to the landmark shows the error.

    Returns:
        (H, W, 3) uint8, BGR.
    """
    image = np.ascontiguousarray(image).copy()
    radius = max(2, round(max(image.shape[:2]) / 70))
    for k in np.flatnonzero((np.asarray(visible) > 0) & np.isfinite(keypoints).all(axis=1)):
        point, color = _pixel(keypoints[k]), tuple(int(c) for c in colors[k][::-1])
        if truth is not None:
            cv2.line(image, _pixel(truth[k]), point, (255, 255, 255), max(1, radius // 2), cv2.LINE_AA)
        cv2.circle(image, point, radius + 1, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(image, point, radius, color, -1 if visible[k] > 1 else max(1, radius // 2), cv2.LINE_AA)
    return image


def draw_heatmaps(image: np.ndarray, heatmaps: np.ndarray) -> np.ndarray:
    """An image under its heatmaps, from blue for 0 to red for their largest value.

    Args:
        image: (H, W, 3) uint8, BGR.
        heatmaps: (K, h, w), any size; at each pixel the largest of all K is shown.

    Returns:
        (H, W, 3) uint8, BGR.
    """
    strongest = heatmaps.max(axis=0)
    level = np.clip(255 * strongest / max(strongest.max(), 1e-9), 0, 255).round().astype(np.uint8)
    colored = cv2.applyColorMap(cv2.resize(level, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), cv2.COLORMAP_JET)
    return cv2.addWeighted(np.ascontiguousarray(image), 0.5, colored, 0.5, 0)


def _pixel(point: np.ndarray) -> tuple[int, int]:
    """The nearest pixel; what lies far outside stays drawable."""
    x, y = np.clip(point, -1e4, 1e4).round().astype(int)
    return int(x), int(y)


def draw_grid(rows: Sequence[Sequence[np.ndarray]], titles: Sequence[str], cell: int = 256) -> np.ndarray:
    """Images of any size in a table with a title over each column.

    Args:
        rows: Images (H, W, 3) uint8, BGR; each row as long as ``titles``.
        titles: One a column.
        cell: Side of a cell in pixels; images are fitted into it, without a change of their shape.

    Returns:
        The table, uint8, BGR.

    Raises:
        ValueError: There is no row, or a row's length is not that of the titles.
    """
    if not rows or any(len(row) != len(titles) for row in rows):
        raise ValueError(f'need at least one row, and {len(titles)} images in each for the titles {list(titles)}')
    header = np.full((28, cell * len(titles), 3), 255, np.uint8)
    for column, title in enumerate(titles):
        cv2.putText(header, title, (column * cell + 8, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 1, cv2.LINE_AA)
    return np.vstack([header, *(np.hstack([_fit(image, cell) for image in row]) for row in rows)])


def _fit(image: np.ndarray, cell: int) -> np.ndarray:
    height, width = image.shape[:2]
    scale = (cell - 4) / max(height, width)
    resized = cv2.resize(image, (max(1, round(width * scale)), max(1, round(height * scale))),
                         interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    canvas = np.full((cell, cell, 3), 255, np.uint8)
    top, left = (cell - resized.shape[0]) // 2, (cell - resized.shape[1]) // 2
    canvas[top:top + resized.shape[0], left:left + resized.shape[1]] = resized
    return canvas
