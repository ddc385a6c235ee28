"""Heads whose output is coordinates already."""

from __future__ import annotations

from mmpose.models.heads import DSNTHead, IntegralRegressionHead, RegressionHead, RLEHead
from mmpose.registry import MODELS
from torch import Tensor

from .pc_mixin import PCLossMixin


@MODELS.register_module()
class PCRegressionHead(PCLossMixin, RegressionHead):
    """MMPose's RegressionHead with PCLoss; takes its arguments and ``pc_loss``."""

    def landmark_fractions(self, output: Tensor) -> Tensor:
        return output[..., :2]


@MODELS.register_module()
class PCRLEHead(PCLossMixin, RLEHead):
    """MMPose's RLEHead with PCLoss; takes its arguments and ``pc_loss``. The deviations take no part in PCLoss."""

    def landmark_fractions(self, output: Tensor) -> Tensor:
        return output[..., :2]


@MODELS.register_module()
class PCIntegralRegressionHead(PCLossMixin, IntegralRegressionHead):
    """MMPose's IntegralRegressionHead with PCLoss; takes its arguments and ``pc_loss``."""

    def landmark_fractions(self, output: tuple[Tensor, Tensor]) -> Tensor:
        return output[0]


@MODELS.register_module()
class PCDSNTHead(PCLossMixin, DSNTHead):
    """MMPose's DSNTHead with PCLoss; takes its arguments and ``pc_loss``."""

    def landmark_fractions(self, output: tuple[Tensor, Tensor]) -> Tensor:
        return output[0]
