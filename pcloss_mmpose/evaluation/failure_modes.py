"""The failures that the PCLoss paper sets out to remove, landmarks far off and two landmarks on one spot, and a left
landmark at the place of the right one."""

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
    """Outliers, duplicates and exchanged sides of a test set, in percent; lower is better.

    Takes the arguments of :class:`~pcloss_mmpose.evaluation.landmark_metric.LandmarkMetric`. Keys of the result:

    - ``outliers``: counted landmarks whose normalised error is above ``threshold``; ``outliers/<category>`` likewise.
    - ``outliers@2`` to ``outliers@30``: the same at 2, 5, 10, 15, 20 and 30 percent of T.
    - ``duplicates``: pairs found on one spot, of the pairs that lie apart
      (:func:`~pcloss_mmpose.evaluation.duplicates`); ``duplicates/<category>``, and
      ``duplicates/<landmark>+<landmark>`` for the pairs of which any was.
    - ``exchanged``: flip pairs of which one was found at the other's place, of the flip pairs that lie apart
      (:func:`~pcloss_mmpose.evaluation.exchanged`); ``exchanged/<category>``, and ``exchanged/<left>+<right>`` for the
      pairs of which any was. A data set without flip pairs has none of these.
    - ``outlier_images``, ``duplicate_images``, ``exchanged_images``: images with at least one, of the images with a
      counted landmark.

    A figure of pairs is missing where no pair counts.

    Args:
        threshold: Of the outliers, as a fraction of T.
        near: Of the duplicates, as a fraction of T.
        apart: Of the duplicates and the exchanged sides, as a fraction of T.

    Raises:
        InputError: An option is not a positive number, ``near`` is above ``apart``, and as the base class says.
    """

    def __init__(self, threshold: float = THRESHOLD, near: float = NEAR, apart: float = APART, **kwargs) -> None:
        super().__init__(**kwargs)
        for name, value in dict(threshold=threshold, near=near, apart=apart).items():
            if not isinstance(value, (int, float)) or not 0 < value < float('inf'):
                raise InputError(f'{name} must be a positive number, a fraction of T, got {value!r}')
        if near > apart:
            raise InputError(f'near must not be above apart, got {near!r} and {apart!r}: a pair that is found where it '
                             'lies would be a duplicate')
        self.threshold, self.pair_limits = threshold, (near, apart)

    def figures(self, measured: Measurement) -> dict[str, float]:
        """Rates of a measured test, see the class."""
        errors, names, any_counts = measured.errors, measured.landmarks, measured.counted.any(axis=1)
        rates = dict(outliers=outlier_rate(errors, self.threshold))
        rates.update(zip([f'outliers@{percent}' for percent in CURVE], outlier_rate(errors, np.array(CURVE) / 100)))
        with np.errstate(invalid='ignore'):
            rates['outlier_images'] = (errors > self.threshold).any(axis=1)[any_counts].mean()
        categories = {name: measured.categories == name for name in sorted(set(measured.categories))}
        for name, own in categories.items():
            rates[f'outliers/{name}'] = outlier_rate(errors[own], self.threshold)
        for key, images, found, pairs in (
                ('duplicates', 'duplicate_images', measured.duplicates, measured.pairs),
                ('exchanged', 'exchanged_images', measured.exchanged, measured.sides)):
            if pairs:
                rates[key], rates[images] = mean(found), (found == 1).any(axis=1)[any_counts].mean()
                rates.update((f'{key}/{name}', mean(found[own])) for name, own in categories.items())
            rates.update((f'{key}/{names[first]}+{names[second]}', mean(found[:, pair]))
                         for pair, (first, second) in enumerate(pairs) if (found[:, pair] == 1).any())
        return {key: 100 * float(rate) for key, rate in rates.items() if not np.isnan(rate)}
