"""Windows into feature maps, as spatial transformers move them: scaled and shifted, not turned."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

#: The smallest and the largest scale that a window has in use.
SCALES = (0.2, 1.2)


class Window(NamedTuple):
    """Where windows lie: their point u, from -1 to 1 along each axis, is the map's point ``scale * u + shift``.

    The map's points go from -1 to 1 too, between the outer edges of its outermost cells. The leading dimensions are
    those of the windows, often (B, K): batch, landmarks.
    """

    log_scale: Tensor  #: (..., 2), along x and y, without bounds
    shift: Tensor  #: (..., 2), the window's middle

    @property
    def scale(self) -> Tensor:
        """Half of the sides, (..., 2), within :data:`SCALES`.

        The bounds are laid on what is used and not on what is kept: beyond them the landmarks' losses have no gradient
        for the scale, and a loss on ``log_scale`` still brings it back.
        """
        smallest, largest = map(math.log, SCALES)
        return self.log_scale.clamp(smallest, largest).exp()

    def compose(self, inner: Window) -> Window:
        """The window that ``inner`` is in the coordinates of this one."""
        return Window(self.log_scale + inner.log_scale, self.to_map(inner.shift))

    def to_map(self, points: Tensor) -> Tensor:
        """Points of the windows (..., 2) as points of the map."""
        return self.scale * points + self.shift

    def from_map(self, points: Tensor) -> Tensor:
        """Points of the map (..., 2) as points of the windows."""
        return (points - self.shift) / self.scale


def whole_map(feats: Tensor, count: int) -> Window:
    """(B, count) windows that each are the whole of the maps (B, C, H, W)."""
    nothing = feats.new_zeros(feats.shape[0], count, 2)
    return Window(nothing, nothing)


def sample_windows(feats: Tensor, window: Window, size: int) -> Tensor:
    """What lies in windows, by bilinear interpolation. What lies outside the map counts as 0.

    Twice as many points as bins are sampled along each side and averaged: of a map with 32 cells a side, 7 points would
    see less than a fifth of the cells, 14 see three quarters.

    Args:
        feats: (B, C, H, W).
        window: (B, K) windows.
        size: Of the result.

    Returns:
        (B, K, C, size, size).
    """
    count = 2 * size
    # The middles of the points' cells, as align_corners=False has them.
    line = (torch.arange(count, device=feats.device, dtype=feats.dtype) * 2 + 1) / count - 1
    x, y = (window.scale[..., axis, None] * line + window.shift[..., axis, None] for axis in (0, 1))  # (B, K, count)
    grid = torch.stack([x[:, :, None].expand(-1, -1, count, -1), y[..., None].expand(-1, -1, -1, count)], dim=-1)
    # The windows of an image lie under each other in one grid, so that its map is not copied for each.
    points = F.grid_sample(feats, grid.flatten(1, 2), align_corners=False)
    bins = F.avg_pool2d(points, 2)
    return bins.reshape(-1, feats.shape[1], window.shift.shape[1], size, size).transpose(1, 2)
