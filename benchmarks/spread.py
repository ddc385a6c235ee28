"""Whether trained models tell pictures apart, or answer with the mean shape.

    python -m benchmarks.spread RUN ...

RUN is a run's folder of `pcloss compare`, such as work_dirs/compare/systems-dfa/none/seed100. Printed is how far the
predictions of a landmark lie from their mean over the images, divided by the same of the truth.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from pcloss_mmpose.comparison.training import PREDICTIONS
from pcloss_mmpose.evaluation.predictions import read_predictions


def spread(found: np.ndarray, true: np.ndarray, known: np.ndarray) -> float:
    """Of predictions (N, K, 2) against the truth, over the landmarks that ``known`` (N, K) has twice or more."""
    often = known.sum(axis=0) > 1
    deviations = [np.nanmean(np.nanstd(np.where(known[..., None], points, np.nan)[:, often], axis=0))
                  for points in (found, true)]
    return float(deviations[0] / deviations[1])


def main() -> None:
    for run in sys.argv[1:]:
        samples, _ = read_predictions(Path(run) / PREDICTIONS)
        true, visible = (np.concatenate([sample['gt_instances'][key] for sample in samples])
                         for key in ('keypoints', 'keypoints_visible'))
        found = np.concatenate([sample['pred_instances']['keypoints'] for sample in samples])
        print(f'{spread(found, true, visible > 0):.2f} {run}')


if __name__ == '__main__':
    main()
