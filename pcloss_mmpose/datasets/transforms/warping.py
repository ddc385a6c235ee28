"""Affine crops in one pass: what mirrors or turns the image becomes a part of the matrix, not a copy."""

from __future__ import annotations

import math

import cv2
import numpy as np

from .deferred_image import DeferredImage


def warp_image(image: np.ndarray | DeferredImage, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``cv2.warpAffine`` with bilinear interpolation, which this equals but for the rounding of coordinates.

    A :class:`DeferredImage` is decoded at the smallest of its scales that has a pixel for each of the crop's. Its
    pixels are then means of several, where interpolation alone would pass over most of them.

    Args:
        image: (H, W, channels), maybe mirrored or turned.
        matrix: (2, 3), from pixels of the image to pixels of the crop.
        size: Width and height of the crop.

    Raises:
        BrokenImageError: A deferred image cannot be decoded.
    """
    shape, reduction = image.shape[:2], 1
    if isinstance(image, DeferredImage):
        reduction = largest_reduction(matrix, shape)
        image = image.pixels(reduction)
    stored, placing = stored_pixels(image, shape)
    reducing = np.array([[reduction, 0, (reduction - 1) / 2], [0, reduction, (reduction - 1) / 2], [0, 0, 1]])
    return cv2.warpAffine(stored, matrix @ placing @ reducing, size, flags=cv2.INTER_LINEAR)


def largest_reduction(matrix: np.ndarray, shape: tuple[int, int]) -> int:
    """By how much, of 1, 2, 4 and 8, an image (H, W) can be reduced so that no crop's pixel is smaller than its own."""
    (a, b), (c, d) = matrix[:, :2].tolist()
    enlargement = (math.hypot(a + d, b - c) + math.hypot(a - d, b + c)) / 2  # the larger singular value
    return max(factor for factor in (1, 2, 4, 8) if factor == 1 or
               (factor * enlargement <= 1 and factor <= min(shape)))


def stored_pixels(view: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """What a mirrored or turned view shows, as it lies in memory, and where it lies in the view.

    Args:
        view: (h, w, channels), the image or a reduction of it.
        shape: (H, W) of the image.

    Returns:
        The pixels, and (3, 3) from the coordinates of the stored image to those of the image, both of full size.
    """
    height, width = shape
    placing = np.eye(3)
    if view.strides[0] < 0:
        view, placing = view[::-1], placing @ [[1, 0, 0], [0, -1, height - 1], [0, 0, 1]]
    if view.strides[1] < 0:
        view, placing = view[:, ::-1], placing @ [[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]]
    if view.strides[0] < view.strides[1]:
        view, placing = view.swapaxes(0, 1), placing @ [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    return view, placing
