from pathlib import Path

import pytest

import reproduce.__main__ as command_line
from pcloss_mmpose.configs import load_config
from reproduce import runs as reader
from reproduce.paper import base_name
from reproduce.runs import WEIGHT, beta_name, with_beta

#: The demo's model with the paper's squares, and without PCLoss.
DEMO, BASE = (Path(__file__).parent / 'configs' / f'td-hm_efflite0{arm}_1xb12-600_garments-128x128.py'
              for arm in ('-pcloss', ''))


@pytest.mark.parametrize('name', ['td-hm_res50-fpn-pcloss_4xb5', 'td-hm_res50-fpn-pcloss-whole_4xb5',
                                  'td-hm_res50-fpn-pcloss-topbottom_4xb5', 'td-hm_res50-fpn-pcloss-tuned_4xb5',
                                  'td-hm_res50-fpn_4xb5'])
def test_the_base_arm_is_found_by_name(name):
    assert base_name(name) == 'td-hm_res50-fpn_4xb5'


@pytest.fixture
def write(runs, tmp_path):
    """Write the run of a beta of the demo's config."""

    def write_beta(beta, folder=tmp_path, options=None, **changes):
        weight = {WEIGHT: with_beta(runs.load(DEMO), beta).model.head.pc_loss.loss_weight}
        return runs.write(folder / f'beta_{beta_name(beta)}', DEMO, options={**weight, **(options or {})},
                          test_options=weight, **changes)

    return write_beta


def test_a_real_sweep_is_passed_over_when_it_is_called_again(swept, call, monkeypatch):
    """The --cfg-options reached the scripts that trained and tested it."""
    ran = load_config(min(swept.folder.glob('*/vis_data/config.py')), custom_imports=False)  # the training is older
    assert ran.model.head.pc_loss.loss_weight == pytest.approx(1.6384e-3)
    assert (ran.train_dataloader.batch_size, ran.randomness.seed, ran.val_cfg) == (4, 1, None)

    monkeypatch.setattr(command_line.subprocess, 'Popen', None)  # nothing may be started
    again = call(*swept.arguments)
    assert again.code == 0
    _, _, base, row = ([cell.strip() for cell in line.strip('|').split('|')] for line in again.out.splitlines()[1:])
    assert base == ['without PCLoss', '-', '0', '-', '-', '-']
    assert (row[:3], row[4:]) == (['1e-3', '0.001638', '1'], ['-', '-']) and float(row[3]) > 0

    other = call(*swept.arguments, '--cfg-options', 'train_cfg.max_epochs=2')
    assert other.code == 2 and 'beta_1e-3: trained with other settings: train_cfg.max_epochs is 1 ' in other.err
    assert other.err.endswith('give these settings, another --work-dir, or remove it\n')


def commands(call, *arguments):
    """What a dry run would run: the name of the script and the arguments of each."""
    shown = call('sweep', *arguments, '--dry-run')
    assert shown.code == 0, shown.err
    words = [line.split() for line in shown.out.splitlines() if 'dist_' in line]
    return [(Path(script).name, rest) for _, script, *rest in words]


def test_each_state_of_a_run_has_its_commands(write, call, tmp_path, monkeypatch):
    """1e-4 is new, 1e-3 was interrupted, 1e-2 is trained, and 1e-1 tested; on two GPUs of six images."""
    monkeypatch.chdir(tmp_path)
    half = {'train_dataloader.batch_size': 6}
    for beta, changes in ((1e-3, dict(checkpoint='iter_100.pth')), (1e-2, {}), (1e-1, dict(metrics={'NE_macro': 3.}))):
        write(beta, options=half, processes=2, **changes)
    shown = commands(call, DEMO, 2, '--betas', '1e-4', '1e-3', '1e-2', '1e-1', '--work-dir', tmp_path,
                     '--cfg-options', 'randomness.seed=1', 'train_dataloader.batch_size=6')
    options = ['--cfg-options', 'randomness.seed=1', 'train_dataloader.batch_size=6', f'{WEIGHT}=0.00016384']
    folder, config = str(tmp_path / 'beta_1e-4'), command_line.os.path.relpath(DEMO)
    assert shown[0] == ('dist_train.sh', [config, '2', '--work-dir', folder, *options])
    assert shown[1] == ('dist_test.sh', [config, f'{folder}/iter_600.pth', '2', '--work-dir', folder, *options])
    weights = [(script, '--resume' in rest, next(word for word in rest if word.startswith(WEIGHT)).split('=')[1])
               for script, rest in shown[2:]]
    assert [(script, resumed, float(weight)) for script, resumed, weight in weights] == [
        ('dist_train.sh', True, 1e-3 * 1.6384), ('dist_test.sh', False, 1e-3 * 1.6384),
        ('dist_test.sh', False, 1e-2 * 1.6384)]


def test_a_run_with_other_settings_is_refused_before_anything_starts(write, call, tmp_path):
    write(1e-3, options={'optim_wrapper.type': 'AmpOptimWrapper'})
    arguments = ('sweep', DEMO, 1, '--betas', '1e-4', '1e-3', '--work-dir', tmp_path, '--dry-run')
    shown = call(*arguments)
    assert (shown.code, shown.out) == (2, '')
    assert 'beta_1e-3: trained with other settings: optim_wrapper.type is' in shown.err
    given = commands(call, *arguments[1:-1], '--cfg-options', 'optim_wrapper.type=AmpOptimWrapper')
    assert [script for script, _ in given] == ['dist_train.sh', 'dist_test.sh', 'dist_test.sh']


def test_the_base_run_beside_the_sweep_is_the_line(runs, write, call, tmp_path):
    write(1e-3, tmp_path / 'sweep', metrics={'NE_macro': 3.})
    for seed, figure in ((0, 4.), (1, 6.)):
        runs.write(tmp_path / f'base_{seed}', BASE, metrics={'NE_macro': figure})
    runs.write(tmp_path / 'short', BASE, options={'train_cfg.max_iters': 9}, metrics={'NE_macro': 50.})
    shown = call('sweep', DEMO, 1, '--betas', '1e-3', '--work-dir', tmp_path / 'sweep')
    assert shown.code == 0
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in shown.out.splitlines() if line[:1] == '|']
    assert rows[2:] == [['without PCLoss', '-', '2', '5.00', '1.41', '-'],
                        ['1e-3', '0.001638', '1', '3.00', '-', '-2.00']]


def test_a_config_of_any_name_is_swept_and_is_not_its_own_base(runs, call, tmp_path):
    own = tmp_path / 'own.py'
    own.write_text(f'_base_ = {str(DEMO)!r}\n')
    weight = {WEIGHT: with_beta(runs.load(own), 1e-3).model.head.pc_loss.loss_weight}
    runs.write(tmp_path / 'sweep' / 'beta_1e-3', own, metrics={'NE_macro': 3.}, options=weight, test_options=weight,
               processes=1)
    runs.write(tmp_path / 'beside', own, metrics={'NE_macro': 4.}, processes=1)  # with PCLoss, of the config's weight
    shown = call('sweep', own, 1, '--betas', '1e-3', '--work-dir', tmp_path / 'sweep')
    assert [[cell.strip() for cell in line.split('|')[3:7]] for line in shown.out.splitlines()[-2:]] == [
        ['0', '-', '-', '-'], ['1', '3.00', '-', '-']]


def test_options_of_the_loss_do_not_reach_the_base(runs, write, call, tmp_path):
    topk = {'model.head.pc_loss.topk': 4}
    folder = write(1e-3, tmp_path / 'sweep', options={**topk, 'train_cfg.x': 1})
    weight = {WEIGHT: with_beta(runs.load(DEMO), 1e-3).model.head.pc_loss.loss_weight}
    runs.write_test(folder, DEMO, {'NE_macro': 2.}, '20260102_000000', folder / 'iter_600.pth', {**topk, **weight})
    runs.write(tmp_path / 'base', BASE, options={'train_cfg.x': 1}, metrics={'NE_macro': 4.})
    shown = call('sweep', DEMO, 1, '--betas', '1e-3', '--work-dir', tmp_path / 'sweep',
                 '--cfg-options', 'model.head.pc_loss.topk=4', 'train_cfg.x=1')
    assert shown.out.splitlines()[-2].split()[-6:-1:2] == ['4.00', '-', '-'] and '-2.00' in shown.out.splitlines()[-1]


@pytest.mark.parametrize(('arguments', 'message'), [
    (['no.py', '1'], 'argument CONFIG: no.py: no such file'),
    ([BASE, '1'], 'no model.head.pc_loss: give a config with -pcloss in its name'),
    (['td-hm_res50-pcloss-tuned_4xb5-100k_fld-512x512', '4'], 'sums lengths (robust=True), whose weight is none of'),
    ([DEMO, '0'], 'argument GPUS: must be at least 1, got 0'),
    ([DEMO, '1', '--betas', '0'], 'a beta is a number above 0'),
    ([DEMO, '1', '--betas', 'nan'], 'a beta is a number above 0'),
    ([DEMO, '1', '--betas', 'inf'], 'a beta is a number above 0'),
    ([DEMO, '1', '--betas', 'x'], "argument --betas: invalid float value: 'x'"),
    ([DEMO, '1', '--cfg-options', 'junk'], "argument --cfg-options: 'junk' is not KEY=VALUE"),
    ([DEMO, '1', '--cfg-options', 'param_scheduler.7.end=3'], 'Index 7 exceeds the length'),
    ([DEMO, '1', '--cfg-options', f'{WEIGHT}=1'], 'is what the sweep sets: give --betas'),
    ([DEMO, '4'], '48 images a step, where'),
    ([DEMO, '1', '--resume'], 'unrecognized arguments: --resume'),
])
def test_wrong_arguments_are_told_in_one_line(call, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command_line.subprocess, 'Popen', None)  # nothing may be started
    shown = call('sweep', *arguments)
    assert shown.code == 2 and shown.out == ''
    assert shown.err.startswith('error: ') and message in shown.err and shown.err.count('\n') == 1
    assert list(tmp_path.iterdir()) == []


def test_a_failed_training_is_named_and_the_next_beta_goes_on(call, tmp_path, monkeypatch):
    """Programs that end with an error stand in the place of the launch scripts."""
    for name in ('dist_train.sh', 'dist_test.sh'):
        (tmp_path / name).write_text('#!/bin/sh\nexit 3\n')
    monkeypatch.setattr(reader, 'TOOLS', tmp_path)
    shown = call('sweep', DEMO, 1, '--betas', '1e-3', '1e-2', '--work-dir', tmp_path / 'sweep')
    assert shown.code.splitlines() == [
        f'{tmp_path}/sweep/beta_1e-3: training ended at no checkpoint, before iter_600.pth',
        f'{tmp_path}/sweep/beta_1e-2: training ended at no checkpoint, before iter_600.pth',
        'The same command goes on from here.']
    assert shown.out.count('dist_train.sh') == 2 and 'dist_test.sh' not in shown.out
