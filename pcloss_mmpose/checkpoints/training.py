"""Lets a training that is cut off and resumed come to the same end as one that is not."""

from __future__ import annotations

import inspect
import logging
import os
from typing import Any, Mapping

from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.registry import LOOPS
from mmengine.runner import Runner
from mmengine.runner.loops import IterBasedTrainLoop

from ..logged_steps import LoggedStepsHook
from .batches import Advanced, SeededBatches, seed_of, set_seeds
from .finding import newest_checkpoint, resumable
from .hook import SafeCheckpointHook


def prepare(runner: Runner) -> None:
    """To be called before a training builds its data loader.

    - MMEngine's own checkpoint hooks become :class:`~pcloss_mmpose.checkpoints.hook.SafeCheckpointHook`.
    - What is only logged is computed at the steps that are logged.
    - Each batch and each iteration gets random numbers of its own, from the run's seed, the process and its number.
    - A resumed training goes on from the newest whole checkpoint, or from the one that was named; its seed is put back;
      and the data that were trained with are passed over without being loaded.

    Only weights, Adam's moments, schedules and the like are taken from a checkpoint, so that these are all that an
    iteration may depend on. What keeps numbers of its own over many iterations is not helped: a data loader that is
    given built, or with a batch sampler of its own, is left as it is, and MMEngine loads all its images again.

    Raises:
        InputError: A training is to be resumed, and there is no whole checkpoint.
    """
    for hook in runner.hooks:
        if type(hook) is CheckpointHook:
            hook.__class__ = SafeCheckpointHook
    done = put_back(runner) if runner._resume and not runner._has_loaded else 0
    for kind in (SeededIterationHook, LoggedStepsHook):
        if not any(isinstance(hook, kind) for hook in runner.hooks):
            runner.register_hook(kind())
    loop, loader = runner._train_loop, runner._train_dataloader
    if not isinstance(loop, dict) or not isinstance(loader, dict) or loader.get('batch_sampler') is not None:
        return
    endless = is_iteration_based(loop)
    runner._train_dataloader = with_seeded_batches(loader, runner, done, endless)
    if endless and done:
        runner.train_loop.dataloader_iterator = Advanced(runner.train_loop.dataloader_iterator, done)
    elif done and done % len(runner.train_dataloader):
        print_log('The checkpoint was written within an epoch, which begins again: some images are trained with twice',
                  'current', logging.WARNING)


def put_back(runner: Runner) -> int:
    """Let a runner resume from its newest whole checkpoint with that one's seed: how many iterations are done."""
    if runner._load_from is None:
        runner._load_from, meta = newest_checkpoint(runner.work_dir, checkpoint_folder(runner))
    else:
        meta = resumable(runner._load_from)['meta']
    own, kept = runner._randomness_cfg.get('seed'), meta.get('seed')
    if kept is not None and kept != own:
        if own is not None:
            print_log(f"The checkpoint's seed, {kept}, is kept, and the config's, {own}, is not taken", 'current',
                      logging.WARNING)
        runner._randomness_cfg.update(seed=kept)
        runner.set_randomness(**runner._randomness_cfg)
    return meta['iter']


def checkpoint_folder(runner: Runner) -> str:
    """Where a runner saves its checkpoints."""
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and hook.out_dir is not None:
            return os.path.join(hook.out_dir, os.path.basename(runner.work_dir.rstrip(os.sep)))
    return runner.work_dir


def is_iteration_based(loop: Mapping) -> bool:
    """Whether the config of a training loop is of one that counts iterations."""
    if 'type' not in loop:
        return not loop['by_epoch']
    kind = loop['type'] if inspect.isclass(loop['type']) else LOOPS.get(loop['type'])
    return inspect.isclass(kind) and issubclass(kind, IterBasedTrainLoop)


def with_seeded_batches(loader: Mapping, runner: Runner, done: int, endless: bool) -> dict[str, Any]:
    """The config of a data loader, with :class:`SeededBatches` from the batch number ``done`` on."""
    base = runner.seed - runner.rank if runner._randomness_cfg.get('diff_rank_seed') else runner.seed
    loader = dict(loader)
    loader['batch_sampler'] = dict(
        type=SeededBatches, drop_last=loader.pop('drop_last', False), seed=base, rank=runner.rank, first=done,
        endless=endless)
    if isinstance(loader['sampler'], dict):  # MMEngine draws it where processes have different seeds, and so anew
        loader['sampler'] = dict(dict(seed=base), **loader['sampler'])
    return loader


class SeededIterationHook(Hook):
    """Sets the random numbers of each iteration, such as dropout's."""

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Set them, in every process others; and others than those of the batch's images."""
        set_seeds(seed_of(runner.seed, runner.rank, runner.iter, 1))
