"""Normalised error (NE), the measure of the PCLoss paper (Eq. 13)."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmpose.registry import METRICS

from ..datasets.metainfo.fashionai import LANDMARKS, NORM_PAIRS

NORMS = ('box', 'box_width', 'keypoint_pair')
FASHIONAI_PAIRS = {category: tuple(LANDMARKS[k] for k in pair) for category, pair in NORM_PAIRS.items()}


def normalized_error(pred: np.ndarray, gt: np.ndarray, visible: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Distance between prediction and truth, divided by the image's scale (Eq. 13, before the average).

    N: images, K: landmarks.

    Args:
        pred: (N, K, 2) predicted x, y in pixels of the original picture.
        gt: (N, K, 2) true x, y in the same pixels.
        visible: (N, K), above 0 where the landmark counts.
        scale: T in the same pixels. (N,) or (N, 1): one number an image. (N, 2): x is divided by the first and y by
            the second, which is the distance after the box was resized to a square of side 1.

    Returns:
        (N, K) float64 fractions, NaN where the landmark does not count or its image has no positive, finite scale.
        The paper's figure is 100 times their ``np.nanmean``.

    Raises:
        ValueError: The shapes do not fit, or a landmark that counts has a coordinate that is NaN.
    """
    pred, gt, visible, scale = (np.asarray(array, dtype=np.float64) for array in (pred, gt, visible, scale))
    if pred.ndim != 3 or pred.shape[-1] != 2:
        raise ValueError(f'pred must have shape (N, K, 2), got {pred.shape}')
    num_images = len(pred)
    if gt.shape != pred.shape:
        raise ValueError(f'gt must have the shape of pred, {pred.shape}, got {gt.shape}')
    if visible.shape != pred.shape[:2]:
        raise ValueError(f'visible must have shape {pred.shape[:2]}, got {visible.shape}')
    if scale.shape not in ((num_images, ), (num_images, 1), (num_images, 2)):
        raise ValueError(f'scale must have shape ({num_images},), ({num_images}, 1) or ({num_images}, 2), '
                         f'got {scale.shape}')
    scale = scale.reshape(num_images, -1)
    measurable = (np.isfinite(scale) & (scale > 0)).all(axis=1)
    counted = (visible > 0) & measurable[:, None]
    for name, array in (('pred', pred), ('gt', gt)):
        if (broken := np.argwhere(counted & np.isnan(array).any(axis=-1))).size:
            image, landmark = broken[0]
            raise ValueError(f'{name} is NaN at image {image}, landmark {landmark}, and at {len(broken)} landmarks '
                             'in all: a diverged model, or a faulty annotation')
    divisor = np.where(measurable[:, None], scale, 1.)[:, None]
    with np.errstate(invalid='ignore'):  # what is not counted may hold anything
        distance = np.linalg.norm((pred - gt) / divisor, axis=-1)
    return np.where(counted, distance, np.nan)


@METRICS.register_module()
class NormalizedError(BaseMetric):
    """Normalised error of a test set, in percent; lower is better. Set ``save_best='NE', rule='less'`` for it.

    Keys of the result:

    - ``NE``: over all counted landmarks of all images (Eq. 13 as it is written).
    - ``NE_macro``: mean of the landmarks' own figures (the average column of the paper's tables).
    - ``NE/<landmark>``, ``NE/<category>``: for one landmark, for the images of one category; only where any counted.
    - ``NE_skipped``: images without a normaliser (a landmark of the pair not defined, or a distance of 0).

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
        ValueError: ``norm`` or a landmark's name is unknown, a category has no pair, or nothing could be measured.
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
            raise ValueError(f"norm must be one of {', '.join(NORMS)}, got {norm!r}")
        for category, pair in (norm_pairs or {}).items():
            if isinstance(pair, str) or len(pair) != 2:
                raise ValueError(f"norm_pairs gives two landmark names a category, got {pair!r} for '{category}'")
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
                    raise ValueError(f"NormalizedError: raw_ann_info has {len(visibility)} landmarks and the sample "
                                     f"{len(gt['keypoints'][0])}; it cannot work behind a KeypointConverter")
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

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """NE of the collected samples of all processes, see the class."""
        pred, gt, visibility, boxes = (np.stack([r[key] for r in results])
                                       for key in ('pred', 'gt', 'visibility', 'box'))
        categories = np.array([r['category'] for r in results])
        scale = self._scale(gt, visibility, boxes, categories)
        counted = visibility >= (1 if self.include_occluded else 2)
        error = 100 * normalized_error(pred, gt, counted, scale)
        if np.isnan(error).all():
            raise ValueError('NormalizedError: no landmark could be measured; the test set has no annotated landmark, '
                             f"or norm='{self.norm}' does not fit it")
        skipped = int(np.isnan(scale).any(axis=1).sum())
        if skipped:
            print_log(f'NormalizedError: {skipped} of {len(results)} images have no normaliser and are not counted',
                      logger='current')

        names = [self.dataset_meta['keypoint_id2name'][k] for k in range(error.shape[1])]
        by_landmark = {name: np.nanmean(column) for name, column in zip(names, error.T) if not np.isnan(column).all()}
        by_category = {
            category: np.nanmean(error[categories == category])
            for category in sorted(set(categories)) if not np.isnan(error[categories == category]).all()
        }
        metrics = dict(NE=np.nanmean(error), NE_macro=np.mean(list(by_landmark.values())))
        metrics.update({f'NE/{name}': value for name, value in {**by_landmark, **by_category}.items()})
        # An int, too, as float: MMEngine would write null into the log of a test.
        return {key: float(value) for key, value in dict(metrics, NE_skipped=skipped).items()}

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
            raise ValueError(f"NormalizedError: norm_pairs has no pair for the category '{category}', "
                             f"it has {', '.join(self.norm_pairs)}")
        ids = self.dataset_meta['keypoint_name2id']
        first, second = self.norm_pairs[category]
        for name in (first, second):
            if name not in ids:
                raise ValueError(f"NormalizedError: norm_pairs names the landmark '{name}' for '{category}', which "
                                 f"the data set '{self.dataset_meta['dataset_name']}' does not have")
        return ids[first], ids[second]
