"""When PCLoss helps, and how it must be set: many small trainings, of which each differs from another in one thing.

    OMP_NUM_THREADS=1 python -m benchmarks.ablation run STUDY ... [--processes 2]
    python -m benchmarks.ablation list
    python -m benchmarks.ablation_report

A study (benchmarks/ablation_studies.py) is a small table of settings. Every run of it is a config of this project with
a few values changed, trained and tested by MMEngine's runner; its figures become a line of benchmarks/ablation.jsonl.
What has a line already is passed over, so that an interrupted study goes on where it was.

Garments are drawn into data/ablation. The photographs are those of docs/your_garments.md: DEEPFASHION_ROOT says
where they lie.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from benchmarks.ablation_studies import STUDIES, Run
from pcloss_mmpose.inference.journal import drop_torn_line

HERE = Path(__file__).resolve().parent
RESULTS = HERE / 'ablation.jsonl'
GARMENTS = HERE.parent / 'data' / 'ablation'
SPLITS = dict(train=3000, val=400, test=800)
PICTURE_SIZE = 160


def read_results(path: Path = RESULTS) -> dict[Run, dict]:
    """The figures of every run that has ended; a line that is none ends the program, and is named.

    What a kill has cut off stands behind the last line break, and its run is done again.
    """
    results = {}
    for number, line in enumerate(path.read_text().split('\n')[:-1] if path.is_file() else [], 1):
        try:
            record = json.loads(line)
            results[Run(**record.pop('run'))] = record
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            sys.exit(f'{path}, line {number}: not a result of this program ({error!r}); remove the line, and its run '
                     'is done again')
    return results


def write_result(run: Run, figures: dict, path: Path = RESULTS) -> None:
    with path.open('ab+') as file:
        drop_torn_line(file)
        file.write(json.dumps(dict(run=run.changes(), **figures)).encode() + b'\n')


def draw_garments() -> None:
    from pcloss_mmpose.synthetic import write_fashionai
    for split, count in SPLITS.items():
        if not (GARMENTS / 'Annotations' / f'{split}.csv').is_file():
            print(f'drawing {count} garments: {split}', flush=True)
            write_fashionai(GARMENTS, split, count, size=PICTURE_SIZE, seed=0)


def start_worker() -> None:
    import logging
    import warnings

    import cv2
    import torch
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    logging.disable(logging.INFO)


def train_and_test(run: Run) -> dict:
    from mmengine.runner import Runner

    from benchmarks.ablation_config import build_config
    start = time.time()
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner.from_cfg(build_config(run, Path(folder), GARMENTS))
        runner.train()
        trained = time.time() - start
        figures = {}
        if runner.val_loop is not None:
            figures['val'] = overall(runner.val())
        figures['test'] = overall(runner.test())
        scalars = runner.message_hub.log_scalars
        if 'train/pc_share' in scalars:
            shares = scalars['train/pc_share'].data[0]
            tenth = max(1, len(shares) // 10)
            figures['share'] = [float(part.mean()) for part in (shares[:tenth], shares, shares[-tenth:])]
    figures = json.loads(json.dumps(figures), parse_float=lambda text: float(f'{float(text):.5g}'))
    return dict(figures, seconds=round(trained), date=time.strftime('%Y-%m-%d'))


def overall(metrics: dict) -> dict:
    """Without the figures of single landmarks and pairs."""
    kept = ('all/NE', 'gross/outliers', 'gross/outlier_images', 'gross/duplicates', 'gross/duplicate_images')
    return {key: value for key, value in metrics.items() if '/' not in key or key in kept}


def run_all(runs: list[Run], processes: int, path: Path = RESULTS) -> None:
    started = time.time()
    failed = []
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(processes, mp_context=context, initializer=start_worker) as pool:
        futures = {pool.submit(train_and_test, run): run for run in runs}
        for number, future in enumerate(as_completed(futures), 1):
            run = futures[future]
            if future.exception():
                failed.append(run)
                print(f'{number}/{len(runs)}  failed, {future.exception()!r}: {run.changes()}', flush=True)
                continue
            figures = future.result()
            write_result(run, figures, path)
            minutes = (time.time() - started) / 60
            print(f"{number}/{len(runs)}  {minutes:.0f} min, {minutes * (len(runs) / number - 1):.0f} to go  "
                  f"NE {figures.get('val', figures['test'])['NE']:.2f}  {run.changes()}", flush=True)
    if failed:
        sys.exit(f'{len(failed)} runs failed')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    commands.add_parser('list', help='the studies, and how many of their runs have ended')
    run = commands.add_parser('run', help='train and test what has not been')
    run.add_argument('studies', nargs='+', choices=STUDIES, metavar='STUDY')
    run.add_argument('--processes', type=int, default=os.cpu_count(), help='one a core (default: %(default)s)')
    args = parser.parse_args()
    if args.command == 'run' and args.processes < 1:
        parser.error(f'--processes must be at least 1, got {args.processes}')
    done = read_results()
    if args.command == 'list':
        for name, study in STUDIES.items():
            print(f'{name:<24}{sum(run in done for run in study.runs):>4} of {len(study.runs):<4} {study.question}')
        return
    wanted = dict.fromkeys(run for name in args.studies for run in STUDIES[name].runs)
    runs = [run for run in wanted if run not in done]
    root = os.environ.get('DEEPFASHION_ROOT', '')
    if any(run.data == 'photographs' for run in runs) and not Path(root, 'Anno').is_dir():
        sys.exit(f"DEEPFASHION_ROOT is {root!r}, and has no folder Anno: set it to the folder of the photographs "
                 '(docs/your_garments.md)')
    if any(run.data == 'garments' for run in runs):
        draw_garments()
    print(f'{len(wanted) - len(runs)} runs have ended, {len(runs)} to go', flush=True)
    run_all(runs, args.processes)


if __name__ == '__main__':
    main()
