"""Paint a garment into a scene that is as unkind as a photograph.

Everything is drawn back to front, and whatever is painted over a landmark hides it: the visibility that comes out is
read off the layers and is never a guess.

H, W: the picture's height and width; 24: FashionAI's landmarks
"""

from __future__ import annotations

from typing import Callable, NamedTuple, Sequence

import cv2
import numpy as np

from .canvas import Canvas, unit_of
from .difficulty import DIFFICULTIES, Difficulty
from .occluders import cover, is_under
from .outlines import Garment, garment
from .scene import drape, draw_background, draw_stray_cloth, draw_wearer
from .shapes import INDEX
from .textures import cloth_tile, random_colour, shifted

BLENDS_BY, STANDS_OUT_BY = (8, 22), 30  # levels of grey


class Item(NamedTuple):
    """A garment to be drawn."""

    category: str  # of FashionAI's five: what its wearer is dressed in
    body: np.ndarray  # (24, 2) pixels: what the wearer is drawn by
    shape: np.ndarray  # (24, 2) pixels: what occluders hide and leave alone; NaN where there is no landmark
    hidden: np.ndarray  # (24,) booleans: to be covered by something
    cut: Callable[[np.random.Generator], Garment]


class Picture(NamedTuple):
    image: np.ndarray  # (H, W, 3) BGR uint8
    cuts: list[Garment]  # of the items
    occluders: list[np.ndarray]  # outlines in front of them, (n, 2) each
    is_worn: bool  # by a person or a dummy


def render(category: str, shape: np.ndarray, hidden: np.ndarray, size: tuple[int, int],
           rng: np.random.Generator, difficulty: Difficulty = DIFFICULTIES['hard']) -> tuple[np.ndarray, np.ndarray]:
    """Draw one garment.

    Args:
        category: one of FashionAI's five.
        shape: (24, 2) pixels, x then y, NaN where the category has no landmark.
        hidden: (24,) booleans, the landmarks to be covered by something. Nothing else in the picture depends on it.
        size: (w, h) pixels.
        rng: the only source of randomness.
        difficulty: how often the scene misleads.

    Returns:
        BGR image (H, W, 3) uint8, and visibility (24,): -1 not defined, 0 covered, 1 visible. A landmark that was not
        asked to be hidden is 0 as well where another part of the garment or a large occluder lies over it.
    """
    item = Item(category, shape, shape, hidden, lambda scene_rng: garment(category, shape, scene_rng))
    picture = draw([item], size, rng, difficulty)
    covered = self_covered(picture.cuts[0], shape)
    covered |= [is_under(picture.occluders, point, unit_of(size)) for point in shape]
    return picture.image, np.where(np.isnan(shape[:, 0]), -1, np.where(covered, 0, 1))


def draw(items: Sequence[Item], size: tuple[int, int], rng: np.random.Generator, difficulty: Difficulty) -> Picture:
    """Draw one garment, or a top and what is worn below it, in this order; the second lies behind the first."""
    scene_rng, occluder_rng, camera_rng = (np.random.default_rng(seed) for seed in rng.integers(2**62, size=3))
    canvas = Canvas(size, scene_rng)
    draw_background(canvas, scene_rng, difficulty.background)
    cuts, tiles, periods = [], [], []
    for item in items:
        cuts.append(item.cut(scene_rng))
        tiles.append(cloth_tile(_garment_colour(canvas, item.shape, scene_rng, difficulty.weak_outline), scene_rng))
        periods.append(scene_rng.uniform(12, 50))
    draw_stray_cloth(canvas, cuts[0], tiles[0], periods[0], scene_rng, difficulty)
    first, *others = items
    below = (others[0].category, others[0].body) if others else None
    has_sleeves = np.isfinite(first.shape[INDEX['cuff_left_in'], 0])
    wearer = draw_wearer(canvas, first.category, first.body, cuts[0], tiles[0], scene_rng, below, has_sleeves)
    for item, cut, tile, period in reversed(list(zip(items, cuts, tiles, periods))):
        _crease(canvas, item.shape, scene_rng)
        drape(canvas, cut, tile, period, scene_rng)
    occluders = [outline for item, tile in zip(items, tiles)
                 for outline in cover(canvas, item.shape, item.hidden, tile, wearer, occluder_rng)]
    return Picture(_photograph(canvas.image, canvas.unit, camera_rng), cuts, occluders, wearer is not None)


def self_covered(cut: Garment, shape: np.ndarray) -> np.ndarray:
    """(24,) booleans: landmarks of one part that a later part lies over, such as a hem under a sleeve."""
    covered = np.zeros(len(shape), dtype=bool)
    for number, part in enumerate(cut.parts):
        for later in cut.parts[number + 1:]:
            for index in set(part.landmarks) - set(later.landmarks):
                covered[index] |= is_under([later.outline], shape[index])
    return covered


def _garment_colour(canvas: Canvas, shape: np.ndarray, rng: np.random.Generator, weak_outline: float) -> np.ndarray:
    inside = np.clip(shape, 0, np.array(canvas.size) - 1)
    low, high = np.nanmin(inside, axis=0).astype(int), np.nanmax(inside, axis=0).astype(int)
    behind = canvas.image[low[1]:high[1] + 1, low[0]:high[0] + 1].mean(axis=(0, 1))
    if rng.random() < weak_outline:
        return shifted(behind, rng, rng.uniform(*BLENDS_BY))
    colour = random_colour(rng)
    return colour if np.abs(colour - behind).max() > STANDS_OUT_BY else shifted(behind, rng, 2 * STANDS_OUT_BY)


def _crease(canvas: Canvas, shape: np.ndarray, rng: np.random.Generator) -> None:
    """Add soft folds to the light where the garment hangs."""
    low, high = np.nanmin(shape, axis=0), np.nanmax(shape, axis=0)
    folds = np.zeros_like(canvas.light)
    for _ in range(rng.integers(2, 12)):
        start = rng.uniform(low, high)
        end = start + rng.normal(0, 0.18, 2) * (high - low)
        cv2.line(folds, start.astype(int).tolist(), end.astype(int).tolist(), rng.uniform(-0.5, 0.4),
                 max(1, round(rng.uniform(1, 5) * canvas.unit)))
    canvas.light += cv2.blur(folds, (max(1, round(7 * canvas.unit)),) * 2)


def _photograph(image: np.ndarray, unit: float, rng: np.random.Generator) -> np.ndarray:
    """Focus, exposure, colour cast and sensor noise."""
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.1) * unit + 0.05)
    levels = np.arange(256)[:, None] / 255
    gamma, lift = rng.uniform(0.75, 1.3), rng.uniform(0, 25)
    gain = rng.uniform(0.75, 1.1) * rng.uniform(0.94, 1.06, 3)
    table = np.clip(lift + (255 - lift) * gain * levels**gamma, 0, 255).astype(np.uint8)
    image = cv2.LUT(image, table[:, None])
    strength = int(rng.integers(0, 14))
    noise = rng.integers(0, 2 * strength + 1, image.shape, dtype=np.uint8)
    return cv2.addWeighted(image, 1, noise, 1, -strength)
