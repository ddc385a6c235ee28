"""Ends a training or a test that cannot work before it has begun, and says what it does not take from a checkpoint."""

from __future__ import annotations

import contextlib
import logging
from typing import Callable, Iterator, Mapping

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from .checkpoint import check_checkpoint
from .finite_loss import FiniteLossHook
from .landmarks import check_landmarks
from .loop import check_loop
from .losses import fit_losses, loss_difference
from .pipelines import check_pixels, check_targets
from .rehearsal import is_measurable, monitored_figures, rehearse
from .schedule import schedule_differences


@HOOKS.register_module()
class TrainingCheckHook(Hook):
    """Compares model, data and evaluation at the start of a training, which would fail after hours otherwise.

    The head gives as many landmarks as the training data have, the validation set can be measured
    (:func:`~pcloss_mmpose.preflight.rehearse`), and the figure that the best checkpoint is chosen by is among those
    measured; the loop has a length; something makes the targets, and no transform needs pixels that are not there yet.
    What cannot be known is passed over. Losses that are fitted to the training data are fitted here, and all are tried.

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
        check_pixels(runner.train_dataloader.dataset)
        check_targets(model, runner.train_dataloader.dataset)
        fit_losses(model, getattr(model, 'head', None), runner.train_dataloader.dataset)
        loop = runner.val_loop
        if loop is not None:
            check_pixels(loop.dataloader.dataset)
        if loop is not None and is_measurable(loop.dataloader.dataset):
            rehearse(loop.evaluator.metrics, loop.dataloader.dataset, monitored_figures(runner.hooks))

    def before_test(self, runner: Runner) -> None:
        """Check the pipeline."""
        check_pixels(runner.test_dataloader.dataset)

    def after_load_checkpoint(self, runner: Runner, checkpoint: Mapping) -> None:
        """Compare the checkpoint with the model, and its schedules with the config's where it is resumed."""
        check_checkpoint(runner, checkpoint)
        if not runner._resume:
            return
        other = loss_difference(runner.cfg, checkpoint.get('meta', {}))
        if other:
            print_log(f'The training goes on with another loss beside the head\'s own than it began with: {other}. To '
                      'compare losses, train each anew.', logger='current', level=logging.WARNING)
        if not isinstance(runner.param_schedulers, list):
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
