"""Target heatmaps made on the device from coordinates, beside MSRAHeatmap's in the workers, stacked and sent to it."""

from __future__ import annotations

from typing import Iterator

import numpy as np
import torch

from benchmarks.paired import Case

BATCH, LANDMARKS, CODEC = 20, 24, dict(input_size=(512, 512), heatmap_size=(128, 128), sigma=4)


def cases(device: str, scale: int = 1) -> Iterator[Case]:
    from mmpose.codecs import MSRAHeatmap

    from pcloss_mmpose.models.heatmap_targets import find_gaussians, gaussian, place_gaussians
    codec, batch = MSRAHeatmap(**CODEC), BATCH * scale
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(-50, 562, (batch, LANDMARKS, 2)).astype(np.float32)
    visible = (rng.random((batch, LANDMARKS)) < 0.9).astype(np.float32)
    template = torch.from_numpy(gaussian(codec.sigma)).to(device)

    def ours() -> tuple[torch.Tensor, torch.Tensor]:
        found = find_gaussians(keypoints / codec.scale_factor, visible, codec.sigma, codec.heatmap_size)
        bounds, weights = (torch.from_numpy(values).to(device) for values in found)
        return torch.stack(place_gaussians(template, bounds, codec.heatmap_size)), weights  # as the head stacks

    def peer() -> tuple[torch.Tensor, torch.Tensor]:
        encoded = [codec.encode(keypoints[[row]], visible[[row]]) for row in range(batch)]
        return (torch.stack([torch.from_numpy(each['heatmaps']) for each in encoded]).to(device),
                torch.cat([torch.from_numpy(each['keypoint_weights']) for each in encoded]).to(device))

    yield Case(f'{batch} x {LANDMARKS} x 128x128', ours, peer,
               lambda a, b: torch.testing.assert_close(a, b, rtol=0, atol=0), target=1.)
