"""What the metrics of landmarks share: the samples, and the scale by which their errors are divided."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ..errors import InputError
from ..metainfo import landmark_names
from ..metainfo.fashionai import LANDMARKS, NORM_PAIRS

NORMS = ('box', 'box_width', 'keypoint_pair')
FASHIONAI_PAIRS = {category: tuple(LANDMARKS[k] for k in pair) for category, pair in NORM_PAIRS.items()}


class Landmarks(NamedTuple):
    """The samples of a test set. N: images, K: landmarks."""

    pred: np.ndarray  #: (N, K, 2) x, y in pixels of the original picture
    gt: np.ndarray  #: (N, K, 2) alike
    counted: np.ndarray  #: (N, K), whether the landmark counts
    scale: np.ndarray  #: (N, 1) or (N, 2) in the same pixels, NaN where an image has none
    category: np.ndarray  #: (N,) names


class LandmarkMetric(BaseMetric):
    """Collects predictions, truth and the normaliser T of the paper's Eq. 13; a subclass computes from them.

    Visibility and category come from ``raw_ann_info``: ``keypoints`` as in COCO (v = 0 not annotated, 1 occluded,
    2 visible) and ``category``, or ``category_id``, whose name the data set's ``CLASSES`` give. Where a sample has no
    ``raw_ann_info``, every landmark of ``keypoints_visible`` > 0 is taken as visible.

    Args:
        norm: T. ``'box'``: x by the box's width and y by its height (DeepFashion and FLD). ``'box_width'``: both by the
            width, larger for tall boxes. ``'keypoint_pair'``: the distance of two landmarks (FashionAI).
        norm_pairs: With ``'keypoint_pair'``: the two landmark names of each category.
            None: FashionAI's, armpits for blouse, outwear and dress, waistbands for trousers and skirt.
        include_occluded: Count occluded landmarks too. An occluded landmark of the pair normalises in any case.
        collect_device: ``'cpu'`` or ``'gpu'``, where several processes collect their results.
        prefix: Put before the keys, with a slash.

    Raises:
        InputError: ``norm`` or a landmark's name is unknown, a category has no pair, or nothing could be measured.
    """

    default_prefix = ''

    def __init__(self,
                 norm: str = 'box',
                 norm_pairs: Mapping[str, Sequence[str]] | None = None,
                 include_occluded: bool = False,
                 collect_device: str = 'cpu',
                 prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if norm not in NORMS:
            raise InputError(f"norm must be one of {', '.join(NORMS)}, got {norm!r}")
        for category, pair in (norm_pairs or {}).items():
            if isinstance(pair, str) or len(pair) != 2:
                raise InputError(f"norm_pairs gives two landmark names a category, got {pair!r} for '{category}'")
        self.norm = norm
        self.norm_pairs = FASHIONAI_PAIRS if norm_pairs is None else norm_pairs
        self.include_occluded = include_occluded

    def process(self, data_batch, data_samples: Sequence[dict]) -> None:
        """Keep what the figures need: one small dict a sample."""
        for sample in data_samples:
            gt = sample['gt_instances']
            raw = sample.get('raw_ann_info') or {}
            if 'keypoints' in raw:
                visibility = np.asarray(raw['keypoints'], dtype=np.float64).reshape(-1, 3)[:, 2]
                if len(visibility) != len(gt['keypoints'][0]):
                    raise InputError(f'{type(self).__name__}: raw_ann_info has {len(visibility)} landmarks and the '
                                     f"sample {len(gt['keypoints'][0])}; it cannot work behind a KeypointConverter")
            else:
                visibility = 2. * (np.asarray(gt['keypoints_visible']).reshape(len(gt['keypoints'][0]), -1)[:, 0] > 0)
            self.results.append(
                dict(
                    pred=np.asarray(sample['pred_instances']['keypoints'])[0, :, :2],
                    gt=np.asarray(gt['keypoints'])[0, :, :2],
                    visibility=visibility,
                    box=np.asarray(gt['bboxes'])[0],
                    category=self._category(raw)))

    def _category(self, raw: Mapping) -> str:
        """Name of an annotation's category, 'all' where it has none."""
        if 'category' in raw or 'category_id' not in raw:
            return str(raw.get('category', 'all'))
        names = {entry['id']: entry['name'] for entry in self.dataset_meta.get('CLASSES') or ()}
        return str(names.get(raw['category_id'], raw['category_id']))

    def landmarks(self, results: Sequence[dict]) -> Landmarks:
        """The collected samples of all processes; says how many have no normaliser.

        Raises:
            InputError: No landmark counts.
        """
        pred, gt, visibility, boxes = (np.stack([r[key] for r in results])
                                       for key in ('pred', 'gt', 'visibility', 'box'))
        categories = np.array([r['category'] for r in results])
        scale = self._scale(gt, visibility, boxes, categories)
        skipped = np.isnan(scale).any(axis=1)
        counted = (visibility >= (1 if self.include_occluded else 2)) & ~skipped[:, None]
        if not counted.any():
            raise InputError(f'{type(self).__name__}: no landmark could be measured; the test set has no annotated '
                             f"landmark, or norm='{self.norm}' does not fit it")
        if skipped.any():
            print_log(f'{type(self).__name__}: {skipped.sum()} of {len(results)} images have no normaliser and are not '
                      'counted', logger='current')
        return Landmarks(pred, gt, counted, scale, categories)

    def names(self) -> list[str]:
        """Name of each landmark."""
        return landmark_names(self.dataset_meta)

    def _scale(self, gt, visibility, boxes, categories) -> np.ndarray:
        """T of each image, (N, 2) or (N, 1), NaN where it is not defined."""
        size = boxes[:, 2:] - boxes[:, :2]
        if self.norm == 'box':
            return np.where(size > 0, size, np.nan)
        if self.norm == 'box_width':
            return np.where(size[:, :1] > 0, size[:, :1], np.nan)
        first, second = np.array([self._pair(category) for category in categories]).T
        rows = np.arange(len(gt))
        distance = np.linalg.norm(gt[rows, first] - gt[rows, second], axis=-1)
        defined = (visibility[rows, first] > 0) & (visibility[rows, second] > 0) & (distance > 0)
        return np.where(defined, distance, np.nan)[:, None]

    def _pair(self, category: str) -> tuple[int, int]:
        if category not in self.norm_pairs:
            raise InputError(f"{type(self).__name__}: norm_pairs has no pair for the category '{category}', "
                             f"it has {', '.join(self.norm_pairs)}")
        ids = self.dataset_meta['keypoint_name2id']
        first, second = self.norm_pairs[category]
        for name in (first, second):
            if name not in ids:
                raise InputError(f"{type(self).__name__}: norm_pairs names the landmark '{name}' for '{category}', "
                                 f"which the data set '{self.dataset_meta['dataset_name']}' does not have")
        return ids[first], ids[second]
