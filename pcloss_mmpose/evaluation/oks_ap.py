"""AP by object keypoint similarity (OKS), as DeepFashion2's benchmark has it: pycocotools matches and accumulates.

The benchmark compares all 294 landmarks. Those of other categories have v = 0 in the truth and count in no OKS, so that
the own ones give the same in a seventh of the numbers or less. Two things go by all landmarks of a result nevertheless:
whether it lies at a truth of which no landmark counts, which is then ignored, and the area of one that lies at no
truth, by which ``AP_M`` and ``AP_L`` leave it out. For these, the landmarks of other categories are taken to lie in the
:func:`middle` of the own ones, as they do in the file that :class:`~pcloss_mmpose.evaluation.DeepFashion2AP` writes.
"""

from __future__ import annotations

import contextlib
import io
from itertools import repeat
from typing import NamedTuple, Sequence

import numpy as np
from pycocotools.cocoeval import COCOeval

from ..coco_stand_in import COCO
from ..errors import InputError
from ..metainfo.deepfashion2 import ATTRIBUTES, CATEGORIES, MOST, SIGMAS, SLICES

#: The least v of a landmark that counts, by what is put before the keys.
COUNTS = {'': 1, 'visible/': 2}

#: Of pycocotools' thresholds 0.50, 0.55 to 0.95.
_AT_50, _AT_75 = 0, 5
#: Of its areas.
_ALL, _MEDIUM, _LARGE = range(3)


class Truths(NamedTuple):
    """Annotated items. N: items, of one or several images."""

    images: np.ndarray  #: (N,) number of the image
    categories: np.ndarray  #: (N,) 1 to 13
    boxes: np.ndarray  #: (N, 4) x1 y1 x2 y2 in pixels
    landmarks: np.ndarray  #: (N, 39, 3) x, y, v of the category's own in a file's order, 0 after its last
    attributes: np.ndarray  #: (N, 4) number of the value of each of ``ATTRIBUTES``; 0 where nothing is said


class Found(NamedTuple):
    """Predicted items. M: items."""

    images: np.ndarray  #: (M,)
    categories: np.ndarray  #: (M,) 1 to 13
    landmarks: np.ndarray  #: (M, 39, 2) x, y alike; what follows the category's last is not read
    scores: np.ndarray  #: (M,)


def oks_ap(truths: Truths, found: Found, subsets: bool = True) -> dict[str, float]:
    """AP and AR over the thresholds of OKS 0.50 to 0.95, at most 20 items of a category an image.

    Returns:
        Fractions of 1. All are means over the categories, of those that have a truth. A figure without a truth is
        missing. Visible and occluded landmarks count:

        - ``AP``, ``AP50``, ``AP75``, ``AR``, and ``AP_M`` and ``AP_L`` for boxes from 32 x 32 to 96 x 96 and above;
        - ``AP/<category>``;
        - with ``subsets``, ``AP/<attribute>=<value>`` such as ``AP/scale=small``: truths outside the subset are
          ignored, as COCO ignores those of another area. What is found at one of them is neither right nor wrong, and
          what is found at no truth is wrong in every subset.

        The same with ``visible/`` before it, for the visible landmarks alone.

    Raises:
        InputError: The columns do not fit each other, a category is unknown, a value is not finite, or no landmark of
            any truth counts.
    """
    _check('truths', truths, (MOST, 3))
    _check('results', found, (MOST, 2))
    figures = {}
    for prefix, least in COUNTS.items():
        values = _values(truths, found, least, subsets)
        figures.update((prefix + key, float(each[each > -1].mean())) for key, each in values.items()
                       if (each > -1).any())
    if 'AP' not in figures:
        raise InputError(f'no landmark of any truth counts, in {len(truths.images):,} items')
    return figures


def _check(name: str, columns: Truths | Found, landmarks: tuple[int, int]) -> None:
    count = len(columns.images)
    shapes = dict(images=(), categories=(), boxes=(4, ), landmarks=landmarks, scores=(), attributes=(len(ATTRIBUTES), ))
    arrays = columns._asdict()
    for column, values in arrays.items():
        if np.shape(values) != (count, *shapes[column]):
            raise InputError(f'{name}: {column} must have shape {(count, *shapes[column])}, got {np.shape(values)}')
    categories = np.asarray(columns.categories, dtype=int)
    if count and not (min(categories) >= 1 and max(categories) <= len(CATEGORIES)):
        raise InputError(f'{name}: a category must be from 1 to {len(CATEGORIES)}, got {min(categories)} to '
                         f'{max(categories)}')
    own = np.arange(MOST) < np.array([part.stop - part.start for part in SLICES])[categories - 1, None]
    for column, values in arrays.items():
        broken = ~np.isfinite(values[own] if column == 'landmarks' else values)
        if broken.any():  # pycocotools would take NaN for a match
            raise InputError(f'{name}: {broken.sum():,} numbers of the {column} are not finite: '
                             + ('a diverged model' if name == 'results' else 'a faulty annotation'))


def _values(truths: Truths, found: Found, least: int, subsets: bool) -> dict[str, np.ndarray]:
    """What each figure is the mean of; -1 stands for what has no truth."""
    insides = {f'AP/{attribute}={name}': truths.attributes[:, column] == number
               for column, (attribute, names) in enumerate(ATTRIBUTES.items()) for number, name in names.items()}
    precision, recall, of_subsets = [], [], {key: [] for key in insides if subsets}
    for category_id in range(1, len(CATEGORIES) + 1):  # one after the other, for the memory's sake
        evaluation = _Evaluation(truths, found, category_id, least)
        for curves, own in zip((precision, recall), evaluation.curves()):
            curves.append(own)
        for key, curves in of_subsets.items():
            curves.append(evaluation.curves(insides[key])[0])
    precision, recall = np.stack(precision), np.stack(recall)
    return dict(
        AP=precision[..., _ALL], AP50=precision[:, _AT_50, :, _ALL], AP75=precision[:, _AT_75, :, _ALL],
        AP_M=precision[..., _MEDIUM], AP_L=precision[..., _LARGE], AR=recall[..., _ALL],
        **{f'AP/{name}': own[..., _ALL] for name, own in zip(CATEGORIES, precision)},
        **{key: np.stack(curves) for key, curves in of_subsets.items()})


def middle(points: np.ndarray) -> np.ndarray:
    """(2,) where the landmarks of other categories are taken to lie, of the own ones (n, 2) of a result."""
    return points.mean(axis=0).round(2)


class _Evaluation(COCOeval):
    """pycocotools' evaluation of one category.

    Args:
        truths, found: Of all categories.
        category_id: Its number.
        least: v of a landmark that counts.
    """

    def __init__(self, truths: Truths, found: Found, category_id: int, least: int) -> None:
        self.own = SLICES[category_id - 1]
        count = self.own.stop - self.own.start
        self.rows, found_rows = (np.flatnonzero(each.categories == category_id) for each in (truths, found))
        counted = truths.landmarks[self.rows, :count, 2] >= least
        self.counts = counted.sum(axis=1).tolist()
        labelled = np.where(counted[..., None], truths.landmarks[self.rows, :count], 0.)
        x1, y1, x2, y2 = truths.boxes[self.rows].T.astype(float)
        truth_images, found_images = truths.images[self.rows].tolist(), found.images[found_rows].tolist()
        #: Images with a truth of which no landmark counts: there all 294 are compared.
        self.whole = {image for image, own_count in zip(truth_images, self.counts) if not own_count}
        truth = COCO()
        truth.dataset = dict(
            images=[dict(id=image) for image in {*truth_images, *found_images}], categories=[dict(id=category_id)],
            annotations=[
                # Numbered from 1, because pycocotools takes a match with the id 0 for none.
                dict(id=number, image_id=image, category_id=category_id, bbox=box, area=box[2] * box[3],
                     keypoints=self._keypoints(image, landmarks, np.zeros(3)))
                for number, (image, box, landmarks) in enumerate(
                    zip(truth_images, np.stack([x1, y1, x2 - x1, y2 - y1], axis=1), labelled), 1)])
        with _silence():
            truth.createIndex()
            results = truth.loadRes([
                dict(image_id=image, category_id=category_id, score=score, keypoints=self._keypoints(
                    image, np.column_stack([points, np.ones(count)]), [*middle(points), 1]))
                for image, points, score in zip(found_images, found.landmarks[found_rows, :count],
                                                found.scores[found_rows].tolist())])
            super().__init__(truth, results, 'keypoints')
        self.areas, self.annotations = self.params.areaRng, truth.dataset['annotations']
        self.oks: dict[int, np.ndarray] = {}
        self.matches: dict[tuple, dict] = {}

    def _keypoints(self, image: int, own: np.ndarray, other: Sequence[float]) -> np.ndarray:
        """COCO's, flat, of the own landmarks (n, 3), and of all where these are compared."""
        if image not in self.whole:
            return own.ravel()
        every = np.tile(other, (len(SIGMAS), 1))
        every[self.own] = own
        return every.ravel()

    def computeOks(self, imgId: int, catId: int) -> np.ndarray:
        """Once for all subsets."""
        if imgId not in self.oks:
            self.params.kpt_oks_sigmas = SIGMAS if imgId in self.whole else SIGMAS[self.own]
            self.oks[imgId] = super().computeOks(imgId, catId)
        return self.oks[imgId]

    def evaluateImg(self, imgId: int, catId: int, aRng: Sequence[float], maxDet: int) -> dict:
        """Once for all subsets to which the same of its truths belong."""
        key = imgId, tuple(aRng), tuple(bool(truth['ignore']) for truth in self._gts[imgId, catId])
        if key not in self.matches:
            self.matches[key] = super().evaluateImg(imgId, catId, aRng, maxDet)
        return self.matches[key]

    def curves(self, inside: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Precision (T, R, A) and recall (T, A) by threshold, recall and area; -1 where there is no truth.

        Args:
            inside: (N,) bool, which of all truths are to be found; then A is 1, all areas together. None: each of them.
        """
        self.params.areaRng = self.areas if inside is None else self.areas[:1]
        for each, count, is_inside in zip(self.annotations, self.counts,
                                          repeat(True) if inside is None else inside[self.rows]):
            each['num_keypoints'] = count if is_inside else 0  # ignored, with landmarks that are compared all the same
        with _silence():
            self.evaluate()
            self.accumulate()
        return self.eval['precision'][:, :, 0, :, 0], self.eval['recall'][:, 0, :, 0]


def _silence() -> contextlib.redirect_stdout:
    return contextlib.redirect_stdout(io.StringIO())
