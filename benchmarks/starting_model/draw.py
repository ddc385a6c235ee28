"""Draw the garments that the starting model is trained on: COCO keypoint JSON with boxes as people draw them.

    python -m benchmarks.starting_model.draw data/start --train 16000 --val 800

Ordinary and hard pictures take turns, of all five categories. The box of every third is the whole picture, as
`pcloss predict` takes it where none is given.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from pcloss_mmpose.files import write_at_once
from pcloss_mmpose.labels.exports import Garment
from pcloss_mmpose.labels.merging import Landmarks, metainfo_text, to_coco
from pcloss_mmpose.metainfo.fashionai import CATEGORY_LANDMARKS, LANDMARKS
from pcloss_mmpose.synthetic import generate_sample
from pcloss_mmpose.synthetic.difficulty import DIFFICULTIES

SIZE = 224
MARGIN = 0.1  # of the box around the landmarks, as of `pcloss labels`
SEEDS = dict(train=1, val=2)
JPEG_QUALITY = 92


def draw(root: Path, part: str, count: int) -> None:
    """Images and JSON of a part."""
    categories = list(CATEGORY_LANDMARKS)
    landmarks = Landmarks(list(LANDMARKS), {name: [LANDMARKS[k] for k in own]
                                            for name, own in CATEGORY_LANDMARKS.items()}, [])
    (root / 'images' / part).mkdir(parents=True, exist_ok=True)
    garments = []
    for index in track(range(count), part):
        difficulty = list(DIFFICULTIES)[index % 2]
        sample = generate_sample(categories[index // 2 % len(categories)], SIZE, SEEDS[part], index, difficulty)
        name = f'{part}/{index:06d}.jpg'
        write_at_once(root / 'images' / name,
                      cv2.imencode('.jpg', sample.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())
        points = {LANDMARKS[k]: [*sample.keypoints[k].tolist(), int(sample.visibility[k]) + 1]
                  for k in np.flatnonzero(sample.visibility >= 0)}
        box = (0, 0, SIZE, SIZE) if index % 3 == 2 else None
        garments.append((name, Garment(name, (SIZE, SIZE), sample.category, points, box, part, name)))
    write_at_once(root / f'{part}.json', json.dumps(to_coco(garments, landmarks, MARGIN)))
    write_at_once(root / 'metainfo.py', metainfo_text('start', landmarks))


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('root', type=Path)
    parser.add_argument('--train', type=int, default=16000)
    parser.add_argument('--val', type=int, default=800)
    args = parser.parse_args()
    for part in SEEDS:
        draw(args.root, part, getattr(args, part))


if __name__ == '__main__':
    main()
