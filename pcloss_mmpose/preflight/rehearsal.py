"""Whether a data set can be measured at all, found out with its own labels as predictions before a model is trained."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
from typing import Any, Iterable, Iterator, Mapping, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.evaluation import CocoMetric

from ..datasets.checks import spread
from ..errors import InputError
from .landmarks import converts

#: Rows that are tried at first. All of them are, before anything is refused.
ROWS = 1000


def is_measurable(dataset: Any) -> bool:
    """Whether a data set has rows like those that its metrics are given."""
    return (isinstance(dataset, BaseCocoStyleDataset) and dataset.data_mode == 'topdown' and len(dataset) > 0
            and not converts(dataset))


def monitored_figures(hooks: Iterable[Hook | Mapping]) -> Iterator[str]:
    """Names of the figures that hooks, or the configs of some, wait for."""
    for hook in hooks:
        options = hook if isinstance(hook, Mapping) else vars(hook)
        names = options.get('save_best') or options.get('monitor') or ()
        yield from (name for name in ([names] if isinstance(names, str) else names) if name != 'auto')


def rehearse(metrics: Sequence[BaseMetric], dataset: BaseCocoStyleDataset, monitored: Iterable[str] = ()) -> None:
    """Measure the labels of a data set against themselves, without an image.

    Metrics that write files are left out, and so is what MMPose's own metrics answer, but for missing areas.

    Args:
        metrics: Of an evaluator, with their ``dataset_meta``; they stay as they are.
        dataset: Top-down.
        monitored: Names of figures that something waits for, such as ``save_best``.

    Raises:
        InputError: A metric cannot measure these rows, or gives no figure of a monitored name.
    """
    rows = spread(len(dataset), ROWS)
    try:
        _try(metrics, dataset, rows, monitored)
    except InputError:
        if len(rows) == len(dataset):
            raise
        _try(metrics, dataset, range(len(dataset)), monitored)


def _try(metrics: Sequence[BaseMetric], dataset: BaseCocoStyleDataset, rows: Sequence[int],
         monitored: Iterable[str]) -> None:
    samples = [perfect_sample(dataset.get_data_info(row)) for row in rows]
    figures: set[str] | None = set()
    for metric in metrics:
        own = None if _writes(metric) else _figures(metric, samples)
        figures = None if figures is None or own is None else figures | own
    for name in monitored if figures is not None else ():
        if name not in figures:
            raise InputError(f"no metric of the evaluator gives '{name}', which save_best, a hook or --metric asks "
                             f"for; they give {', '.join(sorted(figures))}")


def _writes(metric: BaseMetric) -> bool:
    return any(getattr(metric, name, None) is not None for name in ('out_file', 'out_file_path'))


def _figures(metric: BaseMetric, samples: Sequence[Mapping]) -> set[str] | None:
    """Names of what a metric gives; None where it cannot be known."""
    metric = copy.copy(metric)
    metric.results = []
    if isinstance(metric, CocoMetric):
        if metric.gt_converter is not None or metric.format_only:  # it changes its annotations
            return None
        metric.outfile_prefix = None
    try:
        with in_silence():
            metric.process({}, samples)
            figures = metric.compute_metrics(metric.results)
    except InputError:
        raise
    except Exception as error:  # MMPose's own ask for what cannot be known here
        if isinstance(metric, CocoMetric) and metric.use_area and 'area' in str(error):
            raise InputError('CocoMetric needs the area of every annotation, and the annotations have none; add '
                             '"area", or take NormalizedError') from error
        return None
    return {f'{metric.prefix}/{name}' if metric.prefix else name for name in figures}


def perfect_sample(info: Mapping) -> dict:
    """What a metric is given of a row whose landmarks are found where they are labelled.

    Args:
        info: A data info. Where it has no box, which the pipeline is to make, any will do.
    """
    box = np.asarray(info.get('bbox', [[0, 0, 100, 100]]), dtype=np.float32)
    keypoints = np.asarray(info['keypoints'], dtype=np.float32)
    visible = np.asarray(info['keypoints_visible'], dtype=np.float32)
    height, width = info.get('img_shape', (100, 100))[:2]
    return {
        **info, 'ori_shape': (height, width), 'img_shape': (height, width), 'input_size': (100, 100),
        'input_center': box[0].reshape(2, 2).mean(axis=0), 'input_scale': box[0, 2:] - box[0, :2],
        'gt_instances': dict(bboxes=box, bbox_scores=np.ones(1, np.float32), bbox_scales=box[:, 2:] - box[:, :2],
                             keypoints=keypoints, keypoints_visible=visible),
        'pred_instances': dict(keypoints=np.nan_to_num(keypoints), bboxes=box,
                               keypoint_scores=np.ones(keypoints.shape[:2], np.float32))}


@contextlib.contextmanager
def in_silence() -> Iterator[None]:
    """Nothing is printed or logged: what is said of perfect predictions would be taken for a result."""
    logger = MMLogger.get_current_instance()
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)  # logging.disable does not reach MMEngine's loggers
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(before)
