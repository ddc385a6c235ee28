"""Normalised error (NE), the measure of the PCLoss paper (Eq. 13)."""

from __future__ import annotations

from mmpose.registry import METRICS

from .functional import mean
from .landmark_metric import LandmarkMetric, Measurement


@METRICS.register_module()
class NormalizedError(LandmarkMetric):
    """Normalised error of a test set, in percent; lower is better. Set ``save_best='NE', rule='less'`` for it.

    Takes the arguments of :class:`~pcloss_mmpose.evaluation.landmark_metric.LandmarkMetric`, and ``landmarks=False`` to
    leave out the figures of single landmarks, where there are hundreds. Keys of the result:

    - ``NE``: over all counted landmarks of all images (Eq. 13 as it is written).
    - ``NE_macro``: mean of the landmarks' own figures (the average column of the paper's tables).
    - ``NE/<landmark>``, ``NE/<category>``: for one landmark, for the images of one category; only where any counted.
    - ``NE_skipped``: images without a normaliser (a landmark of the pair not defined, or a distance of 0).
    """

    def __init__(self, *args, landmarks: bool = True, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.landmarks = landmarks

    def figures(self, measured: Measurement) -> dict[str, float]:
        """NE of a measured test, see the class."""
        figures = error_figures(measured)
        if not self.landmarks:
            for name in measured.landmarks:
                figures.pop(f'NE/{name}', None)
        return figures


def error_figures(measured: Measurement) -> dict[str, float]:
    """What :class:`NormalizedError` gives of a measured test, in percent."""
    errors = measured.errors
    of_landmarks = {f'NE/{name}': mean(column) for name, column in zip(measured.landmarks, errors.T)}
    of_categories = {f'NE/{name}': mean(errors[measured.categories == name])
                     for name in sorted(set(measured.categories.tolist()))}
    figures = {'NE': mean(errors), 'NE_macro': mean(list(of_landmarks.values())), **of_landmarks, **of_categories}
    percent = {key: 100 * value for key, value in figures.items() if value == value}  # none is NaN
    # A count, too, as float: MMEngine would write null into the log of a test.
    return dict(percent, NE_skipped=float(measured.skipped.sum()))
