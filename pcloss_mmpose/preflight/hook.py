"""Ends a training or a test that cannot work before it has begun, and says what it does not take from a checkpoint."""

from __future__ import annotations

import contextlib
import logging
from typing import Any, Callable, Iterator, Mapping, Sequence

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import HOOKS

from ..checkpoints.fit import check_fit, landmark_difference
from ..metainfo import landmark_names
from .finite_loss import FiniteLossHook
from .landmarks import check_landmarks
from .loop import check_loop
from .rehearsal import rehearse

#: Where a scheduler stands, which a resumed training is to take over.
PROGRESS = {'last_step', '_global_step', '_last_value', 'verbose'}


@HOOKS.register_module()
class TrainingCheckHook(Hook):
    """Compares model, data and evaluation at the start of a training, which would fail after hours otherwise.

    The head gives as many landmarks as the training data have, the validation set can be measured
    (:func:`~pcloss_mmpose.preflight.rehearse`), and the figure that the best checkpoint is chosen by is among those
    measured; the loop has a length. What cannot be known is passed over.

    A checkpoint must fit the model (:func:`~pcloss_mmpose.checkpoints.fit.check_fit`), in a test too. A training that
    begins with ``load_from`` may name layers that are to be trained from their beginning: the config's ``may_differ``
    lists them as the model's weights are called, such as ``['head.final_layer']`` for another number of landmarks.

    A resumed training follows the schedules of its checkpoint, whatever the config says now
    (https://github.com/open-mmlab/mmengine/issues/1565); where they differ, the log says so.

    Raises:
        InputError: Something does not fit.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Check everything, in every process alike."""
        check_loop(runner.train_loop)
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        check_landmarks(getattr(model, 'head', None), runner.train_dataloader.dataset)
        loop = runner.val_loop
        if loop is not None and is_measurable(loop.dataloader.dataset):
            rehearse(loop.evaluator.metrics, loop.dataloader.dataset, monitored_figures(runner.hooks))

    def after_load_checkpoint(self, runner: Runner, checkpoint: Mapping) -> None:
        """Compare the checkpoint with the model, and its schedules with the config's where it is resumed."""
        check_checkpoint(runner, checkpoint)
        if not runner._resume or not isinstance(runner.param_schedulers, list):
            return
        lines = list(schedule_differences(runner.param_schedulers, checkpoint.get('param_schedulers', ())))
        if lines:
            print_log(
                f"The schedule of the checkpoint goes on, the config's is not taken: {'; '.join(lines)}. For another "
                'schedule, train anew with load_from=CHECKPOINT instead of --resume.',
                logger='current', level=logging.WARNING)


#: What a training and a test must have.
HOOKS_OF = dict(train=(TrainingCheckHook, FiniteLossHook), test=(TrainingCheckHook, ))


@contextlib.contextmanager
def checked_training() -> Iterator[None]:
    """Every training and test has the hooks of this package, whether its config names them or not."""
    stock = {name: getattr(Runner, name) for name in HOOKS_OF}

    def checked(name: str) -> Callable:
        def run_checked(runner: Runner):
            for kind in HOOKS_OF[name]:
                if not any(isinstance(hook, kind) for hook in runner.hooks):
                    runner.register_hook(kind())
            return stock[name](runner)

        return run_checked

    for name in stock:
        setattr(Runner, name, checked(name))
    try:
        yield
    finally:
        for name, run in stock.items():
            setattr(Runner, name, run)


def check_checkpoint(runner: Runner, checkpoint: Mapping) -> None:
    """Refuse a checkpoint that does not fit a runner's model; say what of the model it does not fill.

    Raises:
        InputError: It does not fit, but for what the config's ``may_differ`` names for a training that begins with it.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    loops = [loop for loop in (runner._train_loop, runner._test_loop, runner._val_loop) if isinstance(loop, BaseLoop)]
    begins = bool(loops) and loops[0] is runner._train_loop and not runner._resume
    names = runner.cfg.get('may_differ') or []
    may_differ = ([names] if isinstance(names, str) else list(names)) if begins else None
    landmarks = data_landmarks(loops[0].dataloader.dataset) if loops else None
    name = runner._load_from or 'the checkpoint to resume'
    found = check_fit(model, checkpoint, name, landmarks, may_differ)
    left = [*(f'{weight} ({shapes})' for weight, shapes in found.reshaped.items()), *found.missing]
    if left:
        print_log(f"{name} fills the model but for these, which begin with the config's initial values, as may_differ "
                  f'allows: {", ".join(left)}', logger='current', level=logging.WARNING)
    for other in landmark_difference(checkpoint, landmarks) if begins else ():
        print_log(f'{name}: {other}', logger='current', level=logging.WARNING)


def data_landmarks(dataset: Any) -> list[str] | None:
    """Names of the landmarks of a data set; None where there are none, or its pipeline converts them."""
    if converts(dataset) or 'keypoint_id2name' not in (getattr(dataset, 'metainfo', None) or {}):
        return None
    return landmark_names(dataset.metainfo)


def is_measurable(dataset: Any) -> bool:
    """Whether a data set has rows like those that its metrics are given."""
    return (isinstance(dataset, BaseCocoStyleDataset) and dataset.data_mode == 'topdown' and len(dataset) > 0
            and not converts(dataset))


def converts(dataset: Any) -> bool:
    """Whether a data set's pipeline makes other landmarks of its own."""
    steps = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    return any(type(step).__name__ == 'KeypointConverter' for step in steps)


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
