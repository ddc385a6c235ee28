"""A model with PCLoss predicts in the time of the stock model, and the same bits."""

from __future__ import annotations

from typing import Iterator

import torch

from benchmarks.paired import Case
from pcloss_mmpose.configs import find_config, load_config

CONFIG = 'td-hm_res50{}_4xb5-100k_fashionai-512x512'


def cases(device: str, scale: int = 1) -> Iterator[Case]:
    from mmpose.apis import init_model
    torch.manual_seed(0)
    stock, ours = (init_model(load_config(find_config(CONFIG.format(arm))), device=device) for arm in ('', '-pcloss'))
    ours.load_state_dict(stock.state_dict())
    inputs = torch.randn(scale, 3, 256, 256, device=device)

    def heatmaps(model):
        with torch.no_grad():
            return model(inputs, None, mode='tensor')

    yield Case(f'SimpleBaselines ResNet-50, {scale} x 256x256', lambda: heatmaps(ours),
               lambda: heatmaps(stock), lambda a, b: torch.testing.assert_close(a, b, rtol=0, atol=0), target=1.)
