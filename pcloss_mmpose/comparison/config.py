"""From a user's config and an arm to the config of its trainings, which differ in the loss and the seed alone."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import Any, Mapping, NamedTuple

from ..add_pcloss import ALPHA, at, head_with_pcloss, training_steps, unscoped
from ..configs import take_preprocessor
from ..errors import InputError
from .arms import Arm

#: At least so many checkpoints are written in a training, for a kill to cost no more than a tenth.
CHECKPOINTS = 10


class Measure(NamedTuple):
    """How runs are measured, beside the config's own evaluators."""

    split: str = 'val'  #: or 'test'
    outlier: float | None = None  #: fraction of T, as the next two; None: the config's, or the default of FailureModes
    near: float | None = None
    apart: float | None = None


def comparable(config: Any, measure: Measure) -> Any:
    """A copy of a config with a head that takes a structural loss and has none, tested on one split, and without
    validations.

    Args:
        config: MMEngine's ``Config`` of any top-down model of MMPose.

    Raises:
        InputError: No class with PCLoss is for its head, its training waits for validations, or it lacks the split.
    """
    config = copy.deepcopy(config)
    take_head(config)
    take_preprocessor(config)
    for key in ('pc_loss', 'structural_loss'):
        config.model.head.pop(key, None)
    refuse_validations(config)
    loader, evaluator = (config.get(f'{measure.split}_{part}') for part in ('dataloader', 'evaluator'))
    if not loader or not evaluator:
        raise InputError(f'it has no {measure.split}_dataloader and {measure.split}_evaluator to measure the runs with')
    if isinstance(evaluator, Mapping) and unscoped(evaluator.get('type')) == 'MultiDatasetEvaluator':
        raise InputError('its evaluator measures several data sets: give it one data set and one list of metrics')
    loader, test_cfg = copy.deepcopy(loader), copy.deepcopy(config.get(f'{measure.split}_cfg') or {})
    if detected_boxes(config, measure.split):  # they come without landmarks to compare with
        loader['dataset']['bbox_file'] = None
    evaluators = [evaluator] if isinstance(evaluator, Mapping) else list(evaluator)
    config.test_dataloader, config.test_cfg = loader, test_cfg
    config.test_evaluator = measured_alike(copy.deepcopy(evaluators), measure)
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    hooks = {name: hook for name, hook in (config.get('default_hooks') or {}).items() if name != 'visualization'}
    config.default_hooks = dict(hooks, checkpoint=checkpoints(config))
    return config


def detected_boxes(config: Any, split: str) -> str | None:
    """The file of detected boxes that a config tests with. A comparison takes the annotated ones in their place."""
    return config[f'{split}_dataloader']['dataset'].get('bbox_file')


def take_head(config: Any) -> None:
    """Give a config's head the class that takes a structural loss, and its training pipelines what that needs."""
    from mmpose.registry import MODELS

    from ..models import heads
    head = config.model.get('head') or {}
    if unscoped(head.get('type')) == 'VisPredictHead':
        raise InputError('its VisPredictHead holds the head that would be compared: make the pose_cfg its model.head')
    kind = MODELS.get(unscoped(head.get('type')))
    if not (inspect.isclass(kind) and issubclass(kind, heads.PCLossMixin)):
        head['type'] = head_with_pcloss(config)
        kind = getattr(heads, head['type'])
    if issubclass(kind, heads.PCHeatmapMixin) and not head.get('integral'):
        head['integral'] = dict(alpha=float(ALPHA))
    for step in training_steps(config):
        at(config, step)['pack_transformed'] = True


def refuse_validations(config: Any) -> None:
    """Raise InputError where the course of a training depends on validations, which a comparison leaves out."""
    schedules = config.get('param_scheduler') or []
    parts = [*([schedules] if isinstance(schedules, Mapping) else schedules), *(config.get('custom_hooks') or [])]
    for part in parts:
        name = unscoped((part or {}).get('type'))
        if name.startswith('ReduceOnPlateau') or name == 'EarlyStoppingHook':
            raise InputError(f'its training follows validations ({name}), and a comparison trains without: take it out')


def measured_alike(evaluators: list, measure: Measure) -> list[Any]:
    """Evaluators with a NormalizedError and a FailureModes among them that measure alike."""
    def find(kind: str) -> dict | None:
        return next((each for each in evaluators if unscoped(each['type']) == kind and not each.get('prefix')), None)

    error, failures = find('NormalizedError'), find('FailureModes')
    if error is None:
        error = dict(type='NormalizedError', **_norm(failures or {}))
        evaluators.append(error)
    if failures is None:
        failures = dict(type='FailureModes', **_norm(error))
        evaluators.append(failures)
    given = dict(threshold=measure.outlier, near=measure.near, apart=measure.apart)
    failures.update({key: value for key, value in given.items() if value is not None})
    return evaluators


def _norm(metric: Mapping) -> dict[str, Any]:
    return dict(dict(norm='box'), **{key: metric[key] for key in ('norm', 'norm_pairs', 'include_occluded')
                                     if key in metric})


def checkpoints(config: Any) -> dict[str, Any]:
    """The hook that keeps the last checkpoint of a training, and no other."""
    own, loop = (config.get('default_hooks') or {}).get('checkpoint') or {}, config.train_cfg
    by_epoch = loop.get('by_epoch', 'max_epochs' in loop)
    often = max(1, (loop['max_epochs'] if by_epoch else loop['max_iters']) // CHECKPOINTS)
    own_interval = own.get('interval', -1) if own.get('by_epoch', True) == by_epoch else -1
    interval = min(own_interval, often) if own_interval > 0 else often
    return dict(type='SafeCheckpointHook', by_epoch=by_epoch, interval=interval, max_keep_ckpts=1)


def arm_config(comparable_config: Any, arm: Arm, seed: int) -> Any:
    """The config of one training of an arm: all that decides its course.

    Args:
        comparable_config: Of :func:`comparable`.
        arm: With the weight in its loss.
        seed: Of weights, order and augmentation of the images.
    """
    config = copy.deepcopy(comparable_config)
    if arm.loss is not None:
        config.model.head.structural_loss = copy.deepcopy(arm.loss)
    config.randomness = dict(config.get('randomness') or {}, seed=seed)
    return config


def place(config: Any, folder: Path, name: str) -> None:
    """Let a training keep its files in a folder; nothing of this decides its course."""
    config.work_dir = str(folder)
    config.experiment_name = name  # MMEngine keeps logs and pictures of a process's earlier runs by their names
    if config.get('visualizer'):
        config.visualizer = dict(config.visualizer, name=name)
