"""Things in front of the garment: hair, arms, bags, straps, other clothes and the garment's own folds.

n: points of an outline; 24: FashionAI's landmarks
"""

from __future__ import annotations

from typing import Iterable, NamedTuple

import cv2
import numpy as np

from .canvas import Canvas, capsule, contains
from .scene import Wearer
from .shapes import INDEX, LANDMARKS
from .textures import TILE, cloth_tile, random_colour, shifted

COVER = 4.0  # units by which an occluder reaches beyond the landmark that it hides
CLEAR = 4.0  # units that it keeps from the landmarks that shall stay visible
ATTEMPTS = 8

KINDS = {  # what hides a landmark, by the first word of its name
    'neckline': ('hair', 'hair', 'strap', 'arm', 'cloth'),
    'center': ('hair', 'arm', 'bag', 'cloth'),
    'shoulder': ('hair', 'hair', 'strap', 'arm', 'cloth'),
    'armpit': ('fold', 'fold', 'arm', 'bag'),
    'waistline': ('arm', 'arm', 'bag', 'fold'),
    'cuff': ('bag', 'fold', 'cloth', 'arm'),
    'top': ('arm', 'bag', 'cloth'),
    'waistband': ('arm', 'cloth', 'bag', 'cloth'),
    'hemline': ('bag', 'arm', 'cloth'),
    'crotch': ('bag', 'arm', 'cloth'),
    'bottom': ('bag', 'cloth', 'arm'),
}


class Occluder(NamedTuple):
    outline: np.ndarray  # (n, 2)
    tile: np.ndarray  # its cloth, hair or skin
    angle: float


def cover(canvas: Canvas, shape: np.ndarray, hidden: np.ndarray, tile: np.ndarray, wearer: Wearer | None,
          rng: np.random.Generator) -> list[np.ndarray]:
    """Draw something over each hidden landmark, and over no other where that can be had.

    Args:
        shape: (24, 2) pixels. hidden: (24,) booleans. tile: the garment's own cloth. wearer: None without a person.

    Returns:
        The outlines of what was drawn, (n, 2) each.
    """
    drawn = []
    defined = np.isfinite(shape[:, 0])
    if hidden[INDEX['waistband_left']] and hidden[INDEX['waistband_right']]:
        drawn.append(_draw(canvas, _pullover(shape, rng)))
    for index in np.flatnonzero(hidden & defined):
        if not is_under(drawn, shape[index], canvas.unit):
            drawn.append(_draw(canvas, _fitting(canvas, shape, index, defined & ~hidden, tile, wearer, rng)))
    return drawn


def is_under(outlines: Iterable[np.ndarray], point: np.ndarray, edge: float = 0.) -> bool:
    """Whether a point lies inside one of the outlines, or less than `edge` pixels outside."""
    return bool(np.isfinite(point[0])) and any(contains(outline, point) > -edge for outline in outlines)


def _draw(canvas: Canvas, occluder: Occluder) -> np.ndarray:
    canvas.shadow(occluder.outline, 0.15)
    canvas.cloth(occluder.outline, occluder.tile, 30, occluder.angle)
    return occluder.outline


def _fitting(canvas: Canvas, shape: np.ndarray, index: int, shown: np.ndarray, tile: np.ndarray,
             wearer: Wearer | None, rng: np.random.Generator) -> Occluder:
    """Propose occluders, smaller each time, until one hides the landmark alone; a small patch is the last resort."""
    cloth = _own_fold(tile, rng)
    size = np.linalg.norm(np.nanmax(shape, axis=0) - np.nanmin(shape, axis=0))
    kinds = KINDS[LANDMARKS[index].split('_')[0]]
    for attempt in range(ATTEMPTS):
        kind = rng.choice(kinds)
        occluder = _propose(kind, shape[index], size * 0.85**attempt, cloth, wearer, rng)
        if contains(occluder.outline, shape[index]) > COVER * canvas.unit and all(
                contains(occluder.outline, point) < -CLEAR * canvas.unit for point in shape[shown]):
            return occluder
    return Occluder(_blob(shape[index], 1.8 * COVER * canvas.unit + 1, rng), cloth, 0)


def _propose(kind: str, target: np.ndarray, size: float, own: np.ndarray,
             wearer: Wearer | None, rng: np.random.Generator) -> Occluder:
    """One occluder of a kind over `target`; `size` is the diagonal of the garment that it belongs to."""
    skin = wearer.skin if wearer else random_colour(rng)
    if kind == 'hair':
        hair = _flat(wearer.hair if wearer else random_colour(rng))
        hair[:, ::3] = hair[:, ::3] * 0.7
        top = target + size * np.array([rng.uniform(-0.04, 0.04), -rng.uniform(0.12, 0.25)])
        end = target + size * np.array([rng.uniform(-0.03, 0.03), rng.uniform(0.04, 0.2)])
        return Occluder(_strand(top, end, size * rng.uniform(0.03, 0.06), rng), hair, 0)
    if kind == 'arm':
        away = rng.uniform(0, 2 * np.pi)
        along = np.array([np.cos(away), np.sin(away)])
        radius = size * rng.uniform(0.03, 0.05)
        hand, elbow = target - along * size * rng.uniform(0.0, 0.05), target + along * size * rng.uniform(0.2, 0.4)
        return Occluder(capsule(hand, elbow, radius, 1.25 * radius), _flat(skin), 0)
    if kind == 'strap':
        along = np.array([rng.uniform(-0.5, 0.5), 1.0])
        radius = size * rng.uniform(0.02, 0.03)
        end = target + along * size * rng.uniform(0.2, 0.5)
        return Occluder(capsule(target - along * size * 0.1, end, radius, radius), _other_cloth(rng), 45)
    if kind == 'bag':
        sides = size * rng.uniform(0.1, 0.25, 2)
        angle = rng.uniform(-25, 25)
        middle = target + rng.uniform(-0.3, 0.3, 2) * sides
        return Occluder(cv2.boxPoints((middle.tolist(), sides.tolist(), angle)), _other_cloth(rng), angle)
    if kind == 'fold':
        along = np.array([rng.uniform(-0.7, 0.7), 1.0])
        radius = size * rng.uniform(0.025, 0.05)
        upper, lower = target - along * size * rng.uniform(0.0, 0.04), target + along * size * rng.uniform(0.04, 0.2)
        return Occluder(capsule(upper, lower, radius, radius * rng.uniform(0.5, 1.2)), own, rng.uniform(-30, 30))
    radius = size * rng.uniform(0.06, 0.14)
    return Occluder(_blob(target + rng.uniform(-0.4, 0.4, 2) * radius, radius, rng), _other_cloth(rng), 0)


def _pullover(shape: np.ndarray, rng: np.random.Generator) -> Occluder:
    """The top worn over a waistband, from above it to below."""
    left, right = shape[INDEX['waistband_left']], shape[INDEX['waistband_right']]
    across = right - left
    down = np.array([-across[1], across[0]])
    reach, height = rng.uniform(0.15, 0.3), rng.uniform(0.5, 1.2)
    sag = rng.uniform(0.0, 0.15) * down
    bottom = [left - 0.16 * across + reach * down, (left + right) / 2 + reach * down + sag,
              right + 0.16 * across + reach * down]
    top = [right + 0.2 * across - height * down, left - 0.2 * across - height * down]
    return Occluder(np.array(bottom + top), _other_cloth(rng), rng.uniform(-5, 5))


def _blob(centre: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """A round outline with a few gentle waves, nowhere narrower than 0.75 of its radius."""
    t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    waves = sum(rng.uniform(-0.08, 0.08) * np.sin(k * t + rng.uniform(0, 2 * np.pi)) for k in (1, 2, 3))
    return centre + radius * (1 + waves)[:, None] * np.stack([np.cos(t), np.sin(t)], axis=1)


def _strand(start: np.ndarray, end: np.ndarray, half_width: float, rng: np.random.Generator) -> np.ndarray:
    """A wavy lock that tapers towards its end."""
    t = np.linspace(0, 1, 12)
    wave = 0.5 * half_width * np.sin(2 * np.pi * t * rng.uniform(0.7, 1.5) + rng.uniform(0, 6))
    spine = start + t[:, None] * (end - start) + wave[:, None] * np.array([1, 0])
    width = (half_width * np.sqrt(1.02 - t))[:, None] * np.array([1, 0])
    return np.concatenate([spine + width, (spine - width)[::-1]])


def _other_cloth(rng: np.random.Generator) -> np.ndarray:
    return cloth_tile(random_colour(rng), rng)


def _own_fold(tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same cloth in another light, as a fold of it is."""
    mean = tile.reshape(-1, 3).mean(axis=0)
    return np.clip(tile + (shifted(mean, rng, rng.uniform(20, 40)) - mean), 0, 255).astype(np.uint8)


def _flat(colour: np.ndarray) -> np.ndarray:
    tile = np.empty((TILE, TILE, 3), np.uint8)
    tile[:] = np.clip(colour, 0, 255)
    return tile
