"""A data set of DeepFashion's size: from raw files, and from COCO JSON of the same rows by MMPose's own reader.

Each side runs in a process of its own, whose imports do not count. With 4 workers, the time goes on until each of them
has read some rows, and the memory is that of all five processes, of what they share once (Linux's Pss).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator, Sequence

import numpy as np

from benchmarks.paired import Case, Cost, peak_memory
from benchmarks.predict_memory import memory, tree
from pcloss_mmpose.metainfo import deepfashion_attribute, fashion8, fashionai

ROWS = 289222  # of the DeepFashion benchmark, all splits
SIDE = 1000  # pixels of every image
WORKERS, READ, BATCH = 4, 1000, 10  # rows that each worker reads, and at once
SHOWN = ('img_path', 'keypoints', 'keypoints_visible', 'bbox')


def cases(device: str, scale: int = 1) -> Iterator[Case]:
    if scale > 1:
        return
    with tempfile.TemporaryDirectory() as folder:
        write_deepfashion(Path(folder))
        write_fashionai(Path(folder))
        for name, reader in (('DeepFashion', 'DeepFashionAttributeDataset'), ('FashionAI', 'FashionAIDataset')):
            for workers, words, rounds in ((0, '', 3), (WORKERS, f', read by {WORKERS} workers', 1)):
                ours, peer = (lambda r=r, w=workers: in_process(folder, r, w) for r in (reader, f'{name}.json'))
                yield Case(f'{name}, {ROWS:,} rows{words}', ours, peer, same, target=0.1, memory=0.25, rounds=rounds)


def same(ours: list[dict], peer: list[dict]) -> None:
    """The raw files of FashionAI have no boxes, which its JSON must have."""
    assert len(ours) == len(peer) > 100
    for own, other in zip(ours, peer):
        assert own == {key: other[key] for key in own}


def in_process(folder: str, source: str, workers: int) -> Cost:
    """What a new process takes, and a sample of its rows."""
    command = [sys.executable, '-W', 'ignore', '-m', 'benchmarks.rows.start', folder, source, str(workers)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return Cost(**json.loads(output.splitlines()[-1]))  # pycocotools prints too


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder')
    parser.add_argument('source', help='a reader, or the name of a JSON')
    parser.add_argument('workers', type=int)
    args = parser.parse_args()

    from mmpose.registry import DATASETS
    from torch.utils.data import DataLoader

    import pcloss_mmpose.datasets  # noqa: F401
    config = dict(type=args.source, data_root=args.folder, pipeline=[few_keys])
    if args.source == 'FashionAIDataset':
        config.update(ann_file='train.csv')
    elif args.source.endswith('.json'):
        metainfo = fashionai if args.source == 'FashionAI.json' else deepfashion_attribute
        config.update(type='CocoDataset', ann_file=args.source, metainfo=metainfo.dataset_info)

    dataset = DATASETS.build(dict(config, lazy_init=True))  # which imports what there is left to import
    held, start = memory(os.getpid()), time.perf_counter()
    peak = peak_memory(dataset.full_init)
    seconds = time.perf_counter() - start
    if args.workers:
        order = np.random.default_rng(0).integers(0, len(dataset), args.workers * READ).tolist()
        batches = iter(DataLoader(dataset, BATCH, sampler=order, num_workers=args.workers, collate_fn=len))
        for _ in range(len(order) // BATCH):  # not to the end, at which the workers leave
            next(batches)
        seconds = time.perf_counter() - start
        peak = sum(map(memory, tree(os.getpid()))) - held
    print(json.dumps(dict(seconds=seconds, bytes=peak, result=[dataset[i] for i in range(0, len(dataset), 997)])))


def few_keys(info: dict) -> dict:
    """In the place of a pipeline, which would read the image."""
    return {key: np.asarray(info[key]).tolist() for key in SHOWN if key in info}


def write_deepfashion(root: Path) -> None:
    """Raw files of full size, and a JSON of the same rows."""
    rng = np.random.default_rng(0)
    types, points, low, sides = draw(rng, len(fashion8.CATEGORIES), len(fashion8.LANDMARKS))
    names = [f'img/Sheer_Pleated-Front_Blouse/img_{number:08d}.jpg' for number in range(ROWS)]
    slots = [fashion8.CATEGORY_LANDMARKS[category] for category in fashion8.CATEGORIES]
    marks = [[points[row][k] for k in slots[kind]] for row, kind in enumerate(types)]
    landmarks = (f'{kind + 1}  ' + '  '.join(f'{2 - v} {x:03d} {y:03d}' for x, y, v in row)
                 for kind, row in zip(types, marks))
    boxes = (f'{x:03d} {y:03d} {x + w:03d} {y + h:03d}' for (x, y), (w, h) in zip(low, sides))
    columns = ' '.join(f'landmark_{value}_{k}' for k in range(1, 9)
                       for value in ('visibility', 'location_x', 'location_y'))
    for path, header, cells in (('Anno/list_landmarks.txt', f'clothes_type {columns}', landmarks),
                                ('Anno/list_bbox.txt', 'x_1 y_1 x_2 y_2', boxes),
                                ('Eval/list_eval_partition.txt', 'evaluation_status', ['train'] * ROWS)):
        (root / path).parent.mkdir(exist_ok=True)
        lines = (f'{name:<70} {cell} ' for name, cell in zip(names, cells))
        (root / path).write_text('\n'.join([str(ROWS), f'image_name {header}', *lines, '']))
    write_json(root / 'DeepFashion.json', names, types, slots, points, [a + b for a, b in zip(low, sides)])


def write_fashionai(root: Path) -> None:
    """The same as FashionAI."""
    rng = np.random.default_rng(0)
    types, points, *_ = draw(rng, len(fashionai.CATEGORIES), len(fashionai.LANDMARKS))
    categories = fashionai.CATEGORIES
    names = [f'Images/{categories[kind]}/{number:032x}.jpg' for number, kind in enumerate(types)]
    slots = [fashionai.CATEGORY_LANDMARKS[category] for category in categories]
    with (root / 'train.csv').open('w') as file:
        file.write(','.join(('image_id', 'image_category', *fashionai.LANDMARKS)) + '\n')
        for name, kind, row in zip(names, types, points):
            cells = ['-1_-1_-1'] * len(row)
            for k in slots[kind]:
                x, y, v = row[k]
                cells[k] = f'{x}_{y}_{v - 1}' if v else cells[k]
            file.write(f'{name},{categories[kind]},{",".join(cells)}\n')
    write_json(root / 'FashionAI.json', names, types, slots, points, [[0, 0, SIDE, SIDE]] * ROWS)


def draw(rng: np.random.Generator, kinds: int, landmarks: int) -> list[list]:
    """Kind of each row, landmarks as x, y, v, and the upper left corner, width and height of a box."""
    points = np.concatenate([rng.integers(1, SIDE, (ROWS, landmarks, 2)), rng.integers(0, 3, (ROWS, landmarks, 1))], 2)
    points[:, ::4, 2] = 2  # MMPose leaves rows without any landmark out
    arrays = (rng.integers(0, kinds, ROWS), points, rng.integers(0, 300, (ROWS, 2)), rng.integers(50, 600, (ROWS, 2)))
    return [array.tolist() for array in arrays]


def write_json(path: Path, names: Sequence[str], types: Sequence[int], slots: Sequence[Sequence[int]],
               points: Sequence[Sequence], boxes: Sequence[Sequence[int]]) -> None:
    with path.open('w') as file:
        images = (json.dumps(dict(id=number, file_name=name, width=SIDE, height=SIDE))
                  for number, name in enumerate(names, 1))
        file.write(f'{{"images": [{", ".join(images)}], "annotations": [')
        for row, (kind, own, box) in enumerate(zip(types, points, boxes)):
            keypoints = [0] * 3 * len(own)
            for k in slots[kind]:
                if own[k][2]:
                    keypoints[3 * k:3 * k + 3] = own[k]
            annotation = dict(id=row + 1, image_id=row + 1, category_id=kind + 1, iscrowd=0, keypoints=keypoints,
                              num_keypoints=sum(v > 0 for v in keypoints[2::3]), bbox=box, area=box[2] * box[3])
            file.write(', ' * (row > 0) + json.dumps(annotation))
        categories = [dict(id=kind, name=str(kind)) for kind in range(1, len(slots) + 1)]
        file.write(f'], "categories": {json.dumps(categories)}}}')


if __name__ == '__main__':
    main()
