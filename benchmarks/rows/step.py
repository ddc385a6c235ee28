"""A training step with PCLoss beside the stock head's: forward, losses, backward, and the optimizer."""

from __future__ import annotations

import time
from functools import partial
from typing import Iterator

import numpy as np
import torch
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn

from benchmarks.paired import Case, Cost
from pcloss_mmpose.configs import find_config, load_config

CONFIG = 'td-hm_res50{}_4xb5-100k_fashionai-512x512'
#: Sides of the input, and images in a step: few, since a processor takes a second for each.
SIZES = ((192, 4), (256, 2), (512, 1))
#: Steps from one that is logged to the next, in the configs: only that one computes pc_share and the accuracy.
INTERVAL = 50


def batch_of(codec: dict, images: int) -> dict[str, list]:
    """Random images, and landmarks of which half are annotated, as MMPose's pipeline hands them over."""
    from mmpose.datasets.transforms import GenerateTarget, PackPoseInputs
    rng = np.random.default_rng(0)
    encode, pack = GenerateTarget(encoder=codec), PackPoseInputs(pack_transformed=True)
    width, height = codec['input_size']
    batch = dict(inputs=[], data_samples=[])
    for _ in range(images):
        keypoints = (rng.random((1, 24, 2)) * (width, height)).astype(np.float32)
        packed = pack(encode(dict(
            img=rng.integers(0, 256, (height, width, 3), dtype=np.uint8), input_size=codec['input_size'],
            keypoints=keypoints, transformed_keypoints=keypoints, dataset_keypoint_weights=np.ones(24, np.float32),
            keypoints_visible=(np.arange(24)[None] % 2).astype(np.float32))))
        for key, values in batch.items():
            values.append(packed[key])
    return batch


def built(arm: str, side: int, device: str) -> tuple[nn.Module, dict, OptimWrapper]:
    """A model for square inputs, its codec, and the optimizer."""
    from mmpose.registry import MODELS
    config = load_config(find_config(CONFIG.format(arm)))
    config.model.backbone.init_cfg = None
    config.model.data_preprocessor.pop('batch_augments')  # makes targets, which the batch has: `targets` times them
    codec = config.model.head.decoder
    codec.update(input_size=(side, side), heatmap_size=(side // 4, side // 4), sigma=codec.sigma * side / 512)
    torch.manual_seed(0)
    model = MODELS.build(config.model).to(device).train()
    return model, codec, build_optim_wrapper(model, config.optim_wrapper)


def train_step(model: nn.Module, optimizer: OptimWrapper, batch: dict) -> float:
    """The value of the point loss."""
    return model.train_step(batch, optimizer)['loss_kpt'].item()


def average_step(model: nn.Module, optimizer: OptimWrapper, batch: dict) -> Cost:
    """A step's time, averaged from one that is logged to the next."""
    seconds, values = [], []
    for logged in (False, True):
        model.head.logs_now = logged
        start = time.perf_counter()
        values.append(train_step(model, optimizer, batch))  # waits for the device
        seconds.append(time.perf_counter() - start)
    return Cost(((INTERVAL - 1) * seconds[0] + seconds[1]) / INTERVAL, 0, values[0])


def assert_same(ours: float, peer: float) -> None:
    assert ours == peer


def cases(device: str, scale: int = 1) -> Iterator[Case]:
    if scale > 1:
        return
    init_default_scope('mmpose')
    for side, images in SIZES:
        ours, codec, our_optimizer = built('-pcloss', side, device)
        stock, _, optimizer = built('', side, device)
        batch = batch_of(codec, images)
        yield Case(f'SimpleBaselines ResNet-50, {images} x {side}x{side}',
                   partial(average_step, ours, our_optimizer, batch), partial(train_step, stock, optimizer, batch),
                   assert_same, target=1.01)
