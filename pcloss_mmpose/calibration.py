"""Which loss_weight gives a structural loss a wanted share of the gradient, measured on a config and its data."""

from __future__ import annotations

import copy
import inspect
import logging
import tempfile
from typing import Any, Callable, Mapping, NamedTuple, Sequence

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from .configs import take_preprocessor
from .errors import InputError

#: Steps that a measurement covers.
BATCHES = 10
#: Steps before the first measurement, which shows how a share changes.
EARLY = 10
#: Fewest and most steps before the last measurement, which is after a tenth of the training.
LEAST, MOST = 20, 200

#: Under what factor a loss of weight 1 is differentiated: in float16, its gradient is neither lost nor infinite.
SCALE = 2.**4

Progress = Callable[[int, int], None]


class Ratio(NamedTuple):
    """How long the gradient of a loss at weight 1 is at the head's output, in lengths of that of the stock losses."""

    early: float  #: after the first steps of a training without the loss
    late: float  #: after all steps of it


class Calibration(NamedTuple):
    """What was measured of the loss that a config adds."""

    place: str  #: where its config is, such as ``'model.head.pc_loss'``
    early: int  #: steps of the training before the first measurement
    late: int  #: steps before the last one
    ratio: Ratio

    def weight(self, share: float) -> float:
        """The ``loss_weight`` of a share at the last measurement, to two digits."""
        return weight_of(share, self.ratio.late)

    def shares(self, weight: float) -> tuple[float, float]:
        """The shares that a ``loss_weight`` has at the two measurements."""
        return share_of(weight, self.ratio.early), share_of(weight, self.ratio.late)


def weight_of(share: float, ratio: float, digits: int = 2) -> float:
    """The ``loss_weight`` of a share, from 0 to below 1, to some digits."""
    return float(f'{share / (1 - share) / ratio:.{digits}g}')


def share_of(weight: float, ratio: float) -> float:
    """The share of a ``loss_weight``: w |g| / (w |g| + |g of the stock losses|)."""
    return weight * ratio / (weight * ratio + 1)


def calibrate(config: Config, iterations: int | None = None, batches: int = BATCHES,
              progress: Progress = lambda done, total: None) -> Calibration:
    """Measure the loss that a config adds, while its model trains without it.

    Args:
        config: With a head of this package and ``pc_loss`` or ``structural_loss`` in it; it stays as it is.
        iterations: Steps before the last measurement. None: a tenth of the training, from ``LEAST`` to ``MOST``.
        batches: Steps that a measurement covers; the lengths of their gradients are summed.
        progress: Called after each step with the steps that are done, and all.

    Raises:
        InputError: The config has no such loss, cannot be trained, or one of the gradients is 0 or not finite.
    """
    place, loss = added_loss(config)
    measured = measure(config, {place: loss}, iterations, batches, progress)
    return Calibration(place, measured.early, measured.late, measured.ratios[place])


def gradient_ratios(config: Config, losses: Mapping[str, Mapping], iterations: int | None = None,
                    batches: int = BATCHES, progress: Progress = lambda done, total: None) -> dict[str, float]:
    """Measure several losses on the same training, which has none of them.

    Args:
        config: With a head of this package, and ``integral`` where it needs that. What it adds itself counts for
            nothing.
        losses: Configs of structural losses by any names; their ``loss_weight`` counts for nothing. Each is fitted to
            the training data.
        iterations, batches, progress: As in :func:`calibrate`.

    Returns:
        By name, the length of the gradient at weight 1 over that of the stock losses, at the last measurement.
        :func:`weight_of` makes a weight of it.

    Raises:
        InputError: As in :func:`calibrate`; or a loss does not fit the head or the data.
    """
    return {name: ratio.late for name, ratio in measure(config, losses, iterations, batches, progress).ratios.items()}


def added_loss(config: Mapping) -> tuple[str, Mapping]:
    """Where the config of the loss is that a config adds, and that config.

    Raises:
        InputError: There is none, or there are two.
    """
    place, loss = find_loss(config)
    if not loss:
        raise InputError('its head has neither pc_loss nor structural_loss, so that there is no weight to find: '
                         '`pcloss add CONFIG NEW_CONFIG` writes a config with PCLoss')
    return place, loss


def find_loss(config: Mapping) -> tuple[str, Mapping | None]:
    """Where the config of the loss is that a config adds, and that config; None where it adds none.

    Raises:
        InputError: It has both, which no head takes.
    """
    place = head_place(config.get('model') or {})
    head = at(config, place)
    if head.get('structural_loss') and head.get('pc_loss'):
        raise InputError('its head has both pc_loss and structural_loss: set one of them to None')
    key = 'structural_loss' if head.get('structural_loss') else 'pc_loss'
    return '.'.join((*place, key)), head.get(key)


def head_place(model: Mapping) -> tuple[str, ...]:
    """Keys that lead from a config to the head that takes a structural loss: ``model.head``, or within that."""
    within = 'pose_cfg' in (model.get('head') or {})  # VisPredictHead holds the other
    return ('model', 'head', *(['pose_cfg'] if within else []))


def at(config: Any, place: Sequence[str]) -> Any:
    for key in place:
        config = config.get(key) or {}
    return config


class Measured(NamedTuple):
    """The ratios of several losses, and the steps before the two measurements."""

    early: int
    late: int
    ratios: dict[str, Ratio]


def measure(config: Config, losses: Mapping[str, Mapping], iterations: int | None, batches: int,
            progress: Progress) -> Measured:
    """Train without any of the losses, and measure all of them; see :func:`gradient_ratios`."""
    from .models.heads import PCLossMixin
    from .preflight import checked_training
    first, *others = (dict(loss, loss_weight=1.) for loss in losses.values())
    with tempfile.TemporaryDirectory() as folder:
        try:
            runner = Runner.from_cfg(training_config(config, first, folder))
            model = runner.model
            head = next(module for module in model.modules() if isinstance(module, PCLossMixin))
            # All of them belong to the head, so that the check at the training's start fits them to its data.
            head.measured_losses = torch.nn.ModuleList([head.pc_loss, *map(head.build_loss, others)])
            hook = MeasuringHook(head, iterations, batches, progress)
            runner.register_hook(hook, priority='LOWEST')
            try:
                with checked_training():
                    runner.train()
            except MeasuredError:
                pass
        finally:
            close_log_files()
    return Measured(hook.early, hook.late, dict(zip(losses, hook.ratios(list(losses)))))


def training_config(config: Config, loss: Mapping, folder: str) -> Config:
    """A config of the same training that has one loss, validates nothing, and writes into a folder of its own.

    Raises:
        InputError: Its head takes no structural loss.
    """
    from mmpose.registry import MODELS

    from .models.heads import PCLossMixin
    config = copy.deepcopy(config)
    head = at(config, head_place(config.get('model') or {}))
    kind = head.get('type')
    kind = kind if inspect.isclass(kind) else MODELS.get(kind) if kind else None
    if not inspect.isclass(kind) or not issubclass(kind, PCLossMixin):
        raise InputError(f"its head, {head.get('type')}, takes no structural loss: `pcloss add CONFIG NEW_CONFIG` "
                         'writes a config whose head does')
    head.update(pc_loss=None, structural_loss=dict(loss))
    take_preprocessor(config)
    for part in ('val', 'test'):
        config.update({f'{part}_{key}': None for key in ('cfg', 'dataloader', 'evaluator')})
    hooks = config.get('default_hooks') or {}
    config.default_hooks = dict({key: hook for key, hook in hooks.items() if key != 'visualization'}, checkpoint=None)
    config.custom_hooks = [hook for hook in config.get('custom_hooks') or [] if 'CheckpointHook' not in str(hook)]
    name = folder.replace('\\', '/').rpartition('/')[2]  # MMEngine keeps what it makes by name
    config.update(work_dir=folder, experiment_name=name, visualizer=dict(type='Visualizer', name=name),
                  resume=False, launcher='none', log_level='WARNING')
    return config


class MeasuredError(Exception):
    """Ends a training whose measurements are done."""


class MeasuringHook(Hook):
    """Trains with the stock losses alone, and measures others at some steps.

    Args:
        head: With ``measured_losses``, of weight 1.
        iterations, batches, progress: See :func:`calibrate`.
    """

    def __init__(self, head: Any, iterations: int | None, batches: int, progress: Progress) -> None:
        self.head, self.batches, self.progress = head, batches, progress
        self.late, self.steps = iterations, {}
        self.step = 0

    def before_train(self, runner: Runner) -> None:
        """Choose the steps, and take the place of the head's ``loss``.

        Raises:
            InputError: The training is shorter than that.
        """
        length = runner.train_loop.max_iters
        if self.late is None:
            self.late = min(max(length // 10, LEAST), MOST)
        self.early, self.total = min(EARLY, self.late), self.late + self.batches
        if length < self.total:
            raise InputError(f'the training of this config has {length} steps, and {self.total} are needed to measure: '
                             'train longer, or measure after fewer steps (--iterations of pcloss calibrate)')
        self.head.loss = self.loss

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Know the step."""
        self.step = runner.iter

    def loss(self, feats, batch_data_samples, train_cfg: dict | None = None) -> dict:
        """The stock losses; what the others need is thus found out at the first step."""
        losses, outputs = self.head.stock_losses(feats, batch_data_samples, train_cfg)
        if self.step == 0 or any(begin <= self.step < begin + self.batches for begin in (self.early, self.late)):
            self.steps[self.step] = self.norms(losses, outputs, batch_data_samples)
        return losses

    def norms(self, stock: Mapping, outputs: Sequence, batch_data_samples) -> list[float]:
        """Lengths of the gradients of the stock losses, and of each of the others."""
        from .models.heads.pc_mixin import gradient_norm, total_loss
        added = (self.head.loss_on(outputs, batch_data_samples, loss) for loss in self.head.measured_losses)
        norms = [gradient_norm(total_loss(stock), outputs), *(gradient_norm(loss, outputs, SCALE) for loss in added)]
        return torch.stack(norms).tolist()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: Mapping | None = None) -> None:
        """End behind the last measurement."""
        self.progress(self.step + 1, self.total)
        if self.step + 1 == self.total:
            raise MeasuredError

    def ratios(self, names: Sequence[str]) -> list[Ratio]:
        """Of each loss.

        Raises:
            InputError: A gradient is 0 or not finite.
        """
        moments = []
        for begin in (self.early, self.late):
            stock, *others = (sum(each) for each in zip(*(self.steps[begin + k] for k in range(self.batches))))
            for name, norm in zip(["the head's own losses", *names], [stock, *others]):
                if not 0 < norm < float('inf'):
                    reason = ('no landmark, or no pair of them, counts there; `pcloss browse CONFIG` shows the images '
                              'as they are trained with' if norm == 0 else 'it has diverged')
                    raise InputError(f'the gradient of {name} is {norm:g} over the {self.batches} steps after the '
                                     f'first {begin}: {reason}')
            moments.append([norm / stock for norm in others])
        return [Ratio(*pair) for pair in zip(*moments)]


def close_log_files() -> None:
    """Close those of the last run, without which Windows would not remove its folder."""
    for handler in MMLogger.get_current_instance().handlers:
        if isinstance(handler, logging.FileHandler):
            handler.close()
