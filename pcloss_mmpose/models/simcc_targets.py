"""SimCC's target distributions of a batch from its coordinates, on the device that trains.

The workers then make none, and none has to be sent: 1 MB an image for 294 landmarks and 192x256.
"""

from __future__ import annotations

import math
from typing import Mapping, Sequence

import numpy as np
import torch
from mmpose.codecs import SimCCLabel
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from ..errors import InputError
from .batch_targets import BatchTargets


def find_bins(keypoints: np.ndarray, visible: np.ndarray, sigma: np.ndarray, split_ratio: float,
              input_size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The bins on which SimCCLabel centres a landmark's Gaussians, which landmarks have some, and which train.

    N: samples, K: landmarks.

    Args:
        keypoints: (N, K, 2), x and y, pixels of the crop.
        visible: (N, K); below 0.5 there is no Gaussian.
        sigma: (2,) of the Gaussians, in bins.
        split_ratio: Bins a pixel.
        input_size: Width and height of the crop.

    Returns:
        Bins (N, K, 2) int64, whether there is a Gaussian (N, K), and the weights (N, K): ``visible``, but 0 where no
        part of the Gaussian that is wider than three sigma lies inside.
    """
    bins = np.around(keypoints * split_ratio).astype(np.int64)
    radius, sides = np.asarray(sigma) * 3, np.around(np.array(input_size) * split_ratio).astype(int)
    inside = (bins - radius < sides).all(-1) & (bins + radius + 1 >= 0).all(-1)
    given = visible >= 0.5
    return bins, given & inside, np.where(given & ~inside, 0, visible).astype(visible.dtype)


def distributions(bins: Tensor, sigma: float, side: int, normalized: bool) -> Tensor:
    """Gaussians (M, side) float32 around M bins, with a peak of 1 or, ``normalized``, a sum of 1 on an endless line."""
    distance = torch.arange(side, device=bins.device, dtype=torch.float32) - bins[:, None]
    values = torch.exp(distance.square_().mul_(-1 / (2 * sigma**2)))
    return values.div_(sigma * (2 * math.pi)**0.5) if normalized else values


@MODELS.register_module()
class SimCCTargets(BatchTargets):
    """What ``GenerateTarget`` with :class:`SimCCLabel` makes, to the last digits, but made of a batch on its device.

    For the heads of SimCC and RTMPose.

    Args:
        encoder: Config of the codec, a SimCCLabel with ``smoothing_type='gaussian'``: the head's decoder.

    Raises:
        InputError: It is another codec.
    """

    def __init__(self, encoder: Mapping) -> None:
        super().__init__(encoder)
        if type(self.codec).encode is not SimCCLabel.encode or self.codec.smoothing_type != 'gaussian':
            raise InputError(f"SimCCTargets makes the targets of SimCCLabel with smoothing_type='gaussian', not of "
                             f"{encoder}: instead of it, put dict(type='GenerateTarget', encoder=codec) before what "
                             'packs in the training pipeline')

    def give_targets(self, samples: Sequence[PoseDataSample], keypoints: np.ndarray, visible: np.ndarray,
                     device: torch.device) -> None:
        """Give each sample, in ``gt_instance_labels``, ``keypoint_x_labels`` (1, K, Wx), ``keypoint_y_labels``
        (1, K, Wy) and ``keypoint_weights`` (1, K)."""
        codec, shape = self.codec, visible.shape
        bins, there, weights = find_bins(
            keypoints, visible, codec.sigma, codec.simcc_split_ratio, tuple(codec.input_size))
        rows = np.flatnonzero(there)
        bins, rows, weights = (torch.from_numpy(values).to(device) for values in (bins[there], rows, weights))
        labels = []
        for axis, pixels in enumerate(codec.input_size):
            side = int(np.around(pixels * codec.simcc_split_ratio))
            own = distributions(bins[:, axis], float(codec.sigma[axis]), side, codec.normalize)
            labels.append(own.new_zeros(shape[0] * shape[1], side).index_copy_(0, rows, own).view(*shape, side))
        for sample, x_labels, y_labels, weight in zip(samples, *labels, weights):
            sample.gt_instance_labels.keypoint_weights = weight[None]
            sample.gt_instance_labels.keypoint_x_labels = x_labels[None]
            sample.gt_instance_labels.keypoint_y_labels = y_labels[None]
