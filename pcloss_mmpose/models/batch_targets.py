"""What makes the targets of a batch from its coordinates, on the device that trains."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np
import torch
from mmpose.registry import KEYPOINT_CODECS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ..errors import InputError


class BatchTargets(nn.Module):
    """Stands among the ``batch_augments`` of ``PoseDataPreprocessor``, which a training applies.

    The training pipeline then has no ``GenerateTarget``, but ``PackPoseInputs(pack_transformed=True)``. A subclass
    makes the targets of one kind of codec. N: samples, K: landmarks.

    Args:
        encoder: Config of the codec, which is the head's decoder.
    """

    def __init__(self, encoder: Mapping) -> None:
        super().__init__()
        self.codec = KEYPOINT_CODECS.build(dict(encoder))

    def give_targets(self, samples: Sequence[PoseDataSample], keypoints: np.ndarray, visible: np.ndarray,
                     device: torch.device) -> None:
        """Give each sample its targets and ``gt_instance_labels.keypoint_weights`` (1, K).

        Args:
            samples: N.
            keypoints: (N, K, 2), x and y, pixels of the crop.
            visible: (N, K).
            device: Where the targets are to be.
        """
        raise NotImplementedError

    def forward(self, inputs: Tensor, data_samples: Sequence[PoseDataSample]) -> tuple[Tensor, Sequence]:
        """Give the samples of a batch their targets.

        Raises:
            InputError: A sample has targets already, no transformed keypoints, those of several instances, or a crop
                of another size than the codec's.
        """
        for sample in data_samples:
            self._check(sample)
        keypoints = np.concatenate([sample.gt_instances.transformed_keypoints for sample in data_samples])
        visible = np.concatenate([sample.gt_instances.keypoints_visible for sample in data_samples])
        visible = visible[..., 0] if visible.ndim == 3 else visible  # a converter of landmarks makes a second column
        self.give_targets(data_samples, keypoints, visible, inputs.device)
        return inputs, data_samples

    def _check(self, sample: PoseDataSample) -> None:
        own, what = type(self).__name__, f"the sample {sample.metainfo.get('img_path')}"
        if 'gt_fields' in sample or 'keypoint_weights' in sample.get('gt_instance_labels', ()):
            raise InputError(f'{own} makes the targets, and {what} has some already: take GenerateTarget '
                             f'out of every training pipeline, or {own} out of batch_augments')
        if 'transformed_keypoints' not in sample.gt_instances:
            raise InputError(f'{own} needs the keypoints in the crop, and {what} has none: set '
                             'pack_transformed=True on what packs in every training pipeline')
        if len(sample.gt_instances.transformed_keypoints) != 1:
            raise InputError(f'{own} works top-down, on one instance a sample, and {what} has '
                             f'{len(sample.gt_instances.transformed_keypoints)}')
        size, expected = sample.metainfo.get('input_size', self.codec.input_size), self.codec.input_size
        if tuple(size) != tuple(expected):
            raise InputError(f'{own} has a codec for an input of {tuple(expected)}, and {what} is '
                             f'cropped to {tuple(size)}')
