"""All pairs, weighted by how rigid they are: by the inverse variance of their true vector over the training set.

L = mean over the samples of sum_{i<j} w_ij |e_i - e_j|^power / sum_{i<j} w_ij over the valid pairs of a sample, with
the errors e_i = p_i - p*_i and 1 / w_ij the variance of v_ij = p*_j - p*_i, both axes together, in fractions of the
box. This weighs a residual as maximum likelihood does under a Gaussian for each pair, taken as independent; deformable
parts score displacements so (Felzenszwalb and Huttenlocher, Pictorial Structures for Object Recognition, IJCV 2005).
Pairs that hardly move against each other (a collar's ends) count much, loose ones (a cuff and a hem) little. PCLoss
weighs all alike.
"""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Mapping

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import MODELS
from torch import Tensor

from ...errors import InputError
from .partition import Groups, check_groups, groups_of
from .structural import StructuralLoss, check_power, masked_error, mean_of_samples, sizes

ROWS = 4096  # that are looked at together
MAX_RATIO = 10  # of a weight to the median


def pair_variance_loss(pred: Tensor, target: Tensor, pairs: Tensor, pair_weights: Tensor,
                       weight: Tensor | None = None, power: int = 1) -> Tensor:
    """Weighted mean length of the pairs' errors, or of its square.

    B: batch, K: landmarks, N: pairs.

    Args:
        pred: (B, K, 2) predicted x, y in any unit; the loss has that unit, or its square.
        target: (B, K, 2) true x, y in the same unit.
        pairs: (N, 2) int64, the landmarks of each pair.
        pair_weights: (N,) from 0.
        weight: (B, K) or (B, K, 1); a pair is valid where it is above 0 for both landmarks. None: all are valid.
        power: 1 for lengths, 2 for squares.

    Returns:
        Scalar, float32 or better: averaged over the samples that have a valid pair of a weight above 0. A batch without
        any gives a 0 that can be back-propagated.

    Raises:
        TypeError: ``pred`` is not a floating point tensor.
        ValueError: A shape does not fit.
    """
    error, valid = masked_error(pred, target, weight)
    first, second = pairs.unbind(1)
    there = valid[:, first] & valid[:, second]
    return mean_of_samples(sizes(error[:, second] - error[:, first], power), there * pair_weights.to(error.dtype))


def pair_variances(shapes: Iterable[tuple[np.ndarray, np.ndarray]],
                   num_landmarks: int) -> tuple[np.ndarray, np.ndarray]:
    """Variance of the vector of every pair, x and y together, and in how many shapes it is seen; (K, K) each.

    Args:
        shapes: Points (N, K, 2) and which of them are known (N, K), in parts. Values far from 0 cost precision.
        num_landmarks: K.

    Returns:
        The variances (with n - 1), NaN for a pair that is not seen twice, and the counts.
    """
    count = np.zeros((num_landmarks, num_landmarks))
    total, squares = np.zeros((2, num_landmarks, num_landmarks)), np.zeros((num_landmarks, num_landmarks))
    for points, known in shapes:
        mask = known.astype(np.float64)
        count += mask.T @ mask
        for axis in range(2):
            value = np.where(known, points[..., axis], 0.)
            total[axis] += mask.T @ value - value.T @ mask
            square = mask.T @ value**2
            squares += square + square.T - 2 * value.T @ value
    with np.errstate(divide='ignore', invalid='ignore'):
        variance = (squares - (total**2).sum(0) / count) / (count - 1)
    return np.where(count >= 2, variance.clip(min=0), np.nan), count


def weights_of(variances: np.ndarray) -> np.ndarray:
    """Inverse variances (N,), whose mean over the known pairs is 1; 0 where the variance is NaN.

    A variance counts as a tenth of the median at least, so that no weight exceeds 10 times the median one: a pair that
    never moves, such as one that is annotated by rule, would be all that counts.

    Raises:
        InputError: No pair is known, or half of them never move.
    """
    known = ~np.isnan(variances)
    if not known.any():
        raise InputError('PairVarianceLoss: no pair of landmarks is labelled together in two rows of the training data')
    median = np.median(variances[known])
    if median <= 1e-12:  # of a box, squared; rounding leaves some
        raise InputError('PairVarianceLoss: the training data are copies of the same shape, so that nothing is known '
                         'of how rigid a pair is')
    weights = np.where(known, 1 / np.where(known, variances, 1.).clip(min=median / MAX_RATIO), 0.)
    return weights / weights[known].mean()


def box_fractions(dataset: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The annotations of a data set in parts: points (N, K, 2) from the box's centre, and which are known (N, K).

    x is divided by the box's width and y by its height. Where a row has no box, that around its labelled landmarks is
    taken, and the log says so. Rows whose box has no width or no height are left out.

    Args:
        dataset: A top-down data set with ``get_data_info``, or one that is made of such.

    Raises:
        InputError: A pipeline converts the landmarks to others.
    """
    if any(type(step).__name__ == 'KeypointConverter'
           for step in getattr(getattr(dataset, 'pipeline', None), 'transforms', ())):
        raise InputError('PairVarianceLoss reads the annotations, whose landmarks the training pipeline converts to '
                         'others (KeypointConverter): convert the annotations, or take another loss')
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    if inner != [None]:
        for each in inner:
            yield from box_fractions(each)
        return
    without = 0
    for start in range(0, len(dataset), ROWS):
        points, known, boxes = _rows(dataset, range(start, min(start + ROWS, len(dataset))))
        some = known.any(1)
        points, known, boxes = points[some].astype(np.float64), known[some], boxes[some].astype(np.float64)
        missing = np.isnan(boxes).any(1)
        without += missing.sum()
        lowest, highest = (np.where(known[..., None], points, far) for far in (np.inf, -np.inf))
        boxes[missing] = np.column_stack([lowest.min(1), highest.max(1)])[missing]
        centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
        good = (size > 0).all(1)
        yield ((points - centre[:, None])[good] / size[good, None]), known[good]
    if without:
        print_log(f'PairVarianceLoss: {without} of {len(dataset)} rows have no box; the box around their labelled '
                  'landmarks is taken', logger='current')


def _rows(dataset: Any, rows: range) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (N, K, 2) in pixels, which are known (N, K), and boxes (N, 4) as x1 y1 x2 y2, NaN where there are none."""
    columns = getattr(dataset, 'data_list', None)
    if hasattr(columns, 'points'):  # Records, which need no loop
        landmarks, boxes = columns.points(rows), columns.boxes
        boxes = np.full((len(rows), 4), np.nan) if boxes is None else boxes[rows]
        return landmarks[..., :2], landmarks[..., 2] > 0, boxes
    stock = getattr(type(dataset), 'get_data_info', None) is BaseCocoStyleDataset.get_data_info
    points, known, boxes = [], [], []
    for row in rows:
        # Most of the time of MMPose's own goes into copies of the metainfo.
        info = BaseDataset.get_data_info(dataset, row) if stock else dataset.get_data_info(row)
        points.append(info['keypoints'][..., :2])
        known.append(np.asarray(info['keypoints_visible']) > 0)
        if 'bbox' in info:
            box = np.asarray(info['bbox'], dtype=np.float64)
        elif 'bbox_center' in info and 'bbox_scale' in info:
            half = np.asarray(info['bbox_scale'], dtype=np.float64) / 2
            box = np.concatenate([info['bbox_center'] - half, info['bbox_center'] + half], axis=-1)
        else:
            box = np.full((len(points[-1]), 4), np.nan)
        boxes.append(box.reshape(-1, 4))
    return np.concatenate(points), np.concatenate(known), np.concatenate(boxes)


@MODELS.register_module()
class PairVarianceLoss(StructuralLoss):
    """Module of :func:`pair_variance_loss`, whose weights are those of the training data.

    A training with this package's hooks fits it at its start. The weights belong to no checkpoint: a resumed training
    finds them anew.

    Args:
        partition: As in :class:`~pcloss_mmpose.models.losses.PCLoss`: the pairs are those within a group. One that two
            groups share counts once.
        metainfo: Where a named partition is looked up.
        power: 1 for lengths, 2 for their squares.
        loss_weight: Factor of the value.

    Raises:
        InputError: An option is out of its range, or the partition cannot be made from the metainfo.
    """

    def __init__(self,
                 partition: str | Groups | None = None,
                 metainfo: str | Mapping | None = None,
                 power: int = 1,
                 loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)
        check_power(power)
        self.groups = groups_of(partition, metainfo)
        self.power = power
        self.num_landmarks = 0
        self.pairs = self.pair_weights = None

    def fit(self, dataset: Any) -> None:
        """Take the variance of every pair from the annotations.

        Args:
            dataset: The built training data.

        Raises:
            InputError: No variance can be known.
        """
        self.num_landmarks = dataset.metainfo['num_keypoints']
        groups = [range(self.num_landmarks)] if self.groups is None else self.groups
        check_groups(groups, self.num_landmarks)
        pairs = np.array(sorted({(i, j) for group in groups for i in group for j in group if i < j})).reshape(-1, 2)
        variances, _ = pair_variances(box_fractions(dataset), self.num_landmarks)
        self.pairs = torch.from_numpy(pairs)
        self.pair_weights = torch.from_numpy(weights_of(variances[tuple(pairs.T)])).float()

    def value(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """:func:`pair_variance_loss` of (B, K, 2), (B, K, 2) and (B, K) or (B, K, 1).

        Raises:
            InputError: The loss is not fitted, or was fitted to other landmarks.
        """
        if self.pairs is None:
            raise self.not_fitted('variances')
        self.check_number(self.num_landmarks, pred)
        pairs, pair_weights = (self.constant(name, pred.device) for name in ('pairs', 'pair_weights'))
        return pair_variance_loss(pred, target, pairs, pair_weights, weight, self.power)

    def extra_repr(self) -> str:
        return f'groups={self.groups}, power={self.power}, loss_weight={self.loss_weight}'
