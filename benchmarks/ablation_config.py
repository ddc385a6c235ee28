"""From a run's settings to the config of its training."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS

import benchmarks.ablation_variants  # noqa: F401
import pcloss_mmpose  # noqa: F401
from benchmarks.ablation_studies import Run

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
BASES = dict(garments='demo/td-hm_efflite0-pcloss_1xb12-600_garments-128x128.py',
             photographs='deepfashion/spb/td-hm_efflite0-pcloss_1xb12-600_deepfashion-160x160.py')
NORMS = dict(garments='keypoint_pair', photographs='box')


def build_config(run: Run, folder: Path, garments: Path) -> Config:
    """The project's own small config of the data, with the run's values in it."""
    os.environ['GARMENTS_ROOT'] = str(garments)
    init_default_scope('mmpose')
    config = Config.fromfile(CONFIGS / BASES[run.data])
    norm = NORMS[run.data]
    config.val_evaluator = config.test_evaluator = [
        dict(type='NormalizedError', norm=norm),
        dict(type='FailureModes', norm=norm),
        dict(type='NormalizedError', norm=norm, include_occluded=True, prefix='all'),
        dict(type='FailureModes', norm=norm, threshold=0.5, apart=0.5, prefix='gross'),
    ]
    schedule(config, run)
    data(config, run)
    model(config, run)
    config.work_dir = str(folder)
    config.experiment_name = folder.name
    config.randomness = dict(seed=run.seed)
    config.log_level = 'ERROR'
    config.default_hooks.logger.interval = 1  # pc_share is computed where it is logged, and its mean counts
    config.default_hooks.checkpoint = None
    del config.default_hooks.visualization
    config.visualizer = dict(type='Visualizer', name=folder.name)  # MMEngine keeps those of earlier runs by name
    return config


def schedule(config: Config, run: Run) -> None:
    config.train_cfg.update(max_iters=run.iterations, val_begin=run.iterations + 1)
    rise, fall = config.param_scheduler
    rise.end = fall.begin = min(rise.end, run.iterations // 2)
    fall.end = run.iterations
    config.optim_wrapper.optimizer.lr = run.lr
    if run.ramp or run.fade:
        config.custom_hooks.append(dict(type='WeightSchedule', warm_up=run.warm_up, ramp=run.ramp, fade=run.fade))


def data(config: Config, run: Run) -> None:
    size = (run.size, run.size)
    codec = dict(config.codec, type=run.codec, input_size=size, heatmap_size=(run.size // 4, run.size // 4))
    if run.model == 'regression':
        codec = dict(type='RegressionLabel', input_size=size)
    config.model.head.decoder = codec
    train, test = config.train_dataloader, config.test_dataloader
    train.batch_size = run.batch
    pipeline = train.dataset.pipeline
    next(step for step in pipeline if step.type == 'TopdownStretch').input_size = size
    train.dataset.pipeline = [step for step in pipeline if step.type != 'GenerateTarget']
    train.dataset.pipeline.insert(-1, dict(type='GenerateTarget', encoder=codec))  # any codec's targets
    config.model.data_preprocessor.batch_augments = None
    test.dataset.pipeline[-2].input_size = size

    # Each seed draws its own training pictures.
    pool = len(DATASETS.build(dict(train.dataset, pipeline=[])))
    order = np.random.default_rng(run.seed).permutation(pool)
    train.dataset.indices = order[:run.train].tolist()
    config.val_dataloader = copy.deepcopy(test)
    if run.data == 'garments':
        test.dataset.ann_file = 'Annotations/test.csv'
    elif run.train < pool:
        config.val_dataloader.dataset.update(split='train', indices=order[run.train:].tolist())
    else:
        config.val_dataloader = config.val_cfg = config.val_evaluator = None


def model(config: Config, run: Run) -> None:
    head = config.model.head
    pc_loss = head.pc_loss
    pc_loss.update(loss_weight=run.weight, topk=run.topk, partition=run.partition)
    if (run.invariance, run.hard_samples) == ('translation', 1.):
        pc_loss.update(robust=run.power == 1)
    else:
        pc_loss.pop('robust', None)
        pc_loss.update(type='VariantLoss', invariance=run.invariance, power=run.power, hard_samples=run.hard_samples)
    head.integral = dict(alpha=run.alpha, debias=run.debias, window=run.window)
    if run.model == 'regression':
        config.model.neck = dict(type='HiddenLayer', in_channels=320 * (run.size // 32) ** 2, out_channels=256)
        config.model.head = dict(
            type='PCRegressionHead', in_channels=256, num_joints=head.out_channels, decoder=head.decoder,
            loss=dict(type='MSELoss', use_target_weight=True), pc_loss=pc_loss)
