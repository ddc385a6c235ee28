"""Write a trained model as ONNX, and compare it with PyTorch.

    pcloss export CONFIG CHECKPOINT -o model.onnx
    pcloss export CONFIG CHECKPOINT -o model.onnx --pictures photos/ --output heatmaps
    pcloss export CONFIG CHECKPOINT -o model.onnx --output simcc      # SimCC, RTMPose and RTMW, for rtmlib

The graph takes a batch of any size of crops, uint8 (B, H, W, 3), BGR as OpenCV reads images, and gives `coordinates`
(B, K, 2) in pixels of the crop and `scores` (B, K), or `heatmaps` (B, K, h, w). It normalises the colors itself. Its
metadata say how boxes are cut and what the landmarks are called; examples/onnx_predict.py goes by them, with
onnxruntime, numpy and OpenCV alone.

With --output simcc, it takes `input`, float32 (B, 3, H, W), as rtmlib's RTMPose and Custom give it, and gives `simcc_x`
(B, K, 2W) and `simcc_y` (B, K, 2H). A model of which rtmlib would find other landmarks is refused.

What ONNX Runtime finds is then compared with MMPose's own prediction, on the images given (whole) or on the first of
the config's test set. A difference of more than 1e-3 pixels of the heatmap, or of the crop where there is none, is an
error.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from importlib.util import find_spec

from ..errors import InputError, MissingPackageError
from .arguments import add_model, fetch_model, out_file, whole_number
from .loading import load, read_config, say


def add_arguments(parser: ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument('-o', '--out', type=out_file('.onnx'), required=True, help='file to write')
    parser.add_argument('--output', choices=('coordinates', 'heatmaps', 'simcc'), default='coordinates',
                        help='of the graph (default: %(default)s)')
    parser.add_argument('--pictures', nargs='+', default=[], metavar='INPUT',
                        help='what to compare on, as `pcloss predict` takes it (default: the test set)')
    parser.add_argument('--root', help='what paths in lists and tables of --pictures start from and stay below '
                        '(default: their folder)')
    parser.add_argument('--count', type=whole_number(1), default=16,
                        help='how many to compare on (default: %(default)s)')


def run(args: Namespace) -> None:
    missing = [name for name in ('onnx', 'onnxruntime') if find_spec(name) is None]
    if missing:
        raise MissingPackageError(f'{" and ".join(missing)} not installed: pip install {" ".join(missing)}')
    if args.root and not args.pictures:
        raise InputError('--root goes with --pictures')
    from ..inference import find_items
    items = find_items(args.pictures, args.root) if args.pictures else []
    fetch_model(args)
    config = read_config(args.config)
    load('MMPose', 'mmpose.apis')
    from ..deploy.export import TOLERANCE, export
    say('building the graph and comparing it')
    made = export(config, args.checkpoint, args.out, args.output, items, args.count)
    print(f'On {made.images} images, the landmarks of ONNX Runtime and of MMPose differ by at most '
          f'{made.difference:.2g} pixels of the {made.unit}')
    if made.flip_test:
        print('The config has a flip test, which no graph makes: `pcloss test` and `pcloss predict` make it, and find '
              'other landmarks')
    if not made.is_right:
        print(f'error: more than {TOLERANCE:g}; {made.path} is wrong', file=sys.stderr)
        sys.exit(1)
    print(f'{made.path}: {made.path.stat().st_size / 1e6:.1f} MB')
