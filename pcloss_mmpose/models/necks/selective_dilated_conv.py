"""DLAN's convolutions that choose their dilation at every position."""

from __future__ import annotations

from typing import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...errors import InputError


@MODELS.register_module()
class SelectiveDilatedConv(BaseModule):
    """The last block of VGG-16 (conv5_1 to conv5_3) in several dilations at once, of which the largest response counts.

    Yan et al., Unconstrained Fashion Landmark Detection via Hierarchical Recurrent Transformer Networks, ACM MM 2017.
    Their abstract has the name and the purpose, to be robust to the garment's scale. That the filters are shared by the
    dilations, that these double, and the element-wise maximum are from memory. That there are three of them, that each
    runs through the whole block before the maximum is taken, and that the layers before are shared are our choice. The
    dilations add no parameter.

    The layers have the names that MMPose's 16-layer ``VGG`` gives them, so that ``init_cfg`` can name the file of the
    whole backbone: ``dict(type='Pretrained', checkpoint='mmcls://vgg16')``. The backbone then ends before them:
    ``num_stages=4``.

    Args:
        in_channels: Of the features.
        out_channels: Of each layer.
        dilations: Of the branches.
        init_cfg: As in MMPose.

    Raises:
        InputError: ``dilations`` are no whole numbers from 1, or there are none.
    """

    def __init__(self,
                 in_channels: int = 512,
                 out_channels: int = 512,
                 dilations: Sequence[int] = (1, 2, 4),
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg or dict(type='Kaiming', layer='Conv2d'))
        if not dilations or not all(isinstance(each, int) and each > 0 for each in dilations):
            raise InputError(f'SelectiveDilatedConv: dilations are whole numbers from 1, got {dilations!r}')
        self.dilations = tuple(dilations)
        self.features = nn.ModuleDict({
            name: ConvModule(channels, out_channels, 3, padding=1)
            for name, channels in (('14', in_channels), ('15', out_channels), ('16', out_channels))})

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor]:
        """From the backbone's features, of which the last (B, in_channels, H, W) are taken, to (B, out_channels, H, W).
        """
        branches = [self._branch(feats[-1], dilation) for dilation in self.dilations]
        return (torch.stack(branches).amax(dim=0), )

    def _branch(self, feats: Tensor, dilation: int) -> Tensor:
        for layer in self.features.values():
            feats = F.relu(F.conv2d(
                feats, layer.conv.weight, layer.conv.bias, padding=dilation, dilation=dilation))
        return feats
