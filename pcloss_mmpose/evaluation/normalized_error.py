"""Normalised error (NE), the measure of the PCLoss paper (Eq. 13)."""

from __future__ import annotations

import numpy as np
from mmpose.registry import METRICS

from ..errors import InputError
from .landmark_metric import LandmarkMetric


def normalized_error(pred: np.ndarray, gt: np.ndarray, visible: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Distance between prediction and truth, divided by the image's scale (Eq. 13, before the average).

    N: images, K: landmarks.

    Args:
        pred: (N, K, 2) predicted x, y in pixels of the original picture.
        gt: (N, K, 2) true x, y in the same pixels.
        visible: (N, K), above 0 where the landmark counts.
        scale: T in the same pixels. (N,) or (N, 1): one number an image. (N, 2): x is divided by the first and y by
            the second, which is the distance after the box was resized to a square of side 1.

    Returns:
        (N, K) float64 fractions, NaN where the landmark does not count or its image has no positive, finite scale.
        The paper's figure is 100 times their ``np.nanmean``.

    Raises:
        ValueError: The shapes do not fit, or a landmark that counts has a coordinate that is NaN.
    """
    pred, gt, visible, scale = (np.asarray(array, dtype=np.float64) for array in (pred, gt, visible, scale))
    if pred.ndim != 3 or pred.shape[-1] != 2:
        raise ValueError(f'pred must have shape (N, K, 2), got {pred.shape}')
    num_images = len(pred)
    if gt.shape != pred.shape:
        raise ValueError(f'gt must have the shape of pred, {pred.shape}, got {gt.shape}')
    if visible.shape != pred.shape[:2]:
        raise ValueError(f'visible must have shape {pred.shape[:2]}, got {visible.shape}')
    if scale.shape not in ((num_images, ), (num_images, 1), (num_images, 2)):
        raise ValueError(f'scale must have shape ({num_images},), ({num_images}, 1) or ({num_images}, 2), '
                         f'got {scale.shape}')
    scale = scale.reshape(num_images, -1)
    measurable = (np.isfinite(scale) & (scale > 0)).all(axis=1)
    counted = (visible > 0) & measurable[:, None]
    for name, array in (('pred', pred), ('gt', gt)):
        if (broken := np.argwhere(counted & np.isnan(array).any(axis=-1))).size:
            image, landmark = broken[0]
            raise InputError(f'{name} is NaN at image {image}, landmark {landmark}, and at {len(broken)} landmarks '
                             'in all: a diverged model, or a faulty annotation')
    divisor = np.where(measurable[:, None], scale, 1.)[:, None]
    with np.errstate(invalid='ignore'):  # what is not counted may hold anything
        distance = np.linalg.norm((pred - gt) / divisor, axis=-1)
    return np.where(counted, distance, np.nan)


@METRICS.register_module()
class NormalizedError(LandmarkMetric):
    """Normalised error of a test set, in percent; lower is better. Set ``save_best='NE', rule='less'`` for it.

    Takes the arguments of :class:`~pcloss_mmpose.evaluation.landmark_metric.LandmarkMetric`. Keys of the result:

    - ``NE``: over all counted landmarks of all images (Eq. 13 as it is written).
    - ``NE_macro``: mean of the landmarks' own figures (the average column of the paper's tables).
    - ``NE/<landmark>``, ``NE/<category>``: for one landmark, for the images of one category; only where any counted.
    - ``NE_skipped``: images without a normaliser (a landmark of the pair not defined, or a distance of 0).
    """

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """NE of the collected samples of all processes, see the class."""
        pred, gt, counted, scale, categories = self.landmarks(results)
        error = 100 * normalized_error(pred, gt, counted, scale)
        by_landmark = {name: np.nanmean(column) for name, column in zip(self.names(), error.T)
                       if not np.isnan(column).all()}
        by_category = {
            category: np.nanmean(error[categories == category])
            for category in sorted(set(categories)) if not np.isnan(error[categories == category]).all()
        }
        metrics = dict(NE=np.nanmean(error), NE_macro=np.mean(list(by_landmark.values())))
        metrics.update({f'NE/{name}': value for name, value in {**by_landmark, **by_category}.items()})
        # An int, too, as float: MMEngine would write null into the log of a test.
        return {key: float(value) for key, value in dict(metrics, NE_skipped=np.isnan(scale).any(axis=1).sum()).items()}
