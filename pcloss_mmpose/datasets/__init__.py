"""Readers of the official raw files, their metainfo and the paper's crops."""

from .deepfashion import DeepFashionAttributeDataset, FLDDataset
from .errors import BrokenImageError, DatasetFormatError, TooManyBrokenImagesError
from .fashionai import FashionAIDataset
from .transforms import LoadImageStrict, TopdownStretch, WholeImageBox

__all__ = [
    'BrokenImageError', 'DatasetFormatError', 'DeepFashionAttributeDataset', 'FLDDataset', 'FashionAIDataset',
    'LoadImageStrict', 'TooManyBrokenImagesError', 'TopdownStretch', 'WholeImageBox'
]
