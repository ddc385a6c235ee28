"""Lets a model compute what is only logged at the steps that are logged."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import Runner


class LoggedStepsHook(Hook):
    """Sets ``logs_now`` of the modules that have it for each step of a training; outside of steps it is True.

    It is True at the first step as well, logged or not: what fails there should not fail fifty steps later.
    """

    def before_train(self, runner: Runner) -> None:
        """Find the modules."""
        self.modules = [module for module in runner.model.modules() if hasattr(module, 'logs_now')]
        self.is_first = True

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Tell them whether this step is logged."""
        self._set(self.is_first or is_logged(runner, batch_idx))
        self.is_first = False

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """Leave them as they were."""
        self._set(True)

    def _set(self, logs_now: bool) -> None:
        for module in self.modules:
            module.logs_now = logs_now


def is_logged(runner: Runner, batch_idx: int) -> bool:
    """Whether a logger hook will log this training step.

    True as well where that cannot be told: without a logger hook, or with one that has an ``after_train_iter`` of its
    own.
    """
    loggers = [hook for hook in runner.hooks if isinstance(hook, LoggerHook)]
    if not loggers or any(type(hook).after_train_iter is not LoggerHook.after_train_iter for hook in loggers):
        return True
    loader = runner.train_dataloader
    # MMEngine's own conditions, https://github.com/open-mmlab/mmengine/blob/v0.10.7/mmengine/hooks/logger_hook.py#L147
    return any(hook.every_n_inner_iters(batch_idx, hook.interval)
               or hook.end_of_epoch(loader, batch_idx) and (not hook.ignore_last or len(loader) <= hook.interval)
               for hook in loggers)
