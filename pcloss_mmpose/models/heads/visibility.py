"""Heads that also learn which landmarks can be seen."""

from __future__ import annotations

import numpy as np
import torch
from mmpose.evaluation.functional import keypoint_pck_accuracy
from mmpose.models.heads import RegressionHead
from mmpose.models.utils.tta import flip_coordinates, flip_visibility
from mmpose.utils.tensor_utils import to_numpy
from torch import Tensor

from ...errors import InputError

#: What COCO's v says of a landmark.
ABSENT, OCCLUDED, VISIBLE = 0, 1, 2


def annotated_states(batch_data_samples) -> Tensor:
    """``ABSENT``, ``OCCLUDED`` or ``VISIBLE`` for each landmark: (B, K) int64, on the CPU.

    Read from ``raw_ann_info['keypoints']``, since MMPose's ``keypoints_visible`` does not tell an occluded landmark
    from a visible one.

    Raises:
        InputError: A sample has no such annotation, or one of another number of landmarks.
    """
    states = []
    for sample in batch_data_samples:
        num_landmarks = sample.gt_instance_labels.keypoint_labels.shape[1]
        raw = np.reshape((sample.metainfo.get('raw_ann_info') or {}).get('keypoints', ()), (-1, 3))
        if len(raw) != num_landmarks:
            raise InputError(
                f"the head learns the visibility from raw_ann_info['keypoints'], and the sample "
                f"{sample.metainfo.get('img_path')} has {len(raw)} landmarks there instead of {num_landmarks}: keep "
                'raw_ann_info in the meta_keys of PackPoseInputs, and use no KeypointConverter')
        mirrored = sample.metainfo.get('flip') and sample.metainfo['flip_direction'] != 'diagonal'
        states.append(raw[list(sample.metainfo['flip_indices']), 2] if mirrored else raw[:, 2])
    return torch.from_numpy(np.stack(states).astype(np.int64))


class VisibilityHead(RegressionHead):
    """A regression head that also predicts which landmarks are visible. B: batch, K: landmarks.

    ``forward`` returns a named tuple whose first field is ``keypoints``, (B, K, 2) fractions of the input.
    """

    def visible_probability(self, output) -> Tensor:
        """(B, K), the probability that each landmark is visible."""
        raise NotImplementedError

    def predict(self, feats, batch_data_samples, test_cfg: dict | None = None):
        """``keypoints`` of the output; ``keypoints_visible`` is the probability that each landmark is visible."""
        test_cfg = {} if test_cfg is None else test_cfg
        if test_cfg.get('flip_test', False):
            feats, flipped_feats = feats
            metainfo = batch_data_samples[0].metainfo
            output, flipped = self.forward(feats), self.forward(flipped_feats)
            keypoints = (output.keypoints + flip_coordinates(
                flipped.keypoints, flip_indices=metainfo['flip_indices'],
                shift_coords=test_cfg.get('shift_coords', True), input_size=metainfo['input_size'])) / 2
            visible = (self.visible_probability(output) + flip_visibility(
                self.visible_probability(flipped), flip_indices=metainfo['flip_indices'])) / 2
        else:
            output = self.forward(feats)
            keypoints, visible = output.keypoints, self.visible_probability(output)
        predictions = self.decode(keypoints[:, None].float())
        for instances, probability in zip(predictions, to_numpy(visible.float())):
            instances.keypoints_visible = probability[None]
        return predictions

    @staticmethod
    def targets(batch_data_samples) -> tuple[Tensor, Tensor, Tensor]:
        """True coordinates (B, K, 2) as fractions, their weights (B, K), and states (B, K) on the weights' device.

        Raises:
            InputError: A sample carries no visibility in ``raw_ann_info``.
        """
        labels = torch.cat([sample.gt_instance_labels.keypoint_labels for sample in batch_data_samples])
        weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in batch_data_samples])
        states = annotated_states(batch_data_samples).to(labels.device, non_blocking=True)
        # What was turned or zoomed out of the crop cannot be seen in it.
        return labels, weights, states * (weights > 0)

    @staticmethod
    def accuracy(keypoints: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        """What MMPose's ``RegressionHead`` logs: the part of landmarks within 0.05 of the input."""
        _, accuracy, _ = keypoint_pck_accuracy(
            pred=to_numpy(keypoints.float()), gt=to_numpy(labels), mask=to_numpy(weights) > 0, thr=0.05,
            norm_factor=np.ones((len(labels), 2), dtype=np.float32))
        return labels.new_tensor(accuracy)
