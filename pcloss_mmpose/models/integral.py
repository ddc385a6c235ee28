"""The integral operation: coordinates as the expectation over a heatmap (Eq. 2-3), or over one for each axis.

The idea is soft-argmax, as in Sun et al., Integral Human Pose Regression, https://arxiv.org/abs/1711.08229.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from ..errors import InputError
from .eager import is_eager
from .fast_integral import REST, FastIntegral


def integral_coordinates(heatmaps: Tensor, alpha: float, debias: bool = False, window: int | None = None) -> Tensor:
    """Expected position under softmax(alpha * heatmap) over the whole map (Eq. 2-3).

    What counts is alpha times the peak: the paper's alpha 0.1 belongs to heatmaps with a peak near 100 and is alpha 10
    for a peak of 1. With a small product every landmark falls on the map's centre, since the background holds most
    of the mass; with a very large one the result is the argmax and has no gradient.

    The softmax gives every pixel of a background of 0 the mass exp(0) = 1, which draws the position towards the
    centre. Two options avoid that, alone or together: ``debias`` takes that 1 away, and ``window`` leaves out all that
    is far from the peak.

    B: batch, K: landmarks, H, W: height and width of the map.

    Args:
        heatmaps: (B, K, H, W), of any floating point type; the computation is in float32 or better.
        alpha: Inverse temperature, above 0.
        debias: Take exp(alpha * heatmap) - 1, where it is positive, for the mass: the background counts nothing, as
            in Gu et al., Removing the Bias of Integral Pose Regression, ICCV 2021, who subtract its expected sum
            instead. With a small alpha this is the positive part of the heatmap itself, normalised.
        window: Half the side of a square around the highest pixel, in pixels; mass outside of it does not count.

    Returns:
        (B, K, 2) x, y in heatmap pixels, 0 being the centre of the first pixel.

    Raises:
        ValueError: The heatmaps have other than four dimensions, or an option is out of its range.

    Example:
        >>> heatmaps = torch.zeros(1, 1, 3, 5)
        >>> heatmaps[0, 0, 2, 1] = 1
        >>> integral_coordinates(heatmaps, alpha=100.)
        tensor([[[1., 2.]]])
    """
    if heatmaps.ndim != 4:
        raise ValueError(f'heatmaps must have shape (B, K, H, W), got {tuple(heatmaps.shape)}')
    check_integral(alpha, debias, window)
    if window is not None:
        return _windowed_integral(heatmaps, alpha, debias, window)
    if is_eager():
        return FastIntegral.apply(heatmaps, alpha, debias, partial(readable_integral, alpha=alpha, debias=debias))
    return readable_integral(heatmaps, alpha, debias)


def readable_integral(heatmaps: Tensor, alpha: float, debias: bool = False) -> Tensor:
    """:func:`integral_coordinates` over whole maps, as it is written: what FastIntegral must equal.

    torch.compile, exports and whoever differentiates the gradient get this one.
    """
    height, width = heatmaps.shape[-2:]
    mass = _mass(heatmaps.flatten(2), alpha, debias).unflatten(2, (height, width))
    return torch.stack([_mean_index(mass.sum(-2)), _mean_index(mass.sum(-1))], dim=-1)


def _windowed_integral(heatmaps: Tensor, alpha: float, debias: bool, window: int) -> Tensor:
    """Only the square around the peak is read; of one that reaches over the border, the part within the map counts."""
    height, width = heatmaps.shape[-2:]
    peak_row, peak_column = _peaks(heatmaps.detach())
    rows, in_rows = _near(peak_row, window, height)
    columns, in_columns = _near(peak_column, window, width)
    pixels = (rows[..., :, None] * width + columns[..., None, :]).flatten(2)
    inside = (in_rows[..., :, None] & in_columns[..., None, :]).flatten(2)
    square = heatmaps.flatten(2).gather(2, pixels)
    mass = _mass(square.masked_fill(~inside, -torch.inf), alpha, debias) * inside
    mass = (mass / mass.sum(-1, keepdim=True)).unflatten(2, (rows.shape[-1], columns.shape[-1]))
    return torch.stack([(mass.sum(-2) * columns).sum(-1), (mass.sum(-1) * rows).sum(-1)], dim=-1)


def _peaks(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column (B, K) of the highest pixel, the first of several. Much faster than argmax over all pixels."""
    row = heatmaps.amax(-1).argmax(-1)
    line = heatmaps.gather(2, row[..., None, None].expand(-1, -1, 1, heatmaps.shape[-1]))
    return row, line.squeeze(2).argmax(-1)


def _near(peak: Tensor, window: int, size: int) -> tuple[Tensor, Tensor]:
    """As many indices of an axis as a window may hold, (B, K, n), and which of them are near enough to the peak."""
    count = min(2 * window + 1, size)
    first = (peak - window).clamp(0, size - count)
    index = first[..., None] + torch.arange(count, device=peak.device)
    return index, (index - peak[..., None]).abs() <= window


def _mass(values: Tensor, alpha: float, debias: bool) -> Tensor:
    """What the pixels (B, K, N) of each map count, normalised; in float32 or better."""
    scaled = alpha * values.to(torch.promote_types(values.dtype, torch.float32))
    if not debias:
        return scaled.softmax(-1)
    top = scaled.detach().amax(-1, keepdim=True).clamp(min=0)  # all is divided by exp(top), which might overflow
    background = torch.exp(-top)
    # The small rest gives a map without a positive pixel its centre.
    mass = (torch.exp(scaled - top) - background).clamp(min=0) + REST * alpha * background
    return mass / mass.sum(-1, keepdim=True)


def expected_bins(logits: Tensor, alpha: float) -> Tensor:
    """Expected bin under softmax(alpha * logits): Eq. 3 on one axis, as SimCC's distributions have it.

    B: batch, K: landmarks, W: bins.

    Args:
        logits: (B, K, W), of any floating point type; the computation is in float32 or better.
        alpha: Inverse temperature, above 0.

    Returns:
        (B, K) positions in bins, 0 being the first.

    Raises:
        ValueError: The logits have other than three dimensions, or alpha is not a positive number.

    Example:
        >>> expected_bins(torch.tensor([[[0., 0., 0., 9.]]]), alpha=10.)
        tensor([[3.]])
    """
    if logits.ndim != 3:
        raise ValueError(f'logits must have shape (B, K, W), got {tuple(logits.shape)}')
    check_alpha(alpha)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return _mean_index((alpha * logits).softmax(-1))


def _mean_index(mass: Tensor) -> Tensor:
    # A product and a sum, since autocast would take a matrix product back to half precision.
    return (mass * torch.arange(mass.shape[-1], device=mass.device)).sum(-1)


def check_alpha(alpha: float) -> None:
    """Raise InputError unless alpha is a positive, finite number."""
    if not isinstance(alpha, (int, float)) or not 0 < alpha < float('inf'):
        raise InputError(f'alpha must be a positive number, got {alpha!r}')


def check_integral(alpha: float, debias: bool = False, window: int | None = None) -> None:
    """Raise InputError unless these are options of :func:`integral_coordinates`."""
    check_alpha(alpha)
    if not isinstance(debias, bool):
        raise InputError(f'debias must be True or False, got {debias!r}')
    if window is not None and (not isinstance(window, int) or isinstance(window, bool) or window < 1):
        raise InputError(f'window must be None or a whole number of heatmap pixels from 1, got {window!r}')
