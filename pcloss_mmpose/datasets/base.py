"""What the readers have in common: rows in columns, MMPose's data_info, and a policy for broken images."""

from __future__ import annotations

import os.path as osp
import pickle
from abc import abstractmethod
from functools import cached_property
from typing import Sequence

import mmengine.fileio as fileio
import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import MessageHub
from mmengine.utils import is_abs
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from ..errors import FileFormatError, InputError
from ..metainfo import coco_box
from ..metainfo.load import parse
from .formats.records import Records


class GarmentDataset(BaseCocoStyleDataset):
    """Garments, read from raw files into :class:`Records`.

    Subclasses set ``METAINFO``, ``CATEGORIES`` and, if their garments have any, ``ATTRIBUTES``, and read their files in
    :meth:`load_records`. K: landmarks.

    What :meth:`get_data_info` gives, besides the metainfo that MMPose's transforms need:

    - ``id``, ``img_id``: number of the garment and of its image in the raw files, the same whatever subset is taken.
      They differ only where an image has several garments.
    - ``img_path``.
    - ``keypoints`` (1, K, 2) and ``keypoints_visible`` (1, K), which is 1 where a position is known (visible or
      occluded), else 0; both float32.
    - ``bbox`` (1, 4) as x1 y1 x2 y2 and ``bbox_score`` (1,), float32, where the raw files have boxes.
    - ``category_id``: from 1, in the order of ``CATEGORIES``.
    - ``raw_ann_info``: a COCO annotation (``keypoints`` is flat, with v = 0 not annotated, 1 occluded, 2 visible;
      ``bbox`` is x y w h) with ``category``, ``image_name``, and ``variation`` or ``attributes`` where there are any.
      A box that a detector found, whose score is ``bbox_score``, has none, and no landmark that is known.

    Rows are kept in the arrays of :class:`Records`, which worker processes share: ``serialize_data`` changes nothing.

    Broken images are dealt with as :mod:`~.broken_images` says.
    """

    CATEGORIES: tuple[str, ...] = ()
    ATTRIBUTES: tuple[str, ...] = ()
    takes_detections = False
    #: Number of the first image; COCO JSON counts from 1.
    first_image = 0

    def __init__(self, ann_file, **kwargs) -> None:
        if kwargs.get('bbox_file') and not self.takes_detections:
            raise InputError(f'{type(self).__name__} takes no detections: remove bbox_file')
        if kwargs.get('data_mode', 'topdown') != 'topdown':
            raise InputError(f"{type(self).__name__} gives one garment at a time: data_mode must be 'topdown'")
        super().__init__(ann_file=ann_file, **dict(kwargs, serialize_data=False))
        self._metainfo['CLASSES'] = [{'id': i, 'name': name} for i, name in enumerate(self.CATEGORIES, 1)]
        # MMPose announces ann_file as COCO JSON, which CocoMetric would open; without it, it goes by raw_ann_info.
        MessageHub.get_current_instance().pop_info(f"{self._metainfo['dataset_name']}_ann_file", None)

    @classmethod
    def _load_metainfo(cls, metainfo: dict | None = None) -> dict:
        """With the landmarks of each category, which MMPose's own parsing drops."""
        return parse(cls.METAINFO) if metainfo is None else super()._load_metainfo(metainfo)

    def _join_root(self, path: str) -> str:
        """``path`` under ``data_root``, unless it is absolute, as MMEngine joins its own."""
        return fileio.join_path(self.data_root, path) if self.data_root and not is_abs(path) else path

    @abstractmethod
    def load_records(self) -> Records:
        """Read the raw files."""

    def load_data_list(self) -> Records:
        """The rows, of which :meth:`get_data_info` expands one when it is asked for.

        Raises:
            FileFormatError: The raw files are faulty, or no row is left.
        """
        records = self.load_records()
        if not len(records):
            files = [self.ann_file] if isinstance(self.ann_file, str) else self.ann_file
            raise FileFormatError.at(', '.join(files), 'no row is left', 'Check the split and the filters.')
        return records if self.sample_interval == 1 else records[records.ids % self.sample_interval == 0]

    def _get_unserialized_subset(self, indices: int | Sequence[int]) -> Records:
        """MMEngine's, which makes a list of single rows of any but the first or last ones."""
        if isinstance(indices, Sequence):
            return self.data_list[np.array(indices, dtype=np.int64)]
        return super()._get_unserialized_subset(indices)

    def filter_data(self) -> Records:
        """All rows: ``bbox_score_thr``, MMPose's only filter, removes no annotated box, and to those of a detector the
        reader applies it.
        """
        return self.data_list

    def get_cat_ids(self, idx: int) -> list[int]:
        """Category of one row, for MMEngine's ``ClassBalancedDataset``."""
        return [BaseDataset.get_data_info(self, idx)['category_id']]

    @cached_property
    def _metainfo_of_rows(self) -> bytes:
        """What MMPose adds to each row, pickled: it is loaded in a fraction of the time that MMPose's copying takes."""
        row = super().get_data_info(0)
        return pickle.dumps({key: row[key] for key in row.keys() & self._metainfo.keys()})

    def get_data_info(self, idx: int) -> dict:
        """Data info of one row: see the class."""
        row = BaseDataset.get_data_info(self, idx)
        row.update(pickle.loads(self._metainfo_of_rows))
        name, category_id, image_id = row.pop('image_name'), row['category_id'], row.pop('image_id')
        landmarks = row.pop('landmarks')[None]
        annotation = {
            'id': row['id'],
            'image_id': image_id,
            'image_name': name,
            'category': self.CATEGORIES[category_id - 1],
            'category_id': category_id,
            'keypoints': landmarks.ravel().tolist(),
            'num_keypoints': int((landmarks[..., 2] > 0).sum()),
            'iscrowd': 0,
        }
        if 'variation' in row:
            annotation['variation'] = row.pop('variation')
        if 'attributes' in row:
            annotation['attributes'] = dict(zip(self.ATTRIBUTES, row.pop('attributes')))
        if 'box' in row:
            row['bbox'] = row.pop('box')[None]
            row['bbox_score'] = np.array([row.get('score', 1)], dtype=np.float32)
            annotation.update(coco_box(row['bbox']))
        row.update(
            img_id=image_id,
            img_path=osp.join(row.pop('root'), name),
            keypoints=landmarks[..., :2].copy(),
            keypoints_visible=(landmarks[..., 2] > 0).astype(np.float32))
        if row.pop('score', None) is None:
            row['raw_ann_info'] = annotation
        return row
