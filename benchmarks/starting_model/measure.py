"""What the starting model is worth on photographs: as it is, and to begin a training with, against ImageNet weights.

    export DEEPFASHION_ROOT=/data/robot_garments OMP_NUM_THREADS=1
    python -m benchmarks.starting_model.measure as-it-is CHECKPOINT
    python -m benchmarks.starting_model.measure train CHECKPOINT --photographs 15,72
    python -m benchmarks.starting_model.measure table

The photographs are those of docs/your_garments.md. A pair of trainings has the same seed, and so the same photographs,
order and augmentation. Results are lines of benchmarks/starting_model/results.jsonl; what has one is not done again.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any, Iterator

import numpy as np

from benchmarks.ablation import start_worker
from pcloss_mmpose.configs import load_config
from pcloss_mmpose.evaluation.functional import normalized_error
from pcloss_mmpose.metainfo import landmark_names
from pcloss_mmpose.paired import paired_change

HERE = Path(__file__).resolve().parent
RESULTS = HERE / 'results.jsonl'
CONFIG = HERE / 'start_128x128.py'
PHOTOGRAPHS = HERE.parents[1] / 'configs/deepfashion/spb/td-hm_efflite0_1xb12-600_deepfashion-160x160.py'
TRAINING_PHOTOGRAPHS = 72
IMAGENET, OURS = 'ImageNet', 'starting model'
#: The landmarks of the drawings whose mean stands for one of the photographs, by the category there. The drawings' left
#: is the viewer's, the photographs' the wearer's.
MEANING = {
    'upper': {'collar': ['neckline_{}'], 'sleeve': ['cuff_{}_in', 'cuff_{}_out'], 'hem': ['top_hem_{}']},
    'lower': {'waistline': ['waistband_{}'], 'hem': ['bottom_{}_in', 'bottom_{}_out']},
}
OTHER = dict(left='right', right='left')


def as_it_is(checkpoint: str) -> None:
    """Error on all photographs of a model that has seen none, by category and landmark, in percent of the box."""
    from mmengine.registry import init_default_scope
    from mmpose.apis import inference_topdown, init_model
    from mmpose.registry import DATASETS
    init_default_scope('mmpose')
    model = init_model(load_config(CONFIG), checkpoint, device='cpu')
    found_names = landmark_names(model.dataset_meta)
    errors: dict[str, list[float]] = {}
    for part in ('train', 'val'):
        dataset = DATASETS.build(dict(load_config(PHOTOGRAPHS).val_dataloader.dataset, split=part))
        names = landmark_names(dataset.metainfo)
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            found = inference_topdown(model, info['img_path'], info['bbox'])[0].pred_instances.keypoints[0]
            category = info['raw_ann_info']['category']
            for side, (name, parts) in product(OTHER, MEANING[category].items()):
                truth = names.index(f'{side}_{name}')
                place = np.mean([found[found_names.index(each.format(OTHER[side]))] for each in parts], axis=0)
                size = info['bbox'][0][2:] - info['bbox'][0][:2]
                error = normalized_error(place[None, None], info['keypoints'][:, [truth]],
                                         info['keypoints_visible'][:, [truth]], size[None])[0, 0]
                if np.isfinite(error):
                    errors.setdefault(f'{category} {name}', []).append(100 * error)
    for name, values in errors.items():
        print(f'{name}: {np.mean(values):.1f} % of the box, median {np.median(values):.1f}, {len(values)} landmarks')
    every = np.concatenate(list(errors.values()))
    print(f'all: {every.mean():.1f}, median {np.median(every):.1f}, {len(every)} landmarks')


def train(checkpoint: str, photographs: int, start: str, seed: int, iterations: int) -> dict[str, Any]:
    """Figures of one training on so many photographs, drawn with its seed."""
    from mmengine.runner import Runner
    config = load_config(PHOTOGRAPHS)
    config.randomness = dict(seed=seed)
    config.train_dataloader.dataset.indices = sorted(
        random.Random(seed).sample(range(TRAINING_PHOTOGRAPHS), photographs))
    config.train_cfg.update(max_iters=iterations, val_interval=iterations)
    config.param_scheduler[1].end = iterations
    config.default_hooks.checkpoint = None
    if start == OURS:
        config.load_from, config.may_differ = checkpoint, ['head.final_layer']
    begun = time.time()
    with tempfile.TemporaryDirectory() as folder:
        config.work_dir = folder
        config.experiment_name = config.visualizer.name = f'{start}-{photographs}-{seed}-{iterations}'
        runner = Runner.from_cfg(config)
        runner.train()
        figures = runner.val()
    return dict(NE=round(float(figures['NE']), 4), seconds=round(time.time() - begun))


def results() -> Iterator[dict]:
    for line in RESULTS.read_text().splitlines() if RESULTS.is_file() else ():
        yield json.loads(line)


def table() -> None:
    """Both starts, and the change with its interval of 95 %, by the number of photographs and the iterations."""
    found: dict[tuple, dict[str, dict[int, float]]] = {}
    for line in results():
        found.setdefault((line['photographs'], line['iterations']), {}).setdefault(
            line['start'], {})[line['seed']] = line['NE']
    print('| photographs | iterations | seeds | NE from ImageNet | NE from the starting model | change, % |\n'
          '| ---: | ---: | ---: | ---: | ---: | ---: |')
    for (photographs, iterations), starts in sorted(found.items()):
        seeds = sorted(starts.get(IMAGENET, {}).keys() & starts.get(OURS, {}).keys())
        if len(seeds) > 1:
            base, ours = ([starts[start][seed] for seed in seeds] for start in (IMAGENET, OURS))
            change = paired_change(base, ours)
            print(f'| {photographs} | {iterations} | {len(seeds)} | {np.mean(base):.2f} | {np.mean(ours):.2f} | '
                  f'{change.percent:+.1f} ± {change.half:.1f} |')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    commands.add_parser('as-it-is').add_argument('checkpoint')
    training = commands.add_parser('train')
    training.add_argument('checkpoint')
    training.add_argument('--photographs', type=lambda text: list(map(int, text.split(','))), default=[15, 72])
    training.add_argument('--seeds', type=int, default=6)
    training.add_argument('--iterations', type=int, default=300)
    commands.add_parser('table')
    args = parser.parse_args()
    if args.command == 'table':
        table()
        return
    start_worker()
    if args.command == 'as-it-is':
        as_it_is(args.checkpoint)
        return
    for photographs, seed, start in product(args.photographs, range(args.seeds), (IMAGENET, OURS)):
        run = dict(photographs=photographs, iterations=args.iterations, seed=seed, start=start)
        if not any(run.items() <= line.items() for line in results()):
            line = dict(run, **train(args.checkpoint, photographs, start, seed, args.iterations))
            with RESULTS.open('a') as file:
                file.write(json.dumps(line) + '\n')
            print(line, flush=True)


if __name__ == '__main__':
    main()
