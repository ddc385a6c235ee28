"""Draw a training and a validation set of garments in FashionAI's layout.

    python tools/generate_garments.py data/garments --train 1000 --val 200
"""

from __future__ import annotations

import argparse

from rich.progress import Progress

from pcloss_mmpose.synthetic import write_fashionai


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', help='folder for Images/ and Annotations/')
    parser.add_argument('--train', type=int, default=1000, metavar='N', help='training pictures (default: %(default)s)')
    parser.add_argument('--val', type=int, default=200, metavar='N', help='validation pictures (default: %(default)s)')
    parser.add_argument('--size', type=int, nargs='+', default=[256], metavar='PIXELS',
                        help='side of a square, or width and height (default: 256)')
    parser.add_argument('--seed', type=int, default=0, help='another seed gives other pictures (default: %(default)s)')
    parser.add_argument('--categories', nargs='+', help='default: all five')
    args = parser.parse_args()
    if len(args.size) > 2:
        parser.error(f'--size takes one or two numbers, got {len(args.size)}')
    size = args.size[0] if len(args.size) == 1 else tuple(args.size)
    with Progress() as progress:
        for split, count in (('train', args.train), ('val', args.val)):
            task = progress.add_task(split, total=count)
            try:
                path = write_fashionai(args.root, split, count, size, args.seed, args.categories,
                                       lambda done, task=task: progress.update(task, completed=done))
            except (ValueError, OSError) as error:
                progress.stop()
                parser.error(str(error))
            progress.console.print(f'{count} pictures: {path}')


if __name__ == '__main__':
    main()
