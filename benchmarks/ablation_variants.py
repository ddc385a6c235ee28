"""Losses that benchmarks/ablation.py compares with PCLoss, and a weight that changes while training.

Each is tried as a question, not offered: what earned its place is in the package.
"""

from __future__ import annotations

from typing import Sequence

import torch
from mmengine.hooks import Hook
from mmpose.registry import HOOKS, MODELS
from torch import Tensor, nn

from pcloss_mmpose.models.losses import PCLoss


def invariant_error(pred: Tensor, target: Tensor, valid: Tensor, invariance: str) -> Tensor:
    """What is left of the error of a group, (B, K, 2), after the best motion of the target: 0 where not valid.

    Args:
        pred, target: (B, K, 2).
        valid: (B, K) booleans.
        invariance: 'none', 'translation' or 'similarity' (rotation and scale as well, least squares).
    """
    mask = valid[..., None].to(pred.dtype)
    if invariance == 'none':
        return (pred - target) * mask
    count = mask.sum(1, keepdim=True).clamp(min=1)
    pred, target = ((points - (points * mask).sum(1, keepdim=True) / count) * mask for points in (pred, target))
    if invariance == 'similarity':
        # Points as complex numbers: the best rotation and scale is one complex factor. It minimises the error, so its
        # own gradient is 0 and it may be detached.
        p, t = torch.view_as_complex(pred.detach().contiguous()), torch.view_as_complex(target.contiguous())
        factor = (t.conj() * p).sum(1, keepdim=True) / t.abs().square().sum(1, keepdim=True).clamp(min=1e-9)
        target = torch.view_as_real(factor * t)
    return (pred - target) * mask


def variant_loss(pred: Tensor, target: Tensor, weight: Tensor, groups: Sequence[Sequence[int]], topk: int | None,
                 invariance: str = 'translation', power: float = 2., hard_samples: float = 1.) -> Tensor:
    """PCLoss written with its pairs, and with three things to change.

    Args:
        invariance: As in :func:`invariant_error`; 'none' has no pairs and is the plain error of the coordinates.
        power: Of the length of a pair's error: 2 is the paper's, 1 is robust.
        hard_samples: Share of the samples of the batch, those with the largest loss, that count.
    """
    total = 0
    for group in groups:
        valid = weight[:, group] > 0
        error = invariant_error(pred[:, group], target[:, group], valid, invariance)
        count = valid.sum(1)
        if invariance == 'none':
            per_landmark = length(error, power) * count[:, None]
        else:
            pairs = (valid[:, :, None] & valid[:, None]).to(pred.dtype)
            per_landmark = (length(error[:, :, None] - error[:, None], power) * pairs).sum(-1)
        kept = count.clamp(max=len(group) if topk is None else topk)
        order = per_landmark.masked_fill(~valid, -1).sort(dim=1, descending=True).values
        largest = order * (torch.arange(len(group)) < kept[:, None])
        total = total + largest.sum(1) / kept.clamp(min=1) * (count >= 2)
    kept = max(1, round(hard_samples * len(pred)))
    return total.topk(kept).values.mean()


def length(vectors: Tensor, power: float) -> Tensor:
    # The small number keeps the gradient of a zero vector from being NaN.
    return (vectors.square().sum(-1) + 1e-8).pow(power / 2)


@MODELS.register_module()
class VariantLoss(PCLoss):
    """PCLoss's options, and those of :func:`variant_loss`."""

    def __init__(self, invariance: str = 'translation', power: float = 2., hard_samples: float = 1., **kwargs) -> None:
        super().__init__(**kwargs)
        self.changes = dict(invariance=invariance, power=power, hard_samples=hard_samples)

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        groups = self.groups or [list(range(pred.shape[1]))]
        return self.loss_weight * variant_loss(pred, target, weight, groups, self.topk, **self.changes)


@HOOKS.register_module()
class WeightSchedule(Hook):
    """PCLoss's weight rises from 0 at iteration ``warm_up`` within ``ramp`` ones, and falls in the last ``fade``."""

    def __init__(self, warm_up: int, ramp: int, fade: int) -> None:
        self.warm_up, self.ramp, self.fade = warm_up, ramp, fade

    def before_train(self, runner) -> None:
        self.full = runner.model.head.pc_loss.loss_weight

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        rise = (runner.iter - self.warm_up) / self.ramp if self.ramp else 1.
        fall = (runner.max_iters - runner.iter) / self.fade if self.fade else 1.
        runner.model.head.pc_loss.loss_weight = self.full * max(0., min(rise, fall, 1.))


@MODELS.register_module()
class HiddenLayer(nn.Sequential):
    """The first of the two fully connected layers of a plain regression model: (B, C, H, W) -> (B, out_channels)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(in_channels, out_channels), nn.ReLU())

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor]:
        return (super().forward(feats[-1]), )
