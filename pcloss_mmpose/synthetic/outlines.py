"""From landmarks to the pieces of a garment: smooth closed outlines whose corners are the landmarks.

Outlines run clockwise as seen on the screen, so a positive bend swells outward.
n: points of a polygon or line
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .shapes import INDEX

SIDES = (('left', -1), ('right', 1))  # with the sign of the outward direction
STEPS = 10  # points of a curve
BERNSTEIN = np.array([[(1 - t)**2, 2 * t * (1 - t), t**2] for t in np.arange(STEPS) / STEPS])


class Part(NamedTuple):
    """One piece of cloth; parts are drawn in order."""

    outline: np.ndarray  # (n, 2) closed, STEPS points for each corner
    corners: tuple[str, ...]  # their names in the outline's order: landmarks, and what has no landmark
    landmarks: tuple[int, ...]  # which it shows; it hides any other landmark that it covers
    angle: float  # of the cloth's weave, degrees
    trims: list[np.ndarray]  # narrow bands: collar, cuff, hem, waistband, belt
    seams: list[np.ndarray]  # thin lines: armhole, placket, fly, pleats
    opening: list[np.ndarray]  # where other clothes show through

    def edge(self, start: str, end: str) -> np.ndarray:
        """The outline from one corner to another, (n, 2) with both ends, by the way that has fewer corners."""
        first, last = (self.corners.index(name) for name in (start, end))
        forward = (last - first) % len(self.corners)
        step = 1 if 2 * forward <= len(self.corners) else -1
        count = min(forward, len(self.corners) - forward) * STEPS + 1
        return self.outline[(first * STEPS + step * np.arange(count)) % len(self.outline)]


class Garment(NamedTuple):
    """The inside of the neck opening, if there is one, and the pieces over it."""

    lining: list[np.ndarray]
    parts: list[Part]
    fronts: tuple[np.ndarray, ...] = ()  # left and right edge of an outwear's front, (n, 2) from the neck to the hem


def curve(start: np.ndarray, end: np.ndarray, bend: float = 0.0) -> np.ndarray:
    """A quadratic Bezier curve, (STEPS, 2) without its end; `bend` is the bow's height in units of the chord."""
    chord = end - start
    control = (start + end) / 2 + 2 * bend * np.array([chord[1], -chord[0]])
    return BERNSTEIN @ np.stack([start, control, end])


def line(start: np.ndarray, end: np.ndarray, bend: float = 0.0) -> np.ndarray:
    """An open curve that includes its end."""
    return np.concatenate([curve(start, end, bend), end[None]])


def ring(*corners_and_bends) -> np.ndarray:
    """A closed outline from corners, each followed by the bend of the edge that leaves it."""
    corners, bends = corners_and_bends[::2], corners_and_bends[1::2]
    return np.concatenate([curve(a, b, bend) for a, b, bend in zip(corners, corners[1:] + corners[:1], bends)])


def band(start: np.ndarray, end: np.ndarray, depth: np.ndarray, bend: float = 0.0) -> np.ndarray:
    """A strip of cloth between a curve and the same curve moved by the vector `depth`."""
    edge = line(start, end, bend)
    return np.concatenate([edge, edge[::-1] + depth])


def along(edge: np.ndarray, share: float | np.ndarray) -> np.ndarray:
    """The point at a share of an edge's length, (..., 2)."""
    reached = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(edge, axis=0), axis=1))])
    where = np.asarray(share) * reached[-1]
    return np.stack([np.interp(where, reached, edge[:, axis]) for axis in (0, 1)], axis=-1)


def garment(category: str, shape: np.ndarray, rng: np.random.Generator) -> Garment:
    """Cut the pieces of a garment from its (24, 2) shape; `rng` chooses the cut (neck, hem, pleats, front)."""
    p = {name: shape[index] for name, index in INDEX.items()}
    if category == 'skirt':
        return Garment([], [_skirt(p, rng)])
    if category == 'trousers':
        return Garment([], _legs(p, rng))
    return _top(category, p, rng)


def _top(category: str, p: dict[str, np.ndarray], rng: np.random.Generator) -> Garment:
    hem_name = 'hemline' if category == 'dress' else 'top_hem'
    hem_left, hem_right = p[f'{hem_name}_left'], p[f'{hem_name}_right']
    neck_left, neck_right = p['neckline_left'], p['neckline_right']
    neck, foot = (neck_left + neck_right) / 2, (hem_left + hem_right) / 2
    down = (foot - neck) / np.linalg.norm(foot - neck)
    width = np.linalg.norm(neck_right - neck_left)
    front = neck + down * width * rng.uniform(0.5, 1.3) if category == 'outwear' else p['center_front']
    neck_bend = rng.choice([0.0, -0.12, -0.22])  # from a V to a round neck
    hem_bend, side_bend = rng.uniform(-0.02, 0.09), rng.uniform(-0.05, 0.03)

    right, left = ['armpit_right'], [f'{hem_name}_left']
    if category != 'blouse':
        right.append('waistline_right')
        left.append('waistline_left')
    corners = [neck_left, neck_bend, front, neck_bend, neck_right, 0.03, p['shoulder_right'], -0.12]
    for name in right:
        corners += [p[name], side_bend]
    corners += [hem_right, hem_bend]
    for name in left:
        corners += [p[name], side_bend]
    corners += [p['armpit_left'], -0.12, p['shoulder_left'], 0.03]
    corner_names = ('neckline_left', 'center_front', 'neckline_right', 'shoulder_right', *right, f'{hem_name}_right',
                    *left, 'armpit_left', 'shoulder_left')

    trims, seams, opening = [], [], []
    if rng.random() < 0.7:
        depth = down * width * rng.uniform(0.06, 0.16)
        trims += [band(neck_left, front, depth, neck_bend), band(front, neck_right, depth, neck_bend)]
    if rng.random() < 0.6:
        trims.append(band(hem_right, hem_left, -down * width * rng.uniform(0.08, 0.3), hem_bend))
    if category != 'blouse':
        waist = p['waistline_left'], p['waistline_right']
        half = down * width * rng.uniform(0.08, 0.16)
        if rng.random() < 0.5:
            trims.append(band(waist[0] - half, waist[1] - half, 2 * half, -0.03))
        else:
            seams.append(line(*waist, -0.03))
        if category == 'dress' and rng.random() < 0.5:
            seams += _pleats(waist, (hem_left, hem_right), rng)
    if category == 'outwear':
        middle = foot + (hem_right - hem_left) * rng.uniform(-0.06, 0.06)
        if rng.random() < 0.5:
            gap = (hem_right - hem_left) * rng.uniform(0.06, 0.22)
            opening.append(ring(front, -0.02, middle + gap, 0.0, middle - gap, -0.02))
        else:
            seams.append(line(front, middle))
        lapel = width * rng.uniform(0.3, 0.6)
        for corner, (_, sign) in zip((neck_left, neck_right), SIDES):
            out = sign * lapel * np.array([down[1], -down[0]])
            trims.append(ring(corner, 0.0, corner + 0.8 * out + lapel * down, 0.0, front + 0.4 * out, 0.0, front, 0.0))
    elif rng.random() < 0.3:
        seams.append(line(front, front + (foot - front) * rng.choice([0.3, 0.5, 1.0])))

    body = Part(ring(*corners), corner_names, _indices(corner_names), direction(neck, foot), trims, seams, opening)
    lining = ring(neck_left, rng.uniform(0.0, 0.12), neck_right, -neck_bend, front, -neck_bend)
    sleeves = [_sleeve(p, side, sign, rng) for side, sign in _back_to_front(rng)
               if np.isfinite(p[f'cuff_{side}_in'][0])]
    return Garment([lining], [body, *sleeves])


def _sleeve(p: dict[str, np.ndarray], side: str, sign: int, rng: np.random.Generator) -> Part:
    """The right sleeve runs clockwise through shoulder, outer, inner, armpit; the left one is its mirror image."""
    shoulder, armpit = p[f'shoulder_{side}'], p[f'armpit_{side}']
    inner, outer = p[f'cuff_{side}_in'], p[f'cuff_{side}_out']
    top, cuff = (shoulder + armpit) / 2, (inner + outer) / 2
    span = np.linalg.norm(p['armpit_right'] - p['armpit_left'])
    length = np.linalg.norm(cuff - top)
    bend = rng.uniform(0.0, 0.03)
    if length > 0.5 * span:  # long enough to show the elbow
        is_folded = sign * (armpit - cuff)[0] > 0.1 * span
        bend = rng.uniform(0.2, 0.3) if is_folded else rng.uniform(0.0, 0.1)
    outline = ring(shoulder, sign * bend, outer, sign * 0.04, inner, -sign * bend * rng.uniform(0.6, 0.9), armpit, 0.0)
    depth = (top - cuff) / (length + 1) * np.linalg.norm(outer - inner) * rng.uniform(0.1, 0.4)
    corners = (f'shoulder_{side}', f'cuff_{side}_out', f'cuff_{side}_in', f'armpit_{side}')
    return Part(outline, corners, _indices(corners), direction(top, cuff),
                [band(outer, inner, depth, sign * 0.04)] if rng.random() < 0.7 else [],
                [line(shoulder, armpit, -sign * 0.1)], [])


def _skirt(p: dict[str, np.ndarray], rng: np.random.Generator) -> Part:
    waist, hem = (p['waistband_left'], p['waistband_right']), (p['hemline_left'], p['hemline_right'])
    side_bend, waist_bend, hem_bend = rng.uniform(-0.04, 0.1), rng.uniform(-0.06, 0.04), rng.uniform(0.0, 0.12)
    drop = (sum(hem) - sum(waist)) / 2
    trims = [band(*waist, drop * rng.uniform(0.05, 0.13), waist_bend)]
    if rng.random() < 0.4:
        trims.append(band(hem[1], hem[0], -drop * rng.uniform(0.04, 0.12), hem_bend))
    outline = ring(waist[0], waist_bend, waist[1], side_bend, hem[1], hem_bend, hem[0], side_bend)
    corners = ('waistband_left', 'waistband_right', 'hemline_right', 'hemline_left')
    seams = _pleats(waist, hem, rng) if rng.random() < 0.6 else []
    return Part(outline, corners, _indices(corners), direction(sum(waist), sum(hem)), trims, seams, [])


def _legs(p: dict[str, np.ndarray], rng: np.random.Generator) -> list[Part]:
    waist_left, waist_right, crotch = p['waistband_left'], p['waistband_right'], p['crotch']
    middle = (waist_left + waist_right) / 2
    waist_bend, hip, inseam = rng.uniform(-0.06, 0.04), rng.uniform(0.0, 0.07), rng.uniform(-0.03, 0.03)
    turn_up = rng.uniform(0.02, 0.07) if rng.random() < 0.7 else 0
    drop = (crotch - middle) * rng.uniform(0.12, 0.22)
    legs = []
    for side, sign in _back_to_front(rng):
        waist, inner, outer = p[f'waistband_{side}'], p[f'bottom_{side}_in'], p[f'bottom_{side}_out']
        outline = ring(middle, sign * waist_bend, waist, sign * hip, outer, sign * 0.03, inner, sign * inseam,
                       crotch, 0.0)
        trims = [band(waist, middle, drop)]
        if turn_up:
            trims.append(band(outer, inner, (waist - outer) * turn_up, sign * 0.03))
        pocket = waist + drop + 0.25 * (middle - waist)
        seams = [line(middle + drop, crotch), line(pocket, waist + (outer - waist) * 0.22)]
        corners = ('waist', f'waistband_{side}', f'bottom_{side}_out', f'bottom_{side}_in', 'crotch')
        shown = ('waistband_left', 'waistband_right', 'crotch', f'bottom_{side}_in', f'bottom_{side}_out')
        legs.append(Part(outline, corners, _indices(shown), direction(waist, (inner + outer) / 2), trims, seams, []))
    return legs


def _pleats(top: tuple, bottom: tuple, rng: np.random.Generator) -> list[np.ndarray]:
    where = np.linspace(0, 1, rng.integers(4, 11))[1:-1]
    return [line(top[0] + t * (top[1] - top[0]), bottom[0] + t * (bottom[1] - bottom[0])) for t in where]


def _back_to_front(rng: np.random.Generator) -> tuple:
    """The two sides; either may lie over the other."""
    return SIDES if rng.random() < 0.5 else SIDES[::-1]


def direction(start: np.ndarray, end: np.ndarray) -> float:
    """Degrees from the vertical."""
    return float(np.degrees(np.arctan2(end[0] - start[0], end[1] - start[1])))


def _indices(names) -> tuple[int, ...]:
    return tuple(INDEX[name] for name in names)
