"""Ends a training whose loss is no number any more."""

from __future__ import annotations

import math
from typing import Any, Mapping, Sequence

import torch
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from ..checkpoints.finding import newest_checkpoint
from ..errors import DivergedTrainingError, InputError

SHOWN = 10  # images of a batch in a message


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stops a training after some steps in a row without a finite loss, and before such weights are saved.

    MMEngine would go on to the end, and choose the best checkpoint among weights that are NaN. Mixed precision skips a
    step now and then whose loss is infinite, so that one alone is no reason.

    Args:
        patience: Steps in a row.

    Raises:
        DivergedTrainingError: It has stopped; the message has the iteration, the images of the step with which it
            began, and the newest checkpoint whose weights are finite.
    """

    priority = 'VERY_LOW'  # behind the hook that puts losses into the message hub, as numbers

    def __init__(self, patience: int = 3) -> None:
        if not isinstance(patience, int) or patience < 1:
            raise InputError(f'patience must be a whole number from 1, got {patience!r}')
        self.patience = patience
        self.steps, self.beginning = 0, ''

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: Mapping | None = None) -> None:
        """Count the steps without a finite loss."""
        losses = {name[len('train/'):]: buffer.current() for name, buffer in runner.message_hub.log_scalars.items()
                  if name.startswith('train/') and 'loss' in name}
        wrong = {name: value for name, value in losses.items() if not math.isfinite(value)}
        if not wrong:
            self.steps = 0
            return
        if self.steps == 0:
            found = ', '.join(f'{name} {value:g}' for name, value in wrong.items())
            self.beginning = f'iteration {runner.iter + 1} on ({found}), with {images_of(data_batch)}'
        self.steps += 1
        if self.steps >= self.patience:
            self._stop(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Do not let weights that are no numbers take the place of a good checkpoint."""
        wrong = [name for name, value in checkpoint['state_dict'].items() if not torch.isfinite(value).all()]
        if wrong:
            self.beginning = self.beginning or f'iteration {runner.iter + 1} on at the latest ({wrong[0]} has no value)'
            self._stop(runner)

    def _stop(self, runner: Runner) -> None:
        raise DivergedTrainingError(
            f'the loss, or a weight, is not finite from {self.beginning}. {newest_finite(runner)}. '
            'Lower the learning rate or loss_weight, clip gradients (optim_wrapper.clip_grad), or look at these images '
            'with `pcloss check CONFIG --all`')


def images_of(data_batch: Any) -> str:
    """The images of a batch, in words."""
    samples: Sequence = data_batch.get('data_samples', ()) if isinstance(data_batch, Mapping) else ()
    paths = [str(sample.metainfo.get('img_path', '?')) for sample in samples]
    more = f' and {len(paths) - SHOWN} more' if len(paths) > SHOWN else ''
    return f'the images {", ".join(paths[:SHOWN])}{more}' if paths else 'images that are not known'


def newest_finite(runner: Runner) -> str:
    """The newest checkpoint of a training that can be gone on from, in words."""
    folder = next((hook.out_dir for hook in runner.hooks if isinstance(hook, CheckpointHook)), runner.work_dir)
    try:
        return f'The newest checkpoint with finite weights is {newest_checkpoint(runner.work_dir, folder)[0]}'
    except InputError:
        return f'No checkpoint in {folder} has finite weights'
