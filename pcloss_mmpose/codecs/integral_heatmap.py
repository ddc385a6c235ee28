"""Heatmaps that are read by the integral operation, Eq. 2-3, in place of their highest pixel."""

from __future__ import annotations

import numpy as np
import torch
from mmpose.codecs import MSRAHeatmap
from mmpose.registry import KEYPOINT_CODECS

from ..models.integral import check_integral, integral_coordinates


@KEYPOINT_CODECS.register_module()
class IntegralHeatmap(MSRAHeatmap):
    """MMPose's MSRAHeatmap, whose landmarks are where the heatmap is on average.

    It makes the same targets, so that it fits a model that was trained with MSRAHeatmap. Where a heatmap has two peaks,
    or a broad one, the landmark lies between them, in place of on the higher; what that is worth is measured in
    docs/settings.md.

    Args:
        input_size: Width and height of the input.
        heatmap_size: Width and height of the heatmap.
        sigma: Of the targets' Gaussian, in pixels of the heatmap.
        alpha: Inverse temperature, for heatmaps that peak at 1
            (:func:`~pcloss_mmpose.models.integral_coordinates`).

    Raises:
        InputError: alpha is not above 0.
    """

    def __init__(self, input_size: tuple[int, int], heatmap_size: tuple[int, int], sigma: float,
                 alpha: float = 60.) -> None:
        super().__init__(input_size, heatmap_size, sigma)
        check_integral(alpha)
        self.alpha = alpha

    def decode(self, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Heatmaps (K, H, W) to keypoints (1, K, 2), x and y in pixels of the input, and scores (1, K), the peaks."""
        heatmaps = torch.from_numpy(encoded)[None]
        points = integral_coordinates(heatmaps, self.alpha).numpy() * self.scale_factor
        return points, encoded.max(axis=(1, 2))[None]
