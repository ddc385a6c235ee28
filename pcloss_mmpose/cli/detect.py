"""Find garments, or COCO's persons, with an MMDetection model: boxes to predict and test on.

    pcloss detect DETECTOR_CONFIG DETECTOR_CHECKPOINT photos/ -o photos/boxes.json
    pcloss predict CONFIG CHECKPOINT photos/boxes.json -o out

Inputs are those of `pcloss predict`; boxes in them are ignored. The file gets an entry for each box above the
threshold: image, box (x1, y1, x2, y2), score, and the detector's class as the category where --categories asks for it.
An image without any has none. Where the images are not below the folder of the file, predict needs --root (--root / for
any folder). Detectors that use other compiled operators than plain non-maximum suppression need the full mmcv
(docs/install.md).

    pcloss detect DETECTOR_CONFIG DETECTOR_CHECKPOINT coco/annotations/person_keypoints_val2017.json \\
        --root coco/val2017 --coco-results coco/person_detection_results/own.json

writes what MMPose reads as bbox_file: image_id, category_id 1, bbox (x, y, width, height) and score of the best 100
persons on each image of the annotation file. With --categories, a box has the category of its class' name in the file.
It also prints the AP of the boxes, if the file has annotations.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from functools import partial
from typing import Callable, Sequence

from ..errors import InputError
from ..files import write_at_once
from .arguments import checkpoint_file, config_file, number, out_file
from .loading import load, say
from .progress import track


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('config', type=config_file, metavar='CONFIG', help="MMDetection's, also as mmdet::...")
    parser.add_argument('checkpoint', type=checkpoint_file, metavar='CHECKPOINT')
    parser.add_argument('inputs', nargs='+', metavar='INPUT',
                        help='images, folders, lists and tables; with --coco-results one COCO annotation file')
    out = parser.add_mutually_exclusive_group(required=True)
    out.add_argument('-o', '--out', type=out_file('.json'), help='JSON file to write, for pcloss predict')
    out.add_argument('--coco-results', type=out_file('.json'), metavar='FILE',
                     help="JSON file to write, for MMPose's bbox_file")
    parser.add_argument('--root', help='what paths in lists, tables and annotations start from and stay below '
                        "(default: their folder; '/' for any)")
    parser.add_argument('--classes', nargs='+',
                        help='names of the classes to take (default: all; with --coco-results person)')
    parser.add_argument('--threshold', type=number(0, 1),
                        help='of the score (default: 0.5; with --coco-results 0, as an AP needs them all)')
    parser.add_argument('--largest', action='store_true', help='only the largest box of each image')
    parser.add_argument('--categories', action='store_true',
                        help="write the class as the garment's category: for detectors trained on the same "
                        'categories')
    parser.add_argument('--device', help='default: a GPU if there is one, else the CPU')


def run(args: Namespace) -> None:
    if args.coco_results:
        write_coco_results(args)
    else:
        write_boxes(args)


def write_boxes(args: Namespace) -> None:
    """The file for ``pcloss predict``."""
    from ..inference import find_items
    images = list(dict.fromkeys(item.image for item in find_items(args.inputs, args.root)))

    load('MMDetection', 'mmdet.apis')
    from ..inference.detector import Detector
    say('opening the model')
    threshold = 0.5 if args.threshold is None else args.threshold
    detector = Detector(args.config, args.checkpoint, args.classes, threshold, args.largest, args.device)
    found = detect_all(detector.detect, [(path,) for path in images])
    entries = [entry if args.categories else {key: entry[key] for key in ('image', 'box', 'score')}
               for own in found for entry in own or ()]
    write_at_once(args.out, json.dumps(entries, indent=0))
    print(f'{args.out}: {len(entries)} boxes on {sum(map(bool, found))} of {len(images)} images')


def write_coco_results(args: Namespace) -> None:
    """The file for MMPose, and how good its boxes are."""
    if len(args.inputs) > 1:
        raise InputError(f'--coco-results takes one annotation file, got {len(args.inputs)} inputs')
    if args.largest:
        raise InputError('--largest does not go with --coco-results')

    source, out = args.inputs[0], args.coco_results
    if out.exists() and os.path.exists(source) and out.samefile(source):
        raise InputError(f'{out} is the annotation file: choose another name for the boxes')

    from ..inference.coco_boxes import box_results, category_ids, has_boxes, image_paths, read_annotations
    content = read_annotations(source)
    paths = image_paths(content, os.path.dirname(source) if args.root is None else args.root)

    load('MMDetection', 'mmdet.apis')
    from ..datasets.box_ap import PAPER_AP, mean_box_ap
    from ..inference.detector import Detector
    say('opening the model')
    threshold = 0. if args.threshold is None else args.threshold
    classes = args.classes if args.categories else args.classes or ['person']
    detector = Detector(args.config, args.checkpoint, classes, threshold, device=args.device)
    taken = [detector.names[label] for label in detector.taken]
    ids = category_ids(content, taken, source) if args.categories else dict.fromkeys(taken, 1)
    found = detect_all(partial(box_results, detector, ids), list(paths.items()))
    results = [result for own in found for result in own or ()]
    if not results:
        raise InputError(f'no {" or ".join(taken)} was found on {len(paths):,} images, and MMPose cannot read an '
                         'empty file: nothing was written')
    write_at_once(out, json.dumps(results))
    print(f'{out}: {len(results):,} boxes on {sum(map(bool, found)):,} of {len(paths):,} images')
    if has_boxes(content):
        ap = mean_box_ap(content, results, set(ids.values()))
        print(f'AP {ap:.1f}, the mean over {len(ids)} categories' if args.categories else
              f'person AP {ap:.1f} (the detector of the paper: {PAPER_AP} on val2017)')
    else:
        print(f'no AP, as {source} has no annotated boxes')


def detect_all(detect: Callable, calls: Sequence[tuple]) -> list:
    """What ``detect`` gives for each call, whose last argument is the image; those that cannot be read are named."""
    found = [detect(*call) for call in track(calls, 'detecting')]
    broken = [call[-1] for call, own in zip(calls, found) if own is None]
    for path in broken[:10]:
        print(f'passed over, it cannot be read: {path}', file=sys.stderr)
    if len(broken) > 10:
        print(f'passed over, and {len(broken) - 10} more', file=sys.stderr)
    return found
