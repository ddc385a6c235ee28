"""DeepFashion2, from its folders as they are unpacked."""

from __future__ import annotations

import warnings

import numpy as np
from mmengine.logging import print_log
from mmpose.datasets import DeepFashion2Dataset as CocoStyleDataset
from mmpose.registry import DATASETS

from ..errors import InputError
from ..metainfo import deepfashion2
from .base import GarmentDataset
from .formats.deepfashion2 import Items, empty_boxes, read_detections, read_items
from .formats.records import Places, Records, Strings


@DATASETS.register_module(force=True)
class DeepFashion2Dataset(GarmentDataset):
    """DeepFashion2: 13 categories, 294 landmarks of which an item has those of its category, up to 39.

    A row is an item, of which an image may have several. Items without a labelled landmark are left out of training.
    Those whose box has no area are left out always, with a warning.

    It takes the place of MMPose's data set of this name, which reads COCO JSON of 294 landmarks: where ``ann_file`` is
    a JSON, MMPose's is built, with the metainfo of this one unless another is given. MMPose's own metainfo has no
    sigmas and wrong flip pairs.

    Args:
        ann_file: The folder of the annotations, such as ``'train/annos'``; or a COCO JSON.
        data_prefix: ``img`` is the folder of the images, such as ``'train/image'``.
        bbox_file: For tests: boxes that a detector found, in COCO's form (``image_id``, ``category_id`` 1 to 13,
            ``bbox`` x y width height, ``score``). The rows are these boxes, and have no annotation. Like ``ann_file``,
            it is a path below ``data_root``, or an absolute one.
        filter_cfg: With ``bbox_file``: ``dict(bbox_score_thr=...)`` keeps the boxes of a higher score.
        **kwargs: As in MMPose's ``BaseCocoStyleDataset``.

    Raises:
        FileFormatError: An annotation, or a box in ``bbox_file``, is faulty; the message names file, item and field.
        InputError: An argument does not fit.
    """

    METAINFO: dict = deepfashion2.dataset_info
    CATEGORIES = deepfashion2.CATEGORIES
    ATTRIBUTES = tuple(deepfashion2.ATTRIBUTES)
    takes_detections = True
    first_image = 1

    #: Where the landmarks of each category belong.
    PLACES = Places(294, [np.arange(own.start, own.stop) for own in deepfashion2.SLICES])

    def __new__(cls, ann_file: str = '', *args, metainfo: dict | None = None, **kwargs):
        if cls is DeepFashion2Dataset and isinstance(ann_file, str) and ann_file.endswith('.json'):
            return CocoStyleDataset(ann_file, *args, metainfo=metainfo or cls.METAINFO, **kwargs)
        return super().__new__(cls)

    def __init__(self,
                 ann_file: str,
                 data_prefix: dict | None = None,
                 filter_cfg: dict | None = None,
                 **kwargs) -> None:
        if not data_prefix or set(data_prefix) != {'img'}:
            raise InputError("DeepFashion2Dataset needs data_prefix=dict(img='train/image'), the folder of the images; "
                             f'got {data_prefix!r}')
        if filter_cfg and not kwargs.get('bbox_file'):
            raise InputError('filter_cfg goes with bbox_file: annotated boxes have no score')
        if set(filter_cfg or ()) - {'bbox_score_thr'}:
            raise InputError(f'filter_cfg takes bbox_score_thr only, got {sorted(filter_cfg)}')
        super().__init__(ann_file=ann_file, data_prefix=data_prefix, filter_cfg=filter_cfg, **kwargs)

    def _join_prefix(self) -> None:
        super()._join_prefix()
        if self.bbox_file:
            self.bbox_file = self._join_root(self.bbox_file)

    def load_records(self) -> Records:
        """The items of all annotations, or a detector's boxes on their images."""
        items = read_items(self.ann_file)
        if self.bbox_file:
            return self._detected(items)
        empty = empty_boxes(items.boxes)
        if empty.any():
            warnings.warn(f'{self.ann_file}: {items.place(int(np.argmax(empty)))}: its bounding_box has no area; '
                          f'{empty.sum()} items with such a box are left out', stacklevel=2)
        kept = ~empty
        if not self.test_mode:
            labelled = (items.landmarks[..., 2] > 0).any(axis=1)
            if not labelled.all():
                print_log(f'{self.ann_file}: {(kept & ~labelled).sum()} of {len(labelled)} items have no labelled '
                          'landmark and are left out of training', logger='current')
            kept &= labelled
        ids = np.flatnonzero(kept)
        return self._records(
            ids, items.images[ids], items.categories[ids], items.landmarks[ids], items.boxes[ids],
            attributes=items.attributes[ids])

    def _detected(self, items: Items) -> Records:
        images, categories, boxes, scores = read_detections(self.bbox_file, items.files, self.ann_file)
        ids = np.flatnonzero(scores > (self.filter_cfg or {}).get('bbox_score_thr', -np.inf))
        landmarks = np.zeros((len(ids), deepfashion2.MOST, 3), dtype=np.float32)
        return self._records(ids, images[ids], categories[ids], landmarks, boxes[ids], scores=scores[ids])

    def _records(self, ids: np.ndarray, images: np.ndarray, categories: np.ndarray, landmarks: np.ndarray,
                 boxes: np.ndarray, **columns: np.ndarray) -> Records:
        return Records(
            ids=ids, names=Strings(f'{number:06d}.jpg' for number in images.tolist()),
            folders=np.zeros(len(ids), dtype=np.int64), roots=(self.data_prefix['img'], ), categories=categories,
            landmarks=landmarks, boxes=boxes, images=images, places=self.PLACES, **columns)


@DATASETS.register_module()
class DeepFashion2SharedDataset(DeepFashion2Dataset):
    """DeepFashion2 with the 81 landmarks that its categories share.

    Landmarks that mark the same part of a garment are one (:data:`~pcloss_mmpose.metainfo.deepfashion2.PARTS`), after
    an idea of T.-H. Lin, "Aggregation and Finetuning for Clothes Landmark Detection", arXiv 2005.00419. Arguments are
    those of :class:`DeepFashion2Dataset`, without COCO JSON.
    """

    METAINFO: dict = deepfashion2.shared_dataset_info
    PLACES = Places(81, [deepfashion2.TO_SHARED[own] for own in deepfashion2.SLICES])
