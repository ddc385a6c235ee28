"""Pairs along the skeleton alone: the bones of Sun et al., Compositional Human Pose Regression, ICCV 2017,
arXiv 1704.00159.

A bone is the vector between the two landmarks of a link, B = p_b - p_a, and the loss the error of that vector:
L = mean over the samples of mean over the valid bones of |B - B*|^power. Both are translated alike without a cost.

What differs from the paper: its network gives bones, ours gives landmarks, from which bones are formed. Its loss is
the L1 norm, the sum over both axes, of bones that are normalised by the mean and the standard deviation that each has
over the training set; ours is the length (or its square) in the unit of the coordinates, alike in every direction, and
a long bone counts as its error does. The links are those of the metainfo, which need not be a tree. The paper's further
pairs, from each landmark to the root and between all landmarks, are PCLoss's.
"""

from __future__ import annotations

from typing import Mapping, Sequence

import torch
from mmpose.registry import MODELS
from torch import Tensor

from ...errors import InputError
from ...metainfo import load_metainfo
from .structural import StructuralLoss, check_power, masked_error, mean_of_samples, sizes

Bones = Sequence[Sequence[int]]


def bone_loss(pred: Tensor, target: Tensor, bones: Tensor, weight: Tensor | None = None, power: int = 1) -> Tensor:
    """Mean length of the bones' errors, or of its square.

    B: batch, K: landmarks, N: bones.

    Args:
        pred: (B, K, 2) predicted x, y in any unit; the loss has that unit, or its square.
        target: (B, K, 2) true x, y in the same unit.
        bones: (N, 2) int64, the landmarks at the ends of each bone.
        weight: (B, K) or (B, K, 1); a bone is valid where it is above 0 at both ends. None: all are valid.
        power: 1 for lengths, 2 for squares.

    Returns:
        Scalar, float32 or better: the mean over the valid bones of a sample, averaged over the samples that have one.
        A batch without any gives a 0 that can be back-propagated.

    Raises:
        TypeError: ``pred`` is not a floating point tensor.
        ValueError: A shape does not fit.

    Example:
        >>> bone_loss(torch.tensor([[[9., 9.], [12., 13.]]]), torch.zeros(1, 2, 2), torch.tensor([[0, 1]]))
        tensor(5.)
    """
    error, valid = masked_error(pred, target, weight)
    first, second = bones.unbind(1)
    return mean_of_samples(sizes(error[:, second] - error[:, first], power), valid[:, first] & valid[:, second])


def check_bones(bones: Bones, num_landmarks: int) -> None:
    """Raise InputError unless they are distinct pairs of two landmarks, each from 0 and below ``num_landmarks``."""
    if isinstance(bones, str) or not isinstance(bones, Sequence) or len(bones) == 0:
        raise InputError(f'bones must be None or a list of pairs of landmark indices, got {bones!r}')
    for bone in bones:
        if isinstance(bone, str) or not isinstance(bone, Sequence) or len(bone) != 2 or bone[0] == bone[1]:
            raise InputError(f'a bone is a pair of two landmark indices, got {bone!r}')
        for index in bone:
            if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < num_landmarks:
                raise InputError(f'the bone {tuple(bone)} names the landmark {index!r}: there are {num_landmarks}, '
                                 f'0 to {num_landmarks - 1}')
    if len(set(map(frozenset, bones))) != len(bones):
        raise InputError(f'a bone must not be named twice, got {bones}')


@MODELS.register_module()
class BoneVectorLoss(StructuralLoss):
    """Module of :func:`bone_loss`. MMPose's own BoneLoss compares the lengths of bones, not their directions.

    Args:
        metainfo: The data set's: the name of a registered data set (``'CocoDataset'``), the path of a metainfo file, or
            a metainfo dict.
        bones: Pairs of landmark indices. None: the ``skeleton_links`` of the metainfo, each counted once.
        power: 1 for lengths, 2 for their squares.
        loss_weight: Factor of the value.

    Raises:
        InputError: An option is out of its range, or the metainfo has no skeleton.
    """

    def __init__(self,
                 metainfo: str | Mapping | None = None,
                 bones: Bones | None = None,
                 power: int = 1,
                 loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)
        check_power(power)
        if metainfo is None:
            raise InputError("BoneVectorLoss needs metainfo, such as metainfo='CocoDataset'")
        metainfo = load_metainfo(metainfo)
        if bones is None:
            bones = sorted({tuple(sorted(link)) for link in metainfo['skeleton_links']})
            if not bones:
                raise InputError(f"BoneVectorLoss: the data set '{metainfo['dataset_name']}' has no skeleton; name the "
                                 'pairs, such as bones=[[0, 1], [1, 2]]')
        check_bones(bones, metainfo['num_keypoints'])
        self.power = power
        self.num_landmarks = metainfo['num_keypoints']
        self.bones = torch.tensor(bones)

    def value(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """:func:`bone_loss` of (B, K, 2), (B, K, 2) and (B, K) or (B, K, 1)."""
        self.check_number(self.num_landmarks, pred)
        return bone_loss(pred, target, self.constant('bones', pred.device), weight, self.power)

    def extra_repr(self) -> str:
        return f'bones={self.bones.tolist()}, power={self.power}, loss_weight={self.loss_weight}'
