"""Find the landmarks of many pictures.

    python tools/predict.py CONFIG CHECKPOINT photos/ -o out
    python tools/predict.py CONFIG CHECKPOINT catalogue.csv -o out --category dress --draw
    torchrun --nproc_per_node 4 tools/predict.py CONFIG CHECKPOINT photos/ -o out

An input is a picture, a folder, a pattern ('photos/*.jpg'), a .txt with a path a line, a .csv with the columns image
and, if there are, x1, y1, x2, y2 and category, or a .json with such entries or in COCO's format. Without a box, the
whole picture is one. A category restricts the landmarks to those that it has.

OUT/predictions.jsonl gets a line for each garment, in the order of the inputs: image, box, category, and x, y (pixels
of the picture) and score of each landmark by its name. A picture that cannot be read has the reason instead, and is
passed over; the next start tries it again. A job that was stopped goes on where it was when the same command is given
again, on any number of processes.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Mapping, Sequence

import cv2
import mmpose_tool  # first: it makes the package and MMPose importable
import numpy as np
import torch
from mmengine.config import Config
from mmpose.apis import init_model
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.data import DataLoader

from pcloss_mmpose.datasets import FileFormatError
from pcloss_mmpose.metainfo.categories import category_landmarks
from pcloss_mmpose.inference import Item, Journal, PictureDataset, coco_results, csv_rows, find_items, predict
from pcloss_mmpose.metainfo import landmark_names
from pcloss_mmpose.visualization import draw_landmarks


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('inputs', nargs='+', metavar='INPUT')
    parser.add_argument('-o', '--out', type=Path, required=True, help='folder of the results')
    parser.add_argument('--root', help='what relative paths in lists and tables start from (default: their folder)')
    parser.add_argument('--category', help='of the garments for which none is given')
    parser.add_argument('--all-landmarks', action='store_true', help='of every garment, whatever its category')
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
    gpus = torch.cuda.device_count()
    return f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % gpus}" if gpus else 'cpu'


def identity(config: Config, checkpoint: str, all_landmarks: bool) -> dict:
    """What decides predictions: config, content of the checkpoint (or address, if it is remote), and the landmarks."""
    settings = json.dumps([config.model, config.test_dataloader.dataset.pipeline], sort_keys=True, default=str)
    weights = Path(checkpoint).read_bytes() if Path(checkpoint).is_file() else checkpoint.encode()
    hashes = (hashlib.sha256(content).hexdigest()[:16] for content in (settings.encode(), weights))
    return dict(zip(('config', 'checkpoint'), hashes), all_landmarks=all_landmarks)


def check_categories(items: Sequence[Item], known: Mapping[str, Sequence[int]], dataset: str) -> None:
    """Every category must be one of the data set's.

    Raises:
        FileFormatError: One is not.
    """
    for item in items:
        if item.category and item.category not in known:
            has = f'it has {", ".join(known)}' if known else 'it has no categories'
            raise FileFormatError.at(
                item.place or item.image, f"the model's data set, {dataset}, has no category '{item.category}': {has}",
                '--all-landmarks takes all landmarks of every garment.', field='category')


def drawing_names(items: Sequence[Item]) -> dict[str, str]:
    """Where each item's drawing lies below its folder, by key: as the pictures lie to each other."""
    split = {item.image: [part for part in re.split(r'[\\/]+', os.path.normpath(item.image))
                          if part not in ('', '..') and not part.endswith(':')] for item in items}
    common = len(os.path.commonprefix([parts[:-1] for parts in split.values()]))
    names, taken = {}, set()
    for item in items:
        name = stem = '/'.join(split[item.image][common:])
        number = 1
        while name in taken:
            number += 1
            name = f'{stem}#{number}'
        taken.add(name)
        names[item.key] = f'{name}.png'
    return names


def draw(path: Path, picture: np.ndarray, landmarks: Mapping[str, Sequence[float]], colors: Mapping) -> None:
    """Write a picture with its landmarks.

    Raises:
        OSError: It cannot be written.
    """
    points = np.array(list(landmarks.values()))
    drawn = draw_landmarks(picture, points[:, :2], np.full(len(points), 2), np.array([colors[n] for n in landmarks]))
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), drawn):
        raise OSError(f'{path} cannot be written')


def main() -> None:
    args = parse_args()
    console = Console(stderr=True, highlight=False)
    rank, world = int(os.environ.get('RANK', 0)), int(os.environ.get('WORLD_SIZE', 1))
    with mmpose_tool.readable_errors():
        items = find_items(args.inputs, args.root, args.category, leave_out=str(args.out))
        config = Config.fromfile(args.config)
        model = init_model(config, args.checkpoint, device=args.device or default_device())
        metainfo = model.dataset_meta
        names = landmark_names(metainfo)
        categories = {} if args.all_landmarks else category_landmarks(metainfo['dataset_name'])
        if not args.all_landmarks:
            check_categories(items, categories, metainfo['dataset_name'])
        journal = Journal(args.out, identity(config, args.checkpoint, args.all_landmarks), rank, world)
        done = journal.done()

    drawings = {key: args.out / 'pictures' / name for key, name in drawing_names(items).items()} if args.draw else {}
    share = items[rank::world]
    own = [item for item in share if item.key not in done or (args.draw and not drawings[item.key].is_file())]
    dataset = PictureDataset(own, config.test_dataloader.dataset.pipeline, metainfo, keep_pictures=args.draw)
    loader = DataLoader(dataset, args.batch_size, num_workers=min(args.workers, len(own)), collate_fn=list)
    colors = dict(zip(names, metainfo['keypoint_colors']))
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=rank != 0) as bars:
        bar = bars.add_task('predicting', total=len(share), completed=len(share) - len(own))
        for entries, records in predict(model, loader, names, categories):
            for entry, record in zip(entries, records):
                if args.draw and 'error' not in record:
                    draw(drawings[record['key']], entry['picture'], record['landmarks'], colors)
            journal.append(record for record in records if record['key'] not in done)
            bars.advance(bar, len(records))

    if not journal.finish([item.key for item in items]):
        print(f'process {rank} of {world} has ended; others have not')
        return
    if args.coco:
        results = list(coco_results(items, journal.records(), names, list(categories)))
        (args.out / 'coco_results.json').write_text(json.dumps(results), encoding='utf-8')
    if args.csv:
        with (args.out / 'predictions.csv').open('w', newline='', encoding='utf-8') as file:
            csv.writer(file, lineterminator='\n').writerows(csv_rows(journal.records(), names))
    broken = [record for record in journal.records() if 'error' in record]
    for record in broken[:10]:
        console.print(f"passed over: {record['image']}: {record['error']}", markup=False, soft_wrap=True)
    print(f"{args.out / 'predictions.jsonl'}: {len(items) - len(broken)} garments"
          + (f', {len(broken)} pictures could not be read' if broken else ''))
    if len(broken) == len(items):
        sys.exit('error: no picture could be read')


if __name__ == '__main__':
    main()
