"""Find the landmarks of many pictures.

    python tools/predict.py CONFIG CHECKPOINT photos/ -o out
    python tools/predict.py CONFIG CHECKPOINT catalogue.csv -o out --category dress --draw
    torchrun --nproc_per_node 4 tools/predict.py CONFIG CHECKPOINT s3://bucket/photos -o out

An input is a picture, a folder, a pattern ('photos/*.jpg'), a .txt with a path a line, a .csv with the columns image
and, if there are, x1, y1, x2, y2 and category, or a .json with such entries or in COCO's format. Without a box, the
whole picture is one. A category restricts the landmarks to those that it has.

OUT/predictions.jsonl gets a line for each garment, in the order of the inputs: image, box, category, and x, y (pixels
of the picture) and score of each landmark by its name. A picture that cannot be read has the reason instead, and is
passed over. A job that was stopped goes on where it was when the same command is given again, on any number of
processes.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import sys
from pathlib import Path

import cv2
import mmpose_tool  # noqa: F401  (makes the package importable from a clone)
import numpy as np
import torch
from mmengine.config import Config
from mmpose.apis import init_model
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.data import DataLoader

from pcloss_mmpose.datasets import DatasetFormatError
from pcloss_mmpose.datasets.metainfo.categories import category_landmarks
from pcloss_mmpose.inference import (
    Item,
    Journal,
    JournalError,
    PictureDataset,
    coco_results,
    csv_rows,
    find_items,
    predict,
)
from pcloss_mmpose.visualization import draw_landmarks


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('inputs', nargs='+', metavar='INPUT')
    parser.add_argument('-o', '--out', type=Path, required=True, help='folder of the results')
    parser.add_argument('--root', help='what relative paths in lists and tables start from (default: their folder)')
    parser.add_argument('--category', help='of the garments for which none is given')
    parser.add_argument('--draw', action='store_true', help='write OUT/pictures as well')
    parser.add_argument('--coco', action='store_true', help='write OUT/coco_results.json as well')
    parser.add_argument('--csv', action='store_true', help='write OUT/predictions.csv as well')
    parser.add_argument('--batch-size', type=int, default=32, help='default: %(default)s')
    parser.add_argument('--workers', type=int, default=min(4, os.cpu_count() or 1),
                        help='processes that load pictures, of each process that predicts (default: %(default)s)')
    parser.add_argument('--device', help='default: a GPU for each process if there is one, else the CPU')
    args = parser.parse_args()
    if args.batch_size < 1 or args.workers < 0:
        parser.error('--batch-size must be at least 1, and --workers at least 0')
    return args


def default_device() -> str:
    return f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else 'cpu'


def identity(checkpoint: str) -> str:
    """What tells a checkpoint from another: its content, or its address where it is remote."""
    return hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest() if Path(checkpoint).is_file() else checkpoint


def unknown_category(items: list[Item], known: dict) -> str | None:
    """The first category that the landmarks' data set does not have, if it has categories at all."""
    return next((item.category for item in items if known and item.category and item.category not in known), None)


def common_folder(items: list[Item]) -> str:
    """What the paths of all pictures begin with, to its last slash."""
    start = os.path.commonprefix([item.image for item in items])
    return start[:start.rfind('/') + 1]


def draw(folder: Path, start: str, entries: list[dict], records: list[dict], colors: dict[str, np.ndarray]) -> None:
    """Pictures with their landmarks, named by their keys after ``start``."""
    for entry, record in zip(entries, records):
        if 'error' in record:
            continue
        points = np.array(list(record['landmarks'].values()))
        picture = draw_landmarks(entry['picture'], points[:, :2], np.full(len(points), 2),
                                 np.array([colors[name] for name in record['landmarks']]))
        path = folder / f"{record['key'][len(start):].replace('..', '_')}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture)


def main() -> None:
    args = parse_args()
    console = Console(stderr=True, highlight=False)
    rank, world = int(os.environ.get('RANK', 0)), int(os.environ.get('WORLD_SIZE', 1))
    try:
        items = find_items(args.inputs, args.root, args.category)
        config = Config.fromfile(args.config)
        model = init_model(config, args.checkpoint, device=args.device or default_device())
        metainfo = model.dataset_meta
        names = [metainfo['keypoint_id2name'][k] for k in range(len(metainfo['keypoint_id2name']))]
        categories = category_landmarks(metainfo['dataset_name'])
        unknown = unknown_category(items, categories)
        if unknown is not None:
            sys.exit(f"error: unknown category '{unknown}': {metainfo['dataset_name']} has {', '.join(categories)}")
        model_name = dict(config=Path(args.config).name, checkpoint=identity(args.checkpoint))
        journal = Journal(args.out, model_name, rank, world)
    except (DatasetFormatError, FileNotFoundError, JournalError) as error:
        sys.exit(f'error: {error}')

    done = journal.done()
    own = [item for item in items[rank::world] if item.key not in done]
    dataset = PictureDataset(own, config.test_dataloader.dataset.pipeline, metainfo, keep_pictures=args.draw)
    loader = DataLoader(dataset, args.batch_size, num_workers=min(args.workers, len(own)), collate_fn=list)
    colors = dict(zip(names, metainfo['keypoint_colors']))
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=rank != 0) as bars:
        bar = bars.add_task('predicting', total=len(items[rank::world]), completed=len(items[rank::world]) - len(own))
        for entries, records in predict(model, loader, names, categories):
            if args.draw:
                draw(args.out / 'pictures', common_folder(items), entries, records, colors)
            journal.append(records)
            bars.advance(bar, len(records))

    records = journal.finish([item.key for item in items])
    if records is None:
        print(f'process {rank} of {world} has ended; others have not')
        return
    if args.coco:
        (args.out / 'coco_results.json').write_text(json.dumps(coco_results(items, records, names, list(categories))))
    if args.csv:
        with (args.out / 'predictions.csv').open('w', newline='') as file:
            csv.writer(file, lineterminator='\n').writerows(csv_rows(records, names))
    broken = [record for record in records if 'error' in record]
    for record in broken[:10]:
        console.print(f"passed over: {record['image']}: {record['error']}", markup=False, soft_wrap=True)
    print(f"{args.out / 'predictions.jsonl'}: {len(records) - len(broken)} garments"
          + (f', {len(broken)} pictures could not be read' if broken else ''))


if __name__ == '__main__':
    main()
