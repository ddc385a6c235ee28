"""Colours, cloth and light. H, W: the picture's height and width."""

from __future__ import annotations

import cv2
import numpy as np

TILE = 32


def random_colour(rng: np.random.Generator) -> np.ndarray:
    """A BGR colour, (3,) floats: clothes and walls are grey, beige or black more often than bright."""
    if rng.random() < 0.45:
        return np.clip(rng.uniform(25, 235) + rng.normal(0, 6, 3), 0, 255)
    hue, saturation, value = rng.uniform(0, 180), rng.uniform(30, 210), rng.uniform(50, 245)
    return cv2.cvtColor(np.uint8([[[hue, saturation, value]]]), cv2.COLOR_HSV2BGR)[0, 0].astype(float)


def skin_colour(rng: np.random.Generator) -> np.ndarray:
    """A BGR skin tone from deep to fair, (3,) floats."""
    t = rng.random()
    return (1 - t) * np.array([45, 65, 100]) + t * np.array([180, 200, 235]) + rng.normal(0, 5, 3)


def shifted(colour: np.ndarray, rng: np.random.Generator, amount: float) -> np.ndarray:
    """A colour lighter or darker by about `amount` levels, away from the nearer end of the range."""
    sign = 1 if colour.mean() < 70 else -1 if colour.mean() > 190 else rng.choice([-1, 1])
    return np.clip(colour + sign * amount + rng.normal(0, 4, 3), 0, 255)


def cloth_tile(base: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A (TILE, TILE, 3) uint8 tile that repeats without a seam: plain, stripes, checks, dots, print or melange."""
    pattern = rng.choice(['plain', 'stripes', 'checks', 'dots', 'print', 'melange'],
                         p=[0.34, 0.2, 0.12, 0.1, 0.14, 0.1])
    accent = shifted(base, rng, rng.uniform(18, 110)) if rng.random() < 0.6 else random_colour(rng)
    tile = np.empty((TILE, TILE, 3), np.float32)
    tile[:] = base
    if pattern in ('stripes', 'checks'):
        for _ in range(rng.integers(1, 4)):
            start, width = rng.integers(0, TILE), rng.integers(2, 14)
            rows = np.arange(start, start + width) % TILE
            tile[rows] = 0.4 * tile[rows] + 0.6 * accent
            if pattern == 'checks':
                tile[:, rows] = 0.5 * tile[:, rows] + 0.5 * accent
    elif pattern == 'dots':
        radius = int(rng.integers(3, 8))
        for centre in ((8, 8), (24, 24)):
            cv2.circle(tile, centre, radius, accent.tolist(), -1, cv2.LINE_AA)
    elif pattern == 'print':
        for _ in range(rng.integers(4, 12)):
            colour = (accent if rng.random() < 0.5 else random_colour(rng)).tolist()
            centre, axes = rng.integers(0, TILE, 2), rng.integers(2, 8, 2)
            turn = rng.uniform(0, 180)
            for offset in np.ndindex(3, 3):  # wrap around the tile's edges
                where = centre + (np.array(offset) - 1) * TILE
                cv2.ellipse(tile, where.tolist(), axes.tolist(), turn, 0, 360, colour, -1)
    elif pattern == 'melange':
        tile += rng.normal(0, rng.uniform(8, 30), (TILE, TILE, 1))
    return np.clip(tile, 0, 255).astype(np.uint8)


def lay(tile: np.ndarray, size: tuple[int, int], period: float, angle: float) -> np.ndarray:
    """Cover a (w, h) picture with a tile, repeating every `period` pixels, turned by `angle` degrees."""
    radians = np.radians(angle)
    scale = TILE / period
    matrix = scale * np.array([[np.cos(radians), -np.sin(radians), 0], [np.sin(radians), np.cos(radians), 0]])
    return cv2.warpAffine(tile, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_WRAP)


def clouds(size: tuple[int, int], cells: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise in [0, 1], (H, W) float32, with about `cells` bumps across."""
    return np.clip(cv2.resize(rng.random((cells, cells), np.float32), size, interpolation=cv2.INTER_CUBIC), 0, 1)
