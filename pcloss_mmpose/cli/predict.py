"""Find the landmarks of many images.

    pcloss predict CONFIG CHECKPOINT photos/ -o out
    pcloss predict FOLDER catalogue.csv -o out --category dress --draw
    pcloss predict photos/ -o out --category blouse --draw
    torchrun --nproc_per_node 4 -m pcloss_mmpose.cli predict CONFIG CHECKPOINT photos/ -o out

FOLDER is one that `pcloss publish` wrote, or the name of one on the hub, hf-hub:OWNER/NAME. Without a model, that of
this package finds the 24 landmarks of FashionAI: pcloss:garments, small and trained on drawings alone.

An input is an image, a folder, a pattern ('photos/*.jpg'), a .txt with one path in each line, a .csv with the columns
image and, if there are, x1, y1, x2, y2 and category, or a .json with such entries or in COCO's format. Without a box,
the whole image is the box. With a category, a garment gets the landmarks of that category alone, where they are known:
from the metainfo of the config's data, or else from what is labelled in its COCO files. Its name may have blanks for
underscores.

OUT/predictions.jsonl gets a line for each garment, in the order of the inputs: image, box, category, and x, y (pixels
of the image) and score of each landmark by its name. For an image that cannot be read, the line has the reason instead,
and the next start tries it again. A job that was stopped goes on where it was when the same command is given again, on
any number of processes.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace

from ..errors import InputError
from ..model_folder import GARMENTS
from .arguments import add_model, add_names_option, fetch_model, number, out_folder, whole_number
from .loading import is_first, load, say
from .progress import Bars


def add_arguments(parser: ArgumentParser) -> None:
    add_model(parser, GARMENTS)
    parser.add_argument('inputs', nargs='+', metavar='INPUT')
    parser.add_argument('-o', '--out', type=out_folder, required=True, help='folder of the results')
    parser.add_argument('--root', help='what paths in lists and tables start from and stay below (default: their '
                        "folder; '/' for any)")
    parser.add_argument('--category', help='of the garments for which none is given')
    parser.add_argument('--all-landmarks', action='store_true', help='of every garment, whatever its category')
    parser.add_argument('--draw', action='store_true', help='write OUT/pictures as well')
    add_names_option(parser)
    parser.add_argument('--hollow-below', type=number(), metavar='SCORE',
                        help='score below which a point on the pictures is hollow (default: 0.3; what a score is '
                        'depends on the head: docs/deploy.md)')
    parser.add_argument('--coco', action='store_true', help='write OUT/coco_results.json as well')
    parser.add_argument('--csv', action='store_true', help='write OUT/predictions.csv as well')
    parser.add_argument('--batch-size', type=whole_number(1), default=32, help='default: %(default)s')
    parser.add_argument('--workers', type=whole_number(0), default=min(4, os.cpu_count() or 1),
                        help='processes that load images, and threads that draw them, of each process that predicts '
                        '(default: %(default)s; 0: it does all itself)')
    parser.add_argument('--device', help='default: a GPU for each process if there is one, else the CPU')


def run(args: Namespace) -> None:
    if not args.draw and (args.names or args.hollow_below is not None):
        raise InputError('--names and --hollow-below go with --draw')
    from ..inference import find_items
    items = find_items(args.inputs, args.root, args.category, leave_out=str(args.out))
    if args.checkpoint == GARMENTS and is_first():
        print(f'model: {GARMENTS}, small and trained on drawings alone', file=sys.stderr)
    fetch_model(args)
    rank, world = int(os.environ.get('RANK', 0)), int(os.environ.get('WORLD_SIZE', 1))

    load('MMPose', 'mmpose.apis')
    from ..inference.drawings import Style
    from ..inference.job import Job
    from ..visualization.scored import HOLLOW_BELOW
    say('opening the model')
    style = Style(args.names, HOLLOW_BELOW if args.hollow_below is None else args.hollow_below)
    job = Job(args.config, args.checkpoint, items, args.out, args.all_landmarks, args.draw, args.device, rank, world,
              style)
    for warning in job.warnings if rank == 0 else ():
        print(f'warning: {warning}', file=sys.stderr)
    if rank == 0 and job.known and not args.all_landmarks and not all(item.category for item in items):
        *others, last = job.known
        print(f'--category {", ".join(others)}{" or " * bool(others)}{last} gives the landmarks of one kind alone',
              file=sys.stderr)
    with Bars() as bars:
        bar = bars.add('predicting', len(job.share), len(job.share) - len(job.left))
        for count in job.run(args.batch_size, args.workers):
            bar.advance(count)

    result = job.finish()
    if result is None:
        print(f'process {rank} of {world} has ended; others have not')
        return
    if args.coco:
        job.write_coco()
    if args.csv:
        job.write_csv()
    broken = job.broken()
    for record in broken[:10]:
        print(f"passed over: {record['image']}: {record['error']}", file=sys.stderr)
    print(f'{result}: {len(items) - len(broken)} garments'
          + (f', {len(broken)} images could not be read' if broken else ''))
    if len(broken) == len(items):
        print('error: no image could be read', file=sys.stderr)
        sys.exit(1)
