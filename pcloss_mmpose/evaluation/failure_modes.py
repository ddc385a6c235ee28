"""The two failures that the PCLoss paper sets out to remove: landmarks far off, and two landmarks on one spot."""

from __future__ import annotations

import numpy as np
from mmpose.registry import METRICS

from ..errors import InputError
from .landmark_metric import LandmarkMetric
from .normalized_error import normalized_error

#: Thresholds of the outlier curve, in percent of T.
CURVE = (2, 5, 10, 15, 20, 30)


def outlier_rate(error: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """Share of the counted landmarks whose normalised error is above a threshold.

    Args:
        error: Normalised errors as fractions, of any shape, NaN where a landmark does not count.
        threshold: A number, or (T,) several: the curve.

    Returns:
        float64 of the threshold's shape; NaN if no landmark counts.
    """
    error = np.asarray(error, dtype=np.float64)
    counted = error[~np.isnan(error)]
    above = counted > np.asarray(threshold, dtype=np.float64)[..., None]
    return above.mean(axis=-1) if counted.size else np.full(above.shape[:-1], np.nan)


def duplicates(pred: np.ndarray,
               gt: np.ndarray,
               visible: np.ndarray,
               scale: np.ndarray,
               near: float = 0.03,
               apart: float = 0.1) -> np.ndarray:
    """Whether two landmarks that lie apart were found on one spot.

    A pair counts if both landmarks do and their truths lie more than ``apart`` times T from each other; it is a
    duplicate if their predictions lie less than ``near`` times T from each other.

    N: images, K: landmarks, P = K (K - 1) / 2: pairs, in the order of ``np.triu_indices(K, 1)``.

    Args:
        pred, gt, visible, scale: As :func:`~pcloss_mmpose.evaluation.normalized_error` takes them.
        near, apart: Fractions of T.

    Returns:
        (N, P) float64: 1 a duplicate, 0 not, NaN where the pair does not count.

    Raises:
        InputError: The shapes do not fit, or a landmark that counts has a coordinate that is NaN.
    """
    normalized_error(pred, gt, visible, scale)  # for its checks
    pred, gt, visible = np.asarray(pred), np.asarray(gt), np.asarray(visible) > 0
    first, second = np.triu_indices(pred.shape[1], 1)
    both = visible[:, first] & visible[:, second]
    found = normalized_error(pred[:, first], pred[:, second], both, scale)
    true = normalized_error(gt[:, first], gt[:, second], both, scale)
    with np.errstate(invalid='ignore'):
        return np.where(true > apart, (found < near).astype(np.float64), np.nan)


@METRICS.register_module()
class FailureModes(LandmarkMetric):
    """Outliers and duplicates of a test set, in percent; lower is better.

    Takes the arguments of :class:`~pcloss_mmpose.evaluation.landmark_metric.LandmarkMetric`. Keys of the result:

    - ``outliers``: counted landmarks whose normalised error is above ``threshold``; ``outliers/<category>`` likewise.
    - ``outliers@2`` to ``outliers@30``: the same at 2, 5, 10, 15, 20 and 30 percent of T.
    - ``duplicates``: pairs found on one spot, of the pairs that lie apart (:func:`duplicates`);
      ``duplicates/<category>``, and ``duplicates/<landmark>+<landmark>`` for the pairs of which any was.
    - ``outlier_images``, ``duplicate_images``: images with at least one, of the images with a counted landmark.

    A duplicate figure is missing where no pair counts.

    Args:
        threshold: Of the outliers, as a fraction of T.
        near, apart: Of the duplicates, as fractions of T.

    Raises:
        InputError: An option is not a positive number, and as the base class says.
    """

    def __init__(self, threshold: float = 0.1, near: float = 0.03, apart: float = 0.1, **kwargs) -> None:
        super().__init__(**kwargs)
        for name, value in dict(threshold=threshold, near=near, apart=apart).items():
            if not isinstance(value, (int, float)) or not 0 < value < float('inf'):
                raise InputError(f'{name} must be a positive number, a fraction of T, got {value!r}')
        self.threshold, self.near, self.apart = threshold, near, apart

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Rates of the collected samples of all processes, see the class."""
        pred, gt, counted, scale, categories = self.landmarks(results)
        error = normalized_error(pred, gt, counted, scale)
        pairs = duplicates(pred, gt, counted, scale, self.near, self.apart)
        any_counts = counted.any(axis=1)

        rates = dict(outliers=outlier_rate(error, self.threshold), duplicates=mean(pairs))
        rates.update(zip([f'outliers@{percent}' for percent in CURVE], outlier_rate(error, np.array(CURVE) / 100)))
        with np.errstate(invalid='ignore'):
            rates['outlier_images'] = (error > self.threshold).any(axis=1)[any_counts].mean()
        rates['duplicate_images'] = (pairs == 1).any(axis=1)[any_counts].mean()
        for category in sorted(set(categories)):
            rates[f'outliers/{category}'] = outlier_rate(error[categories == category], self.threshold)
            rates[f'duplicates/{category}'] = mean(pairs[categories == category])
        names = self.names()
        for pair, (first, second) in enumerate(zip(*np.triu_indices(len(names), 1))):
            if (pairs[:, pair] == 1).any():
                rates[f'duplicates/{names[first]}+{names[second]}'] = mean(pairs[:, pair])
        return {key: 100 * float(rate) for key, rate in rates.items() if not np.isnan(rate)}


def mean(values: np.ndarray) -> float:
    """Mean of what is not NaN; NaN if nothing is left."""
    known = values[~np.isnan(values)]
    return known.mean() if known.size else np.nan
