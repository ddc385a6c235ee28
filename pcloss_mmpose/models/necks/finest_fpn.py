"""Feature pyramid of which the head gets the finest level."""

from __future__ import annotations

from typing import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...errors import InputError


@MODELS.register_module()
class FinestFPN(BaseModule):
    """Top-down pathway of a feature pyramid (https://arxiv.org/abs/1612.03144) and its finest output alone.

    MMPose's ``FPN`` gives all levels, the finest first, of which ``HeatmapHead`` would read the last and coarsest; and
    a neck that picks one cannot follow it, since MMPose takes a single neck. The output convolutions of the other
    levels are not made: they would be parameters without a gradient, which distributed training refuses.

    Args:
        in_channels: Channels of the backbone's levels, the finest first.
        out_channels: Channels of the pyramid.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: int) -> None:
        super().__init__(init_cfg=dict(type='Xavier', layer='Conv2d', distribution='uniform'))
        self.lateral_convs = nn.ModuleList(nn.Conv2d(channels, out_channels, 1) for channels in in_channels)
        self.output_conv = nn.Conv2d(out_channels, out_channels, 3, padding=1)

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor]:
        """From (B, C_i, H_i, W_i) of each level, the finest first, to one (B, out_channels, H_0, W_0).

        Raises:
            InputError: The backbone gives another number of levels: set its ``out_indices``.
        """
        if len(feats) != len(self.lateral_convs):
            raise InputError(f'FinestFPN has in_channels for {len(self.lateral_convs)} levels and the backbone gives '
                             f"{len(feats)}: set the backbone's out_indices")
        laterals = [conv(feat) for conv, feat in zip(self.lateral_convs, feats)]
        pyramid = laterals[-1]
        for lateral in laterals[-2::-1]:
            pyramid = lateral + F.interpolate(pyramid, size=lateral.shape[-2:], mode='nearest')
        return (self.output_conv(pyramid), )
