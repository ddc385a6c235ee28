"""PCLoss and its gradient in one go: what ``readable_loss`` of position_constraint.py does, with fewer operators.

Autograd would keep and walk through every step of the loss. The gradient has a short form of its own instead, and is
computed beside the value: forward and backward together take 0.5 to 0.8 of the readable form's time for 8 to 24
landmarks on the CPU, where lengths gather the valid landmarks before pairs are formed: for 39 of 294, most of the work.
"""

from __future__ import annotations

from typing import Callable

import torch
from torch import Tensor
from torch.autograd import Function


class FastLoss(Function):
    """Scalar: ``apply(pred, target, valid, size, topk, robust, readable)``, pred, target (B, K, 2), valid (B, G, K).

    ``size`` is that of the largest group. ``readable`` computes the same from pred and target, for whoever
    differentiates the gradient.
    """

    @staticmethod
    def forward(ctx, pred: Tensor, target: Tensor, valid: Tensor, size: int, topk: int | None, robust: bool,
                readable: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        dtype = torch.promote_types(pred.dtype, torch.float32)
        # where, not a product: 0 * NaN would let a masked landmark in.
        error = torch.where(valid[..., None], (pred.to(dtype) - target.to(dtype))[:, None], 0.)
        if (robust or topk is not None and topk < size) and error.device.type == 'cpu' and len(error):
            size = max(1, int(valid.sum(-1).max()))  # a GPU would have to wait for it
        loss, slope = value_and_slope(error, valid, size, topk, robust)
        ctx.save_for_backward(pred, target, slope)
        ctx.readable = readable
        return loss

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor | None, ...]:
        pred, target, slope = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:2]
        if torch.is_grad_enabled():
            inputs = [tensor for tensor, needed in zip((pred, target), wanted) if needed]
            slopes = iter(torch.autograd.grad(ctx.readable(pred, target), inputs, upstream, create_graph=True))
            gradients = [next(slopes) if needed else None for needed in wanted]
        else:
            slope = upstream * slope
            gradients = [slope.to(pred.dtype) if wanted[0] else None, -slope.to(target.dtype) if wanted[1] else None]
        return (*gradients, None, None, None, None, None)


def value_and_slope(error: Tensor, valid: Tensor, size: int, topk: int | None, robust: bool) -> tuple[Tensor, Tensor]:
    """The loss, and its gradient (B, K, 2) with respect to the errors.

    B: batch, G: groups, K: landmarks.

    Args:
        error: (B, G, K, 2), 0 where a landmark is not valid.
        valid: (B, G, K), which landmarks of each group count.
        size: No group has more valid landmarks in any sample.
        topk, robust: As in :func:`~pcloss_mmpose.models.losses.position_constraint_loss`.
    """
    num_landmarks = valid.shape[-1]
    count = valid.sum(-1, keepdim=True, dtype=error.dtype)
    if topk is not None and topk >= size:
        topk = None  # all are kept
    kept = count.clamp(min=1, max=topk)
    counted = (count.amax(1) >= 2).sum(dtype=error.dtype).clamp(min=1)
    weight = 1 / (kept * counted)  # of each landmark that is kept, in the mean over its group and over the samples
    if not robust:
        loss, slope = _squares(error, valid, count, weight, topk)
    elif 2 * size > num_landmarks:
        loss, slope = _lengths(error, valid, weight, topk)
    else:
        first = valid.byte().topk(size, -1).indices
        both = first[..., None].expand(-1, -1, -1, 2)
        loss, of_first = _lengths(error.gather(2, both), valid.gather(2, first), weight, topk)
        slope = torch.zeros_like(error).scatter_(2, both, of_first)
    return loss, slope.sum(1) if slope.shape[1] > 1 else slope.squeeze(1)


def _squares(error: Tensor, valid: Tensor, count: Tensor, weight: Tensor, topk: int | None) -> tuple[Tensor, Tensor]:
    """L_i = n |d_i|^2 + sum_j |d_j|^2, where d is the error less the mean of the n errors of the group."""
    some, mask = count.clamp(min=1)[..., None], valid[..., None]
    deviation = torch.where(mask, error - error.sum(2, keepdim=True) / some, 0.)
    square = deviation.square().sum(-1)
    if topk is None:  # n of each term, over n
        each = 2 * count * weight
        return (each * square).sum(), 2 * each[..., None] * deviation
    each = _of_worst(square, weight, topk).mul_(count).add_(count.clamp(max=topk) * weight)
    slope = 2 * each[..., None] * deviation
    return (each * square).sum(), torch.where(mask, slope - slope.sum(2, keepdim=True) / some, 0.)


def _lengths(error: Tensor, valid: Tensor, weight: Tensor, topk: int | None) -> tuple[Tensor, Tensor]:
    """L_i = sum_j |e_i - e_j|, whose slope is the sum of the unit vectors from e_j to e_i."""
    x, y = (axis[..., :, None] - axis[..., None, :] for axis in error.unbind(-1))
    there = valid.to(error.dtype)
    length = torch.mul(x, x).addcmul_(y, y).sqrt_().mul_(there[..., None, :])
    per_landmark = length.sum(-1).mul_(there)
    each = weight * there if topk is None else _of_worst(per_landmark, weight, topk).mul_(there)
    # Each pair is in the sums of both its landmarks. Without a length it has no direction: 0 over almost 0.
    pull = torch.addcmul(each[..., None, :], each[..., :, None], there[..., None, :])
    pull.div_(length.clamp_(min=torch.finfo(length.dtype).tiny**0.5))
    slope = torch.stack([x.mul_(pull).sum(-1), y.mul_(pull).sum(-1)], dim=-1)
    return (each * per_landmark).sum(), torch.where(valid[..., None], slope, 0.)


def _of_worst(per_landmark: Tensor, weight: Tensor, topk: int) -> Tensor:
    """The weight at the k largest of (B, G, K), and 0 at the others.

    Where fewer are valid, masked landmarks get it as well. They have 0, and so does a valid one whose place they take.
    """
    worst = per_landmark.topk(topk, dim=-1).indices
    return torch.zeros_like(per_landmark).scatter_(-1, worst, weight.expand_as(worst))
