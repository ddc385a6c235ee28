"""Ends a training that cannot work before it has begun, and says what a resumed one does not take over."""

from __future__ import annotations

import contextlib
import logging
from typing import Any, Iterator, Mapping, Sequence

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import HOOKS

from .finite_loss import FiniteLossHook
from .landmarks import check_landmarks
from .rehearsal import rehearse

#: Where a scheduler stands, which a resumed training is to take over.
PROGRESS = {'last_step', '_global_step', '_last_value', 'verbose'}


@HOOKS.register_module()
class TrainingCheckHook(Hook):
    """Compares model, data and evaluation at the start of a training, which would fail after hours otherwise.

    The head gives as many landmarks as the training data have, the validation set can be measured
    (:func:`~pcloss_mmpose.preflight.rehearse`), and the figure that the best checkpoint is chosen by is among those
    measured. What cannot be known is passed over.

    A resumed training follows the schedules of its checkpoint, whatever the config says now
    (https://github.com/open-mmlab/mmengine/issues/1565); where they differ, the log says so.

    Raises:
        InputError: Something does not fit.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Check everything, in every process alike."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        check_landmarks(getattr(model, 'head', None), runner.train_dataloader.dataset)
        loop = runner.val_loop
        if loop is not None and is_measurable(loop.dataloader.dataset):
            rehearse(loop.evaluator.metrics, loop.dataloader.dataset, monitored_figures(runner.hooks))

    def after_load_checkpoint(self, runner: Runner, checkpoint: Mapping) -> None:
        """Compare the schedules of the checkpoint with the config's."""
        if not runner._resume or not isinstance(runner.param_schedulers, list):
            return
        lines = list(schedule_differences(runner.param_schedulers, checkpoint.get('param_schedulers', ())))
        if lines:
            print_log(
                f"The schedule of the checkpoint goes on, the config's is not taken: {'; '.join(lines)}. For another "
                'schedule, train anew with load_from=CHECKPOINT instead of --resume.',
                logger='current', level=logging.WARNING)


@contextlib.contextmanager
def checked_training() -> Iterator[None]:
    """Every training has the hooks of this package, whether its config names them or not."""
    train = Runner.train

    def train_checked(runner: Runner):
        for kind in (TrainingCheckHook, FiniteLossHook):
            if not any(isinstance(hook, kind) for hook in runner.hooks):
                runner.register_hook(kind())
        return train(runner)

    Runner.train = train_checked
    try:
        yield
    finally:
        Runner.train = train


def is_measurable(dataset: Any) -> bool:
    """Whether a data set has rows like those that its metrics are given."""
    steps = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    return (isinstance(dataset, BaseCocoStyleDataset) and dataset.data_mode == 'topdown' and len(dataset) > 0
            and not any(type(step).__name__ == 'KeypointConverter' for step in steps))


def monitored_figures(hooks: Sequence[Hook]) -> Iterator[str]:
    """Names of the figures that hooks wait for."""
    for hook in hooks:
        names = getattr(hook, 'save_best', None) or getattr(hook, 'monitor', None) or ()
        yield from (name for name in ([names] if isinstance(names, str) else names) if name != 'auto')


def schedule_differences(schedulers: Sequence, loaded: Sequence[Mapping]) -> Iterator[str]:
    """What differs between the schedulers of a config and the states of those in a checkpoint, in words."""
    if len(schedulers) != len(loaded):
        yield f'it has {len(loaded)} parts, and the config {len(schedulers)}'
    for scheduler, state in zip(schedulers, loaded):
        own = scheduler.state_dict()
        for key in sorted(own.keys() & state.keys() - PROGRESS):
            if own[key] != state[key]:
                yield f'{type(scheduler).__name__} has {key} {state[key]}, and in the config {own[key]}'
