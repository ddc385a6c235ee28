"""DeepFashion2: 294 landmarks over 13 categories, and the 81 that the categories share.

Facts from the benchmark's figure of the landmarks, its evaluation code (the sigmas, the order of the categories) and
its example of results. The names are ours: the benchmark numbers the landmarks of each category from 1. Left is the
viewer's left where the front of a garment is seen.

In the figure, 2 and 4 of the short sleeve outwear stand in each other's place. The example of results, made by a model
that learned from the data, puts 2 and 6 at the neck and 4 and 26 at the top of the opening, as in the long sleeve
outwear; and the sigmas say the same, which are equal within each other pair of the 294 but one.
"""

from __future__ import annotations

from typing import Iterator, Sequence

import numpy as np

from .builder import build_dataset_info

#: What the numbers of an item's attributes mean.
ATTRIBUTES: dict[str, dict[int, str]] = {
    'scale': {1: 'small', 2: 'moderate', 3: 'large'},
    'occlusion': {1: 'slight', 2: 'medium', 3: 'heavy'},
    'zoom_in': {1: 'no', 2: 'medium', 3: 'large'},
    'viewpoint': {1: 'no wear', 2: 'frontal', 3: 'side or back'},
}


def _mirrored(part: str) -> str:
    return part.replace('left_', 'right_')


def _around(left: Sequence[str], *middle: str) -> tuple[str, ...]:
    """The left edge downward, the middle, and the right edge upward."""
    return (*left, *middle, *map(_mirrored, reversed(left)))


_NECK = ('neck_back', 'left_neck', 'left_neckline', 'neck_front', 'right_neckline', 'right_neck')
_SLEEVES = {
    'short': ('left_shoulder', 'left_short_sleeve_outer', 'left_cuff_outer', 'left_cuff_inner',
              'left_short_sleeve_inner', 'left_armpit'),
    'long': ('left_shoulder', *(f'left_long_sleeve_outer_{n}' for n in (1, 2, 3)), 'left_cuff_outer',
             'left_cuff_inner', *(f'left_long_sleeve_inner_{n}' for n in (3, 2, 1)), 'left_armpit'),
    'vest': ('left_shoulder_edge', ),
    'sling': ('left_strap', ),
}
_TOP = ('left_top_side_1', 'left_top_side_2', 'left_top_hem')
_DRESS = (*(f'left_dress_side_{n}' for n in (1, 2, 3, 4)), 'left_dress_hem')
_WAIST = ('left_waist', 'waist', 'right_waist')
_OPENING = ('left_front_top', 'left_front_1', 'left_front_2', 'left_front_hem')


def _top(sleeves: str) -> tuple[str, ...]:
    return (*_NECK, *_around((*_SLEEVES[sleeves], *_TOP), 'top_hem'))


def _dress(sleeves: str) -> tuple[str, ...]:
    return (*_NECK, *_around((*_SLEEVES[sleeves], *_DRESS), 'dress_hem'))


def _outwear(sleeves: str) -> tuple[str, ...]:
    edge = (*_SLEEVES[sleeves], *_TOP)
    return ('neck_back', 'left_neck', 'left_neckline', 'left_front_top', 'right_neckline', 'right_neck',
            *_around(edge, 'left_front_hem'), *map(_mirrored, _OPENING), *_OPENING[1:3])


#: The parts that the landmarks of each category mark, in the benchmark's order. Categories share a part by its name:
#:
#: - Corners and ends of one part of a garment are shared by all that have it: neck, armpit, cuffs, waist, crotch, the
#:   hem of a leg. A hem belongs to what it ends (a top, a dress, a skirt, a leg), and the end of a shoulder to what is
#:   there (a sleeve, an edge, a strap).
#: - Points that divide an edge are shared where the same edge is divided in the same way: those of a short sleeve, a
#:   long one, the side of a top, of a dress, of shorts, trousers or a skirt, the opening of outwear. They are numbered
#:   from the top.
PARTS: dict[str, tuple[str, ...]] = {
    'short_sleeve_top': _top('short'),
    'long_sleeve_top': _top('long'),
    'short_sleeve_outwear': _outwear('short'),
    'long_sleeve_outwear': _outwear('long'),
    'vest': _top('vest'),
    'sling': _top('sling'),
    'shorts': (*_WAIST, *_around(('left_shorts_side', 'left_leg_hem_outer', 'left_leg_hem_inner'), 'crotch')),
    'trousers': (*_WAIST, *_around(('left_trousers_outer_1', 'left_trousers_outer_2', 'left_leg_hem_outer',
                                    'left_leg_hem_inner', 'left_trousers_inner'), 'crotch')),
    'skirt': (*_WAIST, *_around(('left_skirt_side', 'left_skirt_hem'), 'skirt_hem')),
    'short_sleeve_dress': _dress('short'),
    'long_sleeve_dress': _dress('long'),
    'vest_dress': _dress('vest'),
    'sling_dress': _dress('sling'),
}

#: By ``category_id``, from 1.
CATEGORIES = tuple(PARTS)

#: Landmarks by id, the categories one after the other.
LANDMARKS = tuple(f'{category}_{part}' for category, parts in PARTS.items() for part in parts)

#: The 81 shared ones by id.
SHARED_LANDMARKS = tuple(dict.fromkeys(part for parts in PARTS.values() for part in parts))

#: (294,) shared id of each landmark.
TO_SHARED = np.array([SHARED_LANDMARKS.index(part) for parts in PARTS.values() for part in parts])

_ENDS = np.cumsum([0, *map(len, PARTS.values())])

#: The landmarks of each category, by ``category_id - 1``: a slice of the 294, which are in the order of a file's.
SLICES = tuple(slice(int(start), int(end)) for start, end in zip(_ENDS, _ENDS[1:]))

#: The most landmarks that a category has: 39.
MOST = max(map(len, PARTS.values()))

#: (294,) the benchmark's, in ten thousandths. A row for each category.
SIGMAS = np.array([
    120, 158, 169, 165, 169, 158, 298, 329, 321, 323, 340, 388, 452, 574, 492, 352, 492, 574, 452, 388, 340, 323,
    321, 329, 298,
    194, 170, 185, 193, 185, 170, 286, 471, 547, 526, 430, 392, 513, 566, 509, 564, 542, 604, 599, 520, 599, 604,
    542, 564, 509, 566, 513, 392, 430, 526, 547, 471, 286,
    74, 85, 165, 248, 165, 85, 156, 231, 296, 137, 195, 250, 347, 380, 257, 370, 257, 380, 347, 250, 195, 137,
    296, 231, 156, 248, 469, 632, 370, 469, 632,
    137, 153, 243, 377, 243, 153, 203, 366, 467, 433, 393, 329, 418, 477, 399, 331, 420, 492, 436, 478, 436, 492,
    420, 331, 399, 477, 418, 329, 393, 433, 467, 366, 203, 377, 645, 573, 478, 645, 573,
    352, 158, 210, 214, 210, 158, 196, 500, 489, 404, 401, 404, 489, 500, 196,
    276, 548, 283, 204, 283, 548, 369, 726, 677, 640, 251, 640, 677, 726, 369,
    308, 216, 308, 506, 494, 463, 477, 463, 494, 506,
    275, 202, 275, 651, 451, 350, 280, 392, 362, 392, 280, 350, 451, 651,
    253, 195, 253, 513, 543, 415, 543, 513,
    153, 230, 167, 145, 167, 230, 332, 391, 391, 396, 440, 452, 498, 514, 585, 655, 635, 602, 635, 655, 585, 514,
    498, 452, 440, 396, 391, 391, 332,
    121, 134, 158, 162, 158, 134, 246, 406, 470, 404, 463, 466, 435, 499, 455, 440, 411, 490, 576, 685, 618, 483,
    618, 685, 576, 490, 411, 440, 486, 499, 435, 466, 463, 404, 470, 406, 246,
    116, 167, 160, 180, 160, 167, 196, 385, 421, 497, 562, 528, 428, 528, 562, 497, 421, 385, 196,
    244, 297, 244, 208, 244, 297, 173, 616, 659, 712, 707, 685, 339, 685, 707, 712, 659, 616, 173,
]) / 1e4


def shared_sigmas() -> np.ndarray:
    """(81,) sigmas of the shared landmarks: root of the mean square of those that share it.

    The benchmark knows no such landmarks. Its evaluation always takes the 294.
    """
    squares = np.bincount(TO_SHARED, weights=SIGMAS**2)
    return np.sqrt(squares / np.bincount(TO_SHARED))


def from_shared(shared: np.ndarray, category_id: int) -> np.ndarray:
    """The landmarks of a category in a file's order, of shared ones (..., 81, n)."""
    return shared[..., TO_SHARED[SLICES[category_id - 1]], :]


def _chain(*parts: str) -> list[tuple[str, str]]:
    return list(zip(parts, parts[1:]))


def _links(parts: Sequence[str]) -> list[tuple[str, str]]:
    """The left half of a category's outline."""
    edge = [part for part in parts if part.startswith('left_') and not part.startswith('left_front')]
    if 'waist' in parts:
        bottom = next(part for part in ('crotch', 'skirt_hem') if part in parts)
        return _chain('waist', *edge, bottom)
    neck, neckline, *edge = edge
    links = [('neck_back', neck), (neck, neckline)]
    if edge[0] == 'left_strap':
        links += [(neck, edge[0]), (neck, edge[1])]
        edge = edge[1:]
    else:
        links.append((neck, edge[0]))
    links += _chain(*edge)
    if 'left_front_top' in parts:
        return [*links, *_chain(neckline, *_OPENING, edge[-1])]
    return [*links, (neckline, 'neck_front'), (edge[-1], 'dress_hem' if 'dress_hem' in parts else 'top_hem')]


def _shared_links() -> Iterator[tuple[str, str]]:
    """Those that every category with both ends has: others would go past a landmark that only some garments have."""
    own = {category: _links(parts) for category, parts in PARTS.items()}
    for link in dict.fromkeys(link for links in own.values() for link in links):
        if all(link in own[category] for category, parts in PARTS.items() if set(link) <= set(parts)):
            yield link


_LOWER = ('shorts', 'trousers', 'skirt')
_BELOW_WAIST = ('dress_side_3', 'dress_side_4', 'dress_hem')


def _upper(category: str) -> list[str]:
    return [] if category in _LOWER else [part for part in PARTS[category] if not part.endswith(_BELOW_WAIST)]


_PAPER = {
    'author': 'Ge, Yuying and Zhang, Ruimao and Wang, Xiaogang and Tang, Xiaoou and Luo, Ping',
    'title': 'DeepFashion2: A Versatile Benchmark for Detection, Pose Estimation, Segmentation and Re-Identification '
             'of Clothing Images',
    'container': 'IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)',
    'year': '2019',
    'homepage': 'https://github.com/switchablenorms/DeepFashion2'}

dataset_info = build_dataset_info(
    dataset_name='deepfashion2_294',
    landmarks=LANDMARKS,
    upper=[f'{category}_{part}' for category in PARTS for part in _upper(category)],
    categories={category: LANDMARKS[own] for category, own in zip(CATEGORIES, SLICES)},
    outline=[(f'{category}_{first}', f'{category}_{second}')
             for category, parts in PARTS.items() for first, second in _links(parts)],
    sigmas=SIGMAS.tolist(),
    paper_info=_PAPER)

shared_dataset_info = build_dataset_info(
    dataset_name='deepfashion2_81',
    landmarks=SHARED_LANDMARKS,
    upper=list(dict.fromkeys(part for category in PARTS for part in _upper(category))),
    categories=PARTS,
    outline=list(_shared_links()),
    sigmas=shared_sigmas().tolist(),
    paper_info=_PAPER)
