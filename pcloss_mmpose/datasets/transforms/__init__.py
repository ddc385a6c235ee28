"""Transforms that stock MMPose lacks."""

from .loading import LoadImageStrict, WholeImageBox
from .topdown_stretch import TopdownStretch

__all__ = ['LoadImageStrict', 'TopdownStretch', 'WholeImageBox']
