"""A training of milliseconds: two layers with dropout, data that draw random numbers, a figure given for each step."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

import pcloss_mmpose  # noqa: F401


class Toy(BaseModel):

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)  # a runner sets its seed later
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))

    def forward(self, x, mode):
        output = self.layers(x).mean()
        return dict(loss=(output - 1)**2) if mode == 'loss' else [output]


class Noise(Dataset):
    """Rows of the index and of what each source of random numbers gives."""

    metainfo = dict(dataset_name='noise')

    def __init__(self, length: int = 10) -> None:
        self.length, self.loaded = length, []

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict:
        self.loaded.append(index)
        return dict(x=torch.tensor([index, random.random(), np.random.rand(), torch.rand(1)], dtype=torch.float32))


class Score(BaseMetric):
    """The score of a validation, by the iteration that it follows."""

    def __init__(self, scores: dict) -> None:
        super().__init__()
        self.scores = scores

    def process(self, data_batch, data_samples) -> None:
        self.results.append(0)

    def compute_metrics(self, results) -> dict:
        return dict(score=self.scores.get(self.iteration, 100.))


class Rows(Hook):
    """Keeps the rows of each iteration, in a list and in a file, and tells the score where a validation is."""

    def __init__(self) -> None:
        self.rows: dict = {}

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        self.rows[runner.iter] = data_batch['x'].tolist()
        with Path(runner.work_dir, f'rows_{runner.rank}.jsonl').open('a') as file:
            file.write(json.dumps([runner.iter, self.rows[runner.iter]]) + '\n')

    def before_val(self, runner) -> None:
        runner.val_loop.evaluator.metrics[0].iteration = runner.iter


class Stopped(Exception):
    """What ends a training before its end."""


class Stop(Hook):

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if runner.iter == self.iteration:
            raise Stopped


def toy(work_dir, iterations=None, epochs=None, seed=None, resume=False, workers=0, scores=None, loader=(),
        checkpoint=(), val_interval=2, sampler='InfiniteSampler', randomness=(), hooks=(), model=None, optimizer=(),
        cfg=(), **settings) -> Runner:
    """A runner; ``rows`` of it are those of each iteration."""
    rows = Rows()
    by_epoch = epochs is not None
    loaders = dict(batch_size=3, num_workers=workers, collate_fn=dict(type='default_collate'))
    validation = dict(
        val_dataloader=dict(loaders, num_workers=0, dataset=Noise(2), sampler=dict(type='DefaultSampler')),
        val_cfg=dict(), val_evaluator=[Score(scores)]) if scores else {}
    runner = Runner(
        model or Toy(), str(work_dir),
        train_dataloader=dict(loaders, dataset=Noise(), sampler=dict(type=sampler, shuffle=True), **dict(loader)),
        train_cfg=dict(by_epoch=by_epoch, val_interval=val_interval,
                       **(dict(max_epochs=epochs) if by_epoch else dict(max_iters=iterations))),
        optim_wrapper=dict(optimizer=dict(dict(type='Adam', lr=0.1), **dict(optimizer))),
        param_scheduler=[dict(type='MultiStepLR', by_epoch=by_epoch, milestones=[2, 5], gamma=0.5)],
        default_hooks=dict(
            checkpoint=dict(dict(type='CheckpointHook', by_epoch=by_epoch, interval=1, max_keep_ckpts=1,
                                 save_best='score' if scores else None, rule='less'), **dict(checkpoint))),
        custom_hooks=[rows, *hooks], randomness=dict(dict(seed=seed), **dict(randomness)), resume=resume,
        default_scope='mmengine', log_level='WARNING', experiment_name=f'{work_dir}-{random.random()}',
        cfg=dict(cfg), **validation, **settings)
    runner.rows = rows.rows
    return runner


def train_until(iteration: int, work_dir, *args, **settings) -> Runner:
    """The runner of a training that was stopped when so many iterations were done."""
    runner = toy(work_dir, *args, hooks=[Stop(iteration)], **settings)
    with contextlib.suppress(Stopped):
        runner.train()
    return runner


def state(path) -> dict:
    """What must be the same of two checkpoints, as nested lists."""
    content = torch.load(path, map_location='cpu')
    return plain({key: content[key] for key in ('state_dict', 'optimizer', 'param_schedulers')})


def plain(value):
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value
