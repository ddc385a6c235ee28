"""How fast the parts are that a run waits for, on one core.

    OMP_NUM_THREADS=1 python -m benchmarks.speed
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import torch
from rich.console import Console
from rich.table import Table

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.datasets import DeepFashionAttributeDataset, FashionAIDataset
from pcloss_mmpose.models.losses import position_constraint_loss
from pcloss_mmpose.synthetic import generate_sample
from pcloss_mmpose.synthetic.shapes import CATEGORIES, LANDMARKS

ROWS = 289222  # of the DeepFashion benchmark, all splits

STOCK = 'import pcloss_mmpose, mmpose.models, mmpose.datasets, mmpose.evaluation'
OURS = f'{STOCK}, pcloss_mmpose.models, pcloss_mmpose.datasets, pcloss_mmpose.evaluation'


def best_of(times: int, function) -> float:
    """Seconds of the fastest of several runs."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def pairwise_loss(pred: torch.Tensor, target: torch.Tensor, topk: int) -> torch.Tensor:
    """Eq. 5-8 as they are written, with the (B, K, K, 2) tensor of all pairs."""
    vectors = pred[:, None] - pred[:, :, None]
    errors = (vectors - (target[:, None] - target[:, :, None])).square().sum((-1, -2))
    return errors.topk(topk).values.mean()


def draw_garments(count: int = 100) -> None:
    for index in range(count):
        generate_sample(CATEGORIES[index % len(CATEGORIES)], 256, seed=0, index=index)


def write_deepfashion(root: Path) -> None:
    """Raw files of full size: upper-body rows with six landmarks."""
    names = [f'img/Sheer_Pleated_Blouse/img_{number:08d}.jpg' for number in range(ROWS)]
    landmarks = '  '.join(f'0 {x:03d} 120' for x in range(100, 160, 10))
    for path, columns, cells in (
            ('Anno/list_landmarks.txt', 'clothes_type landmark_visibility_1 landmark_location_x_1', f'1 {landmarks}'),
            ('Anno/list_bbox.txt', 'x_1 y_1 x_2 y_2', '072 079 232 273'),
            ('Eval/list_eval_partition.txt', 'evaluation_status', 'train')):
        file = root / path
        file.parent.mkdir(exist_ok=True)
        file.write_text('\n'.join([str(ROWS), f'image_name {columns}', *(f'{name} {cells} ' for name in names)]) + '\n')


def write_fashionai(path: Path) -> None:
    cells = ['120_200_1'] * 13 + ['-1_-1_-1'] * 11
    cells = cells[:7] + ['-1_-1_-1'] * 2 + cells[7:13] + ['-1_-1_-1'] * 9
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['image_id', 'image_category', *LANDMARKS])
        writer.writerows([f'Images/blouse/{number:032x}.jpg', 'blouse', *cells] for number in range(ROWS))


def seconds_of(code: str) -> float:
    """Of a new Python that runs the code, less those of one that does nothing."""
    full, empty = (best_of(3, lambda c=c: subprocess.run([sys.executable, '-W', 'ignore', '-c', c], check=True))
                   for c in (code, 'pass'))
    return full - empty


def main() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    table = Table('what', 'figure')
    ours = seconds_of('import pcloss_mmpose')
    table.add_row('import pcloss_mmpose, time against import torch', f'{ours / seconds_of("import torch"):.2f} x')
    ratio = seconds_of(OURS) / seconds_of(STOCK)
    table.add_row('its components loaded, time against MMPose alone', f'{ratio:.2f} x')
    table.add_row('garments drawn at 256x256', f'{100 / best_of(3, draw_garments):.0f} a second')
    with tempfile.TemporaryDirectory() as folder:
        write_deepfashion(Path(folder))
        write_fashionai(Path(folder) / 'train.csv')
        seconds = best_of(1, lambda: DeepFashionAttributeDataset(data_root=folder))
        table.add_row(f'DeepFashion, {ROWS:,} rows read and serialised', f'{seconds:.1f} s')
        seconds = best_of(1, lambda: FashionAIDataset(f'{folder}/train.csv'))
        table.add_row(f'FashionAI, {ROWS:,} rows read and serialised', f'{seconds:.1f} s')
    for landmarks in (24, 133, 294):
        pred, target = torch.rand(2, 20, landmarks, 2)
        pred.requires_grad_()
        ours, pairs = (best_of(20, lambda loss=loss, p=pred, t=target: loss(p, t, topk=8).backward())
                       for loss in (position_constraint_loss, pairwise_loss))
        table.add_row(f'loss and gradient, 20 samples of {landmarks} landmarks, time against forming all pairs',
                      f'{ours / pairs:.2f} x')
    Console().print(table)


if __name__ == '__main__':
    main()
