from .failure_modes import FailureModes, duplicates, outlier_rate
from .normalized_error import NormalizedError, normalized_error

__all__ = ['FailureModes', 'NormalizedError', 'duplicates', 'normalized_error', 'outlier_rate']
