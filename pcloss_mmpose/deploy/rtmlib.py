"""What rtmlib (https://github.com/Tau-J/rtmlib) does with a SimCC model's graph, whatever the model's config says."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..errors import InputError
from .crops import CropRule

#: What ``rtmlib.RTMPose`` subtracts from the pixels and divides them by, unless it is told otherwise. It gives them to
#: the graph in the order in which it got them, blue first where OpenCV read the image, and takes the numbers, which
#: ImageNet has for red first, in that order (https://github.com/Tau-J/rtmlib/issues/48). ``rtmlib.Custom`` cannot be
#: told otherwise, so that the graph turns them into what the model was trained on.
MEAN = 123.675, 116.28, 103.53
STD = 58.395, 57.12, 57.375
#: How it cuts boxes, but for the size, and how many bins it takes a pixel for.
PADDING = 1.25
SPLIT_RATIO = 2.
#: What a program has to know of such a graph beside the crop.
METADATA = {key: json.dumps(value) for key, value in dict(
    mean=MEAN, std=STD, colors='bgr', simcc_split_ratio=SPLIT_RATIO).items()}


def normalized(crops: np.ndarray) -> np.ndarray:
    """What rtmlib makes of crops (B, H, W, 3), uint8, BGR: (B, 3, H, W) float32."""
    return np.ascontiguousarray(((crops - np.array(MEAN)) / np.array(STD)).transpose(0, 3, 1, 2), dtype=np.float32)


def check_runs(rule: CropRule, codec: Any) -> None:
    """Refuse a model of which rtmlib would find other landmarks, and say nothing.

    Args:
        rule: Of the model's test pipeline.
        codec: Its ``SimCCLabel``.

    Raises:
        InputError: The crops or the codec are not those of rtmlib.
    """
    others = []
    if codec.simcc_split_ratio != SPLIT_RATIO:
        others.append(f'simcc_split_ratio is {codec.simcc_split_ratio:g}, and rtmlib takes {SPLIT_RATIO:g}')
    if rule.padding != PADDING:
        others.append(f'boxes are padded by {rule.padding:g}, and rtmlib pads by {PADDING:g}')
    if not rule.keep_aspect_ratio:
        others.append('the crop is stretched, and rtmlib keeps its aspect ratio')
    if rule.udp:
        others.append('the crop has use_udp, and that of rtmlib has not')
    if others:
        raise InputError(f'rtmlib would find other landmarks than MMPose, as {"; ".join(others)}: use --output '
                         'coordinates')
