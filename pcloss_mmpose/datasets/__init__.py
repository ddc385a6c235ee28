"""Readers of the official raw files, their metainfo and the paper's crops."""

from .deepfashion import DeepFashionAttributeDataset, FLDDataset
from .fashionai import FashionAIDataset
from .transforms import LoadImageStrict, TopdownStretch, WholeImageBox

__all__ = [
    'DeepFashionAttributeDataset', 'FLDDataset', 'FashionAIDataset', 'LoadImageStrict', 'TopdownStretch',
    'WholeImageBox'
]
