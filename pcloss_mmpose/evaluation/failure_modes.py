"""The two failures that the PCLoss paper sets out to remove: landmarks far off, and two landmarks on one spot."""

from __future__ import annotations

import numpy as np
from mmpose.registry import METRICS

from ..errors import InputError
from .functional import APART, NEAR, THRESHOLD, mean, outlier_rate
from .landmark_metric import LandmarkMetric, Measurement

#: Thresholds of the outlier curve, in percent of T.
CURVE = (2, 5, 10, 15, 20, 30)


@METRICS.register_module()
class FailureModes(LandmarkMetric):
    """Outliers and duplicates of a test set, in percent; lower is better.

    Takes the arguments of :class:`~pcloss_mmpose.evaluation.landmark_metric.LandmarkMetric`. Keys of the result:

    - ``outliers``: counted landmarks whose normalised error is above ``threshold``; ``outliers/<category>`` likewise.
    - ``outliers@2`` to ``outliers@30``: the same at 2, 5, 10, 15, 20 and 30 percent of T.
    - ``duplicates``: pairs found on one spot, of the pairs that lie apart
      (:func:`~pcloss_mmpose.evaluation.duplicates`); ``duplicates/<category>``, and
      ``duplicates/<landmark>+<landmark>`` for the pairs of which any was.
    - ``outlier_images``, ``duplicate_images``: images with at least one, of the images with a counted landmark.

    A duplicate figure is missing where no pair counts.

    Args:
        threshold: Of the outliers, as a fraction of T.
        near, apart: Of the duplicates, as fractions of T.

    Raises:
        InputError: An option is not a positive number, and as the base class says.
    """

    def __init__(self, threshold: float = THRESHOLD, near: float = NEAR, apart: float = APART, **kwargs) -> None:
        super().__init__(**kwargs)
        for name, value in dict(threshold=threshold, near=near, apart=apart).items():
            if not isinstance(value, (int, float)) or not 0 < value < float('inf'):
                raise InputError(f'{name} must be a positive number, a fraction of T, got {value!r}')
        self.threshold, self.pair_limits = threshold, (near, apart)

    def figures(self, measured: Measurement) -> dict[str, float]:
        """Rates of a measured test, see the class."""
        errors, pairs, names = measured.errors, measured.duplicates, measured.landmarks
        any_counts = measured.counted.any(axis=1)
        rates = dict(outliers=outlier_rate(errors, self.threshold), duplicates=mean(pairs))
        rates.update(zip([f'outliers@{percent}' for percent in CURVE], outlier_rate(errors, np.array(CURVE) / 100)))
        with np.errstate(invalid='ignore'):
            rates['outlier_images'] = (errors > self.threshold).any(axis=1)[any_counts].mean()
        rates['duplicate_images'] = (pairs == 1).any(axis=1)[any_counts].mean()
        for category in sorted(set(measured.categories)):
            own = measured.categories == category
            rates[f'outliers/{category}'] = outlier_rate(errors[own], self.threshold)
            rates[f'duplicates/{category}'] = mean(pairs[own])
        for pair, (first, second) in enumerate(zip(*np.triu_indices(len(names), 1))):
            if (pairs[:, pair] == 1).any():
                rates[f'duplicates/{names[first]}+{names[second]}'] = mean(pairs[:, pair])
        return {key: 100 * float(rate) for key, rate in rates.items() if not np.isnan(rate)}
