"""Which landmarks can be seen, for heads that learn it."""

from __future__ import annotations

import numpy as np
import torch
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


def states_in_crop(batch_data_samples, weights: Tensor) -> Tensor:
    """:func:`annotated_states` where the landmarks have (B, K) ``weights``, and ``ABSENT`` elsewhere, on their device.

    What was turned or zoomed out of the crop cannot be seen in it.
    """
    return annotated_states(batch_data_samples).to(weights.device, non_blocking=True) * (weights > 0)
