"""Draw a training and a validation set of garments in FashionAI's layout, or in DeepFashion2's.

    pcloss generate data/garments --train 1000 --val 200
    pcloss generate data/deepfashion2 --layout deepfashion2 --train 1000 --val 200
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ..errors import InputError
from .arguments import whole_number
from .loading import say
from .progress import Bars


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('root', metavar='ROOT',
                        help='folder for Images/ and Annotations/, or in the layout of DeepFashion2 for train/ and '
                             'validation/')
    parser.add_argument('--layout', choices=('fashionai', 'deepfashion2'), default='fashionai',
                        help='24 landmarks and five categories, or 294 and 13 (default: %(default)s)')
    parser.add_argument('--train', type=whole_number(1), default=1000, metavar='N',
                        help='training images (default: %(default)s)')
    parser.add_argument('--val', type=whole_number(1), default=200, metavar='N',
                        help='validation images (default: %(default)s)')
    parser.add_argument('--size', type=whole_number(1), nargs='+', default=[256], metavar='PIXELS',
                        help='side of a square, or width and height (default: 256)')
    parser.add_argument('--seed', type=whole_number(0), default=0,
                        help='another seed gives other images (default: %(default)s)')
    parser.add_argument('--categories', nargs='+', help='of the layout; default: all')
    parser.add_argument('--difficulty', default='hard',
                        help="'ordinary', as a shop's photographs, or 'hard', with clutter, other cloth and crossed "
                             'sleeves (default: %(default)s)')


def run(args: Namespace) -> None:
    if len(args.size) > 2:
        raise InputError(f'--size takes one or two numbers, got {len(args.size)}')
    size = args.size[0] if len(args.size) == 1 else tuple(args.size)

    say('drawing garments')
    if args.layout == 'fashionai':
        from ..synthetic.generate import refuse_foreign
        from ..synthetic.generate import write_fashionai as write
        splits = {'train': args.train, 'val': args.val}
    else:
        from ..synthetic.deepfashion2 import refuse_foreign
        from ..synthetic.deepfashion2 import write_deepfashion2 as write
        splits = {'train': args.train, 'validation': args.val}
    for split in splits:
        refuse_foreign(args.root, split)
    for split, count in splits.items():
        with Bars() as bars:
            path = write(args.root, split, count, size, args.seed, args.categories, args.difficulty,
                         bars.add(split, count).update)
        print(f'{count} images: {path}', flush=True)
