"""Heads that predict a distribution over bins for each axis (SimCC, RTMPose): coordinates by expectation."""

from __future__ import annotations

import torch
from mmpose.models.heads import RTMCCHead, RTMWHead, SimCCHead
from mmpose.registry import MODELS
from torch import Tensor

from ...errors import InputError
from ..integral import bin_variances, expected_bins
from .pc_mixin import PCLossMixin, picked


class PCSimCCMixin(PCLossMixin):
    """PCLoss on the expectation over each axis' distribution, at the temperature that the head's own loss gives it.

    That is the ``beta`` of its ``KLDiscretLoss`` (1 for SimCC's configs, 10 for RTMPose's): the distribution that the
    point loss compares with its target is the one whose mean PCLoss reads, so there is no alpha to choose. The two axes
    have a distribution each, so the covariance of a landmark has nothing beside its diagonal.

    Args:
        pc_loss: Config of a PCLoss.

    Raises:
        InputError: With pc_loss: the head's loss has no positive ``beta``.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        beta = getattr(self.loss_module, 'beta', None)
        if self.pc_loss is not None and not (isinstance(beta, (int, float)) and beta > 0):
            raise InputError(f'{type(self).__name__} with pc_loss takes the temperature of its distributions from the '
                             f'beta of its loss, a positive number in KLDiscretLoss; got {self.loss_module!r}')

    def landmark_fractions(self, output: tuple[Tensor, Tensor]) -> Tensor:
        return torch.stack([expected_bins(logits, self.loss_module.beta) / (self.simcc_split_ratio * size)
                            for logits, size in zip(output, self.input_size)], dim=-1)

    def some_fractions(self, output: tuple[Tensor, Tensor], landmarks: Tensor) -> Tensor:
        return self.landmark_fractions(tuple(picked(logits, landmarks) for logits in output))

    has_covariance = True

    def landmark_covariances(self, output: tuple[Tensor, Tensor]) -> Tensor:
        variances = [bin_variances(logits, self.loss_module.beta) / (self.simcc_split_ratio * size)**2
                     for logits, size in zip(output, self.input_size)]
        return torch.diag_embed(torch.stack(variances, dim=-1))


class OptionalAccuracy:
    """Lets a stock head of SimCC leave out its accuracy, as those of heatmaps do, by ``compute_acc=False``.

    It copies all distributions from the device, the targets too, to search them: half a gigabyte a step for 256 images
    and 294 landmarks.
    """

    def loss(self, feats, batch_data_samples, train_cfg: dict) -> dict:
        """The stock losses."""
        if train_cfg.get('compute_acc', True):
            return super().loss(feats, batch_data_samples, train_cfg)
        output = self.forward(feats)
        labels = [sample.gt_instance_labels for sample in batch_data_samples]
        x_labels, y_labels, weights = (torch.cat([each[name] for each in labels]) for name in (
            'keypoint_x_labels', 'keypoint_y_labels', 'keypoint_weights'))
        return dict(loss_kpt=self.loss_module(output, (x_labels, y_labels), weights))


@MODELS.register_module()
class PCSimCCHead(PCSimCCMixin, OptionalAccuracy, SimCCHead):
    """MMPose's SimCCHead with PCLoss; takes its arguments and ``pc_loss``."""


@MODELS.register_module()
class PCRTMCCHead(PCSimCCMixin, OptionalAccuracy, RTMCCHead):
    """MMPose's RTMCCHead (RTMPose) with PCLoss; takes its arguments and ``pc_loss``."""


@MODELS.register_module()
class PCRTMWHead(PCSimCCMixin, OptionalAccuracy, RTMWHead):
    """MMPose's RTMWHead (RTMW, whole-body) with PCLoss; takes its arguments and ``pc_loss``."""
