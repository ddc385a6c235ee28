"""DeepFashion2's 13 categories, cut from the garments that FashionAI's five categories are drawn with.

Sleeves and legs are shortened before a garment is placed in a picture, and its wearer keeps arms and legs. A vest is a
body without sleeves, whose shoulders end nearer to the neck. A sling ends below its shoulders, and hangs on two straps.

Landmarks are read off the outlines that are drawn. What the drawings do not have, these landmarks cannot show:

- The back of a neck is drawn above the line between the neck's ends. On a real garment it often hangs below.
- Straps are two straight bands of the garment's cloth, and the upper edge of a sling runs from one to the other.
- Outwear that is closed is drawn with one seam, on which its left and its right front lie.
- Every garment is seen from the front.

n: points; 24: FashionAI's landmarks; K: landmarks of one category of DeepFashion2
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..metainfo.deepfashion2 import PARTS
from .occluders import is_under
from .outlines import STEPS, Garment, Part, along, direction, garment, line, ring
from .shapes import INDEX, sample_shape

SIDES = ('left', 'right')
LINING = -1

#: The least and the greatest length: of sleeves in widths between the armpits, of legs in heights between waistband and
#: crotch. None: as long as the model draws it.
LENGTHS = {'long': (0.9, None), 'short': (0.3, 0.65), 'vest': (0.3, 0.65), 'sling': (0.3, 0.65),
           'trousers': (1.2, None), 'shorts': (0.35, 0.9)}
BARE = 0.1  # of the sleeve: a stub from which the wearer's arm hangs


class Style(NamedTuple):
    drawn_as: str  # one of FashionAI's five
    sleeves: str  # 'long', 'short', 'vest', 'sling', or '' below the waist


class Limb(NamedTuple):
    """A sleeve or a leg of a shape, its outer edge first."""

    roots: np.ndarray  # (2, 2) where it begins
    ends: list[int]  # indices of its two landmarks
    length: float  # in the unit of LENGTHS


class Mark(NamedTuple):
    """A landmark on a cut garment."""

    point: np.ndarray  # (2,) pixels
    part: int  # the number of the part that shows it; LINING, which lies behind them all


def style_of(category: str) -> Style:
    """What a category is drawn as."""
    if category in ('skirt', 'trousers', 'shorts'):
        return Style('skirt' if category == 'skirt' else 'trousers', '')
    kind = category.rsplit('_', 1)[-1]
    drawn_as = kind if kind in ('outwear', 'dress') else 'blouse'
    return Style(drawn_as, category.split('_')[0])


def sample_body(category: str, rng: np.random.Generator) -> np.ndarray:
    """A (24, 2) shape in the model's unit, with sleeves and legs as long as the category's.

    Those of a vest and a sling are a stub, from which an arm hangs. The bottoms of shorts are a hemline as well, below
    which legs are bare as below a skirt. A shape that is too short to be cut is drawn again.
    """
    drawn_as, sleeves = style_of(category)
    if drawn_as == 'skirt':
        return sample_shape(drawn_as, rng)
    least, most = LENGTHS[sleeves or category]
    while True:
        shape = sample_shape(drawn_as, rng)
        limbs = [_limb(shape, drawn_as, side) for side in SIDES]
        if min(limb.length for limb in limbs) >= least:
            break
    if most is None:
        return shape
    length = rng.uniform(least, most)
    for limb in limbs:
        share = BARE if sleeves in ('vest', 'sling') else min(1, length / limb.length)
        shape[limb.ends] = limb.roots + share * (shape[limb.ends] - limb.roots)
    if category == 'shorts':
        for side in SIDES:
            shape[INDEX[f'hemline_{side}']] = shape[INDEX[f'bottom_{side}_out']]
    return shape


def _limb(shape: np.ndarray, drawn_as: str, side: str) -> Limb:
    p = {name: shape[index] for name, index in INDEX.items()}
    if drawn_as == 'trousers':
        ends = [INDEX[f'bottom_{side}_out'], INDEX[f'bottom_{side}_in']]
        waist, crotch = p[f'waistband_{side}'], p['crotch']
        unit = np.linalg.norm(crotch - (p['waistband_left'] + p['waistband_right']) / 2)
        leg = np.linalg.norm(shape[ends[1]] - crotch)
        roots = np.stack([waist + unit / (unit + leg) * (shape[ends[0]] - waist), crotch])
    else:
        ends = [INDEX[f'cuff_{side}_out'], INDEX[f'cuff_{side}_in']]
        unit = np.linalg.norm(p['armpit_right'] - p['armpit_left'])
        roots = np.stack([p[f'shoulder_{side}'], p[f'armpit_{side}']])
    return Limb(roots, ends, float(np.linalg.norm((shape[ends] - roots).mean(axis=0)) / unit))


def undress(category: str, body: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The garment's own (24, 2) shape on a body that is in its place: a vest or a sling leaves shoulders bare.

    A sling's neckline is where it meets its straps, and its shoulders are the upper ends of the straps.
    """
    sleeves = style_of(category).sleeves
    shape = body.copy()
    if sleeves not in ('vest', 'sling'):
        return shape
    where, depth, dip = rng.uniform(0.3, 0.7), rng.uniform(0.35, 0.65), rng.uniform(0.1, 0.25)
    for side in SIDES:
        neck, shoulder, armpit = (INDEX[f'{name}_{side}'] for name in ('neckline', 'shoulder', 'armpit'))
        shape[shoulder] = body[neck] + where * (body[shoulder] - body[neck])
        if sleeves == 'sling':
            shape[neck] = shape[shoulder] + depth * (body[armpit] - body[shoulder])
        shape[[INDEX[f'cuff_{side}_in'], INDEX[f'cuff_{side}_out']]] = np.nan
    if sleeves == 'sling':
        left, right = shape[INDEX['neckline_left']], shape[INDEX['neckline_right']]
        across = right - left
        shape[INDEX['center_front']] = (left + right) / 2 + dip * np.array([-across[1], across[0]])
    return shape


def cut(category: str, shape: np.ndarray, rng: np.random.Generator) -> Garment:
    """Cut the pieces of a garment from its own (24, 2) shape in pixels."""
    drawn_as, sleeves = style_of(category)
    if sleeves == 'sling':
        return _sling(drawn_as, shape, rng)
    cloth = garment(drawn_as, shape, rng)
    return _with_front(cloth, rng) if drawn_as == 'outwear' else cloth


def _sling(drawn_as: str, shape: np.ndarray, rng: np.random.Generator) -> Garment:
    """A body from strap to strap, and a strap on each side, which is a band behind it."""
    bare = shape.copy()
    straps = []
    width = rng.uniform(0.02, 0.06) * np.linalg.norm(shape[INDEX['armpit_right']] - shape[INDEX['armpit_left']])
    for side in SIDES:
        top, foot = shape[INDEX[f'shoulder_{side}']], shape[INDEX[f'neckline_{side}']]
        bare[INDEX[f'shoulder_{side}']] = foot
        down = (foot - top) / np.linalg.norm(foot - top)
        half = width / 2 * np.array([down[1], -down[0]])
        outline = ring(top - half, 0.0, top + half, 0.0, foot + half + width * down, 0.0,
                       foot - half + width * down, 0.0)
        corners = (f'strap_{side}', f'strap_{side}_end', f'strap_{side}_foot', f'strap_{side}_foot_end')
        straps.append(Part(outline, corners, (), direction(top, foot), [], [], []))
    cloth = garment(drawn_as, bare, rng)
    return cloth._replace(parts=[*straps, *cloth.parts])


def _with_front(cloth: Garment, rng: np.random.Generator) -> Garment:
    """Outwear with a front that ends on its neckline and on its hem: open, or closed by a seam."""
    body, *sleeves = cloth.parts
    is_open = bool(body.opening)
    neck_left, neck_right = (body.edge(f'neckline_{side}', 'center_front') for side in SIDES)
    hem = body.edge('top_hem_left', 'top_hem_right')
    middle, gap = 0.5 + rng.uniform(-0.06, 0.06), rng.uniform(0.06, 0.22) if is_open else 0.0
    top = rng.integers(STEPS // 2, STEPS - 1) if is_open else STEPS  # a point of the neckline's edges
    fronts = tuple(line(neck[top], along(hem, middle + sign * gap))
                   for neck, sign in ((neck_left, -1), (neck_right, 1)))
    if not is_open:
        body = body._replace(seams=[*body.seams[:-1], fronts[0]])
        return cloth._replace(parts=[body, *sleeves], fronts=fronts)
    across = along(hem, np.linspace(middle + gap, middle - gap, STEPS))
    opening = np.concatenate([neck_left[top:], neck_right[STEPS:top:-1], fronts[1], across[1:-1], fronts[0][::-1]])
    lapels = []
    for lapel, neck in zip(body.trims[-2:], (neck_left, neck_right)):
        corner, outer, inner, front = lapel[::STEPS]
        lapels.append(ring(corner, 0.0, outer, 0.0, inner + neck[top] - front, 0.0, neck[top], 0.0))
    # nothing is sewn across an opening
    body = body._replace(seams=[], trims=lapels, opening=[opening])
    return cloth._replace(parts=[body, *sleeves], fronts=fronts)


#: Where the drawn outlines have the landmarks of the left half and of the middle: at a corner, or at a share of the
#: edge between two corners. Waist and crotch of trousers are corners of their own.
PLACES: dict[str, str | tuple[str, str, float]] = {
    'left_neck': 'neckline_left',
    'left_neckline': ('neckline_left', 'center_front', 0.5),
    'neck_front': 'center_front',
    'left_shoulder': 'shoulder_left',
    'left_shoulder_edge': 'shoulder_left',
    'left_strap': ('strap_left', 'strap_left_end', 0.5),
    'left_short_sleeve_outer': ('shoulder_left', 'cuff_left_out', 0.5),
    'left_short_sleeve_inner': ('armpit_left', 'cuff_left_in', 0.5),
    **{f'left_long_sleeve_outer_{n}': ('shoulder_left', 'cuff_left_out', n / 4) for n in (1, 2, 3)},
    **{f'left_long_sleeve_inner_{n}': ('armpit_left', 'cuff_left_in', n / 4) for n in (1, 2, 3)},
    'left_cuff_outer': 'cuff_left_out',
    'left_cuff_inner': 'cuff_left_in',
    'left_armpit': 'armpit_left',
    **{f'left_top_side_{n}': ('armpit_left', 'top_hem_left', share) for n, share in enumerate((0.2, 0.6), 1)},
    'left_top_hem': 'top_hem_left',
    'top_hem': ('top_hem_left', 'top_hem_right', 0.5),
    **{f'left_dress_side_{n}': ('armpit_left', 'hemline_left', share)
       for n, share in enumerate((0.1, 0.25, 0.45, 0.7), 1)},
    'left_dress_hem': 'hemline_left',
    'dress_hem': ('hemline_left', 'hemline_right', 0.5),
    'left_waist': 'waistband_left',
    'waist': ('waistband_left', 'waistband_right', 0.5),
    'left_skirt_side': ('waistband_left', 'hemline_left', 0.5),
    'left_skirt_hem': 'hemline_left',
    'skirt_hem': ('hemline_left', 'hemline_right', 0.5),
    'left_shorts_side': ('waistband_left', 'bottom_left_out', 0.5),
    'left_trousers_outer_1': ('waistband_left', 'bottom_left_out', 0.3),
    'left_trousers_outer_2': ('waistband_left', 'bottom_left_out', 0.6),
    'left_trousers_inner': ('crotch', 'bottom_left_in', 0.45),
    'left_leg_hem_outer': 'bottom_left_out',
    'left_leg_hem_inner': 'bottom_left_in',
}
#: The same of the fronts of outwear, from the neck to the hem.
FRONT_PLACES = {'front_top': 0.0, 'front_1': 0.45, 'front_2': 0.67, 'front_hem': 1.0}


def marks(category: str, cloth: Garment) -> list[Mark]:
    """The K landmarks of a garment that :func:`cut` made, in the file's order."""
    return [_mark(name, cloth) for name in PARTS[category]]


def _mark(name: str, cloth: Garment) -> Mark:
    side, _, place = name.partition('_')
    if name == 'neck_back':
        return Mark(cloth.lining[0][STEPS // 2], LINING)
    if cloth.fronts and (place in FRONT_PLACES or place == 'neckline'):
        front = cloth.fronts[side == 'right']
        body, edge = _edge(cloth, f'neckline_{side}', 'center_front')
        if place in FRONT_PLACES:
            return Mark(along(front, FRONT_PLACES[place]), body)
        top = int(np.linalg.norm(edge - front[0], axis=1).argmin())
        return Mark(along(edge[:top + 1], 0.5), body)
    is_corner = any(name in part.corners for part in cloth.parts)
    spot = name if is_corner else PLACES[name.replace('right_', 'left_')]
    start, end, share = (spot, spot, 0.0) if isinstance(spot, str) else spot
    if side == 'right':
        start, end = start.replace('left', 'right'), end.replace('left', 'right')
    part, edge = _edge(cloth, start, end)
    return Mark(along(edge, share), part)


def _edge(cloth: Garment, start: str, end: str) -> tuple[int, np.ndarray]:
    """The uppermost part that has an edge between two corners, and the edge."""
    number = max(number for number, part in enumerate(cloth.parts) if {start, end} <= set(part.corners))
    return number, cloth.parts[number].edge(start, end)


def is_folded_over(cloth: Garment, mark: Mark) -> bool:
    """Whether a later part of the garment lies over a landmark, such as a sleeve over a hem."""
    return is_under((part.outline for part in cloth.parts[mark.part + 1:]), mark.point)
