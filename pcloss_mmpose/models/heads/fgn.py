"""FGN: heatmaps, refined by messages that pass along chains of landmarks.

Wang, Xu, Shen, Zhu: Attentive Fashion Grammar Network for Fashion Landmark Detection and Clothing Category
Classification, CVPR 2018.
"""

from __future__ import annotations

from typing import Mapping, Sequence

import torch
from mmengine.model import BaseModule, ModuleList
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...errors import InputError
from ...metainfo import left_right_pairs, load_metainfo
from .heatmap import PCHeatmapMixin

#: What every cell of a heatmap says at first: about the mean of a target, which is 2 pi / 784 = 0.008 at sigma 1 on
#: 28x28. No constant has a smaller squared error, so that what is learned first is where landmarks are. From
#: sigmoid(0) = 0.5 it would be to say nothing anywhere, from where a sigmoid hardly comes back: 600 steps that teach a
#: head 16 photographs by heart from here on left one that started there without a landmark.
START = 0.01


def grammar_chains(metainfo: str | Mapping, chains: Sequence[Sequence[str]] = ()) -> list[list[int]]:
    """Chains as landmark indices: the given ones, then each flip pair of the data set, the left landmark first.

    Args:
        metainfo: As :func:`~pcloss_mmpose.metainfo.load_metainfo` takes it.
        chains: Names of landmarks.

    Raises:
        InputError: A chain is no list of two or more different landmarks of the data set, or there is no chain at all.
    """
    metainfo = load_metainfo(metainfo)
    ids, dataset = metainfo['keypoint_name2id'], metainfo.get('dataset_name')
    if isinstance(chains, str) or not isinstance(chains, Sequence):
        raise InputError(f"chains must be lists of names, such as [['left_collar', 'left_hem']], got {chains!r}")
    for chain in chains:
        if isinstance(chain, str) or not isinstance(chain, Sequence) or not all(isinstance(n, str) for n in chain):
            raise InputError(f"a chain must be a list of names, such as ['left_collar', 'left_hem'], got {chain!r}")
        for name in chain:
            if name not in ids:
                raise InputError(f"chains: the data set '{dataset}' has no landmark {name!r}; it has {', '.join(ids)}")
        if len(set(chain)) != len(chain):
            raise InputError(f'chains: name each landmark of a chain once, got {list(chain)}')
        if len(chain) < 2:
            raise InputError('chains: messages pass between landmarks, so that a chain needs two or more, got '
                             f'{list(chain)}')
    found = [[ids[name] for name in chain] for chain in chains]
    found += [list(pair) for pair in left_right_pairs(metainfo)]
    if not found:
        raise InputError(f"FGN needs chains, and the data set '{dataset}' has no flip pairs to take them from: name "
                         "some, such as chains=[['neck', 'waist']]")
    return found


class ChainPass(nn.Module):
    """Hidden states along a chain, one way: h_t = tanh(W_h * h_{t-1} + W_s * S_t + b), from h_0 = 0."""

    def __init__(self, hidden_channels: int) -> None:
        super().__init__()
        self.heatmap_conv = nn.Conv2d(1, hidden_channels, 3, padding=1)
        self.hidden_conv = nn.Conv2d(hidden_channels, hidden_channels, 3, padding=1, bias=False)

    def forward(self, heatmaps: Sequence[Tensor]) -> list[Tensor]:
        """(B, 1, H, W) of each landmark, in the order of the pass, to (B, hidden_channels, H, W) of each."""
        states = []
        for heatmap in heatmaps:
            message = self.hidden_conv(states[-1]) if states else 0
            states.append(torch.tanh(self.heatmap_conv(heatmap) + message))
        return states


class BCRNN(BaseModule):
    """Bidirectional convolutional recurrent network: what a heatmap says, and what its chain says on both its sides.

    y_t = sigmoid(W_f * hf_t + W_b * hb_t + b), with the states of a :class:`ChainPass` from the first landmark to the
    last and of another from the last to the first. * is a convolution, 3x3 inside the passes and 1x1 here.

    Args:
        hidden_channels: Width of the states.
    """

    def __init__(self, hidden_channels: int) -> None:
        # Not the tiny weights of a heatmap head: through two layers of them next to nothing would pass.
        super().__init__(dict(type='Xavier', layer='Conv2d', distribution='uniform', override=dict(
            type='Xavier', name='output_conv', distribution='uniform', bias_prob=START)))
        self.onward = ChainPass(hidden_channels)
        self.back = ChainPass(hidden_channels)
        self.output_conv = nn.Conv2d(2 * hidden_channels, 1, 1)

    def forward(self, heatmaps: Tensor) -> Tensor:
        """(B, T, H, W) of a chain's landmarks, in their order, to refined ones from 0 to 1, float32 or better."""
        in_order = heatmaps.split(1, dim=1)
        onward, back = self.onward(in_order), self.back(in_order[::-1])[::-1]
        logits = [self.output_conv(torch.cat(states, dim=1)) for states in zip(onward, back)]
        return probabilities(torch.cat(logits, dim=1))


def probabilities(logits: Tensor) -> Tensor:
    """The sigmoid in float32 or better: rounded to bfloat16, the cells around a high peak would all be the same."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32)).sigmoid()


@MODELS.register_module()
class FGNHead(HeatmapHead):
    """Heatmaps by a 1x1 convolution, refined along chains of landmarks.

    Two grammars say which landmarks depend on each other: the kinematic one joins neighbours along the garment, the
    symmetric one each left landmark with its right one. A bidirectional convolutional recurrent network of its own
    passes messages along each chain of them. A landmark's refined heatmap is the mean of what its chains give; one that
    is in no chain keeps its initial heatmap.

    What is known of the original, and from where. Its abstract says that there are two grammars, of dependency and of
    symmetry, that a bidirectional convolutional recurrent network passes messages along them to regularize heatmaps of
    landmarks, and that two attentions, one by landmarks and one by category, serve a classification of the garment.
    No code was published, and nothing else here is verified. From memory: VGG-16 up to conv4_3, which gives 28x28
    cells of a 224x224 input (public models that compare with FGN take these features and this input); the 1x1
    convolution and the sigmoids; the chains in the configs; the form of the recurrence, with weights of its own for
    each chain; the largest where several chains have a landmark, of which we are least sure; and a loss on the initial
    heatmaps and on those of both grammars. Ours: 3x3 kernels, 64 hidden channels, squared errors against MMPose's
    Gaussians, one loss on the merged heatmaps in the place of one for each grammar (so that PCLoss weighs what it
    weighs in other heads of heatmaps), the initial values, the schedule, and the mean in the place of the largest.
    With one loss, the largest trained as well, but a chain learned only where it was the largest: at four to six of
    the eight landmarks, one chain or more ended up giving nothing. From the mean all chains learn.

    Missing is the classification of category and attributes, with its attentions. The landmarks do not need it.

    Losses: ``loss_kpt`` on the refined heatmaps, ``loss_initial`` the same on the initial ones.

    Args:
        in_channels: Channels of the backbone's last features.
        out_channels: K, number of landmarks.
        metainfo: Of the data set, as :class:`~pcloss_mmpose.models.losses.PCLoss` takes it. Its flip pairs are the
            symmetric grammar.
        chains: The kinematic grammar, lists of landmark names.
        hidden_channels: Width of the recurrent networks.
        **kwargs: ``loss``, ``decoder``, ``init_cfg`` as in MMPose's ``HeatmapHead``. The loss must take heatmaps,
            targets and weights, as ``KeypointMSELoss`` does.

    Raises:
        InputError: The chains cannot be made, or the data set has another number of landmarks than K.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 metainfo: str | Mapping,
                 chains: Sequence[Sequence[str]] = (),
                 hidden_channels: int = 64,
                 **kwargs) -> None:
        super().__init__(in_channels, out_channels, deconv_out_channels=None, **kwargs)
        metainfo = load_metainfo(metainfo)
        if metainfo['num_keypoints'] != out_channels:
            raise InputError(f"FGNHead has out_channels={out_channels}, and its metainfo '{metainfo['dataset_name']}' "
                             f"has {metainfo['num_keypoints']} landmarks: make them the same")
        self.chains = grammar_chains(metainfo, chains)
        self.grammar = ModuleList(BCRNN(hidden_channels) for _ in self.chains)

    @property
    def default_init_cfg(self):
        return dict(type='Normal', layer='Conv2d', std=0.001, bias_prob=START)

    def initial_heatmaps(self, feats: Sequence[Tensor]) -> Tensor:
        """(B, K, H, W) from 0 to 1, float32 or better, from the last of the backbone's features."""
        return probabilities(super().forward(feats))

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Refined heatmaps (B, K, H, W) from 0 to 1, float32 or better, from the last of the backbone's features."""
        initial = self.initial_heatmaps(feats)
        given = [[] for _ in range(self.out_channels)]
        for chain, network in zip(self.chains, self.grammar):
            for landmark, heatmap in zip(chain, network(initial[:, chain]).unbind(dim=1)):
                given[landmark].append(heatmap)
        return torch.stack([
            torch.stack(heatmaps).mean(dim=0) if heatmaps else own
            for heatmaps, own in zip(given, initial.unbind(dim=1))], dim=1)

    def loss(self, feats, batch_data_samples, train_cfg: dict | None = None) -> dict:
        """The losses of both stages, and the accuracy that MMPose's ``HeatmapHead`` logs."""
        losses = super().loss(feats, batch_data_samples, {} if train_cfg is None else train_cfg)
        targets = torch.stack([sample.gt_fields.heatmaps for sample in batch_data_samples])
        weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in batch_data_samples])
        # Once more by the cheap convolution, so that forward gives the refined heatmaps alone, as MMPose expects.
        losses['loss_initial'] = self.loss_module(self.initial_heatmaps(feats), targets, weights)
        return losses


@MODELS.register_module()
class PCFGNHead(PCHeatmapMixin, FGNHead):
    """:class:`FGNHead` with PCLoss on the refined heatmaps; takes its arguments, ``pc_loss`` and ``integral``."""
