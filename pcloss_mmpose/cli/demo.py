"""The main job on embedded data: generate garments, train a small SPB without and with PCLoss, compare.

Both arms run at the same time, through tools/train.py and tools/test.py as for real data.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import mmengine
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

TOOLS = Path(__file__).resolve().parent
CONFIGS = TOOLS.parent / 'configs' / 'demo'
ARMS = {
    'without PCLoss': CONFIGS / 'td-hm_efflite0_1xb12-600_garments-128x128.py',
    'with PCLoss': CONFIGS / 'td-hm_efflite0-pcloss_1xb12-600_garments-128x128.py',
}
console = Console()


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, default=Path('demo_output'), help='folder for everything that is made')
    parser.add_argument('--train', type=int, default=800, help='number of training pictures')
    parser.add_argument('--val', type=int, default=200, help='number of validation pictures')
    parser.add_argument('--iterations', type=int, default=400, help='training iterations of 12 pictures, an arm')
    parser.add_argument('--seed', type=int, default=0, help='seed of the pictures and of both trainings')
    args = parser.parse_args()
    for name, least in (('train', 12), ('val', 1), ('iterations', 1), ('seed', 0)):
        if getattr(args, name) < least:
            parser.error(f'--{name} must be at least {least}, got {getattr(args, name)}')
    return args


def progress_bars() -> Progress:
    return Progress(TextColumn('{task.description:<28}'), BarColumn(), MofNCompleteColumn(),
                    TextColumn('{task.fields[note]}'), TimeElapsedColumn(), console=console)


def generate(root: Path, args: argparse.Namespace) -> None:
    from pcloss_mmpose.synthetic import write_fashionai
    with progress_bars() as bars:
        for split, count in (('train', args.train), ('val', args.val)):
            bar = bars.add_task(f'drawing {split} garments', total=count, note='')
            write_fashionai(root, split, count, seed=args.seed,
                            progress=lambda done, bar=bar: bars.update(bar, completed=done))


def start(script: str, root: Path, work_dir: Path, *arguments) -> subprocess.Popen:
    """Run one of our tools in the background, its output in the work folder, half of the cores for it."""
    threads = str(max(1, (os.cpu_count() or 2) // len(ARMS)))
    environment = {**os.environ, 'GARMENTS_ROOT': str(root), 'OMP_NUM_THREADS': threads, 'MKL_NUM_THREADS': threads}
    with open(work_dir / f'{script}.log', 'w') as log:
        return subprocess.Popen([sys.executable, TOOLS / f'{script}.py', *map(str, arguments)],
                                stdout=log, stderr=subprocess.STDOUT, env=environment)


def wait(runs: dict[str, subprocess.Popen], script: str, work_dirs: dict[str, Path], watch=lambda arm: None) -> None:
    """Until all have ended; when one fails, show the end of its output, stop the others and exit."""
    running = dict(runs)
    try:
        while running:
            for arm, run in list(running.items()):
                watch(arm)
                if run.poll() is None:
                    continue
                del running[arm]
                if run.returncode != 0:
                    log = work_dirs[arm] / f'{script}.log'
                    console.print(f'[red]failed[/], the end of {log}:')
                    console.print(''.join(log.read_text().splitlines(keepends=True)[-15:]), markup=False)
                    sys.exit(1)
            time.sleep(0.2)
    finally:
        for run in running.values():
            run.terminate()


def train(root: Path, work_dirs: dict[str, Path], args: argparse.Namespace) -> None:
    options = [
        f'randomness.seed={args.seed}', 'default_hooks.logger.interval=10', f'train_cfg.max_iters={args.iterations}',
        f'param_scheduler.1.end={max(args.iterations, 51)}'
    ]
    runs = {
        arm: start('train', root, work_dirs[arm], config, '--work-dir', work_dirs[arm], '--no-validate',
                   '--cfg-options', *options)
        for arm, config in ARMS.items()
    }
    with progress_bars() as bars:
        tasks = {arm: bars.add_task(f'training {arm}', total=args.iterations, note='') for arm in runs}
        wait(runs, 'train', work_dirs, watch=lambda arm: show_progress(bars, tasks[arm], work_dirs[arm]))
        for task in tasks.values():
            bars.update(task, completed=args.iterations)


def show_progress(bars: Progress, task: int, work_dir: Path) -> None:
    for scalars in sorted(work_dir.glob('*/vis_data/scalars.json'))[-1:]:
        lines = scalars.read_text().splitlines()
        if lines:
            try:
                last = json.loads(lines[-1])
            except ValueError:  # the line is being written
                return
            bars.update(task, completed=last['step'], note=f"loss {last['loss']:.4f}")


def test(root: Path, work_dirs: dict[str, Path]) -> tuple[dict, dict]:
    """Figures and per-picture results of each arm."""
    with console.status('testing both arms'):
        runs = {}
        for arm, config in ARMS.items():
            checkpoint = (work_dirs[arm] / 'last_checkpoint').read_text().strip()
            runs[arm] = start('test', root, work_dirs[arm], config, checkpoint, '--work-dir', work_dirs[arm],
                              '--out', work_dirs[arm] / 'metrics.json', '--dump', work_dirs[arm] / 'predictions.pkl')
        wait(runs, 'test', work_dirs)
    return ({arm: mmengine.load(folder / 'metrics.json') for arm, folder in work_dirs.items()},
            {arm: mmengine.load(folder / 'predictions.pkl') for arm, folder in work_dirs.items()})


def print_table(metrics: dict[str, dict]) -> None:
    base, ours = metrics.values()
    table = Table(title='Normalised error in percent, lower is better')
    for column in ('', *metrics, 'difference'):
        table.add_column(column, justify='left' if column == '' else 'right')
    for key in base:
        if key == 'NE_skipped':
            table.add_row('pictures without NE', f'{base[key]:.0f}', f'{ours[key]:.0f}', end_section=True)
            continue
        change = ours[key] - base[key]
        table.add_row(key, f'{base[key]:.2f}', f'{ours[key]:.2f}',
                      f"[{'green' if change < 0 else 'red'}]{change:+.2f}[/]", end_section=key == 'NE_macro')
    console.print(table)
    change = 100 * (ours['NE'] / base['NE'] - 1)
    verdict = 'lowered' if change < 0 else 'raised' if change > 0 else 'did not change'
    console.print(f"On this seed PCLoss {verdict} NE: {base['NE']:.2f} -> {ours['NE']:.2f} ({change:+.1f} %). "
                  'One seed of one short training shows that the tools work, not what the loss is worth.')


def draw_grid(path: Path, predictions: dict[str, list], rows: int = 5) -> None:
    """Ground truth and each arm's predictions of the first pictures, in two blocks side by side."""
    from pcloss_mmpose.metainfo import load_metainfo
    from pcloss_mmpose.visualization import draw_landmarks, picture_grid
    colors = load_metainfo('FashionAIDataset')['keypoint_colors']
    blocks = []
    for samples in zip(*predictions.values()):
        image = cv2.imread(samples[0]['img_path'])
        truth = samples[0]['gt_instances']['keypoints'][0]
        visible = np.reshape(samples[0]['raw_ann_info']['keypoints'], (-1, 3))[:, 2]
        found = [np.asarray(sample['pred_instances']['keypoints'])[0] for sample in samples]
        blocks.append([draw_landmarks(image, truth, visible, colors),
                       *(draw_landmarks(image, points, visible, colors, truth) for points in found)])
        if len(blocks) == 2 * rows:
            break
    half = max(1, len(blocks) // 2)
    titles = ['ground truth', *predictions]
    pairs = [left + right for left, right in zip(blocks[:half], blocks[half:])] or blocks
    cv2.imwrite(str(path), picture_grid(pairs, titles * (len(pairs[0]) // len(titles))))


def write_report(path: Path, predictions: dict[str, list]) -> None:
    from pcloss_mmpose.metainfo import load_metainfo
    from pcloss_mmpose.visualization.report import report_page, run_results
    metainfo = load_metainfo('FashionAIDataset')
    runs = [run_results(arm, samples, metainfo, norm='keypoint_pair') for arm, samples in predictions.items()]
    path.write_text(report_page(runs, 'Generated garments, without and with PCLoss')[0], encoding='utf-8')


def main() -> None:
    args = parse_args()
    root = args.out / 'garments'
    work_dirs = {arm: args.out / arm.replace(' ', '_') for arm in ARMS}
    with console.status('loading MMPose'):
        import pcloss_mmpose  # noqa: F401
    for folder in work_dirs.values():
        shutil.rmtree(folder, ignore_errors=True)  # an earlier demo's
        folder.mkdir(parents=True)
    generate(root, args)
    train(root, work_dirs, args)
    metrics, predictions = test(root, work_dirs)
    grid = args.out / 'predictions.png'
    draw_grid(grid, predictions)
    report = args.out / 'report.html'
    write_report(report, predictions)
    print_table(metrics)
    console.print(f'pictures   {root}\npredictions beside the truth   {grid}\n'
                  f'every picture, to filter and to sort   {report}')
    for arm, folder in work_dirs.items():
        console.print(f'{arm}   {folder}: config, log, checkpoint, metrics.json, predictions.pkl')


if __name__ == '__main__':
    main()
