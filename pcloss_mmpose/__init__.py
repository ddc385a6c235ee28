"""Position Constraint Loss for MMPose: importing this package registers every component."""

from .compat import importable_mmcv_ops

with importable_mmcv_ops():
    import mmpose.datasets
    import mmpose.models  # noqa: F401

from . import datasets, evaluation, models  # noqa: E402, F401

__version__ = '0.1.0'
