"""Whether a head gives the landmarks that its data have."""

from __future__ import annotations

from typing import Any

from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.models import heads as stock

from ..datasets.checks import spread
from ..errors import InputError

#: Rows that are looked at.
ROWS = 1000

#: The stock heads that PCLoss is for.
HEADS = (stock.CPMHead, stock.DSNTHead, stock.HeatmapHead, stock.IntegralRegressionHead, stock.MSPNHead,
         stock.RegressionHead, stock.RLEHead, stock.RTMCCHead, stock.RTMWHead, stock.SimCCHead, stock.ViPNASHead)


def count_landmarks(head: Any) -> int | None:
    """Number of landmarks that a built head gives; None where it is none of those that PCLoss is for."""
    if not isinstance(head, HEADS):
        return None
    channels = getattr(head, 'out_channels', None) or getattr(head, 'num_joints', None)
    combined = getattr(head.decoder, 'heatmap_type', None) == 'combined'  # with two offsets each
    return channels // 3 if combined else channels


def check_landmarks(head: Any, dataset: Any) -> None:
    """Compare a head with a data set; one whose pipeline converts its landmarks is passed over.

    Raises:
        InputError: They have different numbers of landmarks, or a row has another than the metainfo.
    """
    if dataset is None:
        return
    given, needed = count_landmarks(head), getattr(dataset, 'metainfo', {}).get('num_keypoints')
    if given is None or needed is None or converts(dataset):
        return
    if given != needed:
        raise InputError(f'the head gives {given} landmarks, and the training data have {needed}: set its out_channels '
                         '(num_joints in regression), or the metainfo of the data')
    if isinstance(dataset, BaseCocoStyleDataset):
        for row in spread(len(dataset), ROWS):
            info = dataset.get_data_info(row)
            if info['keypoints'].shape[1] != needed:
                raise InputError(f"{info['img_path']} has {info['keypoints'].shape[1]} landmarks, and the metainfo of "
                                 f'the data {needed}; `pcloss check CONFIG` names what is wrong')


def converts(dataset: Any) -> bool:
    """Whether a data set's pipeline makes other landmarks of its own."""
    steps = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    return any(type(step).__name__ == 'KeypointConverter' for step in steps)
