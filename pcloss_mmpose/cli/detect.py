"""Find garments (or anything else) in pictures with an MMDetection model, as boxes for tools/predict.py.

    python tools/detect.py DETECTOR_CONFIG DETECTOR_CHECKPOINT photos/ -o photos/boxes.json
    python tools/predict.py CONFIG CHECKPOINT photos/boxes.json -o out

Inputs are those of tools/predict.py; boxes in them are ignored. The file gets an entry for each box above the
threshold: image, box (x1, y1, x2, y2), score, and the detector's class as the category where --categories asks for it.
A picture without any has none. Most detectors need the full mmcv (docs/install.md).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Collection, Iterator

import mmpose_tool  # first: it makes the package and MMDetection importable
import numpy as np
from mmdet.apis import inference_detector, init_detector
from rich.progress import track
from torch import nn

from pcloss_mmpose.inference import find_items
from pcloss_mmpose.visualization import read_picture


def boxes_in(model: nn.Module, image: np.ndarray, classes: Collection[int], threshold: float,
             largest: bool) -> Iterator[tuple[list[float], int, float]]:
    """Boxes x1 y1 x2 y2 in pixels, inside the picture, with class and score, the best first.

    Args:
        model: MMDetection's.
        image: (H, W, 3) BGR.
        classes: To take.
        threshold: Of the score.
        largest: Only the box of the largest area.
    """
    found = inference_detector(model, image).pred_instances.numpy()
    height, width = image.shape[:2]
    boxes = np.clip(found.bboxes.astype(np.float64), 0, [width, height, width, height]).round(1)
    area = (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1)
    kept = np.flatnonzero((found.scores >= threshold) & (area > 0) & np.isin(found.labels, list(classes)))
    kept = kept[np.argsort(-(area if largest else found.scores)[kept], kind='stable')]
    for index in kept[:1] if largest else kept:
        yield boxes[index].tolist(), int(found.labels[index]), round(float(found.scores[index]), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help="of MMDetection")
    parser.add_argument('checkpoint')
    parser.add_argument('inputs', nargs='+', metavar='INPUT')
    parser.add_argument('-o', '--out', type=Path, required=True, help='JSON file to write')
    parser.add_argument('--root', help='what relative paths in lists and tables start from (default: their folder)')
    parser.add_argument('--classes', nargs='+', help='names of the classes to take (default: all)')
    parser.add_argument('--threshold', type=float, default=0.5, help='of the score (default: %(default)s)')
    parser.add_argument('--largest', action='store_true', help='only the largest box of each picture')
    parser.add_argument('--categories', action='store_true',
                        help="write the class as the garment's category: for detectors trained on the same categories")
    parser.add_argument('--device', default='cpu', help='default: %(default)s')
    args = parser.parse_args()
    mmpose_tool.check_out_file(parser, args.out, ('.json', ))
    with mmpose_tool.readable_errors():
        pictures = list(dict.fromkeys(item.image for item in find_items(args.inputs, args.root)))
        model = init_detector(args.config, args.checkpoint, device=args.device)
    names = list(model.dataset_meta['classes'])
    unknown = sorted(set(args.classes or ()) - set(names))
    if unknown:
        sys.exit(f"error: unknown classes {', '.join(unknown)}: the detector has {', '.join(names)}")

    classes = [names.index(name) for name in args.classes or names]
    entries, broken = [], []
    for path in track(pictures, 'detecting'):
        image = read_picture(path)
        if image is None:
            broken.append(path)
            continue
        for box, label, score in boxes_in(model, image, classes, args.threshold, args.largest):
            category = dict(category=names[label]) if args.categories else {}
            entries.append(dict(image=absolute(path), box=box, **category, score=score))
    args.out.write_text(json.dumps(entries, indent=0))
    for path in broken[:10]:
        print(f'passed over, it cannot be read: {path}', file=sys.stderr)
    found = {entry['image'] for entry in entries}
    print(f'{args.out}: {len(entries)} boxes in {len(found)} of {len(pictures)} pictures')


def absolute(path: str) -> str:
    """So that the file can lie anywhere."""
    return path if '://' in path else os.path.abspath(path)


if __name__ == '__main__':
    main()
