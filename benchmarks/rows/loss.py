"""PCLoss and its gradient beside a loss that forms all pairs, for 8 landmarks up to DeepFashion2's 294."""

from __future__ import annotations

from functools import partial
from typing import Iterator, Sequence

import torch
from torch import Tensor

from benchmarks.paired import Case
from pcloss_mmpose.models import position_constraint_loss
from pcloss_mmpose.models.heads.pc_mixin import picked

IMAGES, TOPK = 20, 8
#: Landmarks, and how many of them an image has: in DeepFashion2, those of one category, which follow each other.
LANDMARKS = ((8, 8), (24, 24), (133, 133), (294, 39))


def pairwise_loss(pred: Tensor, target: Tensor, weight: Tensor, groups: Sequence[Tensor], topk: int,
                  robust: bool) -> Tensor:
    """Eq. 5-10 as they are written: the errors of all pairs, (B, K, K, 2), for each group."""
    loss, counted = 0, 0
    for group in groups:
        there = weight[:, group] > 0
        vectors = [points[:, group, None] - points[:, None, group] for points in (pred, target)]
        error = vectors[0] - vectors[1]
        error = error.norm(dim=-1) if robust else error.square().sum(-1)
        per_landmark = torch.where(there[:, :, None] & there[:, None], error, 0.).sum(-1)
        k = min(topk, len(group))
        kept = there.sum(-1, keepdim=True).clamp(max=k)
        largest = per_landmark.masked_fill(~there, -1.).topk(k, dim=-1).values
        largest = torch.where(torch.arange(k, device=pred.device) < kept, largest, 0.)
        loss = loss + largest.sum(-1) / kept.squeeze(-1).clamp(min=1)
        counted = counted + (there.sum(-1) >= 2)
    return loss.sum() / (counted > 0).sum().clamp(min=1)


def with_gradient(loss, leaf: Tensor) -> tuple[Tensor, Tensor]:
    """The value of ``loss()``, and its gradient."""
    value = loss()
    return value.detach(), torch.autograd.grad(value, leaf)[0]


def assert_same(ours: tuple[Tensor, Tensor], peer: tuple[Tensor, Tensor], tolerance: float = 1e-4) -> None:
    """Equal values and gradients, the gradient taken as one vector."""
    (value, gradient), (expected, expected_gradient) = ours, peer
    torch.testing.assert_close(value, expected, rtol=tolerance, atol=0)
    assert expected_gradient.any()
    assert (gradient - expected_gradient).norm() < tolerance * expected_gradient.norm()


def points(num_landmarks: int, valid: int, images: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Predictions, targets, and weights of landmarks that follow each other."""
    generator = torch.Generator().manual_seed(0)
    pred, target = torch.rand(2, images, num_landmarks, 2, generator=generator)
    first = torch.randint(num_landmarks - valid + 1, (images, 1), generator=generator)
    index = torch.arange(num_landmarks)
    weight = ((index >= first) & (index < first + valid)).float()
    return pred.to(device).requires_grad_(), target.to(device), weight.to(device)


def cases(device: str, scale: int = 1) -> Iterator[Case]:
    images = scale * IMAGES

    def ours_of(pred: Tensor, target: Tensor, weight: Tensor, robust: bool):
        return partial(with_gradient, partial(position_constraint_loss, pred, target, weight, None, TOPK, robust), pred)

    for robust in (False, True):
        kind = 'lengths' if robust else 'squares'
        for num_landmarks, valid in LANDMARKS:
            tensors = points(num_landmarks, valid, images, device)
            everything = [torch.arange(num_landmarks, device=device)]
            pairs = partial(pairwise_loss, *tensors, everything, TOPK, robust)
            name = f'{kind}, {images} x {num_landmarks}'
            yield Case(f'{name}, {valid} valid' if valid < num_landmarks else name, ours_of(*tensors, robust),
                       partial(with_gradient, pairs, tensors[0]), assert_same, target=1.)
    # The landmarks of one category cost about as much by themselves as among those of all, if it is known which.
    pred, target, weight = points(294, 39, images, device)
    valid = weight.nonzero()[:, 1].view(images, 39)
    alone = picked(pred.detach(), valid).requires_grad_(), picked(target, valid), torch.ones_like(valid)

    def of_valid() -> Tensor:
        return position_constraint_loss(picked(pred, valid), picked(target, valid), weight, None, TOPK, True, valid)

    def assert_same_at_valid(ours: tuple[Tensor, Tensor], peer: tuple[Tensor, Tensor]) -> None:
        assert_same((ours[0], picked(ours[1], valid)), peer)

    yield Case(f'lengths, {images} x 294, 39 valid; peer: {images} x 39',
               partial(with_gradient, of_valid, pred), ours_of(*alone, True), assert_same_at_valid, target=2.)
