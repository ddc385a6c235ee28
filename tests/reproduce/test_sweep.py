from pathlib import Path

import pytest
import sweep_beta
from sweep_beta import Point, base_config, beta_name, sweep_figure, sweep_table, weight_per_beta, with_beta
from work_dirs import load_config

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
DEMO = CONFIGS / 'demo' / 'td-hm_efflite0-pcloss_1xb12-600_garments-128x128.py'
FASHIONNET = CONFIGS / 'fashionai' / 'fashionnet' / 'td-reg_fashionnet-pcloss_4xb5-100k_fashionai-512x512.py'


@pytest.mark.parametrize(('beta', 'name'), [
    (1e-6, '1e-6'), (2e-4, '2e-4'), (0.00025, '2.5e-4'), (1., '1e0'), (10, '1e1'), (1.234e-12, '1.234e-12')])
def test_a_beta_is_named_by_its_digits(beta, name):
    assert beta_name(beta) == name and float(name) == beta


@pytest.mark.parametrize('name', ['td-hm_res50-fpn-pcloss_4xb5', 'td-hm_res50-fpn-pcloss-whole_4xb5',
                                  'td-hm_res50-fpn-pcloss-topbottom_4xb5', 'td-hm_res50-fpn_4xb5'])
def test_the_base_arm_is_found_by_name(name):
    assert base_config(Path('a', f'{name}.py')) == Path('a', 'td-hm_res50-fpn_4xb5.py')


def test_beta_becomes_the_loss_weight():
    demo = load_config(DEMO)
    assert weight_per_beta(demo) == pytest.approx(128**2 / 100**2)
    assert with_beta(demo, 1e-2)['model']['head']['pc_loss']['loss_weight'] == pytest.approx(0.016384)
    assert demo['model']['head']['pc_loss']['loss_weight'] == pytest.approx(3e-4)  # the original stays
    assert weight_per_beta(load_config(FASHIONNET)) == 1.  # no heatmaps: beta is the weight


def test_the_table_compares_with_the_base():
    points = [Point(1e-4, 1.6384e-4, [4.5, 5.5]), Point(1e-3, 1.6384e-3, [])]
    assert sweep_table(points, [5.5]) == '\n'.join([
        '| beta           | loss_weight |  n |     average | delta |',
        '| :------------- | ----------: | -: | ----------: | ----: |',
        '| without PCLoss |           - |  1 |        5.50 |     - |',
        '| 1e-4           |   0.0001638 |  2 | 5.00 ± 0.71 | -0.50 |',
        '| 1e-3           |    0.001638 |  0 |           - |     - |',
    ])


def test_the_figure_shows_every_beta_that_has_a_figure_and_the_base():
    points = [Point(1e-4, 1., [4., 5.]), Point(1e-3, 1., []), Point(1e-2, 1., [6.])]
    axes, = sweep_figure(points, 5., 'a title').axes
    curve, base = axes.get_lines()
    assert curve.get_xydata().tolist() == [[1e-4, 4.5], [1e-2, 6.]]
    assert set(base.get_ydata()) == {5.}
    assert axes.get_xscale() == 'log'
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ['with PCLoss', 'without PCLoss']
    axes, = sweep_figure(points, None, 'a title').axes
    assert len(axes.get_lines()) == 1


def test_a_real_sweep_is_passed_over_when_it_is_called_again(swept, call, monkeypatch):
    """Both --cfg-options and --no-validate reached the scripts that trained and tested it."""
    ran = load_config(min(swept.folder.glob('*/vis_data/config.py')))  # the training is the older one
    assert ran['model']['head']['pc_loss']['loss_weight'] == 1e-3
    assert (ran['train_dataloader']['batch_size'], ran['randomness']['seed']) == (4, 1)
    assert ran['val_cfg'] is None
    assert (swept.folder.parent / 'beta_sweep.png').stat().st_size > 5000

    monkeypatch.setattr(sweep_beta.subprocess, 'Popen', None)  # nothing may be started
    again = call(sweep_beta, *swept.arguments)
    assert again.code == 0
    note, conversion = again.out.splitlines()[:2]
    assert note.startswith('4 images a step, where ') and 'is made for 512: tools/paper_tables.py will not' in note
    assert conversion.startswith('beta is the loss_weight itself')
    assert 'beta 1e-3: trained and tested already' in again.out
    table = (swept.folder.parent / 'beta_sweep.md').read_text()
    assert table.startswith('tiny\n\n| beta') and table.split('\n\n')[1].strip() in again.out

    other = call(sweep_beta, *swept.arguments, '--cfg-options', 'train_cfg.max_epochs=2')
    assert 'beta_1e-3: trained with other settings: train_cfg.max_epochs is 1 instead of 2' in other.code
    assert other.code.splitlines()[-1].startswith('Give these settings, another --work-dir')


def commands(call, *arguments):
    """What a dry run would run: the name of the script and the arguments of each."""
    shown = call(sweep_beta, *arguments, '--dry-run')
    assert shown.code == 0, shown.code
    words = [line.split() for line in shown.out.splitlines() if 'dist_' in line]
    return [(Path(script).name, rest) for _, script, *rest in words]


def test_each_state_of_a_run_has_its_commands(runs, call, tmp_path):
    """1e-4 is new, 1e-3 was interrupted, 1e-2 is trained, and 1e-1 tested."""
    config = load_config(DEMO)
    for beta, changes in ((1e-3, dict(checkpoint='iter_100.pth')), (1e-2, {}), (1e-1, dict(metrics={'NE_macro': 3.}))):
        weight = with_beta(config, beta)['model']['head']['pc_loss']['loss_weight']
        runs.write(tmp_path / f'beta_{beta_name(beta)}', DEMO, options={sweep_beta.WEIGHT: weight},
                   test_options={sweep_beta.WEIGHT: weight}, processes=2, **changes)
    shown = commands(call, DEMO, 2, '--betas', '1e-1', '1e-2', '1e-3', '1e-4', '--work-dir', tmp_path,
                     '--auto-scale-lr', '--cfg-options', 'randomness.seed=1')
    weight = 'model.head.pc_loss.loss_weight=0.00016384'
    folder = str(tmp_path / 'beta_1e-4')
    assert shown[0] == ('dist_train.sh', [str(DEMO), '2', '--work-dir', folder, '--auto-scale-lr',
                                          '--cfg-options', 'randomness.seed=1', weight])
    assert shown[1] == ('dist_test.sh', [str(DEMO), f'{folder}/iter_600.pth', '2', '--work-dir', folder,
                                         '--cfg-options', 'randomness.seed=1', weight])
    assert [(script, '--resume' in rest, float(rest[-1].split('=')[-1])) for script, rest in shown[2:]] == [
        ('dist_train.sh', True, 1e-3 * 1.6384), ('dist_test.sh', False, 1e-3 * 1.6384),
        ('dist_test.sh', False, 1e-2 * 1.6384)]


def test_amp_is_a_setting_of_the_run(runs, call, tmp_path):
    weight = with_beta(load_config(DEMO), 1e-3)['model']['head']['pc_loss']['loss_weight']
    amp = {'optim_wrapper.type': 'AmpOptimWrapper', 'optim_wrapper.loss_scale': 'dynamic', sweep_beta.WEIGHT: weight}
    runs.write(tmp_path / 'beta_1e-3', DEMO, options=amp, metrics={'NE_macro': 3.},
               test_options={sweep_beta.WEIGHT: weight})
    arguments = (DEMO, 1, '--betas', '1e-3', '--work-dir', tmp_path)
    assert commands(call, *arguments, '--amp') == []
    assert 'AmpOptimWrapper' in call(sweep_beta, *arguments, '--dry-run').code


def test_the_base_run_beside_the_sweep_is_the_line(runs, call, tmp_path):
    weight = with_beta(load_config(DEMO), 1e-3)['model']['head']['pc_loss']['loss_weight']
    runs.write(tmp_path / 'sweep' / 'beta_1e-3', DEMO, options={sweep_beta.WEIGHT: weight}, metrics={'NE_macro': 3.},
               test_options={sweep_beta.WEIGHT: weight})
    for seed, figure in ((0, 4.), (1, 6.)):
        runs.write(tmp_path / f'base_{seed}', base_config(DEMO), metrics={'NE_macro': figure})
    runs.write(tmp_path / 'short', base_config(DEMO), options={'train_cfg.max_iters': 9}, metrics={'NE_macro': 50.})
    shown = call(sweep_beta, DEMO, 1, '--betas', '1e-3', '--work-dir', tmp_path / 'sweep')
    assert shown.code == 0
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in shown.out.splitlines() if line[:1] == '|']
    assert rows[2:] == [['without PCLoss', '-', '2', '5.00 ± 1.41', '-'], ['1e-3', '0.001638', '1', '3.00', '-2.00']]


@pytest.mark.parametrize(('arguments', 'message'), [
    (['no.py', '1'], 'no.py: no such file'),
    ([base_config(DEMO), '1'], 'has no model.head.pc_loss: give a config with -pcloss in its name'),
    ([DEMO, '0'], 'GPUS: needs at least 1, got 0'),
    ([DEMO, '1', '--betas', '0'], 'a beta is a number above 0, got 0'),
    ([DEMO, '1', '--betas', 'nan'], 'a beta is a number above 0, got nan'),
    ([DEMO, '1', '--cfg-options', 'junk'], '--cfg-options junk do not fit'),
    ([DEMO, '1', '--cfg-options', 'param_scheduler.7.end=3'], 'Index 7 exceeds the length'),
    ([DEMO, '1', '--cfg-options', f'{sweep_beta.WEIGHT}=1'], 'is what the sweep sets: give --betas'),
    ([DEMO, '1', '--resume'], 'the sweep resumes by itself'),
])
def test_wrong_arguments_are_told_in_one_line(call, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    shown = call(sweep_beta, *arguments)
    told = shown.err.splitlines()[-1] if shown.code == 2 else shown.code
    assert message in told and '\n' not in told
    assert list(tmp_path.iterdir()) == []


def test_a_failed_training_is_named_and_the_next_beta_goes_on(call, tmp_path, monkeypatch):
    """Programs that end with an error stand in the place of the launch scripts."""
    for name in ('dist_train.sh', 'dist_test.sh'):
        (tmp_path / name).write_text('#!/bin/sh\nexit 3\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(sweep_beta, 'TOOLS', tmp_path)
    shown = call(sweep_beta, DEMO, 1, '--betas', '1e-3', '1e-2', '--work-dir', tmp_path / 'sweep')
    assert [line.split(': ')[0] for line in shown.code.splitlines()[:2]] == [
        f'{tmp_path}/sweep/beta_1e-3', f'{tmp_path}/sweep/beta_1e-2']
    assert shown.code.endswith('The same command goes on from here.')
    assert shown.out.count('dist_train.sh') == 2 and 'dist_test.sh' not in shown.out
