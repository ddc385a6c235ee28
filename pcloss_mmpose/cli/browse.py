"""See what a config trains on: images with their annotations, augmented crops and heatmaps.

    pcloss browse CONFIG -o sheet.png
    pcloss browse CONFIG -o sheet.png --loader val --count 20 --crops 1

Each row is an image: as it is annotated (hollow points are occluded landmarks), then crops as the pipeline draws them,
with the landmarks that train, then the heatmaps of the last crop, the largest of all landmarks at each pixel. A legend
below says what colors and marks mean.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from .arguments import add_names_option, config_file, image_file, whole_number
from .loading import load, read_config


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('config', type=config_file, metavar='CONFIG')
    parser.add_argument('-o', '--out', type=image_file, default=Path('sheet.png'), help='default: %(default)s')
    parser.add_argument('--loader', choices=('train', 'val', 'test'), default='train', help='default: %(default)s')
    parser.add_argument('--count', type=whole_number(1), default=8, help='images (default: %(default)s)')
    parser.add_argument('--crops', type=whole_number(1), default=3, help='of each image (default: %(default)s)')
    parser.add_argument('--seed', type=whole_number(0, 2**32 - 1), default=0,
                        help='of the augmentation (default: %(default)s)')
    add_names_option(parser)


def run(args: Namespace) -> None:
    config = read_config(args.config)

    load('MMPose', 'mmpose.datasets')
    import numpy as np
    from mmengine.registry import init_default_scope

    from ..configs import config_errors
    from ..images import write_image
    from ..metainfo import landmark_names
    from ..visualization.dataset_pages import build_training_data, draw_crops
    from ..visualization.text import warn_of_numbers
    init_default_scope(config.get('default_scope', 'mmpose'))
    with config_errors(args.config):
        dataset = build_training_data(config, args.loader)
    np.random.seed(args.seed)
    if args.names:
        warn_of_numbers(landmark_names(dataset.metainfo))
    sheet = draw_crops(dataset, args.count, args.crops, args.names)
    write_image(args.out, sheet)
    print(f'{args.out}: {min(args.count, len(dataset))} of {len(dataset)} garments of the {args.loader} data')
