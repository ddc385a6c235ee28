from .failure_modes import FailureModes, duplicates, outlier_rate
from .fashionai_submission import FashionAISubmission
from .normalized_error import NormalizedError, normalized_error

__all__ = ['FailureModes', 'FashionAISubmission', 'NormalizedError', 'duplicates', 'normalized_error', 'outlier_rate']
