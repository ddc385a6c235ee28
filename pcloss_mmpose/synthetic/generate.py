"""Garment pictures by number, and a whole set of them in FashionAI's official layout.

H, W: the picture's height and width; 24: FashionAI's landmarks
"""

from __future__ import annotations

import csv
import re
import zlib
from pathlib import Path
from typing import Callable, NamedTuple, Sequence, Tuple, Union

import cv2
import numpy as np

from ..errors import InputError
from ..files import at_once, write_at_once
from .difficulty import DIFFICULTIES
from .render import render
from .shapes import CATEGORIES, LANDMARKS, cross_limbs, load_models, place, sample_hidden, sample_shape

SMALLEST_SIDE = 32
JPEG_QUALITY = 92

Size = Union[int, Tuple[int, int]]


class GarmentSample(NamedTuple):
    image: np.ndarray  # (H, W, 3) BGR uint8
    keypoints: np.ndarray  # (24, 2) whole pixels, x then y; -1 where not defined
    visibility: np.ndarray  # (24,) -1 not defined, 0 occluded, 1 visible
    category: str


def generate_sample(category: str, size: Size, seed: int, index: int, difficulty: str = 'hard') -> GarmentSample:
    """Picture number `index` of the endless series that `seed` and `category` name.

    Args:
        category: one of FashionAI's five.
        size: pixels, the side of a square or (w, h), each at least 32.
        difficulty: of :data:`~.difficulty.DIFFICULTIES`; another series for each.

    Raises:
        InputError: unknown category or difficulty, too small a size, negative seed or index.
    """
    check_categories((category,), CATEGORIES)
    check_difficulty(difficulty)
    width, height = check_size(size)
    if seed < 0 or index < 0:
        raise InputError(f'seed and index must not be negative, got {seed} and {index}')
    rng = np.random.default_rng([seed, index, CATEGORIES.index(category)])
    shape = sample_shape(category, rng)
    how = DIFFICULTIES[difficulty]
    if rng.random() < how.crossed_limbs:
        shape = cross_limbs(shape, rng)
    shape = place(shape, load_models()[category].extent, (width, height), rng, how.smallest)
    image, visibility = render(category, shape, sample_hidden(category, rng), (width, height), rng, how)
    keypoints = np.where(np.isnan(shape), -1, shape).astype(int)
    return GarmentSample(image, keypoints, visibility, category)


def write_fashionai(root: str | Path,
                    split: str,
                    num_images: int,
                    size: Size = 256,
                    seed: int = 0,
                    categories: Sequence[str] | None = None,
                    difficulty: str = 'hard',
                    progress: Callable[[int], None] | None = None) -> Path:
    """Write `root/Images/<category>/<split>_<number>.jpg` and `root/Annotations/<split>.csv`.

    Categories take turns, so each gets its equal share. Picture i depends on the seed, the split's name and the
    list of categories, not on `num_images`; two splits of one seed share no picture.

    Args:
        root: created where missing; an earlier generated split of that name is written over.
        split: the CSV's name, letters, digits, `-` and `_`.
        categories: all five by default.
        difficulty: of :data:`~.difficulty.DIFFICULTIES`.
        progress: called with the number of pictures written so far.

    Returns:
        The CSV's path.

    Raises:
        InputError: a bad argument, or a CSV of that name that this function has not written.
    """
    categories = tuple(CATEGORIES if categories is None else categories)
    check_categories(categories, CATEGORIES)
    check_difficulty(difficulty)
    size = check_size(size)
    check_set(num_images, split, seed)
    refuse_foreign(root, split)
    root = Path(root)
    path = root / 'Annotations' / f'{split}.csv'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # so that an interrupted run leaves no CSV that describes other pictures
    for category in categories:
        (root / 'Images' / category).mkdir(parents=True, exist_ok=True)
    split_seed = seed_of(seed, split)
    rows = []
    for index in range(num_images):
        sample = generate_sample(categories[index % len(categories)], size, split_seed, index, difficulty)
        image_id = f'Images/{sample.category}/{split}_{index:06d}.jpg'
        jpeg = cv2.imencode('.jpg', sample.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        write_at_once(root / image_id, jpeg.tobytes())
        cells = np.column_stack([sample.keypoints, sample.visibility])
        rows.append([image_id, sample.category] + ['_'.join(map(str, cell)) for cell in cells])
        if progress is not None:
            progress(index + 1)
    with at_once(path) as part, part.open('w', newline='') as file:
        csv.writer(file, lineterminator='\n').writerows([['image_id', 'image_category', *LANDMARKS], *rows])
    return path


def seed_of(seed: int, split: str) -> int:
    """The seed of a split's series of pictures."""
    return int(np.random.SeedSequence([seed, zlib.crc32(split.encode())]).generate_state(1)[0])


def check_set(num_images: int, split: str, seed: int) -> None:
    """Raise an InputError for what no set can have."""
    if seed < 0:
        raise InputError(f'seed must not be negative, got {seed}')
    if num_images < 1:
        raise InputError(f'num_images must be at least 1, got {num_images}')
    if not re.fullmatch(r'[\w-]+', split):
        raise InputError(f'split must be letters, digits, - and _, got {split!r}')


def check_categories(categories: Sequence[str], known: Sequence[str]) -> None:
    """Raise an InputError for a category that is not known, or for none at all."""
    unknown = [category for category in categories if category not in known]
    if unknown or not categories:
        raise InputError(f'unknown category {unknown or "(none given)"}; choose from {", ".join(known)}')


def check_difficulty(difficulty: str) -> None:
    """Raise an InputError for one that is not known."""
    if difficulty not in DIFFICULTIES:
        raise InputError(f"unknown difficulty '{difficulty}'; choose from {', '.join(DIFFICULTIES)}")


def check_size(size: Size) -> tuple[int, int]:
    """(w, h), or an InputError for too small a picture."""
    width, height = (size, size) if isinstance(size, (int, np.integer)) else size
    if min(width, height) < SMALLEST_SIDE:
        raise InputError(f'size must be at least {SMALLEST_SIDE} pixels, got {size}')
    return int(width), int(height)


def refuse_foreign(root: str | Path, split: str) -> None:
    """Real annotations are never written over: every row must name an image as this module names them.

    Raises:
        InputError: The CSV of this split is there, and this module has not written it.
    """
    path = Path(root) / 'Annotations' / f'{split}.csv'
    if not path.exists():
        return
    with path.open(newline='', encoding='utf-8', errors='replace') as file:
        for number, row in enumerate(csv.reader(file), 1):
            if number > 1 and not (row and re.fullmatch(rf'Images/\w+/{re.escape(split)}_\d{{6,}}\.jpg', row[0])):
                raise InputError(f'{path}, line {number}: not a generated picture; choose another root or split, '
                                 'or delete the file')
