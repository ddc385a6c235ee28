"""Fit the garment generator's shape model to FashionAI annotation rows.

    python -m pcloss_mmpose.synthetic.fit annotations.csv -o pcloss_mmpose/synthetic/garment_shapes.json

Shapes come from the rows in which every landmark of the category is annotated; each is centred on its bounding box
and divided by the box's diagonal, then decomposed into principal modes. Occlusion rates come from all rows.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Sequence

import numpy as np

from ..errors import PclossError
from ..metainfo.fashionai import CATEGORY_LANDMARKS
from .shapes import left_right_pairs

EXPLAINED = 0.95  # share of the variance that the kept modes carry
LONGEST_SIDE = 512  # of every FashionAI image


def fit(rows: np.ndarray, category: str) -> dict:
    """One category's entry of the model, from its (n, 24, 3) rows of x, y and COCO's v (1 occluded)."""
    landmarks = list(CATEGORY_LANDMARKS[category])
    visibility = rows[..., 2]
    points = rows[(visibility[:, landmarks] > 0).all(axis=1)][:, landmarks, :2].astype(float)
    low, high = points.min(axis=1, keepdims=True), points.max(axis=1, keepdims=True)
    diagonal = np.linalg.norm(high - low, axis=-1, keepdims=True)
    shapes = ((points - (low + high) / 2) / diagonal).reshape(len(points), -1)
    mean = shapes.mean(axis=0)
    _, deviation, modes = np.linalg.svd(shapes - mean, full_matrices=False)
    kept = 1 + int(np.searchsorted(np.cumsum(deviation**2) / np.sum(deviation**2), EXPLAINED))
    modes = modes[:kept] * deviation[:kept, None] / np.sqrt(len(shapes) - 1)
    extent = diagonal.ravel() / LONGEST_SIDE
    pairs = [visibility[:, list(pair)] for pair in left_right_pairs(category)]
    return dict(
        rows=len(shapes),
        extent=[round(extent.mean(), 3), round(extent.std(), 3)],
        mean=mean.round(3).tolist(),
        modes=modes.round(3).tolist(),
        occluded=[round((visibility[:, k] == 1).sum() / (visibility[:, k] > 0).sum(), 3) for k in landmarks],
        pair_occluded=[round((pair == 1).all(axis=1).sum() / (pair > 0).all(axis=1).sum(), 3) for pair in pairs])


def main(argv: Sequence[str] | None = None) -> None:
    """Fit and write the model; by default on this process's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('csv', help='FashionAI annotations')
    parser.add_argument('-o', '--output', type=Path, required=True, help='the JSON file to write')
    args = parser.parse_args(argv)
    from ..datasets.formats.fashionai import read_csv
    try:
        _, _, categories, rows = read_csv(args.csv)
    except PclossError as error:
        parser.error(str(error))
    if rows is None:
        parser.error(f'{args.csv} has no landmarks')
    model = {category: fit(rows[np.array(categories) == category], category) for category in CATEGORY_LANDMARKS}
    text = json.dumps(model, indent=1)
    text = re.sub(r'\s+(-?[\d.]+,?)', r' \1', text)  # each list of numbers on one line
    args.output.write_text(re.sub(r'(\d)\s+\]', r'\1]', text) + '\n')
    for category, entry in model.items():
        print(f"{category}: {entry['rows']} complete rows, {len(entry['modes'])} modes")


if __name__ == '__main__':
    main()
