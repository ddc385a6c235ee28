"""Position Constraint Loss for MMPose: importing this package registers every component."""

from .requirements import check_requirements

check_requirements()

from .compat import allow_own_checkpoints, finite_jensen_shannon, importable_mmcv_ops  # noqa: E402

with importable_mmcv_ops():
    import mmpose.datasets
    import mmpose.models  # noqa: F401

allow_own_checkpoints()
finite_jensen_shannon()

from . import datasets, evaluation, models  # noqa: E402, F401

__version__ = '0.1.0'
