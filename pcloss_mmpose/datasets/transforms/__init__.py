"""Transforms that stock MMPose lacks."""

from .loading import LoadImageStrict, WholeImageBox, WholeImageCrop
from .packing import PackCrop
from .random_box import RandomBox
from .topdown_stretch import TopdownStretch

__all__ = ['LoadImageStrict', 'PackCrop', 'RandomBox', 'TopdownStretch', 'WholeImageBox', 'WholeImageCrop']
