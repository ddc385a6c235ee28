"""Several VGGs side by side, for cascades whose stages share no weights."""

from __future__ import annotations

from typing import Any

from mmengine.model import BaseModule, ModuleList
from mmpose.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class VGGBank(BaseModule):
    """``num`` stock VGGs on the same images.

    Args:
        num: How many. With 1, all stages of a cascade share one.
        **vgg: What MMPose's ``VGG`` takes, ``init_cfg`` among it: each net starts from it.
    """

    def __init__(self, num: int, **vgg: Any) -> None:
        super().__init__()
        self.nets = ModuleList(MODELS.build(dict(vgg, type='VGG')) for _ in range(num))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """The last features of each net: ``num`` times (B, C, h, w)."""
        return tuple(net(images)[-1] for net in self.nets)
