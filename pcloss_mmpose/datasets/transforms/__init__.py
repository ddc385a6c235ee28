"""Transforms that stock MMPose lacks."""

from .loading import LoadImageStrict, WholeImageBox
from .random_box import RandomBox
from .topdown_stretch import TopdownStretch

__all__ = ['LoadImageStrict', 'RandomBox', 'TopdownStretch', 'WholeImageBox']
