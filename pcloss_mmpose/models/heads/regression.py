"""Heads whose output is coordinates already."""

from __future__ import annotations

from mmpose.models.heads import IntegralRegressionHead, RegressionHead
from mmpose.registry import MODELS
from torch import Tensor

from .pc_mixin import PCLossMixin


@MODELS.register_module()
class PCRegressionHead(PCLossMixin, RegressionHead):
    """MMPose's RegressionHead with PCLoss; takes its arguments and ``pc_loss``."""

    def landmark_fractions(self, output: Tensor) -> Tensor:
        return output[..., :2]


@MODELS.register_module()
class PCIntegralRegressionHead(PCLossMixin, IntegralRegressionHead):
    """MMPose's IntegralRegressionHead with PCLoss; takes its arguments and ``pc_loss``."""

    def landmark_fractions(self, output: tuple[Tensor, Tensor]) -> Tensor:
        return output[0]
