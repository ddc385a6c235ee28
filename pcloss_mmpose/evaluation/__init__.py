from .normalized_error import NormalizedError, normalized_error

__all__ = ['NormalizedError', 'normalized_error']
