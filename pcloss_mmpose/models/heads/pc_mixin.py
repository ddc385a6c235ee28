"""What turns a stock head into one with PCLoss."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

import numpy as np
import torch
from mmpose.registry import MODELS
from torch import Tensor

from ...errors import InputError
from ..eager import is_eager
from ..losses import PCLoss, StructuralLoss


class PCLossMixin:
    """Adds PCLoss to a stock head whose ``loss`` calls ``self.forward`` once: ``class PCX(PCLossMixin, X)``.

    No subclass may override ``forward``: what it returned would not be what PCLoss sees.

    The stock ``loss`` runs as it is. What its ``forward`` returned is kept until PCLoss has been computed from it and
    then let go, because ``predict`` of some heads changes that tensor in place. No parameter and no buffer is added,
    so a stock checkpoint fits, and ``predict`` is the stock one. A subclass says how its output becomes coordinates,
    and one with several outputs (stages) says which they are: PCLoss is summed over them. Where every sample of a batch
    has at most a third of the landmarks, as where each category has its own, a subclass may turn the output for these
    alone into coordinates, and no pair of others is formed. Beside ``loss_pc`` stands ``pc_share``, the part of the
    gradient that is PCLoss's (:func:`gradient_share`), which shows whether loss_weight is of a sensible size. A
    training sets ``logs_now``, so that this and the stock accuracy of heatmaps and of SimCC, which a step would wait
    for, are computed at the steps that are logged (:class:`~pcloss_mmpose.logged_steps.LoggedStepsHook`); the accuracy
    also without PCLoss.

    Another loss of the family may take PCLoss's place, as ``structural_loss``; the log then says ``loss_structural``
    and ``structural_share``.

    Args:
        pc_loss: Config of a :class:`~pcloss_mmpose.models.losses.PCLoss`. With None, or a loss_weight of 0, the head
            is the stock head, bit for bit.
        structural_loss: In its place, config of any :class:`~pcloss_mmpose.models.losses.StructuralLoss`.

    Raises:
        InputError: Both are given, one is another kind of loss, or the loss needs what the head does not have.
    """

    #: Whether to compute what is only logged.
    logs_now = True

    def __init__(self, *args, pc_loss: dict | None = None, structural_loss: dict | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if pc_loss is not None and structural_loss is not None:
            raise InputError(f'{type(self).__name__} takes pc_loss or structural_loss, not both: '
                             'set the other to None')
        config = pc_loss if structural_loss is None else structural_loss
        self.loss_name, self.share_name = (('loss_pc', 'pc_share') if structural_loss is None else
                                           ('loss_structural', 'structural_share'))
        self.pc_loss = None if config is None else self.build_loss(config)
        if pc_loss is not None and not isinstance(self.pc_loss, PCLoss):
            raise InputError(f'{type(self).__name__}: pc_loss takes a PCLoss, and {pc_loss["type"]} is another loss: '
                             'name it as structural_loss')
        if self.pc_loss is not None and self.pc_loss.loss_weight == 0:
            self.pc_loss = None
        self._keeps_output = False
        self._output = None
        self._left_out = 0

    def build_loss(self, config: Mapping) -> StructuralLoss:
        """A loss that fits this head, from its config.

        Raises:
            InputError: It is no loss on coordinates, or needs what the head does not have.
        """
        loss = MODELS.build(config)
        if not isinstance(loss, StructuralLoss):
            raise InputError(f'{type(self).__name__}: {config["type"]} is no loss on coordinates; these are '
                             f'{", ".join(sorted(kind.__name__ for kind in known_losses()))}')
        if loss.needs_covariance and loss.loss_weight and not self.has_covariance:
            raise InputError(f'{config["type"]} needs the distribution of each landmark, and {type(self).__name__} '
                             'gives coordinates alone; take a head of heatmaps or of SimCC')
        return loss

    def stages(self, output) -> Sequence:
        """The outputs, in what ``forward`` returned, that each give coordinates: one, unless a subclass says else."""
        return [output]

    def landmark_fractions(self, output) -> Tensor:
        """Coordinates (B, K, 2) from the output of one stage, as fractions of the input: x by width, y by height."""
        raise NotImplementedError

    def some_fractions(self, output, landmarks: Tensor) -> Tensor:
        """:meth:`landmark_fractions` of some landmarks (B, N), (B, N, 2); a subclass may leave out the others' work."""
        return picked(self.landmark_fractions(output), landmarks)

    #: Whether the head has :meth:`landmark_covariances`.
    has_covariance = False

    def landmark_covariances(self, output) -> Tensor:
        """Covariances (B, K, 2, 2) of the landmarks' distributions from the output of one stage, in the same unit."""
        raise NotImplementedError

    def forward(self, *args, **kwargs):
        output = super().forward(*args, **kwargs)
        if self._keeps_output:
            self._output = output
        return output

    def loss(self, feats, batch_data_samples, train_cfg: dict | None = None) -> dict:
        """The stock losses, ``loss_pc``, and in training ``pc_share`` where it is logged (or the other two names).

        Raises:
            RuntimeError: The stock ``loss`` does not call ``forward``.
            InputError: A sample carries no transformed keypoints.
        """
        if self.pc_loss is None:
            return super().loss(feats, batch_data_samples, self._stock_settings(train_cfg))
        stock, outputs = self.stock_losses(feats, batch_data_samples, train_cfg)
        added = self.loss_on(outputs, batch_data_samples, self.pc_loss)
        losses = dict(stock, **{self.loss_name: added})
        if self.logs_now and added.requires_grad:
            losses[self.share_name] = gradient_share(added, total_loss(stock), outputs)
        return losses

    def stock_losses(self, feats, batch_data_samples, train_cfg: dict | None = None) -> tuple[dict, Sequence]:
        """The stock losses, and the outputs of the stages that they were computed from.

        Raises:
            RuntimeError: The stock ``loss`` does not call ``forward``.
        """
        self._keeps_output = True
        try:
            losses = super().loss(feats, batch_data_samples, self._stock_settings(train_cfg))
            if self._output is None:
                raise RuntimeError(f'the loss of {type(self).__name__} does not call the forward of PCLossMixin, which '
                                   'keeps what PCLoss needs')
            return losses, self.stages(self._output)
        finally:
            self._keeps_output, self._output = False, None

    def _stock_settings(self, train_cfg: dict | None) -> dict:
        """``train_cfg`` for the stock loss, whose accuracy a step would wait for, where nobody sees it."""
        settings = {} if train_cfg is None else train_cfg
        return settings if self.logs_now else dict(settings, compute_acc=False)

    def loss_on(self, outputs: Sequence, batch_data_samples, loss: StructuralLoss) -> Tensor:
        """A loss on the coordinates of each stage's output, summed.

        Raises:
            InputError: A sample carries no transformed keypoints, or a landmark that is not annotated has a weight.
        """
        target, weights = target_fractions(batch_data_samples), landmark_weights(batch_data_samples)
        landmarks = annotated_landmarks(batch_data_samples) if loss.takes_landmarks and is_eager() else None
        if landmarks is None:
            inputs = [(self.landmark_fractions(output), {}) for output in outputs]
        else:
            target = picked(target, landmarks)
            landmarks = landmarks.to(weights.device, non_blocking=True)
            self._check_left_out(weights, landmarks)
            inputs = [(self.some_fractions(output, landmarks), dict(landmarks=landmarks)) for output in outputs]
        if loss.needs_covariance:
            inputs = [(pred, dict(others, covariance=self.landmark_covariances(output)))
                      for (pred, others), output in zip(inputs, outputs)]
        target = target.to(weights.device, non_blocking=True)
        return sum(loss(pred, target, weights, **others) for pred, others in inputs)

    def _check_left_out(self, weights: Tensor, landmarks: Tensor) -> None:
        """Raise InputError where another landmark than these has a weight.

        On a GPU this is known when a step is logged, which waits for the device anyway: for all steps since the last.
        """
        counts = weights > 0
        self._left_out = self._left_out + (counts.sum() - picked(counts, landmarks).sum())
        if self.logs_now or weights.device.type == 'cpu':
            left_out, self._left_out = int(self._left_out), 0
            if left_out:
                raise InputError(
                    f'{left_out} landmarks have a keypoint weight above 0 and keypoints_visible 0, which says that '
                    'they are not annotated: let the codec, or what else makes the weights, give them 0')


def known_losses(kind: type = StructuralLoss) -> Iterator[type]:
    """The losses that a head takes."""
    for each in kind.__subclasses__():
        yield each
        yield from known_losses(each)


def gradient_share(loss: Tensor, other: Tensor, outputs) -> Tensor:
    """How much of the gradient at the head's output one loss contributes: |g| / (|g| + |g of the other|).

    Args:
        loss, other: Scalars.
        outputs: Tensors, nested in tuples or lists or not, that the losses were computed from.

    Returns:
        Scalar from 0 to 1; 0 if neither loss has a gradient there, as in a batch without a valid landmark.
    """
    first, second = (gradient_norm(value, outputs) for value in (loss, other))
    return first / (first + second).clamp(min=torch.finfo(first.dtype).tiny)


def gradient_norm(loss: Tensor, outputs, scale: float = 2.**14) -> Tensor:
    """Length of the gradient of a loss at the head's output, float32.

    Args:
        loss: Scalar.
        outputs: Tensors, nested in tuples or lists or not, that it was computed from.
        scale: Factor under which the gradient is computed, so that a small one does not vanish in float16, and a large
            one stays finite.
    """
    gradients = torch.autograd.grad(
        loss, [tensor for tensor in _flat(outputs) if tensor.requires_grad],
        grad_outputs=torch.full_like(loss, scale), retain_graph=True, allow_unused=True)
    squares = sum((g.float().square().sum() for g in gradients if g is not None), loss.new_zeros((), dtype=torch.float))
    return squares.sqrt() / scale


def _flat(outputs) -> list[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else [tensor for output in outputs for tensor in _flat(output)]


def total_loss(losses: Mapping[str, Any]) -> Tensor:
    """What MMEngine makes of the losses of a head: the sum of the means."""
    parts = [[value] if isinstance(value, Tensor) else value for key, value in losses.items() if 'loss' in key]
    return sum(part.mean() for each in parts for part in each)


def target_fractions(batch_data_samples) -> Tensor:
    """True coordinates (B, K, 2) as fractions of the input, float32, on the CPU.

    Raises:
        InputError: A sample carries no transformed keypoints, or those of several instances.
    """
    fractions = []
    for sample in batch_data_samples:
        if 'transformed_keypoints' not in sample.gt_instances:
            raise InputError(
                f"PCLoss needs the keypoints in the crop, and the sample {sample.metainfo.get('img_path')} has none: "
                "set pack_transformed=True on PackPoseInputs in every training pipeline, "
                "`dict(type='PackPoseInputs', pack_transformed=True)`")
        keypoints = sample.gt_instances.transformed_keypoints
        if len(keypoints) != 1:
            raise InputError(f"PCLoss works top-down, on one instance a sample, and the sample "
                             f"{sample.metainfo.get('img_path')} has {len(keypoints)}")
        fractions.append(keypoints[0, :, :2] / np.asarray(sample.metainfo['input_size'], dtype=np.float64))
    return torch.from_numpy(np.stack(fractions).astype(np.float32))


def annotated_landmarks(batch_data_samples) -> Tensor | None:
    """The landmarks that are annotated in each sample, (B, N) int64, on the CPU, where nothing has to be waited for.

    They are those with ``keypoints_visible`` above 0, the only ones to which codecs give a weight. N is the largest
    number in a sample; the others are filled up with landmarks that are not annotated. None: N would be more than a
    third of all, where choosing costs as much as it saves, or the samples do not say.
    """
    if not all('keypoints_visible' in sample.gt_instances for sample in batch_data_samples):
        return None
    visible = [sample.gt_instances.keypoints_visible for sample in batch_data_samples]
    # Converters of landmarks, which not all data sets of a batch need, make a second column.
    missing = np.concatenate([each[..., 0] if each.ndim == 3 else each for each in visible]) <= 0
    most = missing.shape[1] - int(missing.sum(axis=1).min())
    if 3 * most > missing.shape[1]:
        return None
    return torch.from_numpy(np.argsort(missing, axis=1, kind='stable')[:, :max(most, 1)])


def picked(values: Tensor, landmarks: Tensor) -> Tensor:
    """What (B, K, ...) has of landmarks (B, N): (B, N, ...)."""
    return values[torch.arange(len(values), device=values.device)[:, None], landmarks]


def landmark_weights(batch_data_samples) -> Tensor:
    """Keypoint weights (B, K) as the codec made them; of the first level where it made several."""
    weights = [sample.gt_instance_labels.keypoint_weights for sample in batch_data_samples]
    return torch.cat([weight[0] if weight.ndim == 3 else weight for weight in weights])
