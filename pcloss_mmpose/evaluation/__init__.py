from .failure_modes import FailureModes
from .fashionai_submission import FashionAISubmission
from .functional import duplicates, exchanged, normalized_error, outlier_rate
from .landmark_metric import LandmarkMetric, Measurement
from .ne import NormalizedError, error_figures
from .predictions import DumpPredictions

__all__ = [
    'DumpPredictions', 'FailureModes', 'FashionAISubmission', 'LandmarkMetric', 'Measurement', 'NormalizedError',
    'duplicates', 'error_figures', 'exchanged', 'normalized_error', 'outlier_rate'
]
