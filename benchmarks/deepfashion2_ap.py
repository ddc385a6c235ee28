"""How long DeepFashion2's measures take on a validation set, and how much memory: made-up items, as many as it has.

    OMP_NUM_THREADS=1 python -m benchmarks.deepfashion2_ap [--boxes 200000]
"""

from __future__ import annotations

import resource
import time
from argparse import ArgumentParser
from typing import Callable, Sequence

import numpy as np

from pcloss_mmpose.evaluation import FailureModes, Found, Truths, oks_ap
from pcloss_mmpose.evaluation.landmark_metric import Kept
from pcloss_mmpose.metainfo import deepfashion2, load_metainfo

IMAGES, ITEMS = 32_153, 52_490


def made_up(boxes: int) -> tuple[Truths, Found]:
    """Items found with noise of 8 pixels; ``boxes`` more of a detector lie at some of them, too."""
    rng = np.random.default_rng(0)
    counts = np.array([own.stop - own.start for own in deepfashion2.SLICES])
    categories = rng.integers(1, 14, ITEMS)
    corners, sizes = rng.uniform(0, 300, (ITEMS, 1, 2)), rng.uniform(60, 500, (ITEMS, 1, 2))
    landmarks = np.concatenate([corners + sizes * rng.random((ITEMS, deepfashion2.MOST, 2)),
                                rng.choice(3, (ITEMS, deepfashion2.MOST, 1), p=[.1, .3, .6])], axis=2).round()
    landmarks[np.arange(deepfashion2.MOST) >= counts[categories - 1, None]] = 0
    truths = Truths(np.sort(np.r_[:IMAGES, rng.integers(0, IMAGES, ITEMS - IMAGES)]) + 1, categories,
                    np.concatenate([corners, corners + sizes], axis=2)[:, 0], landmarks, rng.integers(1, 4, (ITEMS, 4)))
    rows = np.r_[:ITEMS, rng.integers(0, ITEMS, boxes)]
    noise = rng.normal(0, 8, (len(rows), deepfashion2.MOST, 2))
    return truths, Found(truths.images[rows], categories[rows], landmarks[rows, :, :2] + noise, rng.random(len(rows)))


def failure_modes(truths: Truths, found: Found) -> None:
    """Of the first of the items found."""
    metric, pred = FailureModes(), np.zeros((294, 2))
    metric.dataset_meta = load_metainfo(deepfashion2.dataset_info)
    for category, box, landmarks, points in zip(*truths[1:4], found.landmarks):
        own = deepfashion2.SLICES[category - 1]
        truth, count = np.zeros((294, 3)), own.stop - own.start
        pred[own], truth[own] = points[:count], landmarks[:count]
        metric.results.append(Kept(deepfashion2.CATEGORIES[category - 1],
                                   np.concatenate([pred.ravel(), truth[:, :2].ravel(), truth[:, 2], box])))
    metric.compute_metrics(metric.results)


def timed(name: str, measure: Callable[[], object]) -> None:
    start = time.process_time()
    measure()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # of Linux
    print(f'{name}: {time.process_time() - start:.0f} s of one core; {memory:.1f} GB so far', flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--boxes', type=int, default=0, metavar='N',
                        help='found more than there are items (default: %(default)s)')
    truths, found = made_up(parser.parse_args(arguments).boxes)
    timed('AP', lambda: oks_ap(truths, found, subsets=False))
    timed('AP with subsets', lambda: oks_ap(truths, found))
    timed('failure modes', lambda: failure_modes(truths, found))


if __name__ == '__main__':
    main()
