"""Generate garments, train a small model without and with PCLoss, and compare the two.

    pcloss demo --out demo_output

Both arms run at the same time, through `pcloss train` and `pcloss test` as for real data. Both begin with the model of
this package, pcloss:garments, which was trained on other drawings, with PCLoss.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Mapping, Sequence

from ..model_folder import GARMENTS
from .arguments import out_folder, whole_number
from .loading import say
from .progress import Bar, Bars, last_logged

if TYPE_CHECKING:
    from rich.console import Console

CONFIGS = {
    'without PCLoss': 'td-hm_efflite0_1xb12-600_garments-128x128',
    'with PCLoss': 'td-hm_efflite0-pcloss_1xb12-600_garments-128x128',
}
GRID_ROWS = 5
PACKAGE_PARENT = Path(__file__).resolve().parents[2]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('--out', type=out_folder, default=Path('demo_output'),
                        help='folder for everything that is made (default: %(default)s)')
    parser.add_argument('--train', type=whole_number(12), default=800, help='training images (default: %(default)s)')
    parser.add_argument('--val', type=whole_number(1), default=200, help='validation images (default: %(default)s)')
    parser.add_argument('--iterations', type=whole_number(1), default=150,
                        help='training iterations of 12 images, for each arm (default: %(default)s)')
    parser.add_argument('--seed', type=whole_number(0), default=0,
                        help='of the images and of both trainings (default: %(default)s)')


def run(args: Namespace) -> None:
    from rich.console import Console
    console = Console()
    root = args.out / 'garments'
    work_dirs = {arm: args.out / arm.replace(' ', '_') for arm in CONFIGS}
    for folder in work_dirs.values():
        shutil.rmtree(folder, ignore_errors=True)  # an earlier demo's
        folder.mkdir(parents=True)
    say(f'drawing {args.train + args.val} garments, training two models and testing them')
    generate(root, args)
    train(console, root, work_dirs, args)
    metrics, predictions = test(console, root, work_dirs)
    grid, report = args.out / 'predictions.png', args.out / 'report.html'
    if not console.is_terminal:
        say('drawing')
    with console.status('drawing'):
        draw_grid(grid, predictions)
        sentence = write_report(report, predictions)
    print_table(console, metrics)
    made = {'images': root, 'predictions beside the truth': grid, 'every image, to filter and to sort': report, **{
        arm: f'{folder}: config, log, checkpoint, metrics.json, predictions.jsonl'
        for arm, folder in work_dirs.items()}}
    for what, where in made.items():
        console.print(f'{what}   {where}', soft_wrap=True)
    console.print(f'both began with {GARMENTS}, which was trained on other drawings, with PCLoss', soft_wrap=True)
    console.print(sentence, soft_wrap=True)


def generate(root: Path, args: Namespace) -> None:
    """Draw both sets."""
    from ..synthetic import write_fashionai
    with Bars(keep=True) as bars:
        for split, count in (('train', args.train), ('val', args.val)):
            write_fashionai(root, split, count, seed=args.seed, difficulty='ordinary',
                            progress=bars.add(f'drawing {split} garments', count).update)


def start(command: str, root: Path, work_dir: Path, *arguments) -> subprocess.Popen:
    """Run one of our commands in the background, its output in the work folder, half of the cores for it."""
    threads = str(max(1, (os.cpu_count() or 2) // len(CONFIGS)))
    path = os.pathsep.join(filter(None, (str(PACKAGE_PARENT), os.environ.get('PYTHONPATH'))))
    environment = {**os.environ, 'GARMENTS_ROOT': str(root), 'OMP_NUM_THREADS': threads, 'MKL_NUM_THREADS': threads,
                   'PYTHONPATH': path}
    with open(work_dir / f'{command}.log', 'w') as log:
        return subprocess.Popen([sys.executable, '-m', 'pcloss_mmpose.cli', command, *map(str, arguments)],
                                stdout=log, stderr=subprocess.STDOUT, env=environment)


def wait(console: Console, runs: Mapping[str, subprocess.Popen], logs: Mapping[str, Path],
         watch: Callable[[str], None] = lambda arm: None) -> None:
    """Wait until all have ended; when one fails, show the end of its output, stop the others and exit."""
    running = dict(runs)
    try:
        while running:
            for arm, process in list(running.items()):
                watch(arm)
                if process.poll() is None:
                    continue
                del running[arm]
                if process.returncode != 0:
                    console.print(f'[red]failed[/], the end of {logs[arm]}:', soft_wrap=True)
                    console.print('\n'.join(logs[arm].read_text().splitlines()[-15:]), markup=False, soft_wrap=True)
                    sys.exit(1)
            time.sleep(0.2)
    finally:
        for process in running.values():
            process.terminate()


def train(console: Console, root: Path, work_dirs: Mapping[str, Path], args: Namespace) -> None:
    """Train both arms."""
    options = [
        f'load_from={GARMENTS}', f'randomness.seed={args.seed}', 'default_hooks.logger.interval=10',
        f'train_cfg.max_iters={args.iterations}',
        f'param_scheduler.1.end={max(args.iterations, 51)}'
    ]
    runs = {
        arm: start('train', root, work_dirs[arm], config, '--work-dir', work_dirs[arm], '--no-validate',
                   '--cfg-options', *options)
        for arm, config in CONFIGS.items()
    }
    with Bars(keep=True) as bars:
        shown = {arm: bars.add(f'training {arm}', args.iterations) for arm in runs}
        wait(console, runs, {arm: folder / 'train.log' for arm, folder in work_dirs.items()},
             watch=lambda arm: show_progress(shown[arm], work_dirs[arm]))
        for bar in shown.values():
            bar.update(args.iterations, note=bar.note)


def show_progress(bar: Bar, work_dir: Path) -> None:
    """Move a bar to where the training's log is."""
    last = last_logged(work_dir)
    if last and 'loss' in last:
        bar.update(last['step'], note=f"loss {last['loss']:.4f}")


def test(console: Console, root: Path, work_dirs: Mapping[str, Path]) -> tuple[dict, dict]:
    """Figures and per-image results of each arm."""
    if not console.is_terminal:
        say('testing both arms')
    with console.status('testing both arms'):
        runs = {}
        for arm, config in CONFIGS.items():
            checkpoint = (work_dirs[arm] / 'last_checkpoint').read_text().strip()
            runs[arm] = start('test', root, work_dirs[arm], config, checkpoint, '--work-dir', work_dirs[arm],
                              '--out', work_dirs[arm] / 'metrics.json', '--dump', work_dirs[arm] / 'predictions.jsonl')
        wait(console, runs, {arm: folder / 'test.log' for arm, folder in work_dirs.items()})
    from ..evaluation.predictions import read_predictions
    return ({arm: json.loads((folder / 'metrics.json').read_text()) for arm, folder in work_dirs.items()},
            {arm: read_predictions(folder / 'predictions.jsonl')[0] for arm, folder in work_dirs.items()})


def print_table(console: Console, metrics: Mapping[str, Mapping]) -> None:
    """Print the figures of both arms, and what PCLoss changed."""
    from rich.table import Table
    base, ours = metrics.values()
    table = Table(title='Normalised error in percent, lower is better')
    for column in ('', *metrics, 'difference'):
        table.add_column(column, justify='left' if column == '' else 'right')
    for key in base:
        if key == 'NE_skipped':
            table.add_row('images without NE', f'{base[key]:.0f}', f'{ours[key]:.0f}', end_section=True)
            continue
        change = ours[key] - base[key]
        table.add_row(key, f'{base[key]:.2f}', f'{ours[key]:.2f}',
                      f"[{'green' if change < 0 else 'red'}]{change:+.2f}[/]", end_section=key == 'NE_macro')
    console.print(table)


def draw_grid(path: Path, predictions: Mapping[str, Sequence[Mapping]]) -> None:
    """Write the ground truth and each arm's predictions of the first images, in two blocks side by side."""
    import numpy as np

    from ..images import read_image, write_image
    from ..metainfo import load_metainfo, raw_visibility
    from ..visualization import Look, draw_grid, draw_landmarks, entries
    from ..visualization.grid import MARGIN
    look, cell = Look.of(load_metainfo('FashionAIDataset')), 256
    blocks, states = [], []
    for samples in list(zip(*predictions.values()))[:2 * GRID_ROWS]:
        image, truth = read_image(samples[0]['img_path']), samples[0]['gt_instances']['keypoints'][0]
        states.append(raw_visibility(samples[0]['raw_ann_info']))
        found = [np.asarray(sample['pred_instances']['keypoints'])[0] for sample in samples]
        blocks.append([draw_landmarks(image, points, states[-1], look, reference, longer=cell - 2 * MARGIN)
                       for points, reference in [(truth, None), *((points, truth) for points in found)]])
    half = max(1, len(blocks) // 2)
    titles = ['ground truth', *predictions]
    pairs = [left + right for left, right in zip(blocks[:half], blocks[half:])] or blocks
    legend = entries(look, states, 'occluded', truth=True)
    write_image(path, draw_grid(pairs, titles * (len(pairs[0]) // len(titles)), cell, legend))


def write_report(path: Path, predictions: Mapping[str, Sequence[Mapping]]) -> str:
    """Write the report's page on both arms; what changed, in a sentence."""
    from ..metainfo import load_metainfo
    from ..visualization.report import report_page, run_results, summary_sentence
    metainfo = load_metainfo('FashionAIDataset')
    runs = [run_results(arm, samples, metainfo, norm='keypoint_pair') for arm, samples in predictions.items()]
    page, *_ = report_page(runs, f'Generated garments, without and with PCLoss, from {GARMENTS}')
    path.write_text(page, encoding='utf-8')
    return summary_sentence(runs)
