"""Drawings of predictions: points of a low score are hollow."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from .landmarks import FILLED, HOLLOW, LEFT_OUT, Look, draw_on, is_whole, resized
from .legend import above_legend, entries

#: MMPose's ``kpt_thr``, below which its visualizer draws nothing.
HOLLOW_BELOW = 0.3
#: Longer side in pixels of a picture with names: a smaller image is enlarged, as letters need room.
ROOM_FOR_NAMES = 640


def draw_scored(image: np.ndarray, keypoints: np.ndarray, scores: np.ndarray, look: Look,
                truth: np.ndarray | None = None, box: Sequence[float] | None = None, names: bool = False,
                hollow_below: float = HOLLOW_BELOW) -> np.ndarray:
    """An image with what a model found on it, above a legend.

    Args:
        image: (H, W, 3) uint8, BGR. Where names are written, a small one is enlarged.
        keypoints: (K, 2) x, y in pixels of the image; what is not finite is not drawn.
        scores: (K,). What they mean depends on the head (docs/deploy.md).
        look: Names, colors and lines.
        truth: (K, 2) the true x, y, not finite where they are not known.
        box: x1 y1 x2 y2, in which the landmarks were looked for.
        names: Write the names of the landmarks.
        hollow_below: The score below which a point is hollow.

    Returns:
        (h, w, 3) uint8, BGR.
    """
    states = np.where(np.asarray(scores) < hollow_below, HOLLOW, FILLED)
    states[~np.isfinite(keypoints).all(axis=1)] = LEFT_OUT
    if truth is not None and not np.isfinite(truth[states > 0]).all(axis=1).any():
        truth = None
    if names and max(image.shape[:2]) < ROOM_FOR_NAMES:
        image, (keypoints, truth, box) = resized(image, ROOM_FOR_NAMES, keypoints, truth, box)
    legend = entries(look, [states], f'score below {hollow_below:g}', truth is not None,
                     box is not None and not is_whole(box, image.shape))
    drawn, place = above_legend(image.shape, legend)  # at once, without a copy of a large picture
    place[:] = image
    draw_on(place, keypoints, states, look, truth, box, names)
    return drawn
