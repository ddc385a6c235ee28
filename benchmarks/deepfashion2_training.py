"""DeepFashion2's configs on made-up pictures in its layout: 294 and 81 landmarks, with and without PCLoss.

    python -m benchmarks.deepfashion2_training draw ROOT --train 6000 --val 1000
    python -m benchmarks.deepfashion2_training train ROOT OUT.jsonl --models rtmpose-s --epochs 40 --seeds 0
    python -m benchmarks.deepfashion2_training table OUT.jsonl

`train` begins from random weights, calibrates PCLoss to the share (docs/loss.md) on each config, trains all arms of a
seed side by side, and adds a line for each validation to OUT.jsonl. It wants a GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pool
from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[1] / 'configs/deepfashion2'
FIGURES = ('AP', 'AP50', 'AP75', 'visible/AP', 'NE', 'NE_macro')


def draw_one(task: tuple[str, str, int, int]) -> None:
    """One picture of a set, as ``pcloss generate --layout deepfashion2`` writes it."""
    import cv2

    from pcloss_mmpose.metainfo.deepfashion2 import CATEGORIES
    from pcloss_mmpose.synthetic.deepfashion2 import draw_deepfashion2
    root, split, seed, index = task
    cv2.setNumThreads(1)
    drawing = draw_deepfashion2(CATEGORIES, 256, seed, index, 'hard')
    folder = Path(root) / split
    cv2.imwrite(str(folder / 'image' / f'{index + 1:06d}.jpg'), drawing.image, [cv2.IMWRITE_JPEG_QUALITY, 92])
    (folder / 'annos' / f'{index + 1:06d}.json').write_text(json.dumps(drawing.annotation))


def draw(args: argparse.Namespace) -> None:
    """Both splits, on all cores."""
    tasks = []
    for seed, (split, number) in enumerate((('train', args.train), ('validation', args.val))):
        for kind in ('image', 'annos'):
            (args.root / split / kind).mkdir(parents=True, exist_ok=True)
        tasks += [(str(args.root), split, seed, index) for index in range(number)]
    with Pool() as pool:
        pool.map(draw_one, tasks, chunksize=50)
    print(f'{len(tasks)} pictures in {args.root}')


def leaf(model: str, landmarks: int, pcloss: bool) -> Path:
    """The config of an arm."""
    arm, shared = '-pcloss' * pcloss, '-81' * (landmarks == 81)
    found, = CONFIGS.glob(f'*/*{model}{arm}_*_deepfashion2{shared}-256x192.py')
    return found


def config_of(base: Path, folder: Path, args: argparse.Namespace, seed: int, weight: float | None) -> Path:
    """A config that trains as long as is asked for, from random weights, in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    epochs, workers = args.epochs, dict(num_workers=args.workers, persistent_workers=args.workers > 0)
    loss = dict(head=dict(pc_loss=dict(loss_weight=weight))) if weight else {}
    settings = dict(
        model=dict(backbone=dict(init_cfg=None), **loss),
        train_cfg=dict(max_epochs=epochs, val_interval=args.every),
        optim_wrapper=dict(optimizer=dict(lr=args.lr)),
        train_dataloader=dict(batch_size=args.batch, **workers), val_dataloader=workers,
        param_scheduler=[
            dict(type='LinearLR', by_epoch=False, begin=0, end=100, start_factor=1e-3),
            dict(type='CosineAnnealingLR', by_epoch=True, begin=epochs // 2, end=epochs, T_max=epochs - epochs // 2,
                 eta_min=1e-5, convert_to_iter_based=True)],
        default_hooks=dict(checkpoint=dict(interval=epochs, save_best=None)),
        randomness=dict(seed=seed))
    path = folder / f'{base.stem}.py'
    path.write_text(f'_base_ = {str(base)!r}\n' + ''.join(f'{key} = {value!r}\n' for key, value in settings.items()))
    return path


def command(args: argparse.Namespace, *words: str) -> str:
    """What one of this package's commands prints, on the data; it is stopped where the time is up."""
    environment = dict(os.environ, DEEPFASHION2_ROOT=str(args.root), OMP_NUM_THREADS='1')
    process = subprocess.Popen([sys.executable, '-W', 'ignore', '-m', 'pcloss_mmpose.cli', *words], env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        return process.communicate(timeout=max(1, args.until - time.time()))[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]


def calibrated(args: argparse.Namespace, work: Path, model: str, landmarks: int) -> float:
    """The weight that gives PCLoss the wanted share."""
    config = config_of(leaf(model, landmarks, True), work / f'calibrate-{model}-{landmarks}', args, 0, None)
    output = command(args, 'calibrate', str(config), '--share', str(args.share))
    found = re.search(r'loss_weight=(\S+)', output)
    if not found:
        raise SystemExit(f'{config}: {output[-3000:]}')
    return float(found[1].rstrip(')'))


def trained(args: argparse.Namespace, work: Path, model: str, landmarks: int, weight: float | None,
            seed: int) -> list[dict]:
    """Train one arm; what each of its validations measured."""
    folder = work / f'{model}-{landmarks}{"-pcloss" * bool(weight)}-seed{seed}'
    config = config_of(leaf(model, landmarks, bool(weight)), folder, args, seed, weight)
    output = command(args, 'train', str(config), '--work-dir', str(folder))
    logs = sorted(folder.glob('*/vis_data/scalars.json'))
    lines = [json.loads(line) for line in logs[-1].read_text().splitlines()] if logs else []
    steps = sorted(line['time'] for line in lines if 'loss' in line)
    about = dict(model=model, landmarks=landmarks, pcloss=weight, seed=seed, epochs=args.epochs, batch=args.batch)
    found = [dict(about, epoch=line['step'], step=round(steps[len(steps) // 2], 4),
                  **{name: round(line[name], 4) for name in FIGURES}) for line in lines if 'AP' in line]
    if not found:
        print(f'{config}: {output[-3000:]}', flush=True)
    return found


def train(args: argparse.Namespace) -> None:
    """All arms, those of a seed side by side."""
    work, args.until = args.out.parent / 'work', time.time() + args.seconds
    arms = [(model, landmarks) for model in args.models for landmarks in args.landmarks]
    with ThreadPoolExecutor(len(arms)) as pool:
        weights = dict(zip(arms, pool.map(lambda arm: calibrated(args, work, *arm), arms)))
    print(f'weights for a share of {args.share}: {weights}', flush=True)
    for seed in args.seeds:
        tasks = [(*arm, weight, seed) for arm in arms for weight in (None, weights[arm])]
        with ThreadPoolExecutor(len(tasks)) as pool:
            for found in pool.map(lambda task: trained(args, work, *task), tasks):
                with args.out.open('a') as file:
                    file.writelines(json.dumps(row) + '\n' for row in found)
                print(*map(json.dumps, found), sep='\n', flush=True)


def table(args: argparse.Namespace) -> None:
    """A row for each line."""
    print('| model | landmarks | PCLoss | seed | epoch | ' + ' | '.join(FIGURES) + ' |\n'
          + '|---' * (5 + len(FIGURES)) + '|')
    for row in map(json.loads, args.out.read_text().splitlines()):
        loss = f'weight {row["pcloss"]:g}' if row['pcloss'] else 'without'
        figures = ' | '.join(f'{row[name]:.3f}' for name in FIGURES)
        print(f'| {row["model"]} | {row["landmarks"]} | {loss} | {row["seed"]} | {row["epoch"]} | {figures} |')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tasks = parser.add_subparsers(dest='task', required=True)
    drawing = tasks.add_parser('draw')
    drawing.add_argument('root', type=Path)
    drawing.add_argument('--train', type=int, default=6000)
    drawing.add_argument('--val', type=int, default=1000)
    training = tasks.add_parser('train')
    training.add_argument('root', type=Path)
    training.add_argument('out', type=Path)
    training.add_argument('--models', nargs='+', default=['rtmpose-s'])
    training.add_argument('--landmarks', nargs='+', type=int, default=[294, 81])
    training.add_argument('--epochs', type=int, default=40)
    training.add_argument('--batch', type=int, default=256)
    training.add_argument('--lr', type=float, default=1e-3)
    training.add_argument('--every', type=int, default=10, help='epochs between validations')
    training.add_argument('--seconds', type=float, default=1e9, help='after which trainings are stopped')
    training.add_argument('--workers', type=int, default=4)
    training.add_argument('--seeds', nargs='+', type=int, default=[0])
    training.add_argument('--share', type=float, default=0.4)
    tasks.add_parser('table').add_argument('out', type=Path)
    args = parser.parse_args()
    dict(draw=draw, train=train, table=table)[args.task](args)


if __name__ == '__main__':
    main()
