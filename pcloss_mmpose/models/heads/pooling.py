"""Average pooling that torch's ONNX exporter knows."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def average_bins(feats: Tensor, size: int) -> Tensor:
    """``F.adaptive_avg_pool2d`` as products with constants: torch's ONNX exporter has it only where sizes divide.

    Args:
        feats: (B, C, H, W).
        size: Of the result, (B, C, size, size).
    """
    rows, columns = (_averages(int(cells), size).to(feats) for cells in feats.shape[-2:])
    return rows @ feats @ columns.T


def _averages(cells: int, bins: int) -> Tensor:
    """(bins, cells) weights of the cells in each bin; bins overlap where their number does not divide the cells'."""
    first = np.arange(bins)[:, None] * cells // bins
    end = -(-np.arange(1, bins + 1)[:, None] * cells // bins)
    inside = (np.arange(cells) >= first) & (np.arange(cells) < end)
    return torch.from_numpy(inside / inside.sum(axis=1, keepdims=True))
