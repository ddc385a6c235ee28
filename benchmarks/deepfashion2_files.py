"""As many annotation files as DeepFashion2 has, about as large, and no image: what the time of a start is measured on.

    python -m benchmarks.deepfashion2_files FOLDER 191961

The numbers are those of drawn garments, of which a few hundred are cut and then moved about. Polygons have 60 points
with six decimals, which makes most files 5 to 10 kB large.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pcloss_mmpose.errors import PclossError
from pcloss_mmpose.metainfo.deepfashion2 import CATEGORIES
from pcloss_mmpose.synthetic.deepfashion2 import DRAWN_BY, refuse_foreign
from pcloss_mmpose.synthetic.outlines import along
from pcloss_mmpose.synthetic.shapes import load_models, place
from pcloss_mmpose.synthetic.tailor import cut, marks, sample_body, style_of, undress

SIZE = (468, 624)  # pixels, as many of the real images
SHAPES = 20  # for each category
POINTS = 60  # of a polygon
TWO_ITEMS = 0.6  # the real share: 801,000 items in 491,000 images


def write_annotations(root: str | Path, number: int, seed: int = 0) -> Path:
    """Write `root/train/annos/000001.json` and so on; the files are the same for the same seed.

    Raises:
        InputError: Other files lie there.
    """
    refuse_foreign(root, 'train')
    folder = Path(root) / 'train' / 'annos'
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    shapes = [_shape(category, rng) for category in CATEGORIES for _ in range(SHAPES)]
    for index in range(number):
        items = [_item(*shapes[which], rng) for which in rng.integers(len(shapes), size=1 + (rng.random() < TWO_ITEMS))]
        annotation = {'source': 'user', 'pair_id': index + 1, **{f'item{n}': item for n, item in enumerate(items, 1)}}
        (folder / f'{index + 1:06d}.json').write_text(json.dumps(annotation))
    return folder


def _shape(category: str, rng: np.random.Generator) -> tuple[str, np.ndarray, np.ndarray]:
    """A garment in its place: category, landmarks (K, 2), polygons (P, POINTS, 2)."""
    body = place(sample_body(category, rng), load_models()[style_of(category).drawn_as].extent, SIZE, rng)
    cloth = cut(category, undress(category, body, rng), rng)
    polygons = [along(part.outline, np.linspace(0, 1, POINTS)) for part in cloth.parts]
    return category, np.array([mark.point for mark in marks(category, cloth)]), np.array(polygons)


def _item(category: str, points: np.ndarray, polygons: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """One item, moved by up to three pixels."""
    move = rng.uniform(-3, 3, 2)
    visibility = rng.choice([0, 1, 2], size=len(points), p=[0.05, 0.2, 0.75])
    landmarks = np.column_stack([np.rint(np.clip(points + move, 0, np.array(SIZE) - 1)), visibility]).astype(int)
    landmarks[visibility == 0] = 0
    polygons = np.clip(polygons + move, 0, np.array(SIZE) - 1)
    low, high = polygons.min(axis=(0, 1)), polygons.max(axis=(0, 1))
    scale, occlusion, zoom_in, viewpoint = rng.integers(1, 4, 4).tolist()
    return {
        'segmentation': polygons.reshape(len(polygons), -1).round(6).tolist(), 'scale': scale, 'viewpoint': viewpoint,
        'zoom_in': zoom_in, 'landmarks': landmarks.ravel().tolist(), 'style': 0,
        'bounding_box': np.rint([*low, *high]).astype(int).tolist(), 'category_id': CATEGORIES.index(category) + 1,
        'occlusion': occlusion, 'category_name': category.replace('_', ' '), 'drawn_by': DRAWN_BY}


def main() -> None:
    parser = argparse.ArgumentParser(prog='python -m benchmarks.deepfashion2_files', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', metavar='FOLDER')
    parser.add_argument('number', metavar='N', type=int)
    args = parser.parse_args()
    try:
        print(write_annotations(args.folder, args.number))
    except (PclossError, OSError) as error:
        sys.exit(f'{parser.prog}: {error}')


if __name__ == '__main__':
    main()
