"""The weight for a share of the gradient: measured in real trainings, and checked by the head's own log of it."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from pcloss_mmpose.calibration import (
    Calibration,
    MeasuringHook,
    Ratio,
    added_loss,
    calibrate,
    gradient_ratios,
    share_of,
    weight_of,
)
from pcloss_mmpose.configs import load_config
from pcloss_mmpose.errors import InputError
from pcloss_mmpose.models.heads.pc_mixin import gradient_norm

STEPS = 12  # before the last measurement; two batches an epoch


def config_of(tiny_config, **changes) -> Config:
    """The tiny training, long enough, with changes by the keys' names."""
    config = load_config(tiny_config)
    config.merge_from_dict({'train_cfg.max_epochs': 20, **changes})
    return config


class Shares(Hook):
    """Trains with the stock loss alone, and keeps pc_share, which the head itself computes."""

    def __init__(self) -> None:
        self.shares: list[float] = []

    def before_train(self, runner) -> None:
        head = runner.model.head
        own = head.loss

        def loss(*args, **kwargs):
            losses = own(*args, **kwargs)
            losses.pop('loss_pc')
            self.shares.append(losses.pop('pc_share').item())
            return losses

        head.loss = loss


def test_the_weight_has_the_wanted_share_where_it_was_measured(tiny_config, tmp_path):
    config = config_of(tiny_config)
    seen = []
    measured = calibrate(config, STEPS, batches=2, progress=lambda *step: seen.append(step))
    assert seen == [(step, STEPS + 2) for step in range(1, STEPS + 3)]
    assert (measured.place, measured.early, measured.late) == ('model.head.pc_loss', 10, STEPS)
    assert config.model.head.pc_loss.loss_weight == 1e-3 and config.val_dataloader  # it stays as it is
    weight = measured.weight(0.3)

    config.merge_from_dict({'model.head.pc_loss.loss_weight': weight, 'train_cfg.max_epochs': 7})
    config.update(work_dir=str(tmp_path), val_cfg=None, val_dataloader=None, val_evaluator=None, log_level='ERROR',
                  experiment_name=tmp_path.name)
    runner, hook = Runner.from_cfg(config), Shares()
    runner.register_hook(hook)
    runner.train()
    assert len(hook.shares) == 14
    early, late = measured.shares(weight)
    assert late == pytest.approx(0.3, abs=0.01)  # two digits of the weight
    assert np.mean(hook.shares[12:14]) == pytest.approx(late, abs=0.01)
    assert np.mean(hook.shares[10:12]) == pytest.approx(early, abs=0.01)


def test_several_losses_on_one_training(tiny_config):
    """Each alone gives the same, whatever its weight, and the config's own loss counts for nothing."""
    plain, robust = dict(type='PCLoss', loss_weight=5.), dict(type='PCLoss', robust=True, loss_weight=0.)
    config = config_of(tiny_config)
    together = gradient_ratios(config, dict(plain=plain, robust=robust), 1, batches=1)
    config.model.head.pc_loss = robust
    assert gradient_ratios(config, dict(alone=robust), 1, batches=1) == dict(alone=together['robust'])
    assert together['plain'] > 0 and together['plain'] != together['robust']


def test_weights_worked_by_hand():
    """A loss whose gradient is 300 times as long has half of it at 1/300."""
    assert weight_of(0.5, 300) == 0.0033 and weight_of(0.25, 300) == 0.0011 and weight_of(0.1, 5e-3) == 22
    assert share_of(1 / 300, 300) == pytest.approx(0.5) and share_of(1 / 900, 300) == pytest.approx(0.25)
    assert share_of(0, 300) == 0
    measured = Calibration('model.head.pc_loss', 10, 60, Ratio(early=100, late=500))
    assert measured.weight(0.2) == 0.0005
    assert measured.shares(0.002) == (pytest.approx(1 / 6), pytest.approx(0.5))


def test_norms_are_summed_over_the_steps():
    """Of 3, 1 for the stock losses; 30, 10 and 4, 4 for two others: the early steps first."""
    hook = MeasuringHook(None, 2, 2, None)
    hook.early = 0
    hook.steps = {0: [3., 30., 4.], 1: [1., 10., 4.], 2: [2., 2., 4.], 3: [2., 6., 0.]}
    assert hook.ratios(['a', 'b']) == [Ratio(10, 2), Ratio(2, 1)]


@pytest.mark.parametrize(('step', 'words'), [
    ([0., 1., 1.], "the gradient of the head's own losses is 0 over the 1 steps after the first 2: no landmark"),
    ([1., 1., 0.], 'the gradient of b is 0 over the 1 steps after the first 2: no landmark'),
    ([1., float('inf'), 1.], 'the gradient of a is inf over the 1 steps after the first 2: it has diverged'),
    ([float('nan'), 1., 1.], "the gradient of the head's own losses is nan over"),
])
def test_a_gradient_that_is_none_is_said(step, words):
    hook = MeasuringHook(None, 2, 1, None)
    hook.early, hook.steps = 0, {0: [1., 1., 1.], 2: step}
    with pytest.raises(InputError, match=re.escape(words)):
        hook.ratios(['a', 'b'])


@pytest.mark.parametrize(('changes', 'words'), [
    ({'model.head.pc_loss': None}, 'neither pc_loss nor structural_loss, so that there is no weight to find: `pcloss '
                                   'add CONFIG NEW_CONFIG` writes'),
    ({'model.head.type': 'HeatmapHead'}, 'its head, HeatmapHead, takes no structural loss: `pcloss add'),
    ({'model.head.type': 'NoHead'}, 'its head, NoHead, takes no structural loss'),
    ({'train_cfg.max_epochs': 2}, 'the training of this config has 4 steps, and 22 are needed to measure: train lon'),
    ({'model.head.integral': None}, 'needs integral=dict(alpha=...)'),
    ({'model.head.out_channels': 16, 'model.head.pc_loss.partition': None}, 'the head gives 16 landmarks, and the tra'),
    ({'train_dataloader.dataset.pipeline.4.pack_transformed': False}, 'set pack_transformed=True on PackPoseInputs'),
    ({'model.head.pc_loss.topk': 0}, 'topk'),
])
def test_what_cannot_be_measured_is_said(tiny_config, changes, words):
    with pytest.raises(InputError, match=re.escape(words)):
        calibrate(config_of(tiny_config, **changes), STEPS)


def test_where_the_loss_is():
    loss = dict(type='PCLoss')
    assert added_loss(dict(model=dict(head=dict(pc_loss=None, structural_loss=loss)))) == (
        'model.head.structural_loss', loss)
    assert added_loss(dict(model=dict(head=dict(pose_cfg=dict(pc_loss=loss))))) == ('model.head.pose_cfg.pc_loss', loss)
    for config in (dict(), dict(model=dict()), dict(model=dict(head=None)), dict(model=dict(head=dict(type='A')))):
        with pytest.raises(InputError, match='pcloss add'):
            added_loss(config)
    with pytest.raises(InputError, match='both pc_loss and structural_loss'):
        added_loss(dict(model=dict(head=dict(pc_loss=loss, structural_loss=loss))))


def test_a_weight_of_1_stays_finite_in_half_precision():
    """A gradient of 30, as a few small heatmaps have it, overflows under the factor of small ones."""
    output = torch.ones(2, dtype=torch.float16, requires_grad=True)
    head = SimpleNamespace(measured_losses=[30., 1e-4],
                           loss_on=lambda outputs, samples, slope: slope * outputs.float().sum())
    norms = MeasuringHook(head, 1, 1, None).norms(dict(loss_kpt=1e-7 * output.float().sum()), output, None)
    assert norms == pytest.approx([1e-7 * 2**.5, 30 * 2**.5, 1e-4 * 2**.5], rel=0.02)
    assert gradient_norm(30 * output.float().sum(), output).item() == float('inf')


def test_the_command(call, tiny_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ['--iterations', '1', '--cfg-options', 'train_cfg.max_epochs=6', 'model.head.pc_loss.topk=4']
    done = call('calibrate', tiny_config, '--share', '0.2,0.4', *options)
    assert done.code == 0, done.err
    rows = re.findall(r'0\.[24] │ +(\S+) │ +0\.(?:19|2[01]|39|4[01]) │', done.out)
    assert len(rows) == 2 and float(rows[1]) / float(rows[0]) == pytest.approx(0.4 / 0.6 / (0.2 / 0.8), rel=0.1)
    assert f'--cfg-options model.head.pc_loss.loss_weight={rows[1]}\n' in done.out
    assert f'model = dict(head=dict(pc_loss=dict(loss_weight={rows[1]})))\n' in done.out
    assert not list(tmp_path.iterdir()) and 'loading annotations' not in done.out


@pytest.mark.parametrize(('arguments', 'words'), [
    (['--share', '1'], 'a share lies between 0 and 1, got 1'),
    (['--share', '0.2,0'], 'a share lies between 0 and 1, got 0'),
    (['--share', 'a'], "'a' is not a number"),
    (['--iterations', '0'], 'must be at least 1, got 0'),
    (['--cfg-options', 'model.head.pc_loss=None'], '`pcloss add CONFIG NEW_CONFIG` writes a config with PCLoss'),
    (['--cfg-options', 'model.head.pc_loss.topkk=1'], "PCLoss cannot be built (TypeError: "),
])
def test_bad_arguments_are_one_line(call, tiny_config, arguments, words):
    done = call('calibrate', tiny_config, *arguments)
    lines = [line for line in done.err.splitlines() if line.startswith('error: ')]
    assert done.code == 2 and len(lines) == 1 and words in lines[0] and 'Traceback' not in done.err and not done.out
