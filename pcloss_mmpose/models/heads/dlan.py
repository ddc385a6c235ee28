"""DLAN: landmarks in windows that move towards the garment and its landmarks, without a box.

Yan et al., Unconstrained Fashion Landmark Detection via Hierarchical Recurrent Transformer Networks, ACM MM 2017.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...errors import InputError
from ..windows import Window, sample_windows, whole_map
from .pc_mixin import PCLossMixin
from .staged import StagedHead


class DLANOutput(NamedTuple):
    """What all steps give. B: batch, K: landmarks, T: steps."""

    keypoints: Tensor  #: (B, K, 2) of the last step, x, y as fractions of the input
    earlier_keypoints: tuple[Tensor, ...]  #: of the T - 1 steps before it, alike
    windows: tuple[Window, ...]  #: (B, K), of each of the T steps: where the landmarks were looked for


class WindowNet(BaseModule):
    """Two fully connected layers on what lies in a window. The second starts at zero, and so does the output.

    Args:
        in_channels: C x size x size of the window.
        hidden_channels: Width of the first layer.
        out_channels: Numbers that it gives.
    """

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int) -> None:
        super().__init__(init_cfg=dict(
            type='Normal', layer='Linear', std=0.01, override=dict(name='last', type='Constant', val=0.)))
        self.first = nn.Linear(in_channels, hidden_channels)
        self.last = nn.Linear(hidden_channels, out_channels)

    def forward(self, feats: Tensor) -> Tensor:
        """From (B, C, size, size) to (B, out_channels), float32 or better."""
        output = self.last(F.relu(self.first(feats.flatten(1))))
        return output.to(torch.promote_types(output.dtype, torch.float32))


@MODELS.register_module()
class DLANHead(StagedHead):
    """A hierarchical recurrent spatial transformer: a window for the garment, and in it one for each landmark.

    All windows start as the whole map. At each step, the garment's window is moved and scaled by what lies in it; then
    the window of each landmark, which lies in the garment's, by what lies there; then the landmark is estimated in its
    window and mapped back to the input. All steps have the same layers, and sample the features themselves rather than
    a sampled window, which would blur. The last layers start at zero: the windows do not move, and each landmark lies
    in the middle of its own.

    No release of the authors was found. What their abstract says: box-like transforms and landmarks are estimated
    jointly and end to end, without a box in training or test; dilated convolutions that choose
    (:class:`~pcloss_mmpose.models.necks.SelectiveDilatedConv`); a hierarchical recurrent spatial transformer. That the
    regression is regularised by scale is from a summary of the paper. From memory, and not verified: VGG-16 at 512x512,
    affine transforms of which scale and translation matter, a loss at every step, and the regulariser's purpose, that a
    shrinking window does not inflate the error. Three steps, and features at a sixteenth of the input, are those of a
    public attempt, which cannot run as it is.

    Unknown, and chosen by us: the number of dilations and the layers that have them; the localization networks (two
    layers on 7x7 bins, which give log scales and a translation); the number of steps; that both kinds of window move at
    each step, the garment's first; the form and the weights of the scale regulariser; the bounds of the scale
    (:data:`~pcloss_mmpose.models.windows.SCALES`); the iterations, and a tenth of the rate for the localization
    networks. Unknown too: whether the published comparisons gave DLAN the annotated boxes, so that there are configs
    for both.

    Losses: ``loss_kpt`` on the coordinates of the last step; ``loss_earlier`` the same on those of the steps before,
    summed; ``loss_window`` the squared excess of true landmarks over the edges of their windows, in halves of the
    window; ``loss_scale`` the square of the windows' log scales; these two summed over the steps, and averaged as
    MMPose's ``MSELoss`` averages: over all landmarks, of which those that are not annotated count 0.

    Args:
        in_channels: Channels of the features.
        num_joints: K, number of landmarks.
        steps: T, how often the windows move.
        hidden_channels: Width of the fully connected layers.
        window_weight: Weight of ``loss_window``.
        scale_weight: Weight of ``loss_scale``.
        **kwargs: ``loss``, ``decoder``, ``init_cfg`` as in MMPose's ``RegressionHead``.

    Raises:
        InputError: ``steps`` is less than 1.
    """

    #: Bins a side of each window.
    bins = 7

    def __init__(self,
                 in_channels: int,
                 num_joints: int,
                 steps: int = 3,
                 hidden_channels: int = 256,
                 window_weight: float = 0.1,
                 scale_weight: float = 0.01,
                 **kwargs) -> None:
        super().__init__(in_channels=in_channels, num_joints=num_joints, **kwargs)
        del self.fc  # the only layer of the stock head
        if steps < 1:
            raise InputError(f'DLANHead needs at least one step, got steps={steps}')
        self.steps = steps
        self.window_weight = window_weight
        self.scale_weight = scale_weight
        sizes = (in_channels * self.bins**2, hidden_channels)
        # By the word "localizer", configs lower their learning rate.
        self.garment_localizer = WindowNet(*sizes, 4)
        self.landmark_localizers = ModuleList(WindowNet(*sizes, 4) for _ in range(num_joints))
        self.regressors = ModuleList(WindowNet(*sizes, 2) for _ in range(num_joints))

    def forward(self, feats: Sequence[Tensor]) -> DLANOutput:
        """From features of which the last, (B, C, H, W), are taken."""
        feats = feats[-1].to(torch.promote_types(feats[-1].dtype, torch.float32))
        garment, landmarks = whole_map(feats, 1), whole_map(feats, self.num_joints)
        keypoints, windows = [], []
        for _ in range(self.steps):
            garment = garment.compose(Window(*self._look(feats, garment, [self.garment_localizer]).split(2, dim=-1)))
            move = self._look(feats, garment.compose(landmarks), self.landmark_localizers)
            landmarks = landmarks.compose(Window(*move.split(2, dim=-1)))
            window = garment.compose(landmarks)
            points = window.to_map(self._look(feats, window, self.regressors))
            keypoints.append((points + 1) / 2)
            windows.append(window)
        return DLANOutput(keypoints[-1], tuple(keypoints[:-1]), tuple(windows))

    def _look(self, feats: Tensor, window: Window, nets: Sequence[WindowNet]) -> Tensor:
        """What each net, (B, K, out_channels), gives for its window."""
        inside = sample_windows(feats, window, self.bins)
        return torch.stack([net(inside[:, index]) for index, net in enumerate(nets)], dim=1)

    def loss(self, feats, batch_data_samples, train_cfg: dict | None = None) -> dict:
        """The losses of all steps, and the accuracy that MMPose's ``RegressionHead`` logs."""
        output = self.forward(feats)
        labels, weights = self.targets(batch_data_samples)
        accuracy = self.accuracy(output.keypoints, labels, weights)
        weights = weights[..., None]
        losses = dict(loss_kpt=self.loss_module(output.keypoints, labels, weights))
        if output.earlier_keypoints:
            losses.update(loss_earlier=sum(
                self.loss_module(keypoints, labels, weights) for keypoints in output.earlier_keypoints))
        return dict(
            losses,
            loss_window=self.window_weight * sum(
                (weights * excess(window, labels * 2 - 1).square()).mean() for window in output.windows),
            loss_scale=self.scale_weight * sum(
                (weights * window.log_scale.square()).mean() for window in output.windows),
            acc_pose=accuracy)


def excess(window: Window, points: Tensor) -> Tensor:
    """By how much points of the map (..., 2) lie beyond the edges of their windows, in halves of the window; 0 inside.
    """
    return F.relu(window.from_map(points).abs() - 1)


@MODELS.register_module()
class PCDLANHead(PCLossMixin, DLANHead):
    """:class:`DLANHead` with PCLoss on the coordinates of every step; takes its arguments and ``pc_loss``."""

    def stages(self, output: DLANOutput) -> Sequence[Tensor]:
        return [*output.earlier_keypoints, output.keypoints]

    def landmark_fractions(self, output: Tensor) -> Tensor:
        return output
