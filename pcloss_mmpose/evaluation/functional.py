"""The numbers behind the metrics, as functions of numpy arrays. N: images, K: landmarks, T: the images' scale."""

from __future__ import annotations

from typing import Iterable, Sequence

import numpy as np

from ..errors import InputError

#: An outlier lies further than this from its place; a fraction of T, as all limits here.
THRESHOLD = 0.1
#: A duplicate is a pair of landmarks found nearer than this to each other, ...
NEAR = 0.03
#: ... whose true places are further apart than this, as are those of an exchanged pair.
APART = 0.1


#: So many pairs are looked at together, which takes some 100 MB at most.
_AT_ONCE = 2**20


def normalized_error(pred: np.ndarray, gt: np.ndarray, visible: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Distance between prediction and truth, divided by the image's scale (Eq. 13, before the average).

    Args:
        pred: (N, K, 2) predicted x, y in pixels of the original image.
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
    pred, gt, visible, scale = map(np.asarray, (pred, gt, visible, scale))
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
    scale = (scale[:, None] if scale.ndim == 1 else scale).astype(np.float64)
    measurable = (np.isfinite(scale) & (scale > 0)).all(axis=1)
    counted = (visible > 0) & measurable[:, None]
    with np.errstate(invalid='ignore'):  # what is not counted may hold anything
        offset = np.subtract(pred, gt, dtype=np.float64)
        offset /= np.where(measurable[:, None], scale, 1.)[:, None]
        distance = np.sqrt(np.einsum('nkd,nkd->nk', offset, offset))
    for name, array in (('pred', pred), ('gt', gt)) if np.isnan(distance[counted]).any() else ():
        if (broken := np.argwhere(counted & np.isnan(array).any(axis=-1))).size:
            image, landmark = broken[0]
            raise InputError(f'{name} is NaN at image {image}, landmark {landmark}, and at {len(broken)} landmarks '
                             'in all: a diverged model, or a faulty annotation')
    distance[~counted] = np.nan
    return distance


def outlier_rate(error: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """Share of the counted landmarks whose normalised error is above a threshold.

    Args:
        error: Normalised errors as fractions, of any shape, NaN where a landmark does not count.
        threshold: A number, or (T,) several: the curve.

    Returns:
        float64 of the threshold's shape; NaN if no landmark counts.
    """
    error = np.asarray(error, dtype=np.float64)
    counted = error[~np.isnan(error)]
    above = counted > np.asarray(threshold, dtype=np.float64)[..., None]
    return above.mean(axis=-1) if counted.size else np.full(above.shape[:-1], np.nan)


def pairs_together(counted: np.ndarray, categories: Iterable[Sequence[int]] = ()) -> list[tuple[int, int]]:
    """The pairs of landmarks that a category has or that count together in any image, first the lower index.

    They are all K (K - 1) / 2 of a garment with every landmark, and 3,822 of 43,071 for DeepFashion2's 294.

    Args:
        counted: (N, K) bool, whether the landmark counts.
        categories: Landmark ids of each.
    """
    counts = np.asarray(counted, dtype=np.float32)
    together = counts.T @ counts
    for own in categories:
        together[np.ix_(own, own)] = 1
    return list(zip(*(side.tolist() for side in np.nonzero(np.triu(together, 1)))))


def duplicates(pred: np.ndarray,
               gt: np.ndarray,
               visible: np.ndarray,
               scale: np.ndarray,
               near: float = NEAR,
               apart: float = APART,
               pairs: Sequence[tuple[int, int]] | None = None) -> np.ndarray:
    """Whether two landmarks that lie apart were found on one spot.

    A pair counts if both landmarks do and their truths lie more than ``apart`` times T from each other; it is a
    duplicate if their predictions lie less than ``near`` times T from each other.

    Args:
        pred, gt, visible, scale: As :func:`normalized_error` takes them.
        near, apart: Fractions of T.
        pairs: Indices of the two landmarks of each. None: all K (K - 1) / 2, in the order of ``np.triu_indices(K, 1)``.

    Returns:
        (N, number of pairs) float32: 1 a duplicate, 0 not, NaN where the pair does not count.

    Raises:
        ValueError: The shapes do not fit, or a landmark that counts has a coordinate that is NaN.
    """
    normalized_error(pred, gt, visible, scale)  # for its checks
    pred, gt, visible, scale = np.asarray(pred), np.asarray(gt), np.asarray(visible) > 0, np.asarray(scale)
    first, second = np.triu_indices(pred.shape[1], 1) if pairs is None else np.reshape(pairs, (-1, 2)).astype(int).T
    found = np.full((len(pred), len(first)), np.nan, dtype=np.float32)
    step = max(1, _AT_ONCE // max(1, len(first)))
    for start in range(0, len(pred), step):
        image, pair = np.nonzero(visible[start:start + step, first] & visible[start:start + step, second])
        image += start
        ends, ones = ((image, first[pair]), (image, second[pair])), np.ones((len(image), 1))
        distance, true = (normalized_error(*(points[end][:, None] for end in ends), ones, scale[image])[:, 0]
                          for points in (pred, gt))
        with np.errstate(invalid='ignore'):
            found[image, pair] = np.where(true > apart, distance < near, np.nan)
    return found


def exchanged(pred: np.ndarray,
              gt: np.ndarray,
              visible: np.ndarray,
              scale: np.ndarray,
              pairs: Sequence[tuple[int, int]],
              apart: float = APART) -> np.ndarray:
    """Whether the left or the right landmark of a pair was found at the other's place.

    A pair counts as in :func:`duplicates`. It is exchanged if one of its predictions lies less than half of the way
    between the two true places from the other's, which is always nearer than to its own. A pair found on one spot at
    one end is thus exchanged too.

    The limit is a part of that way, and not of T, because the question is which of the two was found, and not how
    exactly: a fixed limit of a few percent would find fewer exchanges the coarser a model or its heatmaps are, one
    pixel of 24 being 4 % of T. Without a limit, a landmark that is far from both places would count.

    Args:
        pred, gt, visible, scale: As :func:`normalized_error` takes them.
        pairs: Indices of the left and the right landmark of each.
        apart: Fraction of T.

    Returns:
        (N, number of pairs) float64: 1 exchanged, 0 not, NaN where the pair does not count.

    Raises:
        ValueError: The shapes do not fit, or a landmark that counts has a coordinate that is NaN.
    """
    normalized_error(pred, gt, visible, scale)  # for its checks
    pred, gt, visible = np.asarray(pred), np.asarray(gt), np.asarray(visible) > 0
    left, right = np.asarray(pairs, dtype=int).reshape(-1, 2).T
    both = visible[:, left] & visible[:, right]
    true = normalized_error(gt[:, left], gt[:, right], both, scale)
    nearest = np.minimum(normalized_error(pred[:, left], gt[:, right], both, scale),
                         normalized_error(pred[:, right], gt[:, left], both, scale))
    with np.errstate(invalid='ignore'):
        return np.where(true > apart, (nearest < true / 2).astype(np.float64), np.nan)


def mean(values: np.ndarray) -> float:
    """Mean of what is not NaN; NaN if nothing is left."""
    values = np.asarray(values)
    known = values[~np.isnan(values)]
    return float(known.mean(dtype=np.float64)) if known.size else float('nan')
