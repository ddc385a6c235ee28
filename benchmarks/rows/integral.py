"""The integral with PCLoss and the gradient, as the paper's model has them, beside the textbook form.

That is softmax over the whole map, two products with coordinates, sums, and all pairs of landmarks. It is the peer of
``debias`` and ``window`` as well, which remove its bias: they are compared with a readable form of the same.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Iterator

import torch
from torch import Tensor

from benchmarks.paired import Case
from benchmarks.rows.loss import assert_same, pairwise_loss, with_gradient
from pcloss_mmpose.models import PCLoss, integral_coordinates
from pcloss_mmpose.models.integral import readable_integral

IMAGES, LANDMARKS, SIDE, SIGMA = 20, 24, 128, 4
ALPHA, TOPK, WINDOW = 10., 8, 8

#: Options of the integral, and our time as a part of the peer's that is promised with squares.
KINDS = {
    'plain': ({}, 0.35),
    'debias': (dict(debias=True), 0.6),
    f'window {WINDOW}': (dict(window=WINDOW), 0.6),
    f'debias, window {WINDOW}': (dict(debias=True, window=WINDOW), 0.6),
}


def textbook_integral(heatmaps: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    mass = (ALPHA * heatmaps).flatten(2).softmax(-1).view_as(heatmaps)
    return torch.stack([(mass * columns).sum((2, 3)), (mass * rows).sum((2, 3))], dim=-1)


def readable_form(heatmaps: Tensor, debias: bool = False, window: int | None = None) -> Tensor:
    """The coordinates with the options, by a mask over the whole map."""
    if window is None:
        return readable_integral(heatmaps, ALPHA, debias)
    height, width = heatmaps.shape[-2:]
    peak = heatmaps.flatten(2).argmax(-1)[..., None, None]
    row, column = torch.meshgrid(*(torch.arange(size, device=peak.device) for size in (height, width)), indexing='ij')
    near = ((row - peak // width).abs() <= window) & ((column - peak % width).abs() <= window)
    scaled = ALPHA * heatmaps
    mass = (scaled - scaled.amax((2, 3), keepdim=True)).exp()
    if debias:
        background = (-scaled.amax((2, 3), keepdim=True)).exp()
        mass = (mass - background).clamp(min=0) + 1e-4 * ALPHA * background
    mass = mass * near / (mass * near).sum((2, 3), keepdim=True)
    return torch.stack([(mass * column).sum((2, 3)), (mass * row).sum((2, 3))], dim=-1)


def garments(images: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Heatmaps of a model that has learned something, the true coordinates, and weights of 13 valid landmarks."""
    generator = torch.Generator().manual_seed(0)
    target = SIDE * torch.rand(images, LANDMARKS, 2, generator=generator)
    found = target + torch.randn(target.shape, generator=generator)
    axes = (-(torch.arange(SIDE) - found[..., None])**2 / (2 * SIGMA**2)).exp()
    heatmaps = 0.6 * axes[:, :, 1, :, None] * axes[:, :, 0, None, :]
    heatmaps += 0.02 * torch.randn(heatmaps.shape, generator=generator)
    weight = (torch.arange(LANDMARKS) < 13).float().expand(images, -1)
    return heatmaps.to(device).requires_grad_(), (target / SIDE).to(device), weight.to(device)


def cases(device: str, scale: int = 1) -> Iterator[Case]:
    images = scale * IMAGES
    heatmaps, target, weight = garments(images, device)
    rows, columns = torch.meshgrid(*[torch.arange(float(SIDE), device=device)] * 2, indexing='ij')
    gradient = torch.empty_like(heatmaps, requires_grad=False)

    def floor() -> None:
        with torch.no_grad():
            heatmaps.sum()
            torch.neg(heatmaps, out=gradient)

    for kind, (options, promised) in KINDS.items():
        for robust in (False, True):
            loss = PCLoss(topk=TOPK, partition='left_right', metainfo='FashionAIDataset', robust=robust)
            groups = [torch.tensor(group, device=device) for group in loss.groups]

            def run(integral: Callable[[Tensor], Tensor], pairs: bool, loss=loss, groups=groups):
                def value() -> Tensor:
                    points = integral(heatmaps) / SIDE
                    if pairs:
                        return pairwise_loss(points, target, weight, groups, TOPK, loss.robust)
                    return loss(points, target, weight)
                return with_gradient(value, heatmaps)

            readable = partial(run, partial(readable_form, **options), True)
            yield Case(
                f'{kind}, {"lengths" if robust else "squares"}' + f', {images} images' * (scale > 1),
                partial(run, partial(integral_coordinates, alpha=ALPHA, **options), False),
                partial(run, partial(textbook_integral, columns=columns, rows=rows), True),
                # Rounding lets the readable form give a slope to some pixels just below 0, which count nothing.
                (lambda ours, _, readable=readable: assert_same(ours, readable(), 1e-3)) if options else assert_same,
                target=0.6 if robust else promised, memory=0.5, floor=floor)
