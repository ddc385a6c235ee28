"""The integral over whole maps with a gradient of its own: what ``readable_integral`` of integral.py does, faster.

Maps are taken a few at a time, so that they stay in the processor's cache from their largest value to their sums.
Nothing of their size is kept for the gradient: masses are computed again, where the gradient is to stand. With PCLoss,
forward and backward on the CPU, 20 x 24 maps of 128 x 128 take half of the readable form's time, and a fifth with
``debias``.
"""

from __future__ import annotations

import math
from typing import Callable, Iterator

import torch
from torch import Tensor
from torch.autograd import Function

#: Part of exp(0) that every pixel counts with ``debias``, times alpha: a map without a positive pixel has its centre.
REST = 1e-4

#: The ReLU's: the gradient where a value is above 0, else 0, in one pass.
threshold_backward = torch.ops.aten.threshold_backward

#: Values of the maps that are taken together on the CPU: 1 MB in float32, half of the cache that a core has to itself.
CHUNK = 2**18


class FastIntegral(Function):
    """Coordinates (B, K, 2) of heatmaps (B, K, H, W): ``apply(heatmaps, alpha, debias, readable)``.

    With m = exp(alpha * h) and Z its sum, x = sum(m * column) / Z has the slope alpha * m * (column - x) / Z. Whatever
    the type of the heatmaps, the computation is in float32 or better, and has no matrix product that autocast or TF32
    could make coarser. ``readable`` computes the same from the heatmaps, for whoever differentiates the gradient.
    """

    @staticmethod
    def forward(ctx, heatmaps: Tensor, alpha: float, debias: bool, readable: Callable[[Tensor], Tensor]) -> Tensor:
        maps = heatmaps.detach().flatten(0, 1)
        columns, rows, scratch = _constants(maps)
        pixels = len(columns) * len(rows)
        found = []
        for part, in _parts(maps):
            top = part.amax((1, 2), keepdim=True).to(scratch.dtype)  # all is divided by exp(top), which might overflow
            shift = -alpha * (top.clamp(min=0) if debias else top)
            lowest = shift.clamp(min=_lowest(scratch)) if debias else _lowest(scratch)
            mass = _exp(part, alpha, shift, lowest, out=scratch[:len(part)])
            if debias:  # what lies below the background now equals it, and counts nothing
                background = lowest.exp()
                mass.sub_(background)
            of_columns, of_rows = mass.sum(1), mass.sum(2)
            sums = [of_rows.sum(1), (of_columns * columns).sum(1), (of_rows * rows).sum(1)]
            if debias:
                rest = REST * alpha * background.flatten()
                sums = [of_all + rest * pixels * mean for of_all, mean in zip(sums, (1, columns.mean(), rows.mean()))]
            total, x, y = sums
            found.append(torch.stack([x / total, y / total, total, shift.flatten()], dim=1))
        found = torch.cat(found)
        ctx.save_for_backward(heatmaps, found)
        ctx.alpha, ctx.debias, ctx.readable = alpha, debias, readable
        return found[:, :2].reshape(*heatmaps.shape[:2], 2)

    @staticmethod
    def backward(ctx, slope: Tensor) -> tuple[Tensor, None, None, None]:
        heatmaps, found = ctx.saved_tensors
        if torch.is_grad_enabled():
            gradient, = torch.autograd.grad(ctx.readable(heatmaps), heatmaps, slope, create_graph=True)
            return gradient, None, None, None
        maps = heatmaps.flatten(0, 1)
        gradient = torch.empty_like(maps, memory_format=torch.contiguous_format)
        columns, rows, scratch = _constants(maps)
        position, total, shifts = found[:, :2], found[:, 2:3], found[:, 3]
        scale = ctx.alpha * slope.flatten(0, 1) / total
        of_columns = scale[:, :1] * (columns - position[:, :1])
        of_rows = scale[:, 1:] * (rows - position[:, 1:])
        for part, result, of_column, of_row, shift in _parts(
                maps, gradient, of_columns[:, None, :], of_rows[:, :, None], shifts[:, None, None]):
            factor = torch.add(of_column, of_row, out=scratch[:len(part)])
            if ctx.debias:  # what counts nothing has no slope
                threshold_backward.grad_input(factor, part.to(factor.dtype), 0, grad_input=factor)
            mass = result if result.dtype == factor.dtype else torch.empty_like(factor)
            torch.mul(_exp(part, ctx.alpha, shift, _lowest(mass), out=mass), factor, out=result)
        return gradient.view(heatmaps.shape), None, None, None


def _exp(maps: Tensor, alpha: float, shift: Tensor, lowest: float | Tensor, out: Tensor) -> Tensor:
    """exp(alpha * maps + shift), of which the largest is 1, with no exponent below the lowest."""
    return torch.add(shift, maps, alpha=alpha, out=out).clamp_(min=lowest).exp_()


def _lowest(values: Tensor) -> float:
    """The exponent of 1e-19 in float32: what becomes subnormal is slow to compute with."""
    return math.log(torch.finfo(values.dtype).tiny) / 2


def _constants(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Indices of columns and rows, and room for as many maps as are taken together."""
    dtype = torch.promote_types(maps.dtype, torch.float32)
    height, width = maps.shape[1:]
    columns, rows = (torch.arange(size, device=maps.device, dtype=dtype) for size in (width, height))
    return columns, rows, maps.new_empty(_at_once(maps), height, width, dtype=dtype)


def _at_once(maps: Tensor) -> int:
    """How many maps are taken together: all on a GPU, which would wait between the parts."""
    height, width = maps.shape[1:]
    return max(1, CHUNK // (height * width) if maps.device.type == 'cpu' else len(maps))


def _parts(maps: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The maps that are taken together, and what belongs to them."""
    return zip(*(tensor.split(_at_once(maps)) for tensor in (maps, *others)))
