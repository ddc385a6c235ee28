"""A picture with three brushes: flat polygons, lit cloth and soft shadows. All lengths are pixels.

n: points of an outline; H, W: the picture's height and width
"""

from __future__ import annotations

import cv2
import numpy as np

from .textures import clouds, lay

SHIFT = 4  # fractional bits of OpenCV's drawing coordinates
FAR = 8000  # OpenCV's fixed-point coordinates overflow far outside the picture


def unit_of(size: tuple[int, int]) -> float:
    """1/256 of the shorter side, in pixels."""
    return min(size) / 256


class Canvas:
    """`image` is (H, W, 3) BGR uint8, `size` is (w, h), `unit` is 1/256 of the shorter side."""

    def __init__(self, size: tuple[int, int], rng: np.random.Generator) -> None:
        self.image = np.zeros((size[1], size[0], 3), np.uint8)
        self.size = size
        self.unit = unit_of(size)
        self.light = (0.7 + 0.6 * clouds(size, int(rng.integers(4, 9)), rng)).astype(np.float32)

    def polygon(self, outline: np.ndarray, colour: np.ndarray) -> None:
        cv2.fillPoly(self.image, [_fixed(outline)], np.asarray(colour).tolist(), cv2.LINE_AA, SHIFT)

    def stroke(self, points: np.ndarray, colour: np.ndarray, width: float, closed: bool = False) -> None:
        """A line `width` units wide."""
        cv2.polylines(self.image, [_fixed(points)], closed, np.asarray(colour).tolist(),
                      max(1, round(width * self.unit)), cv2.LINE_AA, SHIFT)

    def capsule(self, start: np.ndarray, end: np.ndarray, colour: np.ndarray, radius: float, end_radius: float) -> None:
        """A limb that tapers from one round end to the other."""
        self.polygon(capsule(start, end, radius, end_radius), colour)

    def cloth(self, outline: np.ndarray, tile: np.ndarray, period: float, angle: float, rim: float = 0.3) -> None:
        """A piece of lit cloth; `rim` is how much darker its edge is than its middle."""
        window, mask = self._mask(outline, 0)
        if mask is None:
            return
        reach = max(3, round(9 * self.unit))
        shade = self.light[window] * (1 - rim + rim * cv2.blur(mask, (reach, reach)).astype(np.float32) / 255)
        height, width = mask.shape
        cloth = lay(tile, (width, height), max(period * self.unit, 2.0), angle) * shade[..., None]
        alpha = mask.astype(np.float32) / 255
        below = self.image[window]
        blended = cv2.blendLinear(np.minimum(cloth, 255), below.astype(np.float32), alpha, 1 - alpha)
        self.image[window] = blended

    def shadow(self, outline: np.ndarray, strength: float) -> None:
        """Darken softly around and below an outline that is about to be painted."""
        reach = max(3, round(11 * self.unit))
        window, mask = self._mask(outline + 2 * self.unit, reach)
        if mask is not None:
            dim = 1 - cv2.blur(mask, (reach, reach)).astype(np.float32) * (strength / 255)
            self.image[window] = self.image[window] * dim[..., None]

    def _mask(self, outline: np.ndarray, margin: int) -> tuple[tuple[slice, slice], np.ndarray | None]:
        """The outline's window in the picture and its (h, w) mask there; no mask if it lies outside."""
        low = np.clip(np.floor(outline.min(axis=0)) - margin, 0, self.size).astype(int)
        high = np.clip(np.ceil(outline.max(axis=0)) + margin + 1, 0, self.size).astype(int)
        window = slice(low[1], high[1]), slice(low[0], high[0])
        if (high - low).min() < 1:
            return window, None
        mask = np.zeros((high - low)[::-1], np.uint8)
        cv2.fillPoly(mask, [_fixed(outline - low)], 255, cv2.LINE_AA, SHIFT)
        return window, mask


def capsule(start: np.ndarray, end: np.ndarray, radius: float, end_radius: float) -> np.ndarray:
    """Outline of a limb with round ends, (n, 2)."""
    along = np.arctan2(*(end - start)[::-1])
    t = np.linspace(np.pi / 2, 3 * np.pi / 2, 8) + along
    back, front = (np.stack([np.cos(a), np.sin(a)], axis=1) for a in (t, t + np.pi))
    return np.concatenate([start + radius * back, end + end_radius * front])


def contains(outline: np.ndarray, point: np.ndarray) -> float:
    """Signed distance of a point to an outline in pixels: positive inside."""
    return cv2.pointPolygonTest(outline.astype(np.float32), tuple(float(value) for value in point), True)


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(points, -FAR, FAR) * 2**SHIFT).astype(np.int32)
