"""Where a garment's landmarks lie, and which are hidden: a point distribution model of real annotations.

Per category the model holds the mean shape, the principal modes of variation (Cootes et al., "Active Shape Models",
CVIU 1995) and how often each landmark is occluded. ``tools/fit_garment_shapes.py`` fits it; ``garment_shapes.json``
holds the numbers.

n: landmarks of one category, M: modes, P: left/right pairs of the category, 24: FashionAI's landmarks
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..metainfo.fashionai import CATEGORY_LANDMARKS, LANDMARKS

CATEGORIES = tuple(CATEGORY_LANDMARKS)
INDEX = {name: index for index, name in enumerate(LANDMARKS)}
MODEL_FILE = Path(__file__).with_name('garment_shapes.json')

MAX_SCORE = 2.0  # standard deviations along a mode; beyond it shapes fold over themselves
SMALLEST, LARGEST = 0.6, 1.4  # a garment's diagonal over the picture's shorter side
MARGIN = 0.03  # of the picture's shorter side, kept free around the landmarks


class ShapeModel(NamedTuple):
    """One category's shapes, centred on their bounding box and with a bounding-box diagonal of 1."""

    landmarks: tuple[int, ...]  # (n,) indices into the 24
    mean: np.ndarray  # (n, 2)
    modes: np.ndarray  # (M, n, 2), each one standard deviation long
    extent: tuple[float, float]  # mean and standard deviation of diagonal / longest side of a picture
    occluded: np.ndarray  # (n,) rate at which a landmark is occluded
    pair_occluded: np.ndarray  # (P,) rate at which both landmarks of a pair are


def left_right_pairs(category: str) -> tuple[tuple[int, int], ...]:
    """(left, right) landmark indices of a category, by their names, in the order of the left ones."""
    return tuple((index, INDEX[LANDMARKS[index].replace('left', 'right')])
                 for index in CATEGORY_LANDMARKS[category] if 'left' in LANDMARKS[index])


@functools.lru_cache(maxsize=None)
def load_models(path: Path = MODEL_FILE) -> dict[str, ShapeModel]:
    """Category -> ShapeModel, read once."""
    stored = json.loads(Path(path).read_text())
    return {
        category: ShapeModel(
            landmarks=tuple(CATEGORY_LANDMARKS[category]),
            mean=np.array(entry['mean']).reshape(-1, 2),
            modes=np.array(entry['modes']).reshape(len(entry['modes']), -1, 2),
            extent=tuple(entry['extent']),
            occluded=np.array(entry['occluded']),
            pair_occluded=np.array(entry['pair_occluded']))
        for category, entry in stored.items()
    }


def sample_shape(category: str, rng: np.random.Generator) -> np.ndarray:
    """A (24, 2) shape in the model's unit; NaN where the category has no landmark.

    Shapes that no cloth could take (sides swapped, a sleeve twisted) are drawn again.
    """
    model = load_models()[category]
    while True:
        scores = np.clip(rng.standard_normal(len(model.modes)), -MAX_SCORE, MAX_SCORE)
        shape = np.full((len(LANDMARKS), 2), np.nan)
        shape[list(model.landmarks)] = model.mean + np.tensordot(scores, model.modes, axes=1)
        if is_plausible(shape):
            return shape


def is_plausible(shape: np.ndarray) -> bool:
    """Whether a (24, 2) shape is a garment that can be drawn. A comparison with NaN is false: no landmark, no fault."""
    def x(name):
        return shape[INDEX[name], 0]

    def y(name):
        return shape[INDEX[name], 1]

    def apart(first, second):
        return np.linalg.norm(shape[INDEX[first]] - shape[INDEX[second]])

    swapped = any(x(f'{part}_right') - x(f'{part}_left') < 0.06
                  for part in ('neckline', 'shoulder', 'armpit', 'waistline', 'top_hem', 'waistband', 'hemline'))
    crushed = any(apart(f'{part}_{side}_in', f'{part}_{side}_out') < width
                  for part, width in (('cuff', 0.035), ('bottom', 0.05)) for side in ('left', 'right'))
    twisted = any(_cross(*(shape[INDEX[name]] for name in (f'shoulder_{side}', f'cuff_{side}_out',
                                                          f'armpit_{side}', f'cuff_{side}_in')))
                  for side in ('left', 'right'))
    upside_down = any(
        y(upper.format(side)) > y(lower.format(side)) - gap
        for side in ('left', 'right')
        for upper, lower, gap in (
            ('neckline_{}', 'center_front', 0.01), ('shoulder_{}', 'armpit_{}', 0.06),
            ('armpit_{}', 'waistline_{}', 0.04), ('armpit_{}', 'top_hem_{}', 0.2),
            ('waistline_{}', 'top_hem_{}', 0.1), ('waistline_{}', 'hemline_{}', 0.2),
            ('waistband_{}', 'hemline_{}', 0.2), ('waistband_{}', 'crotch', 0.1), ('crotch', 'bottom_{}_in', 0.08)))
    return not (swapped or crushed or twisted or upside_down)


def _cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    """Whether the segments ab and cd intersect."""
    def side(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def sample_hidden(category: str, rng: np.random.Generator) -> np.ndarray:
    """(24,) booleans: which landmarks something shall cover, at the real rates.

    The two sides of a pair are drawn together, since in real pictures they are often hidden together (both waistbands
    under one pullover); different pairs are close to independent there and are drawn so.
    """
    model = load_models()[category]
    rate = dict(zip(model.landmarks, model.occluded))
    hidden = np.zeros(len(LANDMARKS), dtype=bool)
    paired = set()
    for (left, right), both in zip(left_right_pairs(category), model.pair_occluded):
        draw = rng.random()
        hidden[left] = draw < rate[left]
        hidden[right] = draw < both or rate[left] <= draw < rate[left] + rate[right] - both
        paired.update((left, right))
    for index in set(model.landmarks) - paired:
        hidden[index] = rng.random() < rate[index]
    return hidden


def cross_limbs(shape: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fold the sleeves over the body, or cross the legs: left and right ends come to lie side by side."""
    shape = shape.copy()
    kind = 'cuff' if np.isfinite(shape[INDEX['cuff_left_in'], 0]) else 'bottom'
    ends = {side: [INDEX[f'{kind}_{side}_in'], INDEX[f'{kind}_{side}_out']] for side in ('left', 'right')}
    if np.isnan(shape[ends['left'][0], 0]):
        return shape
    middle = {side: shape[ends[side]].mean(axis=0) for side in ends}
    centre = (middle['left'][0] + middle['right'][0]) / 2
    if kind == 'bottom':
        reach = rng.uniform(0.5, 1.3) * (middle['right'][0] - middle['left'][0]) / 2
        shape[ends['left'], 0] += reach
        shape[ends['right'], 0] -= reach
        return shape
    armpit = np.nanmean(shape[[INDEX['armpit_left'], INDEX['armpit_right']], 1])
    for side, sign in (('left', 1), ('right', -1)):
        width = np.linalg.norm(np.subtract(*shape[ends[side]]))
        target = np.array([centre - sign * rng.uniform(-0.06, 0.08), armpit + rng.uniform(0.12, 0.26)])
        tilt = rng.uniform(-0.5, 0.5)  # the forearm lies level, so the inner end of its cuff is the upper one
        across = width / 2 * np.array([sign * np.sin(tilt), -np.cos(tilt)])
        shape[ends[side]] = target + across, target - across
    return shape


def place(shape: np.ndarray, extent: tuple[float, float], size: tuple[int, int], rng: np.random.Generator,
          smallest: float = SMALLEST) -> np.ndarray:
    """Turn, scale and move a (24, 2) shape into a picture of size (w, h): whole pixels, all inside.

    A shape too large for the picture is made smaller; no single point is ever moved by itself.
    """
    width, height = size
    margin = MARGIN * min(size)
    turn = np.clip(rng.normal(0, 5), -14, 14) * np.pi / 180
    shape = shape @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    low, high = np.nanmin(shape, axis=0), np.nanmax(shape, axis=0)
    room = np.array([width, height]) - 1 - 2 * margin
    scale = np.clip(rng.normal(*extent), smallest, LARGEST) * min(size)
    scale = min(scale, (room / (high - low)).min() * rng.uniform(0.85, 1))
    slack = room - scale * (high - low)
    corner = margin + slack * rng.beta(2, 2, 2)
    return np.rint((shape - low) * scale + corner)
