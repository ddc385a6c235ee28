"""DeepFashion's Category and Attribute benchmark and its FLD benchmark, from their raw files."""

from __future__ import annotations

import warnings

from mmpose.registry import DATASETS

from ..errors import InputError
from ..metainfo import deepfashion_attribute, fashion8, fld
from .base import GarmentDataset
from .formats.deepfashion import SPLITS, read_benchmark
from .formats.records import Records


@DATASETS.register_module()
class DeepFashionAttributeDataset(GarmentDataset):
    """DeepFashion, Category and Attribute Prediction benchmark: 8 landmarks, 3 types of clothes.

    Paths are relative to ``data_root``, the folder that holds ``Anno/``, ``Eval/`` and ``img/``.

    Args:
        ann_file: The landmarks.
        box_file: The boxes.
        partition_file: Which image belongs to which split.
        split: 'train', 'val', 'test', or None for all rows; the partition is then not read.
        data_prefix: ``img`` is what the image names are relative to.
        **kwargs: As in MMPose's ``BaseCocoStyleDataset``.

    Raises:
        FileFormatError: A raw file is faulty; the message names file, line and column.
        InputError: Unknown split.
    """

    METAINFO: dict = deepfashion_attribute.dataset_info
    CATEGORIES = fashion8.CATEGORIES

    def __init__(self,
                 ann_file: str = 'Anno/list_landmarks.txt',
                 box_file: str = 'Anno/list_bbox.txt',
                 partition_file: str = 'Eval/list_eval_partition.txt',
                 split: str | None = None,
                 **kwargs) -> None:
        if split not in (None, *SPLITS):
            raise InputError(f"unknown split '{split}': use {', '.join(SPLITS)}, or None for all rows")
        self.box_file = box_file
        self.partition_file = partition_file
        self.split = split
        super().__init__(ann_file=ann_file, **kwargs)

    def _join_prefix(self) -> None:
        super()._join_prefix()
        self.box_file = self._join_root(self.box_file)
        self.partition_file = self._join_root(self.partition_file)

    def load_records(self) -> Records:
        """Read the landmarks, their boxes and, for a split, the partition."""
        return read_benchmark(
            self.ann_file, self.box_file, self.partition_file, self.split, root=self.data_prefix.get('img', ''))


@DATASETS.register_module()
class FLDDataset(DeepFashionAttributeDataset):
    """DeepFashion, Fashion Landmark Detection benchmark (FLD): the same landmarks, and a type of variation."""

    METAINFO: dict = fld.dataset_info

    def load_records(self) -> Records:
        """As its parent; files without the column of variations are read, with a warning."""
        records = super().load_records()
        if records.variations is None:
            warnings.warn(f"{self.ann_file} lacks FLD's column variation_type: is it the other benchmark's file?",
                          stacklevel=2)
        return records
