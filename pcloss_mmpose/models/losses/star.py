"""STAR loss: Zhou et al., "STAR Loss: Reducing Semantic Ambiguity in Facial Landmark Detection", CVPR 2023.

https://arxiv.org/abs/2306.02763. A landmark on an edge, such as a hem or a contour, has a clear place across the edge
and none along it, where annotators differ. The predicted distribution shows it: it is long along the edge. STAR takes
the error apart along the principal directions v1, v2 of the distribution's covariance and divides each part by the
root of its eigenvalue, so that an error along the edge costs less than one across it:

    L_STAR = d(v1 . e) / sqrt(l1 + eps) + d(v2 . e) / sqrt(l2 + eps) + w (l1 + l2),    e = prediction - target

d is the smooth L1 distance with its corner at 0.01 and eps is 1e-5. The last term is the paper's value restriction
(w = 1), without which the loss would fall by letting every distribution grow. The unit is theirs, half the side of the
input, in which these constants are meant; errors and covariances are brought to it here.

What differs from the authors' code (https://github.com/ZhenglinZhou/STAR, STARLoss_v2):

- The gradient reaches the eigenvalues, as there, and not the directions. Theirs runs through torch.linalg.eigh, whose
  gradient is unbounded where the eigenvalues are equal, as they are for a round heatmap.
- The covariance is the plain second moment. Theirs is divided by 1 - sum(p^2), which is 0 for a map with one pixel.
- A landmark without an annotation does not count.
"""

from __future__ import annotations

import torch
from mmpose.registry import MODELS
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from .structural import StructuralLoss, check_weight, masked_error

CORNER = 0.01  # of the smooth L1 distance, in half sides of the input
EPSILON = 1e-5  # added to the eigenvalues
UNITS = 2  # half sides in a side


def star_loss(pred: Tensor,
              target: Tensor,
              weight: Tensor | None = None,
              *,
              covariance: Tensor,
              restriction: float = 1.0) -> Tensor:
    """STAR loss, averaged over the landmarks that count.

    B: batch, K: landmarks.

    Args:
        pred, target: (B, K, 2) x, y as fractions of the input.
        weight: (B, K) or (B, K, 1); a landmark counts where it is above 0. None: all count. What stands at another,
            NaN included, has no influence.
        covariance: (B, K, 2, 2) of the predicted distribution of each landmark, in squared fractions.
        restriction: w, the factor of the sum of the eigenvalues.

    Returns:
        Scalar, float32 or better; a batch without a landmark that counts gives a 0 that can be back-propagated.

    Raises:
        TypeError: ``pred`` is not a floating point tensor.
        ValueError: A shape does not fit.

    Example:
        >>> pred, covariance = torch.tensor([[[0.1, 0.]]]), torch.diag(torch.tensor([0.04, 0.01]))[None, None]
        >>> star_loss(pred, torch.zeros(1, 1, 2), covariance=covariance)  # (0.2 - 0.005) / 0.4 + 4 * (0.04 + 0.01)
        tensor(0.6875)
    """
    error, valid = masked_error(pred, target, weight)
    if covariance.shape != (*pred.shape, 2):
        raise ValueError(f'covariance must have shape {(*pred.shape, 2)}, got {tuple(covariance.shape)}')
    covariance = UNITS**2 * torch.where(valid[..., None, None], covariance.to(error.dtype), 0.)
    directions = principal_directions(covariance.detach())
    # With the directions held, v C v is the eigenvalue and its gradient is the eigenvalue's.
    eigenvalues = (directions * (covariance[..., None, :, :] * directions[..., None, :]).sum(-1)).sum(-1)
    along = UNITS * (directions * error[..., None, :]).sum(-1)
    distance = smooth_l1_loss(along, torch.zeros_like(along), reduction='none', beta=CORNER)
    # Rounding may leave an eigenvalue of 0 below it.
    per_landmark = (distance / (eigenvalues.clamp(min=0) + EPSILON).sqrt() + restriction * eigenvalues).sum(-1)
    return per_landmark.sum() / valid.sum().clamp(min=1)


def principal_directions(covariance: Tensor) -> Tensor:
    """Unit eigenvectors (..., 2, 2) of symmetric matrices (..., 2, 2), one a row, that of the larger eigenvalue first.

    In closed form: the larger one lies at half the angle of (xx - yy, 2 xy). For equal eigenvalues, x and y.
    """
    angle = torch.atan2(2 * covariance[..., 0, 1], covariance[..., 0, 0] - covariance[..., 1, 1]) / 2
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos, sin, -sin, cos], dim=-1).unflatten(-1, (2, 2))


@MODELS.register_module()
class STARLoss(StructuralLoss):
    """Module of :func:`star_loss`, for heads that predict a distribution of each landmark.

    With SimCC's, which are one for each axis, the directions are the axes.

    Args:
        restriction: w of the sum of the eigenvalues, which keeps the distributions from growing (the paper: 1).
        loss_weight: Factor of the whole.

    Raises:
        InputError: An option is not a finite number from 0.
    """

    needs_covariance = True

    def __init__(self, restriction: float = 1.0, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)
        check_weight(restriction, 'restriction')
        self.restriction = restriction

    def value(self, pred: Tensor, target: Tensor, weight: Tensor | None = None, *, covariance: Tensor) -> Tensor:
        """:func:`star_loss` of (B, K, 2), (B, K, 2), (B, K) or (B, K, 1), and (B, K, 2, 2)."""
        return star_loss(pred, target, weight, covariance=covariance, restriction=self.restriction)

    def extra_repr(self) -> str:
        return f'restriction={self.restriction}, {super().extra_repr()}'
