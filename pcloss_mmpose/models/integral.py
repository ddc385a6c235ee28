"""The integral operation: coordinates as the expectation over a heatmap (Eq. 2-3).

The idea is soft-argmax, as in Sun et al., Integral Human Pose Regression, https://arxiv.org/abs/1711.08229.
"""

from __future__ import annotations

import torch
from torch import Tensor


def integral_coordinates(heatmaps: Tensor, alpha: float) -> Tensor:
    """Expected position under softmax(alpha * heatmap) over the whole map (Eq. 2-3).

    What counts is alpha times the peak: the paper's alpha 0.1 belongs to heatmaps with a peak near 100 and is alpha 10
    for a peak of 1. With a small product every landmark falls on the map's centre, since the background holds most
    of the mass; with a very large one the result is the argmax and has no gradient.

    B: batch, K: landmarks, H, W: height and width of the map.

    Args:
        heatmaps: (B, K, H, W), of any floating point type; the computation is in float32 or better.
        alpha: Inverse temperature, above 0.

    Returns:
        (B, K, 2) x, y in heatmap pixels, 0 being the centre of the first pixel.

    Raises:
        ValueError: The heatmaps have other than four dimensions, or alpha is not a positive number.

    Example:
        >>> heatmaps = torch.zeros(1, 1, 3, 5)
        >>> heatmaps[0, 0, 2, 1] = 1
        >>> integral_coordinates(heatmaps, alpha=100.)
        tensor([[[1., 2.]]])
    """
    if heatmaps.ndim != 4:
        raise ValueError(f'heatmaps must have shape (B, K, H, W), got {tuple(heatmaps.shape)}')
    check_alpha(alpha)
    heatmaps = heatmaps.to(torch.promote_types(heatmaps.dtype, torch.float32))
    height, width = heatmaps.shape[-2:]
    mass = (alpha * heatmaps).flatten(2).softmax(-1).unflatten(2, (height, width))
    # Products and sums, since autocast would take a matrix product back to half precision.
    x = (mass.sum(-2) * torch.arange(width, device=mass.device)).sum(-1)
    y = (mass.sum(-1) * torch.arange(height, device=mass.device)).sum(-1)
    return torch.stack([x, y], dim=-1)


def check_alpha(alpha: float) -> None:
    """Raise ValueError unless alpha is a positive, finite number."""
    if not isinstance(alpha, (int, float)) or not 0 < alpha < float('inf'):
        raise ValueError(f'alpha must be a positive number, got {alpha!r}')
