"""Object keypoint similarity as a loss: Maji et al., YOLO-Pose, CVPRW 2022, arXiv 2204.06806.

L = mean over the samples of mean_i (1 - exp(-d_i^2 / (2 s^2 k_i^2))) over a sample's valid landmarks, with d_i the
distance of a prediction from the truth and k_i = 2 sigma_i, the sigmas being the metainfo's: COCO's OKS, as
pycocotools computes it. It says little about a landmark that is far off: beyond 3 s k it has almost no slope.

What differs: COCO's s^2 is the area of the object's mask and YOLO-Pose's that of its box, neither of which a loss on
coordinates sees. Here it is the area of the box around the true valid landmarks, each of whose sides counts as a tenth
of the input at least, so that landmarks on a line have an area too. It is smaller than the object's, and the loss
stricter. Distances and area are in fractions of the input: on an input that is not square, a pixel along the short side
counts more. YOLO-Pose adds a confidence of each landmark, which stays the head's own matter.
"""

from __future__ import annotations

from typing import Mapping

import numpy as np
import torch
from mmpose.registry import MODELS
from torch import Tensor

from ...errors import InputError
from ...metainfo import load_metainfo
from .structural import StructuralLoss, masked_error, mean_of_samples

MIN_SIDE = 0.1  # of the box around the landmarks, in fractions of the input


def oks_loss(pred: Tensor, target: Tensor, sigmas: Tensor, weight: Tensor | None = None) -> Tensor:
    """1 - OKS, with the area of the box around the true landmarks.

    B: batch, K: landmarks.

    Args:
        pred: (B, K, 2) predicted x, y as fractions of the input.
        target: (B, K, 2) true x, y in the same unit.
        sigmas: (K,) COCO's sigma of each landmark, above 0.
        weight: (B, K) or (B, K, 1); a landmark is valid where it is above 0. None: all are valid.

    Returns:
        Scalar from 0 to 1, float32 or better: the mean over the valid landmarks of a sample, averaged over the samples
        that have one. A batch without any gives a 0 that can be back-propagated.

    Raises:
        TypeError: ``pred`` is not a floating point tensor.
        ValueError: A shape does not fit.
    """
    error, valid = masked_error(pred, target, weight)
    area = landmark_area(target.to(error.dtype), valid)
    k = 2 * sigmas.to(error.dtype)
    return mean_of_samples(-torch.expm1(-error.square().sum(-1) / (2 * area[:, None] * k.square())), valid)


def landmark_area(points: Tensor, valid: Tensor) -> Tensor:
    """Area (B,) of the box around the valid ones of points (B, K, 2), no side of which is under MIN_SIDE."""
    highest = points.masked_fill(~valid[..., None], -torch.inf).amax(1)
    lowest = points.masked_fill(~valid[..., None], torch.inf).amin(1)
    return (highest - lowest).clamp(min=MIN_SIDE).prod(-1)  # infinite and negative without any: MIN_SIDE


@MODELS.register_module()
class KeypointSimilarityLoss(StructuralLoss):
    """Module of :func:`oks_loss`. MMPose's own OKSLoss is given areas, as its one-stage heads have them.

    Args:
        metainfo: Where the sigmas are: the name of a registered data set (``'CocoDataset'``), the path of a metainfo
            file, or a metainfo dict. The garments' sigmas are all the same, for want of a study.
        loss_weight: Factor of the value.

    Raises:
        InputError: An option is out of its range, or the metainfo has no sigma for each landmark.
    """

    def __init__(self, metainfo: str | Mapping | None = None, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)
        if metainfo is None:
            raise InputError("KeypointSimilarityLoss needs metainfo, such as metainfo='CocoDataset'")
        metainfo = load_metainfo(metainfo)
        sigmas = np.asarray(() if metainfo.get('sigmas') is None else metainfo['sigmas'], dtype=np.float32)
        if sigmas.shape != (metainfo['num_keypoints'], ) or not (np.isfinite(sigmas) & (sigmas > 0)).all():
            raise InputError(f"KeypointSimilarityLoss: the data set '{metainfo['dataset_name']}' has no sigma above 0 "
                             f"for each of its {metainfo['num_keypoints']} landmarks; write them into its metainfo, or "
                             'take another loss')
        self.sigmas = torch.from_numpy(sigmas.copy())

    def value(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """:func:`oks_loss` of (B, K, 2), (B, K, 2) and (B, K) or (B, K, 1)."""
        self.check_number(len(self.sigmas), pred)
        return oks_loss(pred, target, self.constant('sigmas', pred.device), weight)
