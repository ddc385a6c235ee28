"""Draw garments on which PCLoss removed a duplicate: two landmarks on one spot without it, apart with it.

    OMP_NUM_THREADS=1 python -m benchmarks.removed_duplicates

Trains the two arms of docs/screening.md's longer trainings, on a seed of its own, and tests them on 800 images. Prints
how many of them have a duplicate, and writes docs/evidence/removed_duplicates.jpg. What was found stays in
data/removed_duplicates, from which a second start only draws, and which `pcloss report` takes.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks.ablation import GARMENTS, draw_garments, start_worker
from benchmarks.ablation_studies import LONGER

if TYPE_CHECKING:
    from pcloss_mmpose.visualization import Look

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / 'data' / 'removed_duplicates'
FIGURE = ROOT / 'docs' / 'evidence' / 'removed_duplicates.jpg'
PREDICTIONS = 'predictions.pkl'
IMAGE_SIZE, IMAGES = 480, 800
ROWS = 2
ARMS = {
    'without PCLoss': LONGER._replace(seed=200),
    'with PCLoss': LONGER._replace(seed=200, weight=1e-3, power=1.),
}


def folder_of(name: str) -> Path:
    return OUT / name.replace(' ', '_')


def train_and_test(name: str) -> None:
    from mmengine.runner import Runner

    from benchmarks.ablation_config import build_config
    config = build_config(ARMS[name], folder_of(name), GARMENTS)
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    config.test_dataloader.dataset.update(data_root=str(OUT))
    config.test_evaluator.append(dict(type='mmengine.DumpResults', out_file_path=str(folder_of(name) / PREDICTIONS)))
    runner = Runner.from_cfg(config)
    runner.train()
    runner.test()


def draw(runs: list, index: int, pair: int, look: Look) -> list[np.ndarray]:
    """The truth and each run's prediction of one image, with the pair in rings."""
    from pcloss_mmpose.visualization import draw_landmarks
    image, first = cv2.imread(runs[0].paths[index]), runs[0].measured
    truth, visible = first.truth[index], first.visibility[index]
    ends = first.pairs[pair]
    row = []
    for points, reference in ((truth, None), *((run.measured.pred[index], truth) for run in runs)):
        drawn = draw_landmarks(image, points, visible, look, reference)
        for end in ends:
            cv2.circle(drawn, tuple(points[end].round().astype(int).tolist()), 22, (40, 40, 255), 3, cv2.LINE_AA)
        row.append(drawn)
    return row


def error_removed(base, ours) -> tuple[np.ndarray, np.ndarray]:
    """For each image the duplicate of the base whose two landmarks ours places better by most: by how much, which.

    The sum of both, as a fraction of T; minus infinity where the base has no duplicate, or ours has one.
    """
    first, second = np.transpose(base.pairs)
    gain = base.errors - ours.errors
    gain = gain[:, first] + gain[:, second]
    gain[(base.duplicates != 1) | (ours.duplicates == 1).any(axis=1, keepdims=True)] = -np.inf
    return gain.max(axis=1), gain.argmax(axis=1)


def main() -> None:
    start_worker()
    from pcloss_mmpose.metainfo import load_metainfo
    from pcloss_mmpose.synthetic import write_fashionai
    from pcloss_mmpose.visualization import Look, draw_grid, entries
    from pcloss_mmpose.visualization.report import load_run
    missing = [name for name in ARMS if not (folder_of(name) / PREDICTIONS).is_file()]
    if missing:
        draw_garments()
        write_fashionai(OUT, 'test', IMAGES, size=IMAGE_SIZE, seed=0)
        with ProcessPoolExecutor(len(ARMS), mp_context=get_context('spawn'), initializer=start_worker) as pool:
            list(pool.map(train_and_test, missing))

    runs = [load_run(folder_of(name), name) for name in ARMS]
    for run in runs:
        images = int((run.measured.duplicates == 1).any(axis=1).sum())
        print(f"{run.name}: NE {run.metrics['NE']:.2f}, {images} of {len(run.paths)} images with a duplicate")
    gain, pairs = error_removed(*(run.measured for run in runs))
    look = Look.of(load_metainfo('FashionAIDataset'))
    chosen = [index for index in np.argsort(-gain)[:ROWS] if np.isfinite(gain[index])]
    rows = [draw(runs, index, pairs[index], look) for index in chosen]
    if not rows:
        sys.exit('PCLoss removed no duplicate')
    legend = entries(look, [runs[0].measured.visibility[index] for index in chosen], 'occluded', truth=True)
    cv2.imwrite(str(FIGURE), draw_grid(rows, ['ground truth', *ARMS], cell=320, legend=legend))
    print(f'removed on {np.isfinite(gain).sum()}; those whose two landmarks got nearest to their places: {FIGURE}')


if __name__ == '__main__':
    main()
