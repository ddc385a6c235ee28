"""Whether the losses on coordinates fit the training data, to which some of them are fitted."""

from __future__ import annotations

from typing import Any, Mapping

import torch
from torch import nn

from ..configs import plain_values
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


def loss_difference(config: Mapping, meta: Mapping) -> str:
    """Which other loss a checkpoint's training added to the head's own, in words; empty where it is the same.

    Args:
        config: Of the training that resumes.
        meta: Of the checkpoint, whose ``cfg`` is the text of its config; one that is not plain is passed over.
    """
    try:
        old = _added(plain_values(meta['cfg']))
    except (KeyError, SyntaxError, TypeError, ValueError):
        return ''
    new = _added(config)
    return '' if old == new else f'it was {old}, and is {new}'


def _added(config: Mapping) -> dict | None:
    head = (config.get('model') or {}).get('head') or {}
    loss = head.get('structural_loss') or head.get('pc_loss')
    return loss.to_dict() if hasattr(loss, 'to_dict') else loss
