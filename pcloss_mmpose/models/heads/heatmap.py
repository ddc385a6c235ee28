"""Heads that predict heatmaps: coordinates by integration."""

from __future__ import annotations

from typing import Mapping

import numpy as np
import torch
from mmpose.models.heads import CPMHead, HeatmapHead, MSPNHead, ViPNASHead
from mmpose.registry import MODELS
from torch import Tensor

from ...errors import InputError
from ..integral import check_integral, integral_coordinates, integral_covariances
from .pc_mixin import PCLossMixin, picked


class PCHeatmapMixin(PCLossMixin):
    """PCLoss on the coordinates that a heatmap integrates to.

    Args:
        pc_loss: Config of a PCLoss.
        integral: ``dict(alpha=...)``, needed with pc_loss, and ``debias`` and ``window`` as in
            :func:`~pcloss_mmpose.models.integral_coordinates`. alpha is meant for heatmaps that peak at 1 and is
            divided by the peak of the codec (1 for MSRAHeatmap and UDPHeatmap, 255 for MegviiHeatmap): the paper's
            0.1 at peak 100 is 10 here.

    Raises:
        InputError: With pc_loss: there is no decoder of heatmaps, or ``integral`` is not ``dict(alpha=...)``.
    """

    def __init__(self, *args, integral: dict | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if self.pc_loss is None:
            return
        if not hasattr(self.decoder, 'heatmap_size'):
            raise InputError(f'{type(self).__name__} with pc_loss needs a decoder of heatmaps: '
                             f'it tells how their pixels map to the input, `decoder=codec`; got {self.decoder!r}')
        if not isinstance(integral, Mapping) or not {'alpha'} <= set(integral) <= {'alpha', 'debias', 'window'}:
            raise InputError(f'{type(self).__name__} with pc_loss needs integral=dict(alpha=...), and may have debias '
                             f"and window in it, got {integral!r}; alpha 10 is the paper's value for heatmaps with a "
                             'peak of 1')
        check_integral(**integral)
        self.integral = dict(integral, alpha=integral['alpha'] / codec_peak(self.decoder))
        self.pixel_fractions = (np.asarray(self.decoder.scale_factor) / np.asarray(self.decoder.input_size)).tolist()

    has_covariance = True

    def landmark_fractions(self, output: Tensor) -> Tensor:
        pixels = integral_coordinates(self._heatmaps(output), **self.integral)
        x_scale, y_scale = self.pixel_fractions
        return torch.stack([pixels[..., 0] * x_scale, pixels[..., 1] * y_scale], dim=-1)

    def some_fractions(self, output: Tensor, landmarks: Tensor) -> Tensor:
        if self._is_combined:
            landmarks = (3 * landmarks[..., None] + torch.arange(3, device=landmarks.device)).flatten(1)
        return self.landmark_fractions(picked(output, landmarks))

    def landmark_covariances(self, output: Tensor) -> Tensor:
        return integral_covariances(self._heatmaps(output), **self.integral, pixel=self.pixel_fractions)

    def _heatmaps(self, output: Tensor) -> Tensor:
        """Without the two channels of offsets that a combined output has for each landmark."""
        return output[:, ::3] if self._is_combined else output

    @property
    def _is_combined(self) -> bool:
        return getattr(self.decoder, 'heatmap_type', None) == 'combined'


def codec_peak(codec) -> float:
    """Largest value of the target heatmap that a codec makes for a landmark in the middle of a heatmap pixel."""
    middle = np.asarray(codec.heatmap_size) // 2 * np.asarray(codec.scale_factor)
    heatmaps = codec.encode(middle.reshape(1, 1, 2).astype(np.float32), np.ones((1, 1), np.float32))['heatmaps']
    return round(float(heatmaps[0].max()), 3)


@MODELS.register_module()
class PCHeatmapHead(PCHeatmapMixin, HeatmapHead):
    """MMPose's HeatmapHead with PCLoss; takes its arguments, ``pc_loss`` and ``integral``."""


@MODELS.register_module()
class PCViPNASHead(PCHeatmapMixin, ViPNASHead):
    """MMPose's ViPNASHead with PCLoss; takes its arguments, ``pc_loss`` and ``integral``."""


@MODELS.register_module()
class PCCPMHead(PCHeatmapMixin, CPMHead):
    """MMPose's CPMHead (CPM, stacked hourglass) with PCLoss, summed over the stages as its point loss is.

    Takes its arguments, ``pc_loss`` and ``integral``.
    """

    def stages(self, output: list[Tensor]) -> list[Tensor]:
        return output


@MODELS.register_module()
class PCMSPNHead(PCHeatmapMixin, MSPNHead):
    """MMPose's MSPNHead (MSPN, RSN) with PCLoss, summed over stages and units as its point loss is.

    Takes its arguments, ``pc_loss`` and ``integral``. Every unit is compared with the true coordinates, whatever the
    width of its target heatmaps; a landmark counts where the first level's weight is above 0.
    """

    def stages(self, output: list[Tensor]) -> list[Tensor]:
        return output
