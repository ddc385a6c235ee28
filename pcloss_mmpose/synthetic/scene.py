"""What stands behind the garment: a room, other clothes that resemble it, and the person who wears it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from .canvas import Canvas
from .difficulty import Difficulty
from .outlines import Garment, Part, garment
from .shapes import CATEGORIES, INDEX, load_models, place, sample_shape
from .textures import cloth_tile, lay, random_colour, shifted, skin_colour

CHEST = ('neckline_left', 'neckline_right', 'shoulder_right', 'armpit_right', 'armpit_left', 'shoulder_left')


class Wearer(NamedTuple):
    skin: np.ndarray  # (3,) BGR
    hair: np.ndarray  # (3,) BGR


def draw_background(canvas: Canvas, rng: np.random.Generator, shares: tuple[float, float, float]) -> None:
    """A studio, a room or a heap of clutter, sharp or out of focus."""
    width, height = canvas.size
    wall = random_colour(rng)
    kind = rng.choice(['studio', 'room', 'clutter'], p=shares)
    canvas.image[:] = wall
    if kind == 'room':
        period = rng.uniform(20, 90) * canvas.unit
        canvas.image[:] = lay(cloth_tile(wall, rng), canvas.size, period, rng.uniform(-10, 10))
    if kind != 'studio' or rng.random() < 0.4:
        floor = rng.uniform(0.6, 0.95) * height
        colour = shifted(wall, rng, rng.uniform(8, 60))
        cv2.rectangle(canvas.image, (0, int(floor)), (width, height), colour.tolist(), -1)
    for _ in range(rng.integers(10, 45) if kind == 'clutter' else rng.integers(0, 5)):
        clutter(canvas, rng)
    canvas.image[:] = cv2.multiply(canvas.image, cv2.merge([canvas.light] * 3), dtype=cv2.CV_8U)
    if rng.random() < 0.5:
        canvas.image[:] = cv2.GaussianBlur(canvas.image, (0, 0), rng.uniform(0.5, 3.5) * canvas.unit + 0.1)


def clutter(canvas: Canvas, rng: np.random.Generator) -> None:
    """One thing: a tilted box, a bar or a ball."""
    centre = rng.uniform(0, 1, 2) * canvas.size
    long, short = np.sort(rng.gamma(2.0, 14.0, 2) + 3)[::-1] * canvas.unit
    angle = rng.normal(0, 12) + rng.choice([0, 90])
    colour = random_colour(rng)
    kind = rng.integers(3)
    if kind == 2:
        cv2.ellipse(canvas.image, centre.astype(int).tolist(), (int(long), int(short)), angle, 0, 360,
                    colour.tolist(), -1, cv2.LINE_AA)
        return
    box = cv2.boxPoints((centre.tolist(), (2 * long, 2 * short if kind else 4 * canvas.unit), angle))
    canvas.polygon(box, colour)
    if rng.random() < 0.5:
        canvas.stroke(box, shifted(colour, rng, 40), 1, closed=True)


def draw_stray_cloth(canvas: Canvas, cut: Garment, tile: np.ndarray, period: float, rng: np.random.Generator,
                     difficulty: Difficulty) -> None:
    """Invitations to outliers: other garments cut off by the picture's edge, and a stray piece of this one."""
    for _ in range(rng.choice([0, 1, 2], p=difficulty.others)):
        other_tile = tile if rng.random() < 0.4 else cloth_tile(random_colour(rng), rng)
        drape(canvas, _garment_at_the_edge(canvas.size, rng), other_tile, period, rng)
    if rng.random() < difficulty.stray_piece:
        drape(canvas, Garment([], [_stray_piece(cut, canvas.size, rng)]), tile, period, rng)


def _garment_at_the_edge(size: tuple[int, int], rng: np.random.Generator) -> Garment:
    category = rng.choice(CATEGORIES)
    shape = place(sample_shape(category, rng), load_models()[category].extent, size, rng) * rng.uniform(0.6, 1.0)
    angle = rng.uniform(0, 2 * np.pi)
    edge = np.array(size) * (0.5 + 0.55 * np.array([np.cos(angle), np.sin(angle)]))
    return garment(category, shape - np.nanmean(shape, axis=0) + edge, rng)


def _stray_piece(cut: Garment, size: tuple[int, int], rng: np.random.Generator) -> Part:
    """A sleeve, leg or body of the garment: smaller, turned, perhaps mirrored, anywhere."""
    piece = cut.parts[rng.integers(len(cut.parts))]
    turn = rng.uniform(-0.8, 0.8)
    matrix = rng.uniform(0.6, 1.0) * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    matrix[0] *= rng.choice([-1, 1])
    middle, target = piece.outline.mean(axis=0), rng.uniform(0, 1, 2) * size

    def moved(points):
        return (points - middle) @ matrix.T + target

    return piece._replace(outline=moved(piece.outline), trims=[moved(trim) for trim in piece.trims],
                          seams=[moved(seam) for seam in piece.seams], opening=[])


def drape(canvas: Canvas, cut: Garment, tile: np.ndarray, period: float, rng: np.random.Generator) -> None:
    """Paint a garment's parts in order."""
    base = tile.reshape(-1, 3).mean(axis=0)
    seam = shifted(base, rng, rng.uniform(18, 60))
    trim = tile if rng.random() < 0.4 else cloth_tile(shifted(base, rng, rng.uniform(10, 80)), rng)
    under = cloth_tile(random_colour(rng), rng)
    rim, shadow = rng.uniform(0.15, 0.45), rng.uniform(0.1, 0.5)
    outlined = rng.random() < 0.6
    for part in cut.parts:
        canvas.shadow(part.outline, shadow)
        canvas.cloth(part.outline, tile, period, part.angle, rim)
        if outlined:
            canvas.stroke(part.outline, seam, 0.7, closed=True)
        for outline in part.opening:
            canvas.cloth(outline, under, period, part.angle, rim)
            canvas.stroke(outline, seam, 1, closed=True)
        for outline in part.trims:
            canvas.cloth(outline, trim, period, part.angle + 90, rim)
            canvas.stroke(outline, seam, 0.7, closed=True)
        for points in part.seams:
            canvas.stroke(points, seam, 0.8)


def draw_wearer(canvas: Canvas, category: str, shape: np.ndarray, cut: Garment, tile: np.ndarray,
                rng: np.random.Generator, below: tuple[str, np.ndarray] | None = None,
                has_sleeves: bool = True) -> Wearer | None:
    """A person or a dummy behind the garment, or a hanger, or nothing; returns whose skin and hair they are.

    `below` is the category and the shape of a garment that is worn below a top. Without sleeves, a top shows the chest.
    """
    kind = rng.choice(['person', 'dummy', 'hanger', 'nothing'], p=[0.66, 0.14, 0.12, 0.08])
    person = Wearer(skin_colour(rng), rng.uniform(10, 90) * np.array([0.6, 0.8, 1.0]))
    if kind == 'dummy':
        person = person._replace(skin=np.full(3, rng.uniform(120, 240)))
    is_worn = kind in ('person', 'dummy')
    is_top = category in ('blouse', 'outwear', 'dress')
    p = {name: shape[index] for name, index in INDEX.items()}
    if is_worn and is_top:
        if below is None:
            _lower_body(canvas, p, category, person, rng)
        else:
            _feet(canvas, {name: below[1][index] for name, index in INDEX.items()}, below[0], person, rng)
        _hands(canvas, p, person)
    elif is_worn:
        _upper_body(canvas, p, person, rng)
        _feet(canvas, p, category, person, rng)
    elif kind == 'hanger' and is_top:
        _hanger(canvas, p)
    inside = shifted(tile.reshape(-1, 3).mean(axis=0), rng, 30) * 0.75
    for outline in cut.lining:
        canvas.polygon(outline, inside)
    if is_worn and is_top:
        if not has_sleeves:
            canvas.polygon(np.array([p[name] for name in CHEST]), person.skin)
        _head(canvas, p, person, rng, has_face=kind == 'person')
    return person if is_worn else None


def _hanger(canvas: Canvas, p: dict) -> None:
    neck = (p['neckline_left'] + p['neckline_right']) / 2
    up = np.array([0, -18 * canvas.unit])
    canvas.stroke(np.array([p['shoulder_left'], neck, p['shoulder_right']]), np.array([60, 90, 130]), 3)
    canvas.stroke(np.array([neck, neck + up, neck + up * 1.5 + [6 * canvas.unit, 0]]), np.array([120, 120, 120]), 2)


def _head(canvas: Canvas, p: dict, wearer: Wearer, rng: np.random.Generator, has_face: bool) -> None:
    neck = (p['neckline_left'] + p['neckline_right']) / 2
    across = p['shoulder_right'] - p['shoulder_left']
    span = np.linalg.norm(across)
    up = np.array([across[1], -across[0]]) / span
    width = np.linalg.norm(p['neckline_right'] - p['neckline_left'])
    head = neck + up * span * rng.uniform(0.5, 0.62)
    axes = span * 0.23, span * 0.31
    tilt = np.degrees(np.arctan2(across[1], across[0]))
    middle = (round(head[0]), round(head[1]))
    if has_face:
        cv2.ellipse(canvas.image, middle, (round(axes[0] * 1.25), round(axes[1] * 1.15)), tilt, 0, 360,
                    wearer.hair.tolist(), -1, cv2.LINE_AA)
    # the neck fills the opening down to the collar's front, which the garment then cuts to shape
    canvas.capsule(head, neck - up * 0.25 * width, wearer.skin * 0.93, min(0.3 * width, 0.18 * span),
                   min(0.36 * width, 0.25 * span))
    cv2.ellipse(canvas.image, middle, (round(axes[0]), round(axes[1])), tilt, 0, 360, wearer.skin.tolist(), -1,
                cv2.LINE_AA)
    if has_face:
        cv2.ellipse(canvas.image, middle, (round(axes[0] * 1.05), round(axes[1] * 1.05)), tilt, 190, 350,
                    wearer.hair.tolist(), -1, cv2.LINE_AA)


def _hands(canvas: Canvas, p: dict, wearer: Wearer) -> None:
    for side in ('left', 'right'):
        cuff = (p[f'cuff_{side}_in'] + p[f'cuff_{side}_out']) / 2
        width = np.linalg.norm(p[f'cuff_{side}_in'] - p[f'cuff_{side}_out'])
        top = (p[f'shoulder_{side}'] + p[f'armpit_{side}']) / 2
        along = (cuff - top) / (np.linalg.norm(cuff - top) + 1e-6)
        span = np.linalg.norm(p['armpit_right'] - p['armpit_left'])
        bare = max(0.25 * span, 1.5 * span - np.linalg.norm(cuff - top))
        canvas.capsule(cuff - along * 0.3 * width, cuff + along * bare, wearer.skin, 0.34 * width,
                       min(0.3 * width, 0.1 * span))


def _lower_body(canvas: Canvas, p: dict, category: str, wearer: Wearer, rng: np.random.Generator) -> None:
    """Bare legs under a dress; trousers or a skirt of another colour under a top."""
    hem = 'hemline' if category == 'dress' else 'top_hem'
    left, right = p[f'{hem}_left'], p[f'{hem}_right']
    neck = (p['neckline_left'] + p['neckline_right']) / 2
    middle = (left + right) / 2
    down = (middle - neck) / np.linalg.norm(middle - neck)
    span = np.linalg.norm(p['armpit_right'] - p['armpit_left'])
    across = np.array([down[1], -down[0]]) * span
    if category == 'dress':
        for sign in (-1, 1):
            hip = middle + sign * 0.22 * across
            canvas.capsule(hip - 0.3 * span * down, hip + 2.2 * span * down, wearer.skin, 0.17 * span, 0.1 * span)
        return
    waist, floor = middle - 0.4 * span * down, middle + span * down * rng.uniform(0.8, 2.5)
    flare = rng.uniform(0.35, 0.75)
    outline = np.array([waist - 0.42 * across, waist + 0.42 * across, floor + flare * across, floor - flare * across])
    tile = cloth_tile(random_colour(rng), rng)
    canvas.cloth(outline, tile, 30, 0)
    if rng.random() < 0.6:
        canvas.stroke(np.array([middle, floor]), shifted(tile.reshape(-1, 3).mean(axis=0), rng, 50), 3)


def _upper_body(canvas: Canvas, p: dict, wearer: Wearer, rng: np.random.Generator) -> None:
    """A shirt tucked into the waistband and two bare arms beside it."""
    left, right = p['waistband_left'], p['waistband_right']
    across = right - left
    up = np.array([across[1], -across[0]])
    tuck, chest = -0.15 * up, rng.uniform(0.9, 1.5) * up
    outline = np.array([left + 0.06 * across + tuck, left - 0.25 * across + chest, right + 0.25 * across + chest,
                        right - 0.06 * across + tuck])
    for start, sign in ((left, -1), (right, 1)):
        elbow = start + 0.55 * up + sign * across * rng.uniform(0.35, 0.6)
        hand = start - up * rng.uniform(-0.3, 0.8) + sign * across * rng.uniform(0.15, 0.5)
        canvas.capsule(start + chest + sign * 0.2 * across, elbow, wearer.skin, 0.13 * np.linalg.norm(up),
                       0.1 * np.linalg.norm(up))
        canvas.capsule(elbow, hand, wearer.skin, 0.1 * np.linalg.norm(up), 0.09 * np.linalg.norm(up))
    canvas.cloth(outline, cloth_tile(random_colour(rng), rng), 30, 0)


def _feet(canvas: Canvas, p: dict, category: str, wearer: Wearer, rng: np.random.Generator) -> None:
    """Bare legs below a skirt; feet or shoes below trousers."""
    shoe = random_colour(rng)
    if category == 'skirt':
        left, right = p['hemline_left'], p['hemline_right']
        down = (left + right - p['waistband_left'] - p['waistband_right']) / 2
        down = down / np.linalg.norm(down) * np.linalg.norm(p['waistband_right'] - p['waistband_left'])
        for t in (0.33, 0.67):
            hip = left + t * (right - left)
            canvas.capsule(hip - 0.3 * down, hip + 1.6 * down, wearer.skin, 0.2 * np.linalg.norm(down),
                           0.12 * np.linalg.norm(down))
        return
    for side in ('left', 'right'):
        inner, outer = p[f'bottom_{side}_in'], p[f'bottom_{side}_out']
        ankle, width = (inner + outer) / 2, np.linalg.norm(outer - inner)
        along = ankle - p['crotch']
        along = along / np.linalg.norm(along) * width
        canvas.capsule(ankle - 0.2 * along, ankle + 0.4 * along, wearer.skin, 0.3 * width, 0.25 * width)
        canvas.capsule(ankle + 0.4 * along, ankle + 0.6 * along, shoe, 0.3 * width, 0.3 * width)
