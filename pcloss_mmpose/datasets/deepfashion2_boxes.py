"""DeepFashion2's boxes, for the detectors of MMDetection."""

from __future__ import annotations

import os.path as osp
import warnings

import numpy as np
from mmdet.datasets.base_det_dataset import BaseDetDataset
from mmdet.registry import DATASETS

from ..errors import InputError
from ..metainfo.deepfashion2 import CATEGORIES
from .formats.deepfashion2 import empty_boxes, read_items


@DATASETS.register_module()
class DeepFashion2BoxDataset(BaseDetDataset):
    """An image a row, with the boxes of all of its items in 13 classes, from the folders as they are unpacked.

    Boxes without an area are left out, with a warning.

    Args:
        ann_file: The folder of the annotations, such as ``'train/annos'``.
        data_prefix: ``img`` is the folder of the images, such as ``'train/image'``.
        filter_cfg: ``dict(filter_empty_gt=True)`` leaves images without a box out of training.
        **kwargs: As in MMDetection's ``BaseDetDataset``.

    Raises:
        FileFormatError: An annotation is faulty; the message names file, item and field.
        InputError: ``filter_cfg`` has another key.
    """

    METAINFO = dict(classes=CATEGORIES)

    def load_data_list(self) -> list[dict]:
        """The images in the order of their numbers."""
        if set(self.filter_cfg or ()) - {'filter_empty_gt'}:
            raise InputError(f'filter_cfg takes filter_empty_gt only, got {sorted(self.filter_cfg)}')
        items = read_items(self.ann_file)
        empty = empty_boxes(items.boxes)
        if empty.any():
            warnings.warn(f'{self.ann_file}: {items.place(int(np.argmax(empty)))}: its bounding_box has no area; '
                          f'{empty.sum()} items with such a box are left out', stacklevel=2)
        rows = {number: [] for number in items.files.tolist()}
        for row in np.flatnonzero(~empty).tolist():
            rows[int(items.images[row])].append(dict(
                bbox=items.boxes[row].tolist(), bbox_label=int(items.categories[row]) - 1, ignore_flag=0))
        folder = self.data_prefix['img']
        return [dict(img_id=number, img_path=osp.join(folder, f'{number:06d}.jpg'), instances=instances)
                for number, instances in rows.items()]

    def filter_data(self) -> list[dict]:
        """The images with a box, where the training asks for these."""
        if self.test_mode or not (self.filter_cfg or {}).get('filter_empty_gt'):
            return self.data_list
        return [row for row in self.data_list if row['instances']]
