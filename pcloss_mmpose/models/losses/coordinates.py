"""Plain coordinates, no pairs: what PCLoss is compared with, to see whether it is the pairs that help.

L = mean over the samples of mean_i |e_i|^power, with the errors e_i = p_i - p*_i of a sample's valid landmarks. The
error is a vector: its length is taken, not the sum over both axes as in L1 regression, the baseline of Sun et al.,
Compositional Human Pose Regression, ICCV 2017, arXiv 1704.00159.
"""

from __future__ import annotations

from mmpose.registry import MODELS
from torch import Tensor

from .structural import StructuralLoss, check_power, masked_error, mean_of_samples, sizes


def coordinate_loss(pred: Tensor, target: Tensor, weight: Tensor | None = None, power: int = 1) -> Tensor:
    """Mean length of the landmarks' errors, or of its square.

    B: batch, K: landmarks.

    Args:
        pred: (B, K, 2) predicted x, y in any unit; the loss has that unit, or its square.
        target: (B, K, 2) true x, y in the same unit.
        weight: (B, K) or (B, K, 1); a landmark is valid where it is above 0. None: all are valid.
        power: 1 for lengths, 2 for squares.

    Returns:
        Scalar, float32 or better: the mean over the valid landmarks of a sample, averaged over the samples that have
        one. A batch without any gives a 0 that can be back-propagated.

    Raises:
        TypeError: ``pred`` is not a floating point tensor.
        ValueError: A shape does not fit.

    Example:
        >>> import torch
        >>> coordinate_loss(torch.tensor([[[3., 4.], [0., 1.]]]), torch.zeros(1, 2, 2))  # (5 + 1) / 2
        tensor(3.)
    """
    error, valid = masked_error(pred, target, weight)
    return mean_of_samples(sizes(error, power), valid)


@MODELS.register_module()
class CoordinateLoss(StructuralLoss):
    """Module of :func:`coordinate_loss`.

    Args:
        power: 1 for lengths, 2 for their squares.
        loss_weight: Factor of the value.

    Raises:
        InputError: An option is out of its range.
    """

    def __init__(self, power: int = 1, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)
        check_power(power)
        self.power = power

    def value(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """:func:`coordinate_loss` of (B, K, 2), (B, K, 2) and (B, K) or (B, K, 1)."""
        return coordinate_loss(pred, target, weight, self.power)

    def extra_repr(self) -> str:
        return f'power={self.power}, loss_weight={self.loss_weight}'
