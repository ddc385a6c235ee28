"""Whether the losses on coordinates fit the training data, to which some of them are fitted."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..models.losses import StructuralLoss
from .landmarks import count_landmarks


def fit_losses(model: nn.Module, head: Any, dataset: Any) -> None:
    """Fit a model's losses to the training data, and try each on as many landmarks as the head gives.

    Args:
        model: It, or a head alone.
        head: That of the model. One whose number of landmarks is not known is passed over.
        dataset: The built training data.

    Raises:
        InputError: A loss does not fit the data or the head.
    """
    landmarks = count_landmarks(head)
    for loss in model.modules():
        if isinstance(loss, StructuralLoss):
            loss.fit(dataset)
            if landmarks is not None:
                points = torch.zeros(1, landmarks, 2)
                spread = torch.eye(2).expand(1, landmarks, 2, 2)
                loss(points, points, **(dict(covariance=spread) if loss.needs_covariance else {}))
