"""This package's drawings in the place of MMPose's, for `pcloss test --show-dir`."""

from __future__ import annotations

import contextlib
from typing import Any, Iterator

import cv2
import mmcv
import numpy as np
from mmengine.dist import master_only
from mmengine.structures import InstanceData
from mmpose.registry import VISUALIZERS
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

from .landmarks import Look, draw_heatmaps
from .scored import draw_scored

REPLACED = 'PoseLocalVisualizer'


class LandmarkVisualizer(PoseLocalVisualizer):
    """Draws a garment with its outline and box, lines to the true places, and a legend.

    It takes the arguments of MMPose's. Sizes go by the image, colors by the metainfo. Where a garment is annotated, the
    landmarks that are not are left out. Points with a score below ``kpt_thr`` are hollow, where MMPose leaves them out.
    """

    names = False  #: whether the landmarks' names are written

    @master_only
    def add_datasample(self, name: str, image: np.ndarray, data_sample: PoseDataSample, draw_heatmap: bool = False,
                       show: bool = False, wait_time: float = 0, out_file: str | None = None, kpt_thr: float = 0.3,
                       step: int = 0, **others: Any) -> np.ndarray:
        """Draw a sample with one garment and show it, write it, or hand it to the backends, as MMPose's does.

        Args:
            image: (H, W, 3) uint8, RGB.
            others: What MMPose's hook gives besides; the truth and the box are always drawn.

        Returns:
            (h, w, 3) uint8, RGB.
        """
        image, look, found = image[..., ::-1], Look.of(self.dataset_meta), data_sample.pred_instances
        points, truth = np.array(found.keypoints[0, :, :2], dtype=float), true_places(data_sample)
        if truth is not None:
            points[np.isnan(truth).any(axis=1)] = np.nan
        box = found.bboxes[0] if 'bboxes' in found else None
        drawn = draw_scored(image, points, found.keypoint_scores[0], look, truth, box, self.names, kpt_thr)
        if draw_heatmap and 'heatmaps' in data_sample.get('pred_fields', ()):
            below = cv2.resize(image, (drawn.shape[1], round(drawn.shape[1] * image.shape[0] / image.shape[1])))
            drawn = np.vstack([drawn, draw_heatmaps(below, np.asarray(data_sample.pred_fields.heatmaps))])
        drawn = np.ascontiguousarray(drawn[..., ::-1])
        self.set_image(drawn)
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)
        if out_file is not None:
            mmcv.imwrite(drawn[..., ::-1], out_file)
        else:
            self.add_image(name, drawn, step)
        return self.get_image()


def true_places(data_sample: PoseDataSample) -> np.ndarray | None:
    """(K, 2) annotated x, y of a sample's first garment, NaN where there is none; None where it has none at all."""
    truth: InstanceData = data_sample.get('gt_instances', InstanceData())
    if 'keypoints' not in truth or 'keypoints_visible' not in truth:
        return None
    points, known = np.array(truth.keypoints[0, :, :2], dtype=float), np.asarray(truth.keypoints_visible[0])
    points[known.reshape(len(known), -1)[:, 0] <= 0] = np.nan
    return None if np.isnan(points).all() else points


@contextlib.contextmanager
def own_drawings(names: bool) -> Iterator[None]:
    """While it is open, configs that ask for MMPose's visualizer get :class:`LandmarkVisualizer`."""
    original = VISUALIZERS.get(REPLACED)
    own = type(REPLACED, (LandmarkVisualizer, ), dict(names=names))
    VISUALIZERS.register_module(REPLACED, force=True, module=own)
    try:
        yield
    finally:
        VISUALIZERS.register_module(REPLACED, force=True, module=original)
