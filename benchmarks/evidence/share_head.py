"""Is a share of the gradient a better setting than a weight? Tried as a question (docs/evidence.md), not offered."""

from __future__ import annotations

import torch
from mmengine.logging import MessageHub
from mmpose.registry import MODELS
from torch import Tensor

from pcloss_mmpose.models.heads import PCHeatmapHead
from pcloss_mmpose.models.heads.pc_mixin import gradient_norm, total_loss


def factor_for(share: Tensor | float, own: Tensor, other: Tensor) -> Tensor:
    """What a loss is multiplied by to have a share of the gradient: at most 1e6 times the odds.

    Args:
        share: From 0, below 1.
        own, other: Lengths of the gradients of the loss and of what it is added to.
    """
    return share / (1 - share) * other / torch.maximum(own, 1e-6 * other).clamp(min=torch.finfo(own.dtype).tiny)


@MODELS.register_module()
class ShareHead(PCHeatmapHead):
    """Scales its structural loss at every step to a share that goes evenly from ``first`` to ``last``."""

    def __init__(self, *args, first: float, last: float, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.first, self.last = first, last

    def loss(self, feats, batch_data_samples, train_cfg: dict | None = None) -> dict:
        if self.pc_loss is None:
            return super().loss(feats, batch_data_samples, train_cfg)
        losses, outputs = self.stock_losses(feats, batch_data_samples, train_cfg)
        added = self.loss_on(outputs, batch_data_samples, self.pc_loss)
        info = MessageHub.get_current_instance().runtime_info
        share = self.first + (self.last - self.first) * info.get('iter', 0) / info.get('max_iters', 1)
        factor = factor_for(share, gradient_norm(added, outputs), gradient_norm(total_loss(losses), outputs))
        return dict(losses, **{self.loss_name: factor * added, self.share_name: added.new_tensor(share)})
