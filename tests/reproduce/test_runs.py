import json
import os
import shutil

import pytest

from pcloss_mmpose.configs import find_config
from pcloss_mmpose.errors import InputError
from reproduce.runs import beta_name, differences, find_runs, find_tests, read_metrics, read_run, settings, with_beta

LEAF = find_config('td-hm_res50_4xb5-100k_fashionai-512x512')
DEMO = find_config('td-hm_efflite0-pcloss_1xb12-600_garments-128x128')
FASHIONNET = find_config('td-reg_fashionnet-pcloss_4xb5-100k_fashionai-512x512')


@pytest.fixture
def read(runs):
    """Read a folder as a run of the leaf."""
    return lambda folder, roots=None: read_run(folder, runs.load(LEAF), find_tests(roots or [folder]))


def test_a_real_run_is_read(swept, runs):
    """Trained and tested by the tools, on one process of four images."""
    training, test = sorted(path.parents[1] for path in swept.folder.glob('*/vis_data/config.py'))
    assert 'GPU number: 1' in (training / f'{training.name}.log').read_text()
    tests = find_tests([swept.folder.parent])
    (checkpoint, ((metrics, _), )), = tests.items()
    assert (checkpoint, metrics) == (os.path.realpath(swept.folder / 'epoch_1.pth'), test / f'{test.name}.json')

    config = runs.load(swept.config)
    config.auto_scale_lr = dict(base_batch_size=4)
    config.val_cfg = None
    found = find_runs([swept.folder.parent], {'tiny': config})
    assert [run.state for run in found['tiny', 1e-3]] == ['tested'] and len(found) == 1
    run = read_run(swept.folder, with_beta(config, 1e-3), tests)
    assert (run.state, run.problem) == ('tested', '')
    metrics = json.loads(metrics.read_text())
    assert metrics['NE_macro'] > 0
    assert run.metrics == {**metrics, 'average': metrics['NE_macro']}
    assert 'loss_weight is 0.00163' in read_run(swept.folder, with_beta(config, 2.), tests).problem
    config.auto_scale_lr.base_batch_size = 8
    assert '4 images a step, not 8' in read_run(swept.folder, with_beta(config, 1e-3), tests).problem


def test_the_written_folders_have_the_layout_of_the_real_one(swept, runs, tmp_path):
    def layout(folder):
        return {'/'.join(part for part in path.relative_to(folder).parts if not part.startswith('20'))
                for path in folder.rglob('*') if path.suffix not in ('.log', '.json') and path.is_file()}

    runs.write(tmp_path / 'run', swept.config, metrics={'NE_macro': 3.}, processes=1)
    assert layout(tmp_path / 'run') == layout(swept.folder) - {'epoch_1.pth'}


TRAINING = ' (the training of 20260101_000000)'
UNTESTED = 'its last checkpoint is not tested yet'


@pytest.mark.parametrize(('changes', 'state', 'problem'), [
    ({}, 'trained', UNTESTED),
    (dict(metrics={'NE_macro': 3.}), 'tested', ''),
    (dict(checkpoint='iter_5000.pth'), 'unfinished', 'training ended at iter_5000.pth, before iter_100000.pth'),
    (dict(options={'train_cfg.max_iters': 100}, checkpoint='iter_100.pth'), 'other',
     f'trained with other settings: train_cfg.max_iters is 100 instead of 100000{TRAINING}'),
    (dict(options={'optim_wrapper.type': 'AmpOptimWrapper'}), 'other',
     f"trained with other settings: optim_wrapper.type is 'AmpOptimWrapper' instead of not set{TRAINING}"),
    (dict(options={'load_from': 'other.pth'}), 'other',
     f"trained with other settings: load_from is 'other.pth' instead of None{TRAINING}"),
    (dict(options={'load_from': 'run/iter_50000.pth', 'resume': True}), 'trained', UNTESTED),
    (dict(processes=1), 'other',
     f'trained with other settings: 5 images a step, not 20: set train_dataloader.batch_size{TRAINING}'),
    (dict(processes=2, options={'train_dataloader.batch_size': 10}), 'trained', UNTESTED),
    (dict(options={'train_dataloader.num_workers': 0, 'train_dataloader.dataset.data_root': '/elsewhere',
                   'train_dataloader.dataset.ann_file': ['/a/annotations.csv', '/b/train.csv'], 'work_dir': 'here',
                   'randomness.seed': 3, 'model.backbone.init_cfg.checkpoint': '/models/resnet50.pth'}),
     'trained', UNTESTED),
    (dict(options={'train_dataloader.dataset.ann_file': ['/a/annotations.csv']}), 'other',
     f"trained with other settings: train_dataloader.dataset.ann_file.1 is not set instead of 'train.csv'{TRAINING}"),
    (dict(metrics={'NE_macro': 3.}, test_options={'model.test_cfg.flip_test': True}), 'trained',
     'tested with other settings: model.test_cfg.flip_test is True instead of False'),
    (dict(metrics={'NE_macro': 3.}, test_options={'test_evaluator': [
        dict(type='NormalizedError', norm='keypoint_pair'), dict(type='DumpResults', out_file_path='a.pkl')]}),
     'tested', ''),
    (dict(metrics={'NE_macro': 3.}, test_options={'test_evaluator': [
        dict(type='NormalizedError', norm='box'), dict(type='DumpResults', out_file_path='a.pkl')]}),
     'trained', "tested with other settings: test_evaluator.norm is 'box' instead of 'keypoint_pair'"),
])
def test_what_makes_a_run_count(runs, read, tmp_path, changes, state, problem):
    run = read(runs.write(tmp_path / 'run', LEAF, **changes))
    assert (run.state, run.problem) == (state, problem)
    assert run.metrics == ({'NE_macro': 3., 'average': 3.} if state == 'tested' else {})


def test_the_best_checkpoint_does_not_stand_for_the_last(runs, read, tmp_path):
    best = tmp_path / 'run' / 'best_NE_iter_60000.pth'
    run = read(runs.write(tmp_path / 'run', LEAF, metrics={'NE_macro': 1.}, tested=best))
    assert (run.state, run.problem) == ('trained', UNTESTED)


def test_the_newest_test_that_counts_is_taken(runs, read, tmp_path):
    folder = runs.write(tmp_path / 'run', LEAF, metrics={'NE_macro': 3.})
    final = folder / 'iter_100000.pth'
    runs.write_test(folder, LEAF, {'NE_macro': 2.5}, '20260105_000000', final)
    runs.write_test(folder, LEAF, {'NE_macro': 2.}, '20260106_000000', final, {'model.test_cfg.flip_test': True})
    assert read(folder).metrics['average'] == 2.5


def test_a_test_before_the_newest_training_is_out_of_date(runs, read, tmp_path):
    folder = runs.write(tmp_path / 'run', LEAF, metrics={'NE_macro': 3.})
    shutil.copytree(folder / '20260101_000000', folder / '20260104_000000')
    assert read(folder).problem == UNTESTED


def test_a_test_in_another_folder_is_found_by_its_checkpoint(runs, read, tmp_path):
    """Relative paths start where the tools were started, wherever the folders are read from, or have been moved to."""
    folder = runs.write(tmp_path / 'work_dirs' / 'seed_1', LEAF)
    for seed in (1, 2):
        runs.write_test(tmp_path / 'work_dirs' / 'leaf', LEAF, {'NE_macro': 2. + seed}, f'2026010{seed + 1}_000000',
                        f'work_dirs/seed_{seed}/iter_100000.pth', {'work_dir': './work_dirs/leaf'})
    os.rename(tmp_path / 'work_dirs', tmp_path / 'moved')
    assert read(tmp_path / 'moved' / folder.name, roots=[tmp_path]).metrics['average'] == 3.


def test_weights_that_another_training_made_or_began_do_not_count(runs, read, tmp_path):
    """One that was started over the other's checkpoint and died, and one that was resumed with the right settings."""
    for name, resumed in (('died', False), ('resumed', True)):
        folder = runs.write(tmp_path / name, LEAF, options={'optim_wrapper.optimizer.lr': 1.})
        runs.write(tmp_path / 'second' / name, LEAF, metrics={'NE_macro': 3.}, options={'resume': resumed},
                   tested=folder / 'iter_100000.pth', stamp='20260103_000000')
        for part in (tmp_path / 'second' / name).glob('2026*'):
            part.rename(folder / part.name)
        run = read(folder)
        assert run.state == 'other' and run.problem == (
            f'trained with other settings: optim_wrapper.optimizer.lr is 1.0 instead of 0.0003{TRAINING}')


@pytest.mark.parametrize('metrics', [{}, {'NE_macro': None}, {'coco/AP': -1.}, '', '{"NE_macro": 3.', '[1]'])
def test_a_test_without_a_figure_does_not_count(runs, read, tmp_path, metrics):
    run = read(runs.write(tmp_path / 'run', LEAF, metrics=metrics))
    path = tmp_path / 'run' / '20260102_000000' / '20260102_000000.json'
    assert run.state == 'trained'
    assert run.problem == f'{path}: half-written, or without NE_macro and coco/AP; test again'


@pytest.mark.parametrize(('metrics', 'expected'), [
    ({'NE': 2., 'NE_macro': 3.}, {'NE': 2., 'NE_macro': 3., 'average': 3.}),
    ({'coco/AP': 0.5, 'coco/AR': 0.75}, {'coco/AP': 50., 'coco/AR': 75., 'average': 50.}),
    ({'EPE': 1., 'NE_macro': float('nan'), 'coco/AP': -1., 'NE': float('inf'), 'note': 'a'}, {'EPE': 1.})])
def test_metrics_are_in_percent(tmp_path, metrics, expected):
    (tmp_path / 'metrics.json').write_text(json.dumps(metrics))
    assert read_metrics(tmp_path / 'metrics.json') == expected


@pytest.mark.parametrize('text', ['model = dict(', 'model = no_such_name', '_base_ = "gone.py"'])
def test_a_half_written_config_is_named(runs, read, tmp_path, text):
    folder = runs.write(tmp_path / 'run', LEAF, metrics={'NE_macro': 3.})
    for path in sorted(folder.glob('*/vis_data/config.py'), reverse=True):  # of the test, then of the training
        whole = path.read_text()
        path.write_text(text)
        with pytest.raises(InputError, match=f'{path}: not a complete config'):
            read(folder)
        path.write_text(whole)
    assert read(folder).state == 'tested'


def test_a_folder_without_a_log_of_its_training(runs, read, tmp_path):
    """Whether its last checkpoint was tested or not."""
    folder = runs.write(tmp_path / 'run', LEAF, metrics={'NE_macro': 3.})
    (folder / '20260101_000000' / 'vis_data' / 'scalars.json').unlink()
    assert read(folder).problem == 'no <timestamp>/vis_data/scalars.json shows how it was trained'


def test_a_test_right_after_the_training_loads_no_checkpoint(runs, read, tmp_path):
    folder = runs.write(tmp_path / 'run', LEAF)
    (folder / '20260101_000000' / '20260101_000000.json').write_text('{"NE_macro": 3.0}')
    assert read(folder).problem == UNTESTED


def test_differences_are_told_apart():
    expected = dict(train_cfg=dict(max_iters=4, val_interval=2), model=dict(a=(1, 2), b=None, c=1))
    parts = ('train_cfg', 'model', 'load_from')
    assert settings(expected, parts) == {'train_cfg.max_iters': '4', 'model.a.0': '1', 'model.a.1': '2',
                                         'model.b': 'None', 'model.c': '1', 'load_from': 'None'}
    assert differences(expected, expected, parts) == ''
    found = dict(expected, model=dict(a=(1, 3), b=None, c=2, d=None, e=1))
    assert differences(found, expected, parts) == (
        'model.a.1 is 3 instead of 2; model.c is 2 instead of 1; model.d is None instead of not set; and 1 more')


@pytest.mark.parametrize(('beta', 'name'), [
    (1e-6, '1e-6'), (2e-4, '2e-4'), (0.00025, '2.5e-4'), (1., '1e0'), (10, '1e1'), (1.234e-12, '1.234e-12')])
def test_a_beta_is_named_by_its_digits(beta, name):
    assert beta_name(beta) == name and float(name) == beta


def test_beta_becomes_the_loss_weight(runs):
    """Pixels of a 128 x 128 heatmap, beside targets that peak at 100: 128 ** 2 / 100 ** 2 = 1.6384."""
    demo = runs.load(DEMO)
    assert with_beta(demo, 1e-2).model.head.pc_loss.loss_weight == pytest.approx(0.016384)
    assert demo.model.head.pc_loss.loss_weight == pytest.approx(3e-4)  # the original stays
    assert with_beta(demo, None).to_dict() == demo.to_dict()
    assert with_beta(runs.load(FASHIONNET), 1e-2).model.head.pc_loss.loss_weight == 1e-2  # it has no heatmaps
    paper = runs.load(find_config('td-hm_res50-pcloss_4xb5-100k_fashionai-512x512'))
    assert with_beta(paper, 2e-4).model.head.pc_loss.loss_weight == pytest.approx(paper.model.head.pc_loss.loss_weight)
