from .deepfashion2_ap import DeepFashion2AP
from .failure_modes import FailureModes
from .fashionai_submission import FashionAISubmission
from .functional import duplicates, exchanged, normalized_error, outlier_rate
from .landmark_metric import LandmarkMetric, Measurement
from .ne import NormalizedError, error_figures
from .oks_ap import Found, Truths, oks_ap
from .predictions import DumpPredictions

__all__ = [
    'DeepFashion2AP', 'DumpPredictions', 'FailureModes', 'FashionAISubmission', 'Found', 'LandmarkMetric',
    'Measurement', 'NormalizedError', 'Truths', 'duplicates', 'error_figures', 'exchanged', 'normalized_error',
    'oks_ap', 'outlier_rate'
]
