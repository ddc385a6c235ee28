"""Readers of the official raw files, their metainfo and the paper's crops."""

from .deepfashion import DeepFashionAttributeDataset, FLDDataset
from .deepfashion2 import DeepFashion2Dataset, DeepFashion2SharedDataset
from .fashionai import FashionAIDataset
from .transforms import LoadImageStrict, TopdownStretch, WholeImageBox

__all__ = [
    'DeepFashion2Dataset', 'DeepFashion2SharedDataset', 'DeepFashionAttributeDataset', 'FLDDataset',
    'FashionAIDataset', 'LoadImageStrict', 'TopdownStretch', 'WholeImageBox'
]
