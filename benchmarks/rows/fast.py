"""What the config's ``fast`` brings a training step: `configs/_base_/fast.py` beside the same training without it."""

from __future__ import annotations

from functools import partial
from typing import Iterator

import numpy as np
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from benchmarks.paired import Case
from benchmarks.rows.step import batch_of, built, train_step
from pcloss_mmpose.configs import find_config
from pcloss_mmpose.fast_training import fast_optimizer

SIDE = 256
#: Images in a step: few for a processor, which takes a second for two.
IMAGES = dict(cpu=2, cuda=32)


def cases(device: str, scale: int = 1) -> Iterator[Case]:
    if scale > 1:
        return
    init_default_scope('mmpose')
    options = Config.fromfile(find_config('td-hm_res50_4xb5-100k_fashionai-512x512').parents[2] / '_base_/fast.py').fast
    on_gpu = torch.device(device).type == 'cuda'
    images = IMAGES['cuda' if on_gpu else 'cpu']
    plain, codec, optimizer = built('-pcloss', SIDE, device)
    fast, _, _ = built('-pcloss', SIDE, device)
    config, left_out = fast_optimizer(dict(optimizer=dict(type='Adam', lr=3e-4)), options.amp, options.fused, on_gpu)
    fast.to(memory_format=torch.channels_last)
    for model in (plain, fast):
        model.head.logs_now = False
    batch = batch_of(codec, images)
    parts = ', '.join(sorted({key for key, value in options.items() if value} - {'workers'} - left_out.keys()))
    yield Case(f'{parts}: SimpleBaselines ResNet-50, {images} x {SIDE}x{SIDE}',
               partial(train_step, fast, build_optim_wrapper(fast, config), batch),
               partial(train_step, plain, optimizer, batch),
               # of the first step, with the same weights; mixed precision has three digits
               partial(np.testing.assert_allclose, rtol=3e-2 if on_gpu else 1e-4))
