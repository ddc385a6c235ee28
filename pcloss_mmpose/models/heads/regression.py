"""Heads whose output is coordinates already."""

from __future__ import annotations

from mmpose.models.heads import DSNTHead, IntegralRegressionHead, RegressionHead, RLEHead
from mmpose.registry import MODELS
from torch import Tensor

from ..integral import mass_covariances
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


class PCIntegralMixin(PCLossMixin):
    """PCLoss on what the head integrates its heatmaps to. ``debias`` moves the means; covariances have no part in it.
    """

    has_covariance = True

    def landmark_fractions(self, output: tuple[Tensor, Tensor]) -> Tensor:
        return output[0]

    def landmark_covariances(self, output: tuple[Tensor, Tensor]) -> Tensor:
        width, height = self.heatmap_size
        return mass_covariances(output[1], pixel=(1 / width, 1 / height))


@MODELS.register_module()
class PCIntegralRegressionHead(PCIntegralMixin, IntegralRegressionHead):
    """MMPose's IntegralRegressionHead with PCLoss; takes its arguments and ``pc_loss``."""


@MODELS.register_module()
class PCDSNTHead(PCIntegralMixin, DSNTHead):
    """MMPose's DSNTHead with PCLoss; takes its arguments and ``pc_loss``."""
