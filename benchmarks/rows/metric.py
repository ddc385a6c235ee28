"""NormalizedError beside MMPose's NME: predictions of a test, batch by batch as a runner gives them, and the figure.

The samples of a batch are made anew, outside of the time, so that memory is what a metric keeps of them.
"""

from __future__ import annotations

import logging
import time
from typing import Iterator

import numpy as np
import torch
from mmengine.evaluator import BaseMetric

from benchmarks.paired import Case, Cost
from pcloss_mmpose.metainfo import deepfashion_attribute, fashionai, load_metainfo

BATCH = 64


def cases(device: str, scale: int = 1) -> Iterator[Case]:
    from mmpose.evaluation import NME

    from pcloss_mmpose.evaluation import NormalizedError
    logging.disable(logging.WARNING)  # NME tells that it evaluates
    armpits = [fashionai.LANDMARKS.index(f'armpit_{side}') for side in ('left', 'right')]
    for images, dataset, category, ours, peer in (
            (40_000, deepfashion_attribute, 'full', dict(norm='box_width'),
             dict(norm_mode='use_norm_item', norm_item='bbox_size')),  # of the longer side: boxes are wide here
            (10_000, fashionai, 'blouse', dict(norm='keypoint_pair'),
             dict(norm_mode='keypoint_distance', keypoint_indices=armpits))):
        metainfo = load_metainfo(dataset.dataset_info)
        arrays = draw(images * scale, metainfo['num_keypoints'])
        yield Case(
            f'{images * scale:,} x {metainfo["num_keypoints"]}',
            lambda a=arrays, m=metainfo, c=category, o=ours: run(NormalizedError(**o), a, m, c, 'NE', 0.01),
            lambda a=arrays, m=metainfo, c=category, o=peer: run(NME(**o), a, m, c, 'NME', 1.),
            lambda a, b: torch.testing.assert_close(a, b, rtol=1e-4, atol=0), target=1., memory=1.)
    logging.disable(logging.NOTSET)


def draw(images: int, landmarks: int) -> dict[str, np.ndarray]:
    """Predictions a few pixels off, of which each fourth landmark is not annotated (and no armpit)."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 500, (images, landmarks, 2)).astype(np.float32)
    visibility = np.full((images, landmarks), 2.)
    visibility[:, ::4] = 0
    return dict(truth=truth, pred=truth + rng.normal(0, 5, truth.shape).astype(np.float32), visibility=visibility,
                boxes=np.tile(np.float32([10, 20, 410, 320]), (images, 1)))


def run(metric: BaseMetric, arrays: dict[str, np.ndarray], metainfo: dict, category: str, key: str,
        factor: float) -> Cost:
    """The figure, and the time that the metric takes."""
    metric.dataset_meta, images, seconds = metainfo, len(arrays['pred']), 0.
    for first in range(0, images, BATCH):
        samples = [sample(arrays, row, category) for row in range(first, min(first + BATCH, images))]
        start = time.perf_counter()
        metric.process(None, samples)
        seconds += time.perf_counter() - start
    start = time.perf_counter()
    figure = metric.evaluate(images)[key]
    return Cost(seconds + time.perf_counter() - start, 0, float(figure) * factor)


def sample(arrays: dict[str, np.ndarray], row: int, category: str) -> dict:
    """What a metric is given of an image."""
    pred, truth, visibility, box = (arrays[key][row:row + 1].copy() for key in ('pred', 'truth', 'visibility', 'boxes'))
    raw = np.concatenate([truth, visibility[..., None]], axis=2)
    return dict(pred_instances=dict(keypoints=pred, keypoint_scores=visibility),
                gt_instances=dict(keypoints=truth, keypoints_visible=visibility / 2, bboxes=box),
                raw_ann_info=dict(keypoints=raw.ravel().tolist(), category=category))
