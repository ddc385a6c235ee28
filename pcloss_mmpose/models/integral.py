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
    _check_heatmaps(heatmaps)
    check_integral(alpha, debias, window)
    if window is not None:
        mass, columns, rows = _mass_around_peak(heatmaps, alpha, debias, window)
        return torch.stack([(mass.sum(-2) * columns).sum(-1), (mass.sum(-1) * rows).sum(-1)], dim=-1)
    if is_eager():
        return FastIntegral.apply(heatmaps, alpha, debias, partial(readable_integral, alpha=alpha, debias=debias))
    return readable_integral(heatmaps, alpha, debias)


def readable_integral(heatmaps: Tensor, alpha: float, debias: bool = False) -> Tensor:
    """:func:`integral_coordinates` over whole maps, as it is written: what FastIntegral must equal.

    torch.compile, exports and whoever differentiates the gradient get this one.
    """
    mass = _mass_of_map(heatmaps, alpha, debias)
    return torch.stack([_mean_index(mass.sum(-2)), _mean_index(mass.sum(-1))], dim=-1)


def integral_covariances(heatmaps: Tensor,
                         alpha: float,
                         debias: bool = False,
                         window: int | None = None,
                         pixel: tuple[float, float] = (1., 1.)) -> Tensor:
    """Covariance of the position under the mass whose mean :func:`integral_coordinates` gives, by the same options.

    Args:
        heatmaps, alpha, debias, window: As there.
        pixel: Width and height of a heatmap pixel in the unit that is wanted.

    Returns:
        (B, K, 2, 2) of x and y in that unit squared.

    Raises:
        ValueError: The heatmaps have other than four dimensions, or an option is out of its range.

    Example:
        >>> heatmaps = torch.zeros(1, 1, 1, 5)
        >>> heatmaps[..., [0, 4]] = 1  # half of the mass two pixels to the left of the mean, half to the right
        >>> integral_covariances(heatmaps, alpha=100.)
        tensor([[[[4., 0.],
                  [0., 0.]]]])
    """
    _check_heatmaps(heatmaps)
    check_integral(alpha, debias, window)
    if window is None:
        return mass_covariances(_mass_of_map(heatmaps, alpha, debias), pixel)
    mass, columns, rows = _mass_around_peak(heatmaps, alpha, debias, window)
    return mass_covariances(mass, pixel, columns, rows)


def mass_covariances(mass: Tensor,
                     pixel: tuple[float, float] = (1., 1.),
                     columns: Tensor | None = None,
                     rows: Tensor | None = None) -> Tensor:
    """Covariance (B, K, 2, 2) of x and y under a mass (B, K, H, W) that sums to 1 over each map.

    Args:
        mass: Taken in float32 or better.
        pixel: Width and height of a pixel in the unit that is wanted.
        columns, rows: (B, K, W) and (B, K, H) indices that the pixels stand for. None: from 0.
    """
    mass = mass.to(torch.promote_types(mass.dtype, torch.float32))
    columns = torch.arange(mass.shape[-1], device=mass.device) if columns is None else columns
    rows = torch.arange(mass.shape[-2], device=mass.device) if rows is None else rows
    by_column, by_row = mass.sum(-2), mass.sum(-1)
    # About the mean, since a difference of second moments would lose the narrow ones.
    x = pixel[0] * (columns - (by_column * columns).sum(-1, keepdim=True))
    y = pixel[1] * (rows - (by_row * rows).sum(-1, keepdim=True))
    xx, yy = (by_column * x.square()).sum(-1), (by_row * y.square()).sum(-1)
    xy = ((mass * x[..., None, :]).sum(-1) * y).sum(-1)
    return torch.stack([xx, xy, xy, yy], dim=-1).unflatten(-1, (2, 2))


def _check_heatmaps(heatmaps: Tensor) -> None:
    if heatmaps.ndim != 4:
        raise ValueError(f'heatmaps must have shape (B, K, H, W), got {tuple(heatmaps.shape)}')


def _mass_of_map(heatmaps: Tensor, alpha: float, debias: bool) -> Tensor:
    return _mass(heatmaps.flatten(2), alpha, debias).unflatten(2, tuple(heatmaps.shape[-2:]))


def _mass_around_peak(heatmaps: Tensor, alpha: float, debias: bool, window: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mass (B, K, h, w) of the square around the peak, which alone is read, and its columns and rows.

    Of a square that reaches over the border, the part within the map counts.
    """
    height, width = heatmaps.shape[-2:]
    peak_row, peak_column = _peaks(heatmaps.detach())
    rows, in_rows = _near(peak_row, window, height)
    columns, in_columns = _near(peak_column, window, width)
    pixels = (rows[..., :, None] * width + columns[..., None, :]).flatten(2)
    inside = (in_rows[..., :, None] & in_columns[..., None, :]).flatten(2)
    square = heatmaps.flatten(2).gather(2, pixels)
    mass = _mass(square.masked_fill(~inside, -torch.inf), alpha, debias) * inside
    return (mass / mass.sum(-1, keepdim=True)).unflatten(2, (rows.shape[-1], columns.shape[-1])), columns, rows


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
    return _mean_index(_mass_of_axis(logits, alpha))


def bin_variances(logits: Tensor, alpha: float) -> Tensor:
    """Variance of the bin (B, K) under the distribution whose mean :func:`expected_bins` gives, by the same options."""
    mass = _mass_of_axis(logits, alpha)
    bins = torch.arange(mass.shape[-1], device=mass.device)
    return (mass * (bins - _mean_index(mass)[..., None]).square()).sum(-1)


def _mass_of_axis(logits: Tensor, alpha: float) -> Tensor:
    if logits.ndim != 3:
        raise ValueError(f'logits must have shape (B, K, W), got {tuple(logits.shape)}')
    check_alpha(alpha)
    return (alpha * logits.to(torch.promote_types(logits.dtype, torch.float32))).softmax(-1)


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
