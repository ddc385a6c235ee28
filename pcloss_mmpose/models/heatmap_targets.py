"""Target heatmaps of a batch from its coordinates, on the device that trains.

The workers then make no heatmaps, and none has to be sent: 1.6 MB an image for 24 landmarks and 128x128.
"""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np
import torch
from mmengine.structures import PixelData
from mmpose.codecs import MSRAHeatmap
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from ..errors import InputError
from .batch_targets import BatchTargets


def find_gaussians(keypoints: np.ndarray, visible: np.ndarray, sigma: float,
                   heatmap_size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where MSRAHeatmap puts the Gaussian of each landmark, and which landmarks train. N: samples, K: landmarks.

    Args:
        keypoints: (N, K, 2), x and y, pixels of the heatmap.
        visible: (N, K); below 0.5 there is no Gaussian.
        sigma: Of the Gaussian, pixels of the heatmap.
        heatmap_size: Width and height.

    Returns:
        The Gaussian's first column, first row, and the column and the row after its last, (N, K, 4) int64, which may
        lie outside of the heatmap; where there is none, as if it lay just right of it and below. And the weights
        (N, K): ``visible``, but 0 where no part of the Gaussian lies inside.
    """
    radius = 3 * sigma
    middle = (keypoints + 0.5).astype(np.int64)  # and what follows drops fractions towards 0, as MMPose does
    bounds = np.concatenate([(middle - radius).astype(np.int64), (middle + radius + 1).astype(np.int64)], axis=-1)
    inside = (bounds[..., :2] < heatmap_size).all(-1) & (bounds[..., 2:] >= 0).all(-1)
    given = visible >= 0.5
    bounds[~(given & inside)] = (*heatmap_size, *heatmap_size)
    return bounds, np.where(given & ~inside, 0, visible).astype(visible.dtype)


def gaussian(sigma: float) -> np.ndarray:
    """MSRAHeatmap's Gaussian, (n, n) float32, 1 in the middle."""
    length = 2 * 3 * sigma + 1
    x = np.arange(0, length, 1, dtype=np.float32)
    return np.exp(-((x - length // 2)**2 + (x[:, None] - length // 2)**2) / (2 * sigma**2))


def place_gaussians(template: Tensor, bounds: Tensor, heatmap_size: tuple[int, int]) -> list[Tensor]:
    """For each sample, heatmaps (K, H, W) that are 0 but for the template (n, n) in the bounds (N, K, 4).

    Heads stack them. One block for all, 31 MB for 20 samples of 24 x 128x128, would save nothing: a CPU often gets so
    large a block from the system anew, page by page.
    """
    (width, height), landmarks = heatmap_size, bounds.shape[1]
    columns, rows = (_cells(bounds[..., axis], bounds[..., axis + 2], side, len(template))
                     for axis, side in enumerate(heatmap_size))
    rows, columns = rows[..., :, None], columns[..., None, :]
    landmark = torch.arange(landmarks, device=bounds.device)[:, None, None]
    # One more cell takes what lies outside: choosing what does not would make a GPU wait for the CPU.
    end = landmarks * height * width
    places = torch.where((rows < height) & (columns < width), (landmark * height + rows) * width + columns, end)
    heatmaps = []
    for of_sample in places:
        flat = template.new_zeros(end + 1)
        flat[of_sample] = template
        heatmaps.append(flat[:end].view(landmarks, height, width))
    return heatmaps


def _cells(first: Tensor, end: Tensor, side: int, size: int) -> Tensor:
    """The column or row of a heatmap on which each of a Gaussian lies, (N, K, size); ``side`` where on none."""
    cells = first[..., None] + torch.arange(size, device=first.device)
    return torch.where((cells >= 0) & (cells < end[..., None]), cells, side).clamp(max=side)


def makes_gaussians(codec: object) -> bool:
    """Whether a codec makes the plain heatmaps of MSRAHeatmap; a class of somebody else's may make others."""
    return type(codec).encode is MSRAHeatmap.encode and not codec.unbiased


@MODELS.register_module()
class HeatmapTargets(BatchTargets):
    """What ``GenerateTarget`` with :class:`MSRAHeatmap` makes, bit for bit, but made of a batch on its device.

    Every head that takes heatmaps of one level will do.

    Args:
        encoder: Config of the codec, an MSRAHeatmap without ``unbiased``, or an IntegralHeatmap: the head's decoder.

    Raises:
        InputError: It is another codec.
    """

    def __init__(self, encoder: Mapping) -> None:
        super().__init__(encoder)
        if not makes_gaussians(self.codec):
            raise InputError(f'HeatmapTargets makes the heatmaps of MSRAHeatmap with unbiased=False, not of {encoder}: '
                             "instead of it, put dict(type='GenerateTarget', encoder=codec) before what packs in the "
                             'training pipeline')
        self.size = tuple(self.codec.heatmap_size)
        # No buffer: MMEngine averages those over processes.
        self.template = torch.from_numpy(gaussian(self.codec.sigma))

    def give_targets(self, samples: Sequence[PoseDataSample], keypoints: np.ndarray, visible: np.ndarray,
                     device: torch.device) -> None:
        """Give each sample ``gt_fields.heatmaps`` (K, H, W) and ``gt_instance_labels.keypoint_weights`` (1, K)."""
        bounds, weights = find_gaussians(keypoints / self.codec.scale_factor, visible, self.codec.sigma, self.size)
        bounds, weights = (torch.from_numpy(values).to(device) for values in (bounds, weights))
        self.template = self.template.to(device)
        for sample, heatmap, weight in zip(samples, place_gaussians(self.template, bounds, self.size), weights):
            sample.gt_fields = PixelData(heatmaps=heatmap)
            sample.gt_instance_labels.keypoint_weights = weight[None]
