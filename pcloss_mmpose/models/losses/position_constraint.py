"""Position Constraint Loss (PCLoss), Pattern Recognition 2021, doi 10.1016/j.patcog.2021.108028."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Mapping, Sequence

import torch
from mmpose.registry import MODELS
from torch import Tensor

from ...errors import InputError
from ..eager import is_eager
from .fast_constraint import FastLoss
from .partition import Groups, check_groups, groups_of
from .structural import StructuralLoss, check_shapes


def position_constraint_loss(pred: Tensor,
                             target: Tensor,
                             weight: Tensor | None = None,
                             groups: Sequence[Sequence[int]] | None = None,
                             topk: int | None = None,
                             robust: bool = False,
                             landmarks: Tensor | None = None) -> Tensor:
    r"""Squared error of the vectors between landmarks, over the landmarks that are worst placed (Eq. 5-10).

    With :math:`v_{ij} = p_j - p_i` over the valid landmarks of a group,

    .. math::
        L_i = \sum_j \|\hat v_{ij} - v^*_{ij}\|^2, \qquad L_{PC} = \text{mean of the } k \text{ largest } L_i,

    summed over the groups and averaged over the samples that count. Its pairs are never formed: with
    :math:`e = \hat p - p^*`, n valid landmarks and :math:`d = e - \text{mean}(e)`, the sum is exactly
    :math:`L_i = n \|d_i\|^2 + \sum_j \|d_j\|^2`. The loss is thus the error that is left after the best translation.

    ``robust`` is not the paper's: it sums the lengths instead of their squares,
    :math:`L_i = \sum_j \|\hat v_{ij} - v^*_{ij}\|`, so that one landmark far off does not outweigh all others, and
    small errors still pull. What it does is measured in docs/evidence.md.

    B: batch, K: landmarks, G: groups, N: landmarks that are handed over.

    Args:
        pred: (B, K, 2) predicted x, y in any unit; the loss has that unit squared, and with ``robust`` that unit.
        target: (B, K, 2) true x, y in the same unit.
        weight: (B, K) or (B, K, 1); a landmark is valid where it is above 0, its size does not scale the loss.
            None: all are valid. What stands at a masked landmark, NaN included, has no influence.
        groups: Landmark indices of each group; groups may share landmarks. None: one group of all K.
        topk: k, clamped to the number of valid landmarks. None: all of them, no mining.
        robust: Lengths instead of squares; forms the pairs of all landmarks in pred, on the CPU of the valid ones.
        landmarks: (B, N) int64, where pred and target hold some of the K alone, (B, N, 2): which these are. The weight
            is still (B, K) or (B, K, 1), and must be there. Others do not count, whatever their weight. None: all.

    Returns:
        Scalar, float32 or better. A group with fewer than two valid landmarks gives 0, a sample counts if any of its
        groups has two, and a batch without such a sample gives a 0 that can be back-propagated.

    Raises:
        TypeError: ``pred`` is not a floating point tensor.
        ValueError: A shape, ``topk`` or ``groups`` does not fit.

    Example:
        >>> pred = torch.tensor([[[0., 0.], [1., 0.], [3., 0.]]])
        >>> position_constraint_loss(pred, torch.zeros(1, 3, 2), topk=1)  # the third: 2 * 2 + 3 * 3
        tensor(13.)
    """
    _check_inputs(pred, target, weight, landmarks)
    check_topk(topk)
    eager = is_eager()
    valid = pred.new_ones(pred.shape[:2], dtype=torch.bool) if weight is None else weight.flatten(1) > 0
    valid, size = valid[:, None], pred.shape[1]  # (B, G, K) from here on; of the largest group
    if groups is not None:
        num_landmarks = valid.shape[-1]
        check_groups(groups, num_landmarks)
        members = _kept_members if eager else _members
        valid = valid & members(tuple(map(tuple, groups)), num_landmarks, pred.device)
        size = min(size, max(map(len, groups)))
    if landmarks is not None:  # (B, G, N) from here on
        valid = valid.gather(2, landmarks[:, None].expand(-1, valid.shape[1], -1))
    if eager:
        readable = partial(readable_loss, valid=valid, topk=topk, robust=robust)
        return FastLoss.apply(pred, target, valid, size, topk, robust, readable)
    return readable_loss(pred, target, valid, topk, robust)


def _check_inputs(pred: Tensor, target: Tensor, weight: Tensor | None, landmarks: Tensor | None) -> None:
    check_shapes(pred, target, weight if landmarks is None else None)
    if landmarks is None:
        return
    if landmarks.shape != pred.shape[:2]:
        raise ValueError(f'landmarks must have shape {tuple(pred.shape[:2])}, got {tuple(landmarks.shape)}')
    if weight is None or weight.ndim not in (2, 3) or len(weight) != len(pred) or weight.shape[2:] not in ((), (1, )):
        raise ValueError(f'weight must have shape ({len(pred)}, K) or ({len(pred)}, K, 1) beside landmarks, got '
                         f'{None if weight is None else tuple(weight.shape)}')


def readable_loss(pred: Tensor, target: Tensor, valid: Tensor, topk: int | None, robust: bool) -> Tensor:
    """:func:`position_constraint_loss` as it is written, ``valid`` (B, G, K) for each group: what FastLoss must equal.

    torch.compile, exports and whoever differentiates the gradient get this one.
    """
    dtype = torch.promote_types(pred.dtype, torch.float32)
    # where, not a product: 0 * NaN would let a masked landmark in.
    error = torch.where(valid[..., None], (pred.to(dtype) - target.to(dtype))[:, None], 0.)
    count = valid.sum(-1, keepdim=True)
    deviation = torch.where(valid[..., None], error - error.sum(2, keepdim=True) / count[..., None].clamp(min=1), 0.)
    per_landmark = _sum_of_lengths(deviation, valid) if robust else _sum_of_squares(deviation, count)

    # Masked landmarks sort last, so the first `kept` places hold the largest valid ones.
    num_landmarks = pred.shape[1]
    k = num_landmarks if topk is None else min(topk, num_landmarks)
    kept = count.clamp(max=k)
    largest = per_landmark.masked_fill(~valid, -1.).topk(k, dim=-1).values
    largest = torch.where(torch.arange(k, device=pred.device) < kept, largest, 0.)
    per_group = largest.sum(-1) / kept.squeeze(-1).clamp(min=1)

    counted = (count >= 2).any(dim=1).sum()
    return per_group.sum() / counted.clamp(min=1)


def _members(groups: Groups, num_landmarks: int, device: torch.device) -> Tensor:
    """Which landmarks each group has, (G, K)."""
    members = [[k in group for k in range(num_landmarks)] for group in map(set, groups)]
    # Without non_blocking the copy would wait for all work on the device.
    return torch.tensor(members).to(device, non_blocking=True)


_kept_members = lru_cache(maxsize=32)(_members)


def _sum_of_squares(deviation: Tensor, count: Tensor) -> Tensor:
    square = deviation.square().sum(-1)
    return count * square + square.sum(-1, keepdim=True)


def _sum_of_lengths(deviation: Tensor, valid: Tensor) -> Tensor:
    square = (deviation[..., :, None, :] - deviation[..., None, :, :]).square().sum(-1)
    # The root has no gradient at 0: pairs without an error, and those that do not count, go around it. NaN does not.
    pairs = valid[..., :, None] & valid[..., None, :] & (square != 0)
    return torch.where(pairs, torch.where(pairs, square, 1.).sqrt(), 0.).sum(-1)


def check_topk(topk: int | None) -> None:
    """Raise InputError unless ``topk`` is None or a whole number from 1."""
    if topk is not None and (not isinstance(topk, int) or isinstance(topk, bool) or topk < 1):
        raise InputError(f'topk must be None or a whole number from 1, got {topk!r}')


@MODELS.register_module()
class PCLoss(StructuralLoss):
    """Module of :func:`position_constraint_loss`.

    Args:
        topk: k of the hard mining (Eq. 8; the paper: 8 on FashionAI, 4 on DeepFashion and FLD). None: no mining.
        partition: None (one group), lists of landmark indices, or a name that
            :func:`~pcloss_mmpose.models.losses.partition_from_metainfo` knows: ``'left_right'``, ``'top_bottom'``.
        loss_weight: The paper's beta, in the unit of the coordinates that the head hands over (see docs/loss.md).
        robust: Lengths of the pairs' errors instead of their squares; not the paper's (see docs/evidence.md).
        metainfo: Where a named partition is looked up: the name of a registered data set (``'FashionAIDataset'``),
            the path of a metainfo file, or a metainfo dict.

    Raises:
        ValueError: An option is out of its range, or the partition cannot be made from the metainfo.
    """

    def __init__(self,
                 topk: int | None = None,
                 partition: str | Sequence[Sequence[int]] | None = None,
                 loss_weight: float = 1.0,
                 metainfo: str | Mapping | None = None,
                 robust: bool = False) -> None:
        super().__init__(loss_weight)
        check_topk(topk)
        if not isinstance(robust, bool):
            raise InputError(f'robust must be True or False, got {robust!r}')
        self.topk = topk
        self.groups = groups_of(partition, metainfo)
        self.robust = robust

    takes_landmarks = True

    def value(self,
              pred: Tensor,
              target: Tensor,
              weight: Tensor | None = None,
              landmarks: Tensor | None = None) -> Tensor:
        """:func:`position_constraint_loss` of (B, K, 2), (B, K, 2) and (B, K) or (B, K, 1), or of some landmarks."""
        return position_constraint_loss(pred, target, weight, self.groups, self.topk, self.robust, landmarks)

    def extra_repr(self) -> str:
        return (f'topk={self.topk}, groups={self.groups}, loss_weight={self.loss_weight}'
                f'{", robust=True" if self.robust else ""}')
