"""A training that is stopped and resumed is the same as one that is not: data, weights, moments, schedule."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from toy_training import Noise, state, toy, train_until

from pcloss_mmpose.checkpoints.batches import SeededBatches


@pytest.fixture
def same(tmp_path):
    """Compares an unbroken training with one that is stopped and resumed, and gives both runners."""

    def run(stop, end=8, kind='iter', then=(), **settings):
        length = {'iterations': end} if kind == 'iter' else {'epochs': end}
        whole = toy(tmp_path / 'whole', **length, seed=3, **settings)
        whole.train()
        train_until(stop, tmp_path / 'cut', **length, seed=3, **settings)
        resumed = toy(tmp_path / 'cut', **length, resume=True, **{**settings, **dict(then)})  # without a seed
        resumed.train()
        assert resumed.rows == {number: whole.rows[number] for number in resumed.rows}
        last = f'{kind}_{end}.pth'
        assert state(tmp_path / 'cut' / last) == state(tmp_path / 'whole' / last)
        return whole, resumed

    return run


@pytest.mark.parametrize('settings', [
    dict(),
    dict(workers=2),
    dict(workers=1, then=dict(workers=2)),  # images draw the same, whoever loads them
    dict(workers=2, loader=dict(persistent_workers=True)),
    dict(sampler='DefaultSampler'),  # 10 rows are 4 batches: the second pass is cut off
    dict(sampler='DefaultSampler', loader=dict(drop_last=True)),
    dict(randomness=dict(diff_rank_seed=True)),
], ids=str)
def test_iterations_go_on(same, settings):
    whole, resumed = same(5, **settings)
    assert resumed.seed == 3 and sorted(resumed.rows) == [5, 6, 7]
    assert all(runner.train_dataloader.batch_sampler.sampler.seed == 3 for runner in (whole, resumed))


def test_epochs_go_on(same):
    whole, resumed = same(8, end=3, kind='epoch', sampler='DefaultSampler', workers=2)
    assert sorted(resumed.rows) == [8, 9, 10, 11]


def test_an_epoch_that_begins_again_is_said(tmp_path, capfd):
    settings = dict(epochs=2, sampler='DefaultSampler', checkpoint=dict(by_epoch=False))
    for iteration, said in ((4, False), (6, True)):  # of 4 an epoch
        train_until(iteration, tmp_path / str(iteration), **settings)
        toy(tmp_path / str(iteration), resume=True, **settings).train()
        assert ('within an epoch, which begins again' in ''.join(capfd.readouterr())) == said


def test_what_was_trained_with_is_not_loaded_again(same):
    whole, resumed = same(6)
    assert len(whole.train_dataloader.dataset.loaded) == 8 * 3
    assert len(resumed.train_dataloader.dataset.loaded) == 2 * 3


def test_the_seed_of_the_checkpoint_is_kept(tmp_path, capfd):
    train_until(2, tmp_path, 4)
    drawn = torch.load(tmp_path / 'iter_2.pth')['meta']['seed']
    resumed = toy(tmp_path, 4, resume=True, seed=7)
    resumed.train()
    assert resumed.seed == drawn and resumed.train_dataloader.batch_sampler.sampler.seed == drawn
    assert f"The checkpoint's seed, {drawn}, is kept, and the config's, 7, is not taken" in ''.join(capfd.readouterr())


def test_two_trainings_without_a_seed_are_different(tmp_path):
    first, second = (toy(tmp_path / name, 2) for name in 'ab')
    first.train()
    second.train()
    assert first.rows != second.rows


def test_another_training_of_the_seed_is_the_same(tmp_path):
    first, second = (toy(tmp_path / name, 4, seed=1, workers=workers) for name, workers in (('a', 0), ('b', 2)))
    first.train()
    second.train()
    assert first.rows == second.rows
    rows = list(itertools.chain(*first.rows.values()))
    assert len({tuple(row[1:]) for row in rows}) == len(rows)  # no image draws what another has drawn


@pytest.mark.parametrize(('sampler', 'passes', 'batches'), [(InfiniteSampler, 1, 12), (DefaultSampler, 3, 4)])
def test_indices_are_those_of_mmengine(sampler, passes, batches):
    expected, stock = [], sampler(Noise(), seed=4)
    for epoch in range(passes):
        stock.set_epoch(epoch)
        expected += itertools.islice(torch.utils.data.BatchSampler(stock, 3, False), batches)
    own = SeededBatches(sampler(Noise(), seed=4), 3, False, seed=0, endless=True)
    assert [batch.indices for batch in itertools.islice(own, 12)] == expected


def test_an_empty_data_set_ends():
    assert list(SeededBatches(DefaultSampler(Noise(0), round_up=False), 3, False, seed=0, endless=True)) == []
    assert list(SeededBatches(DefaultSampler(Noise(2)), 3, True, seed=0, endless=True)) == []  # none is full


def test_a_loader_with_batches_of_its_own_is_left_alone(tmp_path):
    class Own(torch.utils.data.BatchSampler):
        pass

    runner = toy(tmp_path, 2, loader=dict(batch_sampler=dict(type=Own, drop_last=True)))
    runner.train()
    assert type(runner.train_dataloader.batch_sampler) is Own


def test_two_processes_go_on(tmp_path):
    done = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2',
         Path(__file__).with_name('two_processes.py'), tmp_path], text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env=dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES=''))
    assert done.returncode == 0, done.stdout
    assert state(tmp_path / 'cut' / 'iter_8.pth') == state(tmp_path / 'whole' / 'iter_8.pth')
    rows = [set((tmp_path / name / f'rows_{rank}.jsonl').read_text().splitlines())
            for name in ('whole', 'cut') for rank in (0, 1)]
    assert rows[:2] == rows[2:] and not rows[0] & rows[1] and len(rows[0]) == 8
