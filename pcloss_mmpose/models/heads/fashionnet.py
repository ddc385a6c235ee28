"""FashionNet: landmarks and their visibility by fully connected layers, in two stages.

Liu et al., DeepFashion: Powering Robust Clothes Recognition and Retrieval with Rich Annotations, CVPR 2016.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from .pc_mixin import PCLossMixin
from .pooling import average_bins
from .staged import StagedHead
from .visibility import VISIBLE, states_in_crop


class FashionNetOutput(NamedTuple):
    """What both stages give. B: batch, K: landmarks."""

    keypoints: Tensor  #: (B, K, 2) of the second stage, x, y as fractions of the input
    first_keypoints: Tensor  #: (B, K, 2) of the first stage, alike
    visibility: Tensor  #: (B, K) logits: above 0 where the landmark is more likely visible than not


def pool_at_landmarks(feats: Tensor, keypoints: Tensor, window: int, size: int) -> Tensor:
    """Largest responses in a window around each landmark. B: batch, K: landmarks.

    Args:
        feats: (B, C, H, W).
        keypoints: (B, K, 2) x, y as fractions of the input; no gradient goes back to them.
        window: Side of the window in cells of ``feats``. What lies outside the map counts as 0.
        size: Each window is divided into size x size bins.

    Returns:
        (B, K, C, size, size), float32 or better.
    """
    from torchvision.ops import roi_pool  # takes two seconds to import, and only FashionNet needs it
    batch, num_landmarks = keypoints.shape[:2]
    feats = feats.to(torch.promote_types(feats.dtype, torch.float32))
    height, width = feats.shape[-2:]
    center = keypoints.detach().to(feats.dtype) * feats.new_tensor([width, height])
    # Before training, coordinates may be anywhere: far outside they all pool nothing.
    center = center.clamp(min=-window, max=max(width, height) + window).flatten(0, 1)
    # Not by repeat_interleave, which the ONNX exporter of older torch versions fails on.
    sample = torch.arange(batch, device=feats.device, dtype=feats.dtype)[:, None].expand(-1, num_landmarks).flatten()
    # roi_pool counts the last cell in: a window of n cells ends n - 1 after its first.
    boxes = torch.cat([sample[:, None], center - window / 2, center + window / 2 - 1], dim=1)
    pooled = roi_pool(feats, boxes, output_size=size)
    return pooled.reshape(batch, num_landmarks, *pooled.shape[1:])


@MODELS.register_module()
class FashionNetHead(StagedHead):
    """Landmarks and visibility from the whole garment, then landmarks again from the features found at them.

    First stage: the backbone's last features, pooled to ``pool_size`` squared, pass two fully connected layers, then
    one for the coordinates and one for the visibility. Second stage (landmark pooling): the finer features around each
    estimated landmark, multiplied by the probability that it is visible, pass a fully connected layer; joined with the
    first stage's features they pass another, and the last one gives what is added to the first coordinates.

    Where it departs from the original: there the second stage predicts the garment's category and attributes, which
    these data sets' landmark tasks do not have, here it corrects the landmarks; the original has a last block of
    convolutions for each of its three branches, here they share VGG's; it gates by the visible / not visible
    decision, here by its probability, which has a gradient; it takes the features of VGG's own input size, here they
    are pooled to 7x7, because at 512x512 the first fully connected layer would otherwise hold 134 M parameters, and
    537 M at VGG's own width of 4096. The widths, the window and the loss weights are ours.

    With the configs' VGG-16, landmarks are pooled from pool4: the output of the fourth block after its pooling, 512
    channels at a sixteenth of the input. Public re-implementations pool from conv4_3, the same block before its
    pooling, at an eighth.

    Losses: ``loss_kpt`` on the final coordinates, ``loss_first`` the same on the first ones, ``loss_visibility`` the
    binary cross-entropy of visible against occluded, out of the crop or not annotated, over all landmarks.

    Args:
        in_channels: Channels of the finer and of the last features.
        num_joints: K, number of landmarks.
        visibility_weight: Weight of ``loss_visibility``. With 0.01 it starts at 0.007, a twentieth of each point loss
            (0.13 on generated garments), so that it does not lead the shared features.
        pool_size: Side to which the last features are pooled.
        hidden_channels: Width of the fully connected layers.
        window: Side of the window around a landmark, in cells of the finer features (16 input pixels each for VGG).
        **kwargs: ``loss``, ``decoder``, ``init_cfg`` as in MMPose's ``RegressionHead``.
    """

    #: Bins a side of each landmark's window.
    bins = 2

    def __init__(self,
                 in_channels: Sequence[int],
                 num_joints: int,
                 visibility_weight: float,
                 pool_size: int = 7,
                 hidden_channels: int = 1024,
                 window: int = 5,
                 **kwargs) -> None:
        super().__init__(in_channels=hidden_channels, num_joints=num_joints, **kwargs)
        fine_channels, last_channels = in_channels
        self.window = window
        self.visibility_weight = visibility_weight
        self.pool_size = pool_size
        self.garment_fcs = nn.Sequential(
            nn.Linear(last_channels * pool_size**2, hidden_channels), nn.ReLU(),
            nn.Linear(hidden_channels, hidden_channels), nn.ReLU())
        self.first_fc = nn.Linear(hidden_channels, num_joints * 2)
        self.visibility_fc = nn.Linear(hidden_channels, num_joints)
        self.local_fc = nn.Sequential(
            nn.Linear(num_joints * fine_channels * self.bins**2, hidden_channels), nn.ReLU())
        self.fusion_fc = nn.Sequential(nn.Linear(2 * hidden_channels, hidden_channels), nn.ReLU())

    def forward(self, feats: Sequence[Tensor]) -> FashionNetOutput:
        """From the backbone's (B, C, H, W) features, of which the last two are taken, the finer one first."""
        # No unflatten here: torch's ONNX exporter would fix the size of the batch.
        fine, last = feats[-2:]
        garment = self.garment_fcs(average_bins(last, self.pool_size).flatten(1))
        first = self.first_fc(garment).reshape(-1, self.num_joints, 2)
        visibility = self.visibility_fc(garment)
        local = pool_at_landmarks(fine, first, self.window, self.bins)
        local = self.local_fc((local * visibility.sigmoid()[..., None, None, None]).flatten(1))
        correction = self.fc(self.fusion_fc(torch.cat([garment, local], dim=1)))
        return FashionNetOutput(first + correction.reshape(-1, self.num_joints, 2), first, visibility)

    def visible_probability(self, output: FashionNetOutput) -> Tensor:
        return output.visibility.sigmoid()

    def loss(self, feats, batch_data_samples, train_cfg: dict | None = None) -> dict:
        """The three losses of both stages, and the accuracy that MMPose's ``RegressionHead`` logs.

        Raises:
            InputError: A sample carries no visibility in ``raw_ann_info``.
        """
        output = self.forward(feats)
        labels, weights = self.targets(batch_data_samples)
        states = states_in_crop(batch_data_samples, weights)
        return dict(
            loss_kpt=self.loss_module(output.keypoints, labels, weights[..., None]),
            loss_first=self.loss_module(output.first_keypoints, labels, weights[..., None]),
            loss_visibility=self.visibility_weight *
            F.binary_cross_entropy_with_logits(output.visibility.float(), (states == VISIBLE).float()),
            acc_pose=self.accuracy(output.keypoints, labels, weights))


@MODELS.register_module()
class PCFashionNetHead(PCLossMixin, FashionNetHead):
    """:class:`FashionNetHead` with PCLoss on the final coordinates; takes its arguments and ``pc_loss``."""

    def landmark_fractions(self, output: FashionNetOutput) -> Tensor:
        return output.keypoints
