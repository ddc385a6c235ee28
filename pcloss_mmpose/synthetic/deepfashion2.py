"""Garment pictures in DeepFashion2's official layout: made-up annotations of its 13 categories.

The rules of what a file says of an item, which the benchmark's annotators judged by eye:

- ``landmarks``: 2 where the landmark can be seen, 1 where something is drawn over it, and 0 (x = y = 0) outside of the
  picture, and for a few at random, as people leave some out.
- ``bounding_box`` and ``segmentation`` are those of the drawn pieces of cloth inside the picture, whatever lies over
  them; the box holds the labelled landmarks as well.
- ``scale`` by the box's share of the picture, ``occlusion`` by the share of the labelled landmarks that are occluded,
  ``zoom_in`` by the share of the landmarks outside: see :data:`SCALES`, :data:`OCCLUSIONS`, :data:`ZOOMS`.
- ``viewpoint``: 2, from the front, or 1 if nobody wears it.
- ``source``: 'shop' for ordinary pictures, 'user' for hard ones. ``pair_id`` is the picture's number and ``style``
  is 0, since no two pictures show the same garment.

H, W: the picture's height and width; 24: FashionAI's landmarks; K: landmarks of the item's category
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, NamedTuple, Sequence

import cv2
import numpy as np

from ..errors import InputError
from ..files import PART, write_at_once
from ..metainfo.deepfashion2 import CATEGORIES
from .canvas import unit_of
from .difficulty import DIFFICULTIES, Difficulty
from .generate import JPEG_QUALITY, Size, check_categories, check_difficulty, check_set, check_size, seed_of
from .occluders import is_under
from .outlines import Garment
from .render import Item, Picture, draw
from .shapes import INDEX, cross_limbs, load_models, place, sample_hidden
from .tailor import LINING, Mark, cut, is_folded_over, marks, sample_body, style_of, undress

LOWER = ('shorts', 'trousers', 'skirt')
UPPER = CATEGORIES[:6]

OUTFITS = 0.58  # of the pictures of a top or a lower garment: two fifths of all, since dresses are worn alone
OUTFIT_EXTENT = (1.1, 0.15)  # mean and standard deviation of the diagonal, as in ShapeModel
ZOOMED, ZOOM = 0.2, (1.1, 1.7)  # pictures that cut a garment off, and by how much it is enlarged
NOT_LABELLED = 0.02  # of the landmarks

#: From which value on an attribute is 2, and from which 3: the box's share of the picture, the share of the labelled
#: landmarks that are occluded, the share of the landmarks outside.
SCALES, OCCLUSIONS, ZOOMS = (0.15, 0.45), (0.2, 0.5), (1e-6, 0.35)

#: In every item, so that files of this module can be told from real ones.
DRAWN_BY = 'pcloss generate'


class Drawing(NamedTuple):
    image: np.ndarray  # (H, W, 3) BGR uint8
    annotation: dict[str, Any]  # as in the file


def draw_deepfashion2(categories: Sequence[str], size: Size, seed: int, index: int,
                      difficulty: str = 'hard') -> Drawing:
    """Picture number `index`, from 0, of the endless series that the other arguments name.

    Args:
        categories: they take turns. Beside a top there may be a second item of those below the waist, and the reverse.
        size: pixels, the side of a square or (w, h), each at least 32.
        difficulty: of :data:`~.difficulty.DIFFICULTIES`; another series for each.

    Raises:
        InputError: unknown category or difficulty, too small a size, negative seed or index.
    """
    check_categories(categories, CATEGORIES)
    check_difficulty(difficulty)
    size = check_size(size)
    if seed < 0 or index < 0:
        raise InputError(f'seed and index must not be negative, got {seed} and {index}')
    rng = np.random.default_rng([seed, index])
    first = categories[index % len(categories)]
    worn = _outfit(first, categories, rng)
    how = DIFFICULTIES[difficulty]
    bodies = _place([sample_body(category, rng) for category in worn], worn, size, rng, how)
    items = [_item(category, body, number > 0, rng) for number, (category, body) in enumerate(zip(worn, bodies))]
    picture = draw(items, size, rng, how)
    entries = [_annotate(category, number, picture, size, rng) for number, category in enumerate(worn)]
    if first != worn[0]:
        entries.reverse()
    annotation = {'source': 'shop' if difficulty == 'ordinary' else 'user', 'pair_id': index + 1}
    return Drawing(picture.image, {**annotation, **{f'item{n}': entry for n, entry in enumerate(entries, 1)}})


def _outfit(category: str, categories: Sequence[str], rng: np.random.Generator) -> list[str]:
    """A category and perhaps one that is worn with it, the top first."""
    others = [other for other in categories if (category in UPPER and other in LOWER) or
              (category in LOWER and other in UPPER)]
    if not others or rng.random() >= OUTFITS:
        return [category]
    return sorted([category, str(rng.choice(others))], key=CATEGORIES.index)


def _place(bodies: list[np.ndarray], worn: Sequence[str], size: tuple[int, int], rng: np.random.Generator,
           how: Difficulty) -> list[np.ndarray]:
    """Bodies of one picture in pixels, (24, 2) each; some reach beyond its edge."""
    if rng.random() < how.crossed_limbs:
        bodies = [cross_limbs(body, rng) if category.startswith(('long', 'trousers')) else body
                  for body, category in zip(bodies, worn)]
    if len(bodies) == 2:
        bodies = [bodies[0], _below(*bodies, rng)]
    extent = OUTFIT_EXTENT if len(bodies) == 2 else load_models()[style_of(worn[0]).drawn_as].extent
    placed = place(np.concatenate(bodies), extent, size, rng, how.smallest)
    if rng.random() < ZOOMED:
        centre = rng.uniform(np.nanmin(placed, axis=0), np.nanmax(placed, axis=0))
        zoomed = centre + rng.uniform(*ZOOM) * (placed - centre)
        if all(_are_inside(body, size).sum() >= np.isfinite(body[:, 0]).sum() / 2
               for body in np.split(zoomed, len(bodies))):
            placed = zoomed
    return np.split(placed, len(bodies))


def _are_inside(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(n,) booleans: which points lie in a picture of size (w, h)."""
    with np.errstate(invalid='ignore'):
        return ((points >= 0) & (points <= np.array(size) - 1)).all(axis=1)


def _below(top: np.ndarray, lower: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A lower garment on the body that wears a top: its waistband lies under the hem."""
    def middle(shape, name):
        return shape[[INDEX[f'{name}_left'], INDEX[f'{name}_right']]].mean(axis=0)

    def width(shape, name):
        return np.linalg.norm(shape[INDEX[f'{name}_right']] - shape[INDEX[f'{name}_left']])

    chest, hem, waist = middle(top, 'armpit'), middle(top, 'top_hem'), middle(lower, 'waistband')
    size = rng.uniform(0.75, 0.95) * width(top, 'armpit') / width(lower, 'waistband')
    reach = min(np.linalg.norm(hem - chest), 1.3 * width(top, 'armpit'))  # a long coat hides more than the waist
    down = (hem - chest) / np.linalg.norm(hem - chest)
    return (lower - waist) * size + chest + down * reach * rng.uniform(0.7, 1.02)


def _item(category: str, body: np.ndarray, has_top: bool, rng: np.random.Generator) -> Item:
    """What to draw. Where another item lies over a waistband, nothing else need hide it."""
    drawn_as = style_of(category).drawn_as
    shape = undress(category, body, rng)
    hidden = sample_hidden(drawn_as, rng)
    if has_top:
        hidden[[INDEX['waistband_left'], INDEX['waistband_right']]] = False
    dressed_in = 'skirt' if category == 'shorts' else drawn_as  # bare legs
    return Item(dressed_in, body, shape, hidden, lambda scene_rng: cut(category, shape, scene_rng))


def _annotate(category: str, number: int, picture: Picture, size: tuple[int, int],
              rng: np.random.Generator) -> dict[str, Any]:
    cloth = picture.cuts[number]
    found = marks(category, cloth)
    points = np.rint([mark.point for mark in found]).astype(int)
    outside = ~_are_inside(points, size)
    occluded = np.array([_is_hidden(mark, number, picture, unit_of(size)) for mark in found])
    labelled = ~outside & (rng.random(len(found)) >= NOT_LABELLED)
    visibility = np.where(labelled, np.where(occluded, 1, 2), 0)
    points[~labelled] = 0
    polygons, box = _outline(cloth, points[labelled], size)
    share = np.prod(box[2:] - box[:2]) / np.prod(size)
    return {
        'category_id': CATEGORIES.index(category) + 1,
        'category_name': category.replace('_', ' '),
        'style': 0,
        'bounding_box': box.tolist(),
        'landmarks': np.column_stack([points, visibility]).ravel().tolist(),
        'segmentation': polygons,
        'scale': _grade(share, SCALES),
        'occlusion': _grade(occluded[labelled].mean() if labelled.any() else 1., OCCLUSIONS),
        'zoom_in': _grade(outside.mean(), ZOOMS),
        'viewpoint': 2 if picture.is_worn else 1,
        'drawn_by': DRAWN_BY,
    }


def _is_hidden(mark: Mark, number: int, picture: Picture, edge: float) -> bool:
    """Whether the garment's own later parts, the wearer's neck, the garment over it or an occluder cover a landmark."""
    over = (part.outline for cloth in picture.cuts[:number] for part in cloth.parts)
    return (is_folded_over(picture.cuts[number], mark) or (mark.part == LINING and picture.is_worn) or
            is_under(over, mark.point) or is_under(picture.occluders, mark.point, edge))


def _outline(cloth: Garment, points: np.ndarray, size: tuple[int, int]) -> tuple[list[list[int]], np.ndarray]:
    """Polygons around the pieces of cloth inside the picture, and the box (4,) around them and the points."""
    mask = np.zeros(size[::-1], np.uint8)
    for part in cloth.parts:
        cv2.fillPoly(mask, [np.rint(part.outline * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    contours = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_TC89_L1)[0]
    polygons = [contour.ravel().tolist() for contour in contours if len(contour) > 2]
    everything = np.concatenate([points, *(contour[:, 0] for contour in contours)])
    return polygons, np.concatenate([everything.min(axis=0), everything.max(axis=0)])


def _grade(value: float, limits: tuple[float, float]) -> int:
    return 1 + int(np.searchsorted(limits, value, side='right'))


def write_deepfashion2(root: str | Path,
                       split: str,
                       num_images: int,
                       size: Size = 256,
                       seed: int = 0,
                       categories: Sequence[str] | None = None,
                       difficulty: str = 'hard',
                       progress: Callable[[int], None] | None = None) -> Path:
    """Write `root/<split>/image/<number>.jpg` and `root/<split>/annos/<number>.json`, numbered from 000001.

    Categories take turns. Picture i depends on the seed, the split's name, the list of categories and the difficulty,
    not on `num_images`; two splits of one seed share no picture.

    Args:
        root: created where missing. An earlier generated split of that name is deleted first.
        split: 'train' or 'validation', by their official names, or another: letters, digits, `-` and `_`.
        categories: all 13 by default.
        difficulty: of :data:`~.difficulty.DIFFICULTIES`.
        progress: called with the number of pictures written so far.

    Returns:
        The split's folder.

    Raises:
        InputError: a bad argument, or files in the split's folder that this function has not written.
    """
    categories = tuple(CATEGORIES if categories is None else categories)
    check_set(num_images, split, seed)
    check_categories(categories, CATEGORIES)
    check_difficulty(difficulty)
    size = check_size(size)
    refuse_foreign(root, split)
    folder = Path(root) / split
    for kind in ('image', 'annos'):  # pictures first: every one that is left has an annotation that tells whose it is
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for path in (folder / kind).iterdir():
            path.unlink()
    split_seed = seed_of(seed, split)
    for index in range(num_images):
        drawing = draw_deepfashion2(categories, size, split_seed, index, difficulty)
        jpeg = cv2.imencode('.jpg', drawing.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        write_at_once(folder / 'annos' / f'{index + 1:06d}.json', json.dumps(drawing.annotation))
        write_at_once(folder / 'image' / f'{index + 1:06d}.jpg', jpeg.tobytes())
        if progress is not None:
            progress(index + 1)
    return folder


def refuse_foreign(root: str | Path, split: str) -> None:
    """Real data are never written over: what lies in the split's folders must be of this module, by its own word.

    Raises:
        InputError: An annotation without that word, an image without an annotation, or another file.
    """
    images, annotations = Path(root) / split / 'image', Path(root) / split / 'annos'
    advice = 'choose another root, or delete it'
    for path in sorted(annotations.glob('*')):
        if path.suffix != PART and not _is_ours(path):
            raise InputError(f'{path}: not a generated annotation; {advice}')
    for path in sorted(images.glob('*')):
        if path.suffix != PART and not (annotations / f'{path.stem}.json').is_file():
            raise InputError(f'{path}: not a generated picture; {advice}')


def _is_ours(path: Path) -> bool:
    try:
        return json.loads(path.read_text(encoding='utf-8'))['item1']['drawn_by'] == DRAWN_BY
    except (OSError, ValueError, KeyError, TypeError):
        return False
