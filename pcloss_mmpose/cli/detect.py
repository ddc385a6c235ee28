"""Find garments on images with an MMDetection model, as boxes for `pcloss predict`.

    pcloss detect DETECTOR_CONFIG DETECTOR_CHECKPOINT photos/ -o photos/boxes.json
    pcloss predict CONFIG CHECKPOINT photos/boxes.json -o out

Inputs are those of `pcloss predict`; boxes in them are ignored. The file gets an entry for each box above the
threshold: image, box (x1, y1, x2, y2), score, and the detector's class as the category where --categories asks for it.
An image without any has none. Most detectors need the full mmcv (docs/install.md).
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace

from .arguments import checkpoint_file, config_file, out_file


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('config', type=config_file, metavar='CONFIG', help="MMDetection's, also as mmdet::...")
    parser.add_argument('checkpoint', type=checkpoint_file, metavar='CHECKPOINT')
    parser.add_argument('inputs', nargs='+', metavar='INPUT')
    parser.add_argument('-o', '--out', type=out_file('.json'), required=True, help='JSON file to write')
    parser.add_argument('--root', help='what relative paths in lists and tables start from (default: their folder)')
    parser.add_argument('--classes', nargs='+', help='names of the classes to take (default: all)')
    parser.add_argument('--threshold', type=float, default=0.5, help='of the score (default: %(default)s)')
    parser.add_argument('--largest', action='store_true', help='only the largest box of each image')
    parser.add_argument('--categories', action='store_true',
                        help="write the class as the garment's category: for detectors trained on the same categories")
    parser.add_argument('--device', help='default: a GPU if there is one, else the CPU')


def run(args: Namespace) -> None:
    from ..inference import find_items
    images = list(dict.fromkeys(item.image for item in find_items(args.inputs, args.root)))

    from rich.console import Console
    from rich.progress import track

    from ..inference.detector import Detector
    detector = Detector(args.config, args.checkpoint, args.classes, args.threshold, args.largest, args.device)
    found = [detector.detect(path) for path in track(images, 'detecting', console=Console(stderr=True))]
    entries = [entry if args.categories else {key: entry[key] for key in ('image', 'box', 'score')}
               for own in found for entry in own or ()]
    args.out.write_text(json.dumps(entries, indent=0), encoding='utf-8')
    broken = [path for path, own in zip(images, found) if own is None]
    for path in broken[:10]:
        print(f'passed over, it cannot be read: {path}', file=sys.stderr)
    print(f'{args.out}: {len(entries)} boxes on {sum(map(bool, found))} of {len(images)} images')
