"""What a report shows of a run: its figures, and the error of every landmark of every picture."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Sequence

import numpy as np

from ...errors import InputError
from ...evaluation import FailureModes, NormalizedError, duplicates, normalized_error


class RunResults(NamedTuple):
    """The test of one model. N: pictures, K: landmarks, P = K (K - 1) / 2: pairs of them."""

    name: str
    landmarks: list[str]  #: K names
    categories: list[str]  #: N names
    paths: list[str]  #: N files
    boxes: np.ndarray  #: (N, 4) x1 y1 x2 y2 of the garments, in pixels of the pictures
    truth: np.ndarray  #: (N, K, 2) x, y alike
    visibility: np.ndarray  #: (N, K) 0 not annotated, 1 occluded, 2 visible
    found: np.ndarray  #: (N, K, 2) predicted x, y
    error: np.ndarray  #: (N, K) percent of T, NaN where a landmark does not count
    duplicates: np.ndarray  #: (N, P) 1 a duplicate, 0 not, NaN where a pair does not count
    measure: dict  #: how it was measured: the options of :func:`run_results`
    metrics: dict[str, float]  #: of NormalizedError and FailureModes, in percent


def run_results(
        name: str, samples: Sequence[Mapping], metainfo: Mapping, threshold: float = 10., **options) -> RunResults:
    """From a test's samples, as MMPose dumps them, and the data set's parsed metainfo.

    Args:
        name: To show.
        samples: Dicts with ``pred_instances``, ``gt_instances``, ``img_path`` and ``raw_ann_info``, of one garment
            each.
        metainfo: What MMPose's ``parse_pose_metainfo`` gives.
        threshold: Percent of T above which a landmark is an outlier.
        **options: ``norm``, ``norm_pairs`` and ``include_occluded`` of
            :class:`~pcloss_mmpose.evaluation.NormalizedError`.

    Raises:
        InputError: There is no sample, nothing in them can be measured, or a prediction is not finite.
    """
    if not samples:
        raise InputError(f'{name}: no picture was tested')
    metrics = {}
    for metric in (FailureModes(threshold=threshold / 100, **options), NormalizedError(**options)):
        metric.dataset_meta = metainfo
        metric.process({}, samples)
        metrics.update(metric.compute_metrics(metric.results))
    pred, gt, counted, scale, categories = metric.landmarks(metric.results)
    if not np.isfinite(pred).all():
        raise InputError(f'{name}: a predicted landmark is not finite: a diverged model')
    return RunResults(
        name=name,
        landmarks=metric.names(),
        categories=categories.tolist(),
        paths=[str(sample['img_path']) for sample in samples],
        boxes=np.stack([result['box'] for result in metric.results]),
        truth=gt,
        visibility=np.stack([result['visibility'] for result in metric.results]),
        found=pred,
        error=100 * normalized_error(pred, gt, counted, scale),
        duplicates=duplicates(pred, gt, counted, scale),
        measure=dict(options, threshold=threshold),
        metrics=metrics)


def check_same_pictures(runs: Sequence[RunResults]) -> None:
    """Raise InputError unless all runs were tested on the same garments, in the same order, and measured alike."""
    first = runs[0]
    for run in runs[1:]:
        if run.measure != first.measure:
            raise InputError(f"'{run.name}' is measured by {run.measure}, '{first.name}' by {first.measure}: give "
                             'their configs the same NormalizedError')
        if run.landmarks != first.landmarks:
            raise InputError(f"'{run.name}' and '{first.name}' have other landmarks than each other")
        if run.paths != first.paths or not np.array_equal(run.truth, first.truth):
            raise InputError(f"'{run.name}' was tested on {len(run.paths)} pictures and '{first.name}' on "
                             f'{len(first.paths)}, which are not the same: test them with one config')
