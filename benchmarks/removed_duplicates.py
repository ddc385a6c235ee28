"""Draw garments on which PCLoss removed a duplicate: two landmarks on one spot without it, apart with it.

    OMP_NUM_THREADS=1 python benchmarks/removed_duplicates.py [--iterations 1800] [--seed 200]

Trains the two arms of docs/evidence.md's longer trainings, on a seed of its own, and tests them on 800 pictures. Writes
docs/evidence/removed_duplicates.png, prints how many pictures have a duplicate, and leaves in data/removed_duplicates
what tools/report.py takes.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from ablation import GARMENTS, draw_garments, start_worker
from ablation_studies import Run

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / 'data' / 'removed_duplicates'
PICTURE = ROOT / 'docs' / 'evidence' / 'removed_duplicates.png'
PICTURE_SIZE, PICTURES = 480, 800
ARMS = {'without PCLoss': 0., 'with PCLoss': 1e-3}


def train_and_test(name: str, weight: float, iterations: int, seed: int) -> None:
    from ablation_config import build_config
    from mmengine.runner import Runner
    folder = OUT / name.replace(' ', '_')
    config = build_config(Run(iterations=iterations, seed=seed, weight=weight, power=1.), folder, GARMENTS)
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    config.test_dataloader.dataset.update(data_root=str(OUT))
    config.test_evaluator.append(dict(type='mmengine.DumpResults', out_file_path=str(folder / 'predictions.pkl')))
    runner = Runner.from_cfg(config)
    runner.train()
    runner.test()


def read_run(name: str):
    from pcloss_mmpose.models.losses import load_metainfo
    from pcloss_mmpose.visualization.report import run_results
    samples = pickle.loads((OUT / name.replace(' ', '_') / 'predictions.pkl').read_bytes())
    return run_results(name, samples, load_metainfo('FashionAIDataset'), norm='keypoint_pair')


def draw(runs: list, index: int, pair: int, colors: np.ndarray) -> list[np.ndarray]:
    """The truth and each run's prediction of one picture, with the pair in rings."""
    from pcloss_mmpose.visualization import draw_landmarks
    first = runs[0]
    image = cv2.imread(first.paths[index])
    truth, visible = first.truth[index], first.visibility[index]
    ends = [side[pair] for side in np.triu_indices(truth.shape[0], 1)]
    row = []
    for points, reference in ((truth, None), *((run.found[index], truth) for run in runs)):
        picture = draw_landmarks(image, points, visible, colors, reference)
        for end in ends:
            cv2.circle(picture, tuple(points[end].round().astype(int).tolist()), 22, (40, 40, 255), 3, cv2.LINE_AA)
        row.append(picture)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--iterations', type=int, default=1800)
    parser.add_argument('--seed', type=int, default=200)
    parser.add_argument('--rows', type=int, default=2, help='pictures to draw')
    args = parser.parse_args()
    draw_garments()
    start_worker()
    from pcloss_mmpose.models.losses import load_metainfo
    from pcloss_mmpose.synthetic import write_fashionai
    from pcloss_mmpose.visualization import picture_grid
    write_fashionai(OUT, 'test', PICTURES, size=PICTURE_SIZE, seed=0)
    with ProcessPoolExecutor(len(ARMS), mp_context=get_context('spawn'), initializer=start_worker) as pool:
        for arm in [pool.submit(train_and_test, *arm, args.iterations, args.seed) for arm in ARMS.items()]:
            arm.result()

    runs = [read_run(name) for name in ARMS]
    for run in runs:
        print(f"{run.name}: NE {run.metrics['NE']:.2f}, {int((run.duplicates == 1).any(1).sum())} of {len(run.paths)} "
              'pictures with a duplicate')
    base, ours = runs
    removed = (base.duplicates == 1).any(1) & ~(ours.duplicates == 1).any(1)
    gain = np.where(removed, np.nanmean(base.error, axis=1) - np.nanmean(ours.error, axis=1), -np.inf)
    rows = [draw(runs, index, int((base.duplicates[index] == 1).argmax()),
                 load_metainfo('FashionAIDataset')['keypoint_colors'])
            for index in np.argsort(-gain)[:min(args.rows, removed.sum())]]
    if not rows:
        sys.exit('PCLoss removed no duplicate: train for longer, or with another seed')
    cv2.imwrite(str(PICTURE), picture_grid(rows, ['ground truth', *ARMS], cell=320))
    print(f'removed on {removed.sum()} of them; the {len(rows)} on which the mean error fell most: {PICTURE}')


if __name__ == '__main__':
    main()
