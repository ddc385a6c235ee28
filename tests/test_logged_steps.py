"""What is only logged is computed where it is logged, and the log is the same."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook, LoggerHook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmpose.datasets.transforms import GenerateTarget, PackPoseInputs
from mmpose.registry import MODELS

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.logged_steps import LoggedStepsHook, is_logged

INPUT_SIZE, SIZE, K = (16, 16), (8, 8), 3
MSRA = dict(type='MSRAHeatmap', input_size=INPUT_SIZE, heatmap_size=SIZE, sigma=1)
HEAD = dict(type='PCHeatmapHead', in_channels=2, out_channels=K, deconv_out_channels=None, decoder=MSRA,
            loss=dict(type='KeypointMSELoss', use_target_weight=True), pc_loss=dict(type='PCLoss'),
            integral=dict(alpha=10.))


class Tiny(BaseModel):
    """A head on features that are given; keeps what each step computed."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.head, self.computed = MODELS.build(HEAD), []

    def forward(self, inputs, data_samples, mode):
        losses = self.head.loss([torch.stack(inputs)], data_samples, {})
        self.computed.append({'pc_share', 'acc_pose'} & set(losses))
        return losses


class Pictures(torch.utils.data.Dataset):

    def __len__(self):
        return 10

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        keypoints = rng.uniform(2, 14, (1, K, 2)).astype(np.float32)
        packed = PackPoseInputs(pack_transformed=True)(GenerateTarget(encoder=MSRA)(dict(
            img=np.zeros((*INPUT_SIZE, 3), np.uint8), input_size=INPUT_SIZE, keypoints=keypoints,
            transformed_keypoints=keypoints, keypoints_visible=np.ones((1, K), np.float32),
            dataset_keypoint_weights=np.ones(K, np.float32))))
        return dict(inputs=torch.from_numpy(rng.normal(size=(2, *SIZE)).astype(np.float32)),
                    data_samples=packed['data_samples'])


class Scalars(Hook):
    """Keeps what is logged, but times."""

    def __init__(self):
        self.logged = []

    def before_train(self, runner):
        runner.visualizer.add_scalars = lambda tag, **_: self.logged.append(
            {key: value for key, value in tag.items() if 'time' not in key and key != 'memory'})


def train(folder):
    """The model, and what seven steps logged."""
    scalars = Scalars()
    runner = Runner(
        Tiny(), str(folder), train_cfg=dict(by_epoch=False, max_iters=7), custom_hooks=[scalars],
        train_dataloader=dict(batch_size=2, num_workers=0, dataset=Pictures(), collate_fn=pseudo_collate,
                              sampler=dict(type='InfiniteSampler', shuffle=True)),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)), randomness=dict(seed=0), default_scope='mmpose',
        default_hooks=dict(logger=dict(type='LoggerHook', interval=3), checkpoint=None), log_level='ERROR',
        experiment_name=f'{random.random()}', cfg=dict())
    runner.train()
    return runner.model, scalars.logged


def test_the_log_is_that_of_a_head_which_computes_all_at_every_step(tmp_path, monkeypatch):
    model, logged = train(tmp_path / 'ours')
    monkeypatch.setattr(LoggedStepsHook, 'before_train_iter', Hook.before_train_iter)
    every, expected = train(tmp_path / 'every')
    assert logged == expected and [step['iter'] for step in logged] == [3, 6]
    assert all(0 < step['pc_share'] < 1 and 'acc_pose' in step for step in logged)
    both = {'pc_share', 'acc_pose'}
    # The first step computes all, since what fails there should not fail later.
    assert model.computed == [both, set(), both, set(), set(), both, set()] and every.computed == [both] * 7
    assert model.head.logs_now  # outside of a training a head computes all
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), every.parameters()))


class OwnConditions(LoggerHook):

    def after_train_iter(self, *args, **kwargs):
        pass


def runner_with(*hooks, batches=10):
    log = SimpleNamespace(info=lambda text: None)
    lines = []
    processor = SimpleNamespace(get_log_after_iter=lambda *args: lines.append(args[1]) or ({}, ''))
    return SimpleNamespace(hooks=hooks, train_dataloader=range(batches), logger=log, log_processor=processor, iter=0,
                           experiment_name='', visualizer=SimpleNamespace(add_scalars=lambda *_, **__: None)), lines


@pytest.mark.parametrize('interval', [1, 3, 5, 10, 50])
@pytest.mark.parametrize('ignore_last', [True, False])
def test_a_step_is_logged_where_mmengine_logs_it(interval, ignore_last):
    hook = LoggerHook(interval=interval, ignore_last=ignore_last)
    runner, lines = runner_with(hook)
    for batch_idx in range(25):  # beyond an epoch, as MMEngine counts where it trains by iterations
        hook.after_train_iter(runner, batch_idx)
    assert [batch_idx for batch_idx in range(25) if is_logged(runner, batch_idx)] == lines


def test_a_step_is_logged_where_one_of_two_hooks_logs_it_or_where_it_cannot_be_told():
    def logged(*hooks):
        runner, _ = runner_with(*hooks)
        return [batch_idx for batch_idx in range(9) if is_logged(runner, batch_idx)]

    assert logged(LoggerHook(interval=3), LoggerHook(interval=4)) == [2, 3, 5, 7, 8]
    assert logged() == logged(Hook()) == logged(LoggerHook(interval=3), OwnConditions(interval=3)) == list(range(9))
