"""Saves checkpoints so that a kill at any moment leaves a whole one."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Callable, Iterator

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmengine.runner.loops import EpochBasedTrainLoop
from mmpose.registry import HOOKS

from ..files import PART, write_whole


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook``, which removes older checkpoints after the new one is whole, and not before.

    Its arguments and its files are the same. With ``max_keep_ckpts=1`` there are two for a moment. The files themselves
    are written whole on a local disk (:func:`~pcloss_mmpose.compat.whole_files`); another storage is trusted to put
    whole objects.

    A validation that a kill has cut off is done again when the training is resumed, or the best checkpoint might be
    missed. Whether it was cut off is not known, so that it is done whenever one was due.
    """

    def before_train(self, runner: Runner) -> None:
        """Find out where to save, and do the validation that may have been cut off."""
        super().before_train(runner)
        if is_main_process():
            remove_parts(Path(runner.work_dir), Path(self.out_dir))
        if runner._resume and validation_is_due(runner):
            self.last_ckpt = runner.message_hub.runtime_info.get('last_ckpt')
            runner.val_loop.run()

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        name = self.filename_tmpl.format(step)
        kept = self.keep_ckpt_ids if self.max_keep_ckpts > 0 else None
        if kept is not None and step not in kept:
            outdated = kept[0] if len(kept) == self.max_keep_ckpts else None
            kept.append(step)  # the first leaves a full one
            runner.message_hub.update_info('keep_ckpt_ids', list(kept))
        else:
            outdated = None
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir, name, self.file_client_args, save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler, meta=meta, by_epoch=self.by_epoch,
            backend_args=self.backend_args, **self.args)
        if is_main_process():
            write_whole(Path(runner.work_dir, 'last_checkpoint'), self.last_ckpt.encode())
            if outdated is not None:
                old = self.filename_tmpl.format(outdated)
                remove(self.file_backend, self.file_backend.join_path(self.out_dir, old))

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        with self._removing_afterwards():
            super()._save_best_checkpoint(runner, metrics)

    @contextlib.contextmanager
    def _removing_afterwards(self) -> Iterator[None]:
        """What is removed inside is removed at the end, if all has gone well and no new file has its name."""
        backend = self.file_backend
        self.file_backend = later = _RemovesLater(backend)
        try:
            yield
        finally:
            self.file_backend = backend
        best = getattr(self, 'best_ckpt_path_dict', None) or {'': getattr(self, 'best_ckpt_path', None)}
        for path in later.removed - {*best.values(), self.last_ckpt}:
            remove(backend, path)


class _RemovesLater:
    """A file backend that only notes what to remove."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.removed: set[str] = set()

    def __getattr__(self, name: str) -> Callable:
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self.removed.add(path)

    rmtree = remove


def remove(backend: Any, path: str) -> None:
    """Remove a checkpoint, which DeepSpeed writes as a folder."""
    if backend.isfile(path):
        backend.remove(path)
    elif backend.isdir(path):
        backend.rmtree(path)


def remove_parts(*folders: Path) -> None:
    """Remove what earlier kills have left of checkpoints that they cut off."""
    for folder in folders:
        for pattern in ('*.pth', 'last_checkpoint'):
            for path in folder.glob(f'{pattern}.*{PART}'):
                path.unlink()


def validation_is_due(runner: Runner) -> bool:
    """Whether the loop validates where a resumed training starts."""
    loop = runner.train_loop
    if runner.val_loop is None or not loop.iter:
        return False
    loop._decide_current_val_interval()
    done, end = ((loop.epoch, loop.max_epochs) if isinstance(loop, EpochBasedTrainLoop) else
                 (loop.iter, loop.max_iters))
    return done >= loop.val_begin and (done % loop.val_interval == 0 or done == end)
