"""What all losses on coordinates have in common that a head may add to its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...errors import InputError


class StructuralLoss(nn.Module):
    """A loss on the coordinates of a head, beside the head's own: ``loss(pred, target, weight)``.

    B: batch, K: landmarks. A subclass writes :meth:`value`, and :meth:`fit` where it needs to know the training data.
    No loss has a parameter or a buffer, so that checkpoints stay the stock model's.

    Args:
        loss_weight: Factor of the value. What it means depends on the unit of the coordinates, the resolution and the
            head: ``pcloss calibrate`` finds the one for a wanted share of the gradient.

    Raises:
        InputError: ``loss_weight`` is not a finite number from 0.
    """

    #: Whether :meth:`value` takes ``covariance``, (B, K, 2, 2), that of the distribution of each landmark.
    needs_covariance = False

    #: Whether :meth:`value` takes ``landmarks``, (B, N) int64: which of the K landmarks of ``weight`` the N of ``pred``
    #: and ``target`` are. A head then hands over those that may count, where they are few. Not with a covariance.
    takes_landmarks = False

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        check_weight(loss_weight)
        self.loss_weight = loss_weight

    def fit(self, dataset: Any) -> None:
        """Look at the training data before a training begins.

        Args:
            dataset: The built data set, with ``metainfo`` and ``get_data_info``.

        Raises:
            InputError: The loss does not fit the data.
        """

    def value(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Scalar; a landmark counts where its weight is above 0, and a batch without any gives 0.

        Args:
            pred, target: (B, K, 2) x, y as fractions of the input.
            weight: (B, K) or (B, K, 1). None: all count.
        """
        raise NotImplementedError

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None, **others: Tensor) -> Tensor:
        """``loss_weight`` times :meth:`value`."""
        return self.loss_weight * self.value(pred, target, weight, **others)

    def not_fitted(self, unknown: str) -> InputError:
        """The error where :meth:`value` is called before :meth:`fit`, by what the loss does not know."""
        return InputError(f'{type(self).__name__} knows no {unknown} yet: call fit(dataset) with the training data, as '
                          "`pcloss train` does, and MMPose's own train.py where the config has "
                          "`custom_hooks = [dict(type='TrainingCheckHook')]`")

    def constant(self, name: str, device: torch.device) -> Tensor:
        """The tensor of that name, which stays on the device that it was last asked for on."""
        tensor = getattr(self, name)
        if tensor.device != device:
            tensor = tensor.to(device, non_blocking=True)
            setattr(self, name, tensor)
        return tensor

    def check_number(self, known: int, pred: Tensor) -> None:
        """Raise InputError unless ``pred`` (B, K, 2) has the landmarks that the loss knows."""
        if pred.ndim == 3 and pred.shape[1] != known:
            raise InputError(f'{type(self).__name__} is made for {known} landmarks, and the head gives '
                             f'{pred.shape[1]}: set its metainfo to that of the data')

    def extra_repr(self) -> str:
        return f'loss_weight={self.loss_weight}'


def check_weight(weight: float, name: str = 'loss_weight') -> None:
    """Raise InputError unless it is a finite number from 0."""
    is_number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
    if not is_number or not 0 <= weight < float('inf'):
        raise InputError(f'{name} must be a finite number from 0, got {weight!r}')


def masked_error(pred: Tensor, target: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    """The errors (B, K, 2), float32 or better and 0 where a landmark does not count, and which do (B, K).

    Raises:
        TypeError: ``pred`` is not a floating point tensor.
        ValueError: A shape does not fit.
    """
    check_shapes(pred, target, weight)
    valid = pred.new_ones(pred.shape[:2], dtype=torch.bool) if weight is None else weight.reshape(pred.shape[:2]) > 0
    dtype = torch.promote_types(pred.dtype, torch.float32)
    # where, not a product: 0 * NaN would let a masked landmark in.
    return torch.where(valid[..., None], pred.to(dtype) - target.to(dtype), 0.), valid


def check_shapes(pred: Tensor, target: Tensor, weight: Tensor | None) -> None:
    """Raise TypeError or ValueError unless they are (B, K, 2), the same, and (B, K) or (B, K, 1)."""
    if not pred.is_floating_point():
        raise TypeError(f'pred must be a floating point tensor, got {pred.dtype}')
    if pred.ndim != 3 or pred.shape[-1] != 2 or pred.shape[1] == 0:
        raise ValueError(f'pred must have shape (B, K, 2), got {tuple(pred.shape)}')
    if target.shape != pred.shape:
        raise ValueError(f'target must have the shape of pred, {tuple(pred.shape)}, got {tuple(target.shape)}')
    if weight is not None and tuple(weight.shape) not in (pred.shape[:2], (*pred.shape[:2], 1)):
        raise ValueError(f'weight must have shape {tuple(pred.shape[:2])} or {(*pred.shape[:2], 1)}, '
                         f'got {tuple(weight.shape)}')


def check_power(power: int) -> None:
    """Raise InputError unless it is 1 or 2."""
    if isinstance(power, bool) or power not in (1, 2):
        raise InputError(f'power must be 1 (lengths) or 2 (their squares), got {power!r}')


def sizes(vectors: Tensor, power: int) -> Tensor:
    """|v| or |v|^2 of vectors (..., 2); the gradient of a length of 0 is 0."""
    square = vectors.square().sum(-1)
    if power == 2:
        return square
    apart = square != 0  # the root has no gradient at 0, so that zeros go around it; NaN does not
    return torch.where(apart, torch.where(apart, square, 1.).sqrt(), 0.)


def mean_of_samples(value: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of each sample of (B, N), averaged over the samples with a weight; 0 where there is none."""
    weight = weight.to(value.dtype)
    total = weight.sum(-1)
    counts = total > 0
    per_sample = (weight * value).sum(-1) / torch.where(counts, total, 1.)
    return per_sample.sum() / counts.sum().clamp(min=1)
