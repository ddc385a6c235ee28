"""Comparing structural losses: what is refused, and a small comparison from its list to its report."""

import json
import re
import sys

import pytest

NAME = 'td-hm_efflite0_1xb12-600_garments-128x128'


@pytest.mark.parametrize(('arguments', 'words'), [
    ([], 'the following arguments are required: CONFIG'),
    (['xyz'], 'xyz: no such file'),
    ([NAME, '--losses', 'pc,'], "argument --losses: '' is no name of a loss"),
    ([NAME, '--losses', '../pc'], "argument --losses: '../pc' is no name of a loss"),
    ([NAME, '--losses', 'pc,robost'], "there is no loss 'robost': there are none, config, pc, robust"),
    ([NAME, '--losses', 'pc,pc'], "'pc' is listed twice"),
    ([NAME, '--losses', 'none'], "there is nothing to compare with 'none': name a loss"),
    ([NAME, '--losses', 'config'], "'config' stands for the pc_loss or structural_loss of the config, which has none"),
    ([NAME, '--share', '0'], 'argument --share: must be above 0 and below 1, got 0'),
    ([NAME, '--share', '0.1,1'], 'argument --share: must be above 0 and below 1, got 1'),
    ([NAME, '--share', '0.1,x'], "argument --share: 'x' is not a number"),
    ([NAME, '--share', 'nan'], 'argument --share: must be above 0 and below 1, got nan'),
    ([NAME, '--weight', '-1'], 'argument --weight: must be above 0 and below inf, got -1'),
    ([NAME, '--weight', '1', '--share', '0.1'], '--share and --weight exclude each other'),
    ([NAME, '--seeds', '0'], 'argument --seeds: must be at least 1, got 0'),
    ([NAME, '--processes', '0'], 'argument --processes: must be at least 1, got 0'),
    ([NAME, '--split', 'train'], "argument --split: invalid choice: 'train'"),
    ([NAME, '--outlier', '0'], 'argument --outlier: must be above 0 and below inf, got 0'),
    ([NAME, '--list', '--report'], 'argument --report: not allowed with argument --list'),
    ([NAME, '--metric', 'xyz'], "--metric xyz: it is not known whether a higher 'xyz' is better"),
    ([NAME, '--weight', '1', '--run', '15'], '--run 15: the list has the numbers 0 to 14'),
    ([NAME, '--run', '0'], '--run 0: the weights are not found yet; the same command with --list'),
    ([NAME, '--report'], 'has no results of such a comparison'),
    ([NAME, '--weight', '1', '--report'], "no run of 'none' is done"),
    ([NAME, '--weight', '1', '--cfg-options', 'model.head.type=VisPredictHead'], 'holds the head'),
    ([NAME, '--weight', '1', '--cfg-options', 'train_dataloader.dataset.data_root=/nowhere'], '/nowhere/Annotations'),
])
def test_what_does_not_fit_is_one_line_before_any_work(call, monkeypatch, tmp_path, arguments, words):
    monkeypatch.chdir(tmp_path)
    done = call('compare', *arguments)
    assert done.code == 2 and done.out == ''
    *said, error = done.err.splitlines()
    assert error.startswith('error: ') and words in error
    assert said in ([], ['loading MMPose ...']) and not list(tmp_path.iterdir())


def test_without_ray_no_weight_is_measured_for_it(call, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'ray', None)
    done = call('compare', NAME, '--ray', '--work-dir', tmp_path / 'new')
    assert done.code == 2 and done.err.startswith('error: --ray needs Ray') and not (tmp_path / 'new').exists()


@pytest.fixture(scope='module')
def small(tiny_config, tmp_path_factory):
    """The tiny config with a backbone whose checkpoints are small, in a folder of its own."""
    config = tmp_path_factory.mktemp('compare') / 'small.py'
    config.write_text(f'_base_ = {str(tiny_config)!r}\n'
                      'model = dict(backbone=dict(stem_channels=8, base_channels=8), head=dict(in_channels=64))\n')
    return config


def test_a_metric_that_no_evaluator_gives_is_refused_before_any_work(call, small, tmp_path):
    done = call('compare', small, '--weight', '1', '--metric', 'AUC', '--work-dir', tmp_path / 'new')
    assert done.code == 2 and "no metric of the evaluator gives 'AUC'" in done.err
    assert not (tmp_path / 'new').exists()


def test_from_the_list_to_the_report(call, small, tmp_path):
    work_dir = tmp_path / 'work'
    options = (small, '--losses', 'robust', '--weight', '0.01', '--seeds', '2', '--work-dir', work_dir)

    def listed():
        return [re.split(r'  +', line.strip()) for line in call('compare', *options, '--list').out.splitlines()]

    assert listed() == [
        ['0', 'none', 'seed 0', 'waiting'], ['1', 'robust:0.01', 'seed 0', 'waiting', 'loss_weight 0.01'],
        ['2', 'none', 'seed 1', 'waiting'], ['3', 'robust:0.01', 'seed 1', 'waiting', 'loss_weight 0.01']]
    for number in range(2):  # as the tasks of an array do
        assert call('compare', *options, '--run', number).code == 0
    assert 'is done' in call('compare', *options, '--run', '1').out
    assert [line[3] for line in listed()] == ['done', 'done', 'waiting', 'waiting']
    said = call('compare', *options, '--report').out
    assert 'There is one pair' in said and 'robust:0.01 has no result of the seed 1' in said
    before = (work_dir / 'none' / 'seed0' / 'result.json').stat().st_mtime_ns

    done = call('compare', *options, '--processes', '2')
    assert done.code == 0 and '2 runs are done, 2 to go, 2 at a time; checkpoints are removed' in done.out
    assert 'robust:0.01, seed 1: NE' in done.out and 'on 2 paired seeds' in done.out
    assert (work_dir / 'none' / 'seed0' / 'result.json').stat().st_mtime_ns == before
    assert not list(work_dir.rglob('*.pth')) and not list(work_dir.rglob('*.part'))
    table = (work_dir / 'comparison.md').read_text()
    figures = [json.loads((work_dir / 'none' / f'seed{seed}' / 'result.json').read_text())['figures']['NE']
               for seed in range(2)]
    assert f'| none | 2 |  | {sum(figures) / 2:.4g} |' in table and '| nose |' in table
    assert 'Lines for a config' not in table  # of two seeds nothing is shown
    page = (work_dir / 'report.html').read_text()
    assert '<title>robust:0.01 against none, seed 0</title>' in page
    assert (work_dir / 'comparison.png').stat().st_size > 5000

    changed = call('compare', *options, '--cfg-options', 'optim_wrapper.optimizer.lr=1')
    assert changed.code == 2 and 'optim_wrapper.optimizer.lr was 0.0005 and is 1' in changed.err


def test_a_run_that_fails_is_named_and_the_exit_code_is_1(call, small, tmp_path, monkeypatch):
    monkeypatch.setattr('sys.executable', '/bin/false')
    (tmp_path / 'none' / 'seed0').mkdir(parents=True)
    (tmp_path / 'none' / 'seed0' / 'result.json').write_text(
        json.dumps(dict(figures=dict(NE=5.), config='x', landmarks=[], share=None)))
    done = call('compare', small, '--losses', 'robust', '--weight', '0.01', '--seeds', '1', '--work-dir', tmp_path)
    log = tmp_path / 'robust:0.01' / 'seed0' / 'run.log'
    assert done.code == 1 and f'robust:0.01, seed 0: failed, without a word ({log})' in done.out
    assert 'There is no pair yet' in done.out and log.is_file()
