"""DFA, deep fashion alignment: a cascade of three stages, each of which corrects the landmarks of the one before.

Liu, Yan, Luo, Wang, Tang: Fashion Landmark Detection in the Wild, ECCV 2016 (arXiv 1608.03049).

Known from the authors' release, which holds the nets and no training: the layers of every stage and their widths, the
order of the three states of visibility, 20 pseudo-labels, coordinates around the middle of the image, offsets in
fifths, and that the two branches of the third stage are averaged.

Remembered from the paper and not verified: the training stage by stage, with a loss on positions and two on visibility
and pseudo-labels whose weights fall to 0; what is clustered for the labels of each stage; and that the second stage's
label chooses one of the two branches, which the release does not do. ``routing='predicted'`` does it. Of the weights'
fall, 2000 iterations come from a public sketch of the loss.

Ours: all stages train at once, where gradients stop between them, as each then has the gradient of its own training;
one model for all landmarks, not one for each kind of garment; k-means on the last vectors that the training saw; a
cluster of offsets is hard if it is longer than the middle one; the temperature of the soft labels; both starting
weights; the crop, which is stretched.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...errors import InputError
from .pc_mixin import PCLossMixin
from .pooling import average_bins
from .pseudo_labels import PseudoLabels
from .staged import StagedHead
from .visibility import VISIBLE, states_in_crop


class DFAOutput(NamedTuple):
    """What the stages give. B: batch, K: landmarks."""

    keypoints: Tensor  #: (B, K, 2) of the third stage, x, y as fractions of the input
    second_keypoints: Tensor  #: (B, K, 2), alike
    first_keypoints: Tensor  #: (B, K, 2), alike
    visibility: Tensor  #: (B, 4, K, 3) logits of visible, occluded, absent: stages 1, 2, 3 easy, 3 hard
    labels: Tensor  #: (B, 4, num_labels) logits of the pseudo-labels, alike


class StageOutput(NamedTuple):
    """What the layers of one stage give."""

    landmarks: Tensor  #: (B, K, 2)
    visibility: Tensor  #: (B, K, 3) logits
    labels: Tensor  #: (B, num_labels) logits


class DFAStage(nn.Module):
    """The fully connected layers of a stage.

    Args:
        in_channels: Of the flattened features.
        num_joints: K.
        hidden_channels: Width of both hidden layers.
        num_labels: Number of pseudo-labels.
        dropout: Probability of a hidden unit to be left out in training.
        corrects: Whether the landmarks of an earlier stage come in.
    """

    #: Width of the layer that the earlier landmarks pass.
    previous_channels = 512

    def __init__(self, in_channels: int, num_joints: int, hidden_channels: int, num_labels: int, dropout: float,
                 corrects: bool) -> None:
        super().__init__()
        previous = self.previous_channels if corrects else 0
        self.num_joints = num_joints
        self.fc6 = nn.Linear(in_channels, hidden_channels)
        self.fc_previous = nn.Linear(num_joints * 2, previous) if corrects else None
        self.fc7 = nn.Linear(hidden_channels + previous, hidden_channels)
        self.dropout = nn.Dropout(dropout)
        self.landmarks = nn.Linear(hidden_channels, num_joints * 2)
        self.visibility = nn.Linear(hidden_channels, num_joints * 3)
        self.labels = nn.Linear(hidden_channels, num_labels)

    def forward(self, feats: Tensor, previous: Tensor | None = None) -> StageOutput:
        """From (B, in_channels), and the earlier landmarks (B, K, 2) around the middle of the input."""
        hidden = self.fc6(feats)
        if self.fc_previous is not None:
            hidden = torch.cat([hidden, self.fc_previous(previous.flatten(1))], dim=1)
        hidden = self.dropout(hidden.relu())
        hidden = self.dropout(self.fc7(hidden).relu())
        return StageOutput(self.landmarks(hidden).reshape(-1, self.num_joints, 2),
                           self.visibility(hidden).reshape(-1, self.num_joints, 3), self.labels(hidden))


def annealed(iteration: int, steady: int, end: int) -> float:
    """1 up to ``steady`` iterations, from there in a line to 0 at ``end``."""
    return min(max((end - iteration) / (end - steady), 0.), 1.)


@MODELS.register_module()
class DFAHead(StagedHead):
    """Landmarks by a cascade: the second and the third stage predict by how much the one before was off.

    Each stage has features of its own from :class:`~pcloss_mmpose.models.backbones.VGGBank`, and shares no weights.
    With landmarks l around the middle of the input, l2 = l1 - o2 / 5 and l3 = l2 - (o_easy + o_hard) / 2 / 5. With
    VGG-16, 8 landmarks and the original's width this has 544 million parameters. For small machines,
    ``backbone.num=1`` shares one VGG among the stages, and ``hidden_channels=512`` shrinks the head to 52 million.

    Losses: ``loss_kpt`` on the third stage's coordinates, ``loss_second`` and ``loss_first`` the same on the others';
    ``loss_visibility``, the cross-entropy of visible, occluded or absent, and ``loss_label``, that of the
    pseudo-labels, each summed over the four nets. The last two fade out. From then on nothing teaches what is visible,
    while the features change: ``keypoints_visible`` is worth little after a long training, unless ``fade`` ends late.

    Args:
        in_channels: Channels of the features.
        num_joints: K, number of landmarks.
        visibility_weight: Weight of ``loss_visibility`` before it fades.
        label_weight: Weight of ``loss_label`` before it fades.
        fade: Iterations after which both start to fall, and after which they are 0.
        routing: 'average' takes the mean of the third stage's branches; 'predicted' takes the one that the second
            stage's pseudo-label stands for, in training too.
        num_labels: Number of pseudo-labels of each stage.
        pool_size: Side to which the features are pooled, VGG's own at 224x224.
        hidden_channels: Width of the fully connected layers.
        dropout: Probability of a hidden unit to be left out in training. On few pictures, 0 is far better.
        **kwargs: ``loss``, ``decoder``, ``init_cfg`` as in MMPose's ``RegressionHead``.

    Raises:
        InputError: ``routing`` is neither, or is 'predicted' while ``label_weight`` is 0; ``fade`` does not ascend.
    """

    #: The unit of the offsets: a fifth of the input.
    offset_scale = 5.
    #: Vectors from which pseudo-labels are clustered.
    label_memory = 1000
    #: Softness of the first stage's labels, in the unit of the coordinates.
    temperature = 0.1

    def __init__(self,
                 in_channels: int,
                 num_joints: int,
                 visibility_weight: float = 0.01,
                 label_weight: float = 0.01,
                 fade: Sequence[int] = (2000, 4000),
                 routing: str = 'average',
                 num_labels: int = 20,
                 pool_size: int = 7,
                 hidden_channels: int = 4096,
                 dropout: float = 0.5,
                 **kwargs) -> None:
        super().__init__(in_channels=hidden_channels, num_joints=num_joints, **kwargs)
        if routing not in ('average', 'predicted'):
            raise InputError(f"DFAHead: routing is 'average' or 'predicted', got {routing!r}")
        if routing == 'predicted' and not label_weight:
            raise InputError("DFAHead: routing='predicted' chooses by the pseudo-labels, which label_weight=0 does not "
                             'train: give it a weight')
        if len(fade) != 2 or not 0 <= fade[0] < fade[1]:
            raise InputError(f'DFAHead: fade is two ascending numbers of iterations, got {tuple(fade)}')
        del self.fc  # of RegressionHead; each stage has its own
        self.visibility_weight, self.label_weight = visibility_weight, label_weight
        self.fade, self.routing, self.pool_size = tuple(fade), routing, pool_size
        self.stages_fc = nn.ModuleList(
            DFAStage(in_channels * pool_size**2, num_joints, hidden_channels, num_labels, dropout, corrects)
            for corrects in (False, True, True, True))
        self.clusters = nn.ModuleDict({
            name: PseudoLabels(num_labels, num_joints * size, self.label_memory)
            for name, size in (('shape', 2), ('offset', 2), ('context', 4))})

    def forward(self, feats: Sequence[Tensor]) -> DFAOutput:
        """From the features (B, C, h, w) of each of the four nets, or those of one that all stages share.

        Raises:
            InputError: There are features of another number of nets.
        """
        if len(feats) not in (1, 4):
            raise InputError(f'DFAHead needs the features of four nets or of one, and got {len(feats)}: set num=4 or '
                             'num=1 on VGGBank')
        pooled = [average_bins(each, self.pool_size).flatten(1) for each in feats]
        first, second, easy, hard = self.stages_fc
        feats1, feats2, feats_easy, feats_hard = pooled if len(pooled) > 1 else pooled * 4
        out1 = first(feats1)
        points1 = out1.landmarks
        out2 = second(feats2, points1.detach())
        points2 = points1.detach() - out2.landmarks / self.offset_scale
        out_easy, out_hard = (stage(each, points2.detach()) for stage, each in ((easy, feats_easy), (hard, feats_hard)))
        if self.routing == 'average':
            offset = (out_easy.landmarks + out_hard.landmarks) / 2
        else:
            offset = torch.where(self.is_hard(out2.labels)[:, None, None], out_hard.landmarks, out_easy.landmarks)
        points3 = points2.detach() - offset / self.offset_scale
        outputs = (out1, out2, out_easy, out_hard)
        return DFAOutput(points3 + 0.5, points2 + 0.5, points1 + 0.5,
                         torch.stack([each.visibility for each in outputs], dim=1),
                         torch.stack([each.labels for each in outputs], dim=1))

    def is_hard(self, labels: Tensor) -> Tensor:
        """(B,): whether the second stage's label, from its logits (B, num_labels), is one of long offsets."""
        lengths = self.clusters['offset'].centres.reshape(-1, self.num_joints, 2).norm(dim=-1).mean(dim=-1)
        return (lengths > lengths.median())[labels.argmax(dim=-1)]

    def visible_probability(self, output: DFAOutput) -> Tensor:
        return output.visibility[:, 2:].sum(dim=1).softmax(dim=-1)[..., 0]

    def loss(self, feats, batch_data_samples, train_cfg: dict | None = None) -> dict:
        """The five losses, and the accuracy that MMPose's ``RegressionHead`` logs.

        Raises:
            InputError: A sample carries no visibility in ``raw_ann_info``.
        """
        output = self.forward(feats)
        labels, weights = self.targets(batch_data_samples)
        states = states_in_crop(batch_data_samples, weights)
        iteration = MessageHub.get_current_instance().get_info('iter', 0)
        visibility = output.visibility.float().permute(0, 3, 1, 2)  # (B, 3, 4, K)
        classes = (VISIBLE - states)[:, None].expand(-1, 4, -1)
        fade = annealed(iteration, *self.fade)
        return dict(
            loss_kpt=self.loss_module(output.keypoints, labels, weights[..., None]),
            loss_second=self.loss_module(output.second_keypoints, labels, weights[..., None]),
            loss_first=self.loss_module(output.first_keypoints, labels, weights[..., None]),
            loss_visibility=self.visibility_weight * fade * 4 * F.cross_entropy(visibility, classes),
            loss_label=self.label_weight * fade * self.label_loss(output, labels, weights, iteration),
            acc_pose=self.accuracy(output.keypoints, labels, weights))

    def label_loss(self, output: DFAOutput, labels: Tensor, weights: Tensor, iteration: int) -> Tensor:
        """Cross-entropy of each net's pseudo-labels, summed; 0 until there are clusters, and when it has faded.

        Clusters are fitted up to the first iteration of ``fade``. A landmark without annotation counts as in the
        middle of the input, and as without an offset.
        """
        logits = output.labels.float()
        shape, offset1, offset2 = (
            (weights[..., None] * points.detach().float()).flatten(1)
            for points in (labels - 0.5, output.first_keypoints - labels, output.second_keypoints - labels))
        vectors = dict(shape=shape, offset=offset1, context=torch.cat([shape, offset2], dim=1))
        if self.training and self.label_weight and iteration < self.fade[0]:
            for name, clusters in self.clusters.items():
                clusters.observe(vectors[name])
        if iteration >= self.fade[1] or not self.clusters['shape'].fitted:
            return logits.sum() * 0
        distances = {name: clusters.distances(vectors[name]) for name, clusters in self.clusters.items()}
        soft = (-distances['shape'] / self.temperature).softmax(dim=1)
        return (-(soft * logits[:, 0].log_softmax(dim=1)).sum(dim=1).mean()
                + F.cross_entropy(logits[:, 1], distances['offset'].argmin(dim=1))
                + sum(F.cross_entropy(logits[:, net], distances['context'].argmin(dim=1)) for net in (2, 3)))


@MODELS.register_module()
class PCDFAHead(PCLossMixin, DFAHead):
    """:class:`DFAHead` with PCLoss on the coordinates of each stage; takes its arguments and ``pc_loss``."""

    def stages(self, output: DFAOutput) -> list[Tensor]:
        return [output.keypoints, output.second_keypoints, output.first_keypoints]

    def landmark_fractions(self, output: Tensor) -> Tensor:
        return output
