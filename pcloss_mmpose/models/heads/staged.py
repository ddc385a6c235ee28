"""Heads that regress coordinates in several stages."""

from __future__ import annotations

import numpy as np
import torch
from mmpose.evaluation.functional import keypoint_pck_accuracy
from mmpose.models.heads import RegressionHead
from mmpose.models.utils.tta import flip_coordinates, flip_visibility
from mmpose.utils.tensor_utils import to_numpy
from torch import Tensor


class StagedHead(RegressionHead):
    """A regression head whose ``forward`` returns a named tuple. B: batch, K: landmarks.

    Its first field is ``keypoints``, (B, K, 2) fractions of the input, which are what it predicts.
    """

    def visible_probability(self, output) -> Tensor | None:
        """(B, K), the probability that each landmark is visible, of a head that learns it."""
        return None

    def predict(self, feats, batch_data_samples, test_cfg: dict | None = None):
        """``keypoints`` of the output; ``keypoints_visible`` is the probability that each landmark is visible, if any.
        """
        test_cfg = {} if test_cfg is None else test_cfg
        if test_cfg.get('flip_test', False):
            feats, flipped_feats = feats
            metainfo = batch_data_samples[0].metainfo
            output, flipped = self.forward(feats), self.forward(flipped_feats)
            keypoints = (output.keypoints + flip_coordinates(
                flipped.keypoints, flip_indices=metainfo['flip_indices'],
                shift_coords=test_cfg.get('shift_coords', True), input_size=metainfo['input_size'])) / 2
            visible = self.visible_probability(output)
            if visible is not None:
                visible = (visible + flip_visibility(
                    self.visible_probability(flipped), flip_indices=metainfo['flip_indices'])) / 2
        else:
            output = self.forward(feats)
            keypoints, visible = output.keypoints, self.visible_probability(output)
        predictions = self.decode(keypoints[:, None].float())
        if visible is not None:
            for instances, probability in zip(predictions, to_numpy(visible.float())):
                instances.keypoints_visible = probability[None]
        return predictions

    @staticmethod
    def targets(batch_data_samples) -> tuple[Tensor, Tensor]:
        """True coordinates (B, K, 2) as fractions of the input, and their weights (B, K)."""
        return (torch.cat([sample.gt_instance_labels.keypoint_labels for sample in batch_data_samples]),
                torch.cat([sample.gt_instance_labels.keypoint_weights for sample in batch_data_samples]))

    @staticmethod
    def accuracy(keypoints: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        """What MMPose's ``RegressionHead`` logs: the part of landmarks within 0.05 of the input."""
        _, accuracy, _ = keypoint_pck_accuracy(
            pred=to_numpy(keypoints.float()), gt=to_numpy(labels), mask=to_numpy(weights) > 0, thr=0.05,
            norm_factor=np.ones((len(labels), 2), dtype=np.float32))
        return labels.new_tensor(accuracy)
