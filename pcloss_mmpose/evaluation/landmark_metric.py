"""What a test measures of landmarks, once, for every metric and for the report."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ..errors import InputError
from ..metainfo import landmark_names, left_right_pairs, raw_category, raw_visibility
from ..metainfo.fashionai import LANDMARKS, NORM_PAIRS
from .functional import duplicates, exchanged, normalized_error, pairs_together

NORMS = ('box', 'box_width', 'keypoint_pair')
FASHIONAI_PAIRS = {category: tuple(LANDMARKS[k] for k in pair) for category, pair in NORM_PAIRS.items()}


class Measurement(NamedTuple):
    """What the figures of a test are computed from.

    N: images, K: landmarks, P: pairs as :func:`pairs_together` gives them, S: pairs of left and right. P and S are 0 if
    the metric does not look at pairs.
    """

    landmarks: list[str]  #: K names
    categories: np.ndarray  #: (N,) names
    pred: np.ndarray  #: (N, K, 2) x, y in pixels of the original image
    truth: np.ndarray  #: (N, K, 2) alike
    visibility: np.ndarray  #: (N, K) 0 not annotated, 1 occluded, 2 visible
    boxes: np.ndarray  #: (N, 4) x1 y1 x2 y2 in the same pixels
    scale: np.ndarray  #: (N, 1) or (N, 2) T in the same pixels, NaN where an image has none
    counted: np.ndarray  #: (N, K) bool, whether the landmark counts
    errors: np.ndarray  #: (N, K) fractions of T, NaN where the landmark does not count
    pairs: list[tuple[int, int]]  #: P, by their landmarks
    duplicates: np.ndarray  #: (N, P) as :func:`duplicates` gives them
    sides: list[tuple[int, int]]  #: S flip pairs, left first
    exchanged: np.ndarray  #: (N, S) as :func:`exchanged` gives them

    @property
    def skipped(self) -> np.ndarray:
        """(N,) bool, whether the image has no scale, so that nothing of it counts."""
        return np.isnan(self.scale).any(axis=1)

    def of(self, images: np.ndarray) -> Measurement:
        """That of some of the images: (N,) bool, or their indices."""
        return self._replace(**{name: value[images] for name, value in self._asdict().items()
                                if isinstance(value, np.ndarray)})


class Kept:
    """What is kept of a sample: small, and nothing that MMEngine looks into when it collects the results.

    Args:
        category: Its name.
        row: (5 K + 4,) x and y of the K predicted landmarks, of the true ones, their visibilities, and the box.
    """

    __slots__ = ('category', 'row')

    def __init__(self, category: str, row: np.ndarray) -> None:
        self.category, self.row = category, row


class LandmarkMetric(BaseMetric):
    """Measures predictions by the normaliser T of the paper's Eq. 13; a subclass makes its figures of that.

    Visibility and category come from ``raw_ann_info`` (:mod:`pcloss_mmpose.metainfo.annotations`). Where a sample has
    none, every landmark of ``keypoints_visible`` > 0 is taken as visible, and the category is ``'all'``.

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
    #: ``near`` of the duplicates, and ``apart`` of all pairs; None: no pairs are looked at, which are many.
    pair_limits: tuple[float, float] | None = None

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
        """Keep what is measured, a :class:`Kept` for each sample."""
        if not data_samples:
            return
        pred, truth = (np.concatenate([sample[part]['keypoints'][:1] for sample in data_samples])[..., :2]
                       for part in ('pred_instances', 'gt_instances'))
        if not pred.shape == truth.shape == (len(data_samples), *truth.shape[1:]):
            raise InputError(f'{type(self).__name__}: predicted landmarks {pred.shape} and true ones {truth.shape} do '
                             f'not fit each other, in {len(data_samples)} samples')
        visibility = self._visibility(data_samples, truth.shape[1])
        boxes = np.concatenate([sample['gt_instances']['bboxes'][:1] for sample in data_samples])
        columns = (pred, truth, visibility.astype(truth.dtype), boxes)
        rows = np.concatenate([column.reshape(len(data_samples), -1) for column in columns], axis=1)
        raw = (sample.get('raw_ann_info') for sample in data_samples)
        self.results.extend(map(Kept, [raw_category(each, self.dataset_meta) or 'all' for each in raw], rows))

    def _visibility(self, samples: Sequence[Mapping], landmarks: int) -> np.ndarray:
        """(N, K) COCO's v of each landmark."""
        raw = [sample.get('raw_ann_info') for sample in samples]
        flat = [(each or {}).get('keypoints') for each in raw]
        if all(isinstance(each, list) and len(each) == 3 * landmarks for each in flat):  # most are: all at once
            return np.array([each[2::3] for each in flat])
        found = [raw_visibility(each) for each in raw]
        for row, (sample, own) in enumerate(zip(samples, found)):
            if own is None:
                visible = np.asarray(sample['gt_instances']['keypoints_visible'])
                found[row] = 2. * (visible.reshape(landmarks, -1)[:, 0] > 0)
            elif len(own) != landmarks:
                raise InputError(f'{type(self).__name__}: raw_ann_info has {len(own)} landmarks and the sample '
                                 f'{landmarks}; it cannot work behind a KeypointConverter')
        return np.array(found)

    def measure(self, results: Sequence[Kept]) -> Measurement:
        """Measure what :meth:`process` has kept, of all processes; says how many images have no normaliser.

        Raises:
            InputError: No landmark counts, or a prediction of one that does is NaN.
        """
        if not results:
            raise InputError(f'{type(self).__name__}: no landmark counts: the data set is empty')
        categories, rows = np.array([kept.category for kept in results]), np.array([kept.row for kept in results])
        landmarks = (rows.shape[1] - 4) // 5
        pred, truth, visibility, boxes = np.split(rows, np.cumsum([2 * landmarks, 2 * landmarks, landmarks]), axis=1)
        pred, truth = (points.reshape(len(rows), landmarks, 2) for points in (pred, truth))
        columns = dict(categories=categories, pred=pred, truth=truth, visibility=visibility, boxes=boxes)
        scale = self._scale(**columns)
        skipped = np.isnan(scale).any(axis=1)
        counted = (columns['visibility'] >= (1 if self.include_occluded else 2)) & ~skipped[:, None]
        if not counted.any():
            raise InputError(f"{type(self).__name__}: no landmark counts in {len(results):,} images: "
                             + self._why_none(columns['visibility'], skipped))
        if skipped.any():
            print_log(f'{type(self).__name__}: {skipped.sum()} of {len(results)} images have no normaliser and are not '
                      'counted', logger='current')
        arrays = (columns['pred'], columns['truth'], counted, scale)
        pairs, sides, (near, apart) = [], [], self.pair_limits or (0, 0)
        if self.pair_limits:
            pairs = pairs_together(counted, self.dataset_meta.get('categories', {}).values())
            sides = left_right_pairs(self.dataset_meta)
        errors, crossed = normalized_error(*arrays), exchanged(*arrays, sides, apart)
        return Measurement(
            **columns, landmarks=landmark_names(self.dataset_meta), scale=scale, counted=counted, errors=errors,
            pairs=pairs, duplicates=duplicates(*arrays, near, apart, pairs), sides=sides, exchanged=crossed)

    def _why_none(self, visibility: np.ndarray, skipped: np.ndarray) -> str:
        occluded = (visibility == 1).sum()
        if not visibility.any():
            return "none is annotated, as on a detector's boxes (bbox_file); test on the annotated ones"
        if skipped.all():
            return f"none of them has the normaliser of norm='{self.norm}'"
        if occluded and not (visibility == 2).any():
            return (f'none is visible (v = 2) and {occluded:,} are occluded (v = 1); set include_occluded=True to '
                    'count these')
        return f"those with a normaliser (norm='{self.norm}') have no visible landmark"

    def figures(self, measured: Measurement) -> dict[str, float]:
        """The metric's keys, in percent."""
        raise NotImplementedError

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Figures of the collected samples of all processes, see the class."""
        return self.figures(self.measure(results))

    def _scale(self, truth, visibility, boxes, categories, **_) -> np.ndarray:
        """T of each image, (N, 2) or (N, 1), NaN where it is not defined."""
        size = boxes[:, 2:] - boxes[:, :2]
        if self.norm == 'box':
            return np.where(size > 0, size, np.nan)
        if self.norm == 'box_width':
            return np.where(size[:, :1] > 0, size[:, :1], np.nan)
        names = categories.tolist()
        pairs = {category: self._pair(category) for category in dict.fromkeys(names)}
        first, second = np.array([pairs[category] for category in names]).T
        rows = np.arange(len(truth))
        distance = np.linalg.norm(truth[rows, first] - truth[rows, second], axis=-1)
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
