import json
import os
import shutil
from pathlib import Path

import pytest
from mmengine.config import Config
from sweep_beta import with_beta
from work_dirs import (
    RunError,
    differences,
    find_tests,
    find_work_dirs,
    load_config,
    processes,
    read_metrics,
    read_run,
    settings,
)

LEAF = Path(__file__).resolve().parents[2] / 'configs/fashionai/spb/td-hm_res50_4xb5-100k_fashionai-512x512.py'


def read(folder, config=LEAF, roots=None, images=20):
    tests, problems = find_tests(roots or [folder])
    assert problems == []
    return read_run(folder, load_config(config), tests, images)


def test_a_real_run_is_read(swept):
    """Trained and tested by the tools, on one process of four images."""
    assert find_work_dirs([swept.folder.parent]) == [swept.folder]
    tests, problems = find_tests([swept.folder.parent])
    assert [test.checkpoint for test in tests] == [swept.folder.resolve() / 'epoch_1.pth'] and problems == []
    training, test = sorted(path.parents[1] for path in swept.folder.glob('*/vis_data/config.py'))
    assert processes(training / f'{training.name}.log') == 1

    expected = with_beta(load_config(swept.config), 1e-3)
    run = read_run(swept.folder, expected, tests, images=4)
    assert (run.state, run.problem, run.checkpoint) == ('tested', '', 'epoch_1.pth')
    assert run.metrics == json.loads((test / f'{test.name}.json').read_text())
    assert run.metrics['NE_macro'] > 0
    assert 'is 0.001 instead of 2.0' in read_run(swept.folder, with_beta(expected, 2.), tests).problem
    assert '4 images a step on 1 processes, not 8' in read_run(swept.folder, expected, tests, images=8).problem


def test_the_written_folders_have_the_layout_of_the_real_one(swept, runs, tmp_path):
    def layout(folder):
        return {'/'.join(part for part in path.relative_to(folder).parts if not part.startswith('20'))
                for path in folder.rglob('*') if path.suffix not in ('.log', '.json') and path.is_file()}

    runs.write(tmp_path / 'run', swept.config, metrics={'NE_macro': 3.})
    assert layout(tmp_path / 'run') == layout(swept.folder) - {'epoch_1.pth'}


@pytest.mark.parametrize(('changes', 'state', 'problem'), [
    ({}, 'trained', 'not tested yet'),
    (dict(metrics={'NE_macro': 3.}), 'tested', ''),
    (dict(checkpoint='iter_5000.pth'), 'unfinished', 'training ended at iter_5000.pth, before iter_100000.pth'),
    (dict(options={'train_cfg.max_iters': 100}, checkpoint='iter_100.pth'), 'other',
     'trained with other settings: train_cfg.max_iters is 100 instead of 100000'),
    (dict(options={'optim_wrapper.type': 'AmpOptimWrapper'}), 'other',
     "trained with other settings: optim_wrapper.type is 'AmpOptimWrapper' instead of not set"),
    (dict(options={'load_from': 'other.pth'}), 'other',
     "trained with other settings: load_from is 'other.pth' instead of None"),
    (dict(options={'load_from': 'run/iter_50000.pth', 'resume': True}), 'trained', 'not tested yet'),
    (dict(processes=1), 'other', 'trained with other settings: 5 images a step on 1 processes, not 20 '
     '(set train_dataloader.batch_size)'),
    (dict(processes=2, options={'train_dataloader.batch_size': 10}), 'trained', 'not tested yet'),
    (dict(options={'train_dataloader.num_workers': 0, 'train_dataloader.dataset.data_root': '/elsewhere',
                   'train_dataloader.dataset.ann_file': ['/a/annotations.csv', '/b/train.csv'], 'work_dir': 'here',
                   'randomness.seed': 3, 'model.backbone.init_cfg.checkpoint': '/models/resnet50.pth'}),
     'trained', 'not tested yet'),
    (dict(metrics={'NE_macro': 3.}, test_options={'model.test_cfg.flip_test': True}), 'trained',
     'tested with other settings: model.test_cfg.flip_test is True instead of False'),
    (dict(metrics={'NE_macro': 3.}, test_options={'test_evaluator': [
        dict(type='NormalizedError', norm='keypoint_pair'), dict(type='DumpResults', out_file_path='a.pkl')]}),
     'tested', ''),
])
def test_what_makes_a_run_count(runs, tmp_path, changes, state, problem):
    run = read(runs.write(tmp_path / 'run', LEAF, **changes))
    assert (run.state, run.problem) == (state, problem)
    assert run.metrics == (changes['metrics'] if state == 'tested' else {})


def test_the_best_checkpoint_does_not_stand_for_the_last(runs, tmp_path):
    best = tmp_path / 'run' / 'best_NE_iter_60000.pth'
    run = read(runs.write(tmp_path / 'run', LEAF, metrics={'NE_macro': 1.}, tested=best))
    assert (run.state, run.problem) == ('trained', 'tested with best_NE_iter_60000.pth; the last checkpoint counts')


def test_the_newest_test_that_counts_is_taken(runs, tmp_path):
    folder = runs.write(tmp_path / 'run', LEAF, metrics={'NE_macro': 3.})
    again = Config.fromfile(str(LEAF), import_custom_modules=False)
    again.merge_from_dict(dict(work_dir=str(folder), load_from=str(folder / 'iter_100000.pth')))
    runs.add_test(folder, again, {'NE_macro': 2.5}, '20260105_000000')
    again.model.test_cfg.flip_test = True
    runs.add_test(folder, again, {'NE_macro': 2.}, '20260106_000000')
    assert read(folder).metrics == {'NE_macro': 2.5}


def test_a_test_before_the_newest_training_is_out_of_date(runs, tmp_path):
    folder = runs.write(tmp_path / 'run', LEAF, metrics={'NE_macro': 3.})
    shutil.copytree(folder / '20260101_000000', folder / '20260104_000000')
    assert read(folder).problem == 'not tested yet'


def test_a_test_in_another_folder_is_found_by_its_checkpoint(runs, tmp_path):
    """Relative paths start where the tools were started, wherever the folders are read from, or have been moved to."""
    folder = runs.write(tmp_path / 'work_dirs' / 'seed_1', LEAF)
    test = Config.fromfile(str(LEAF), import_custom_modules=False)
    test.merge_from_dict(dict(work_dir='./work_dirs/leaf', load_from='work_dirs/seed_1/iter_100000.pth'))
    runs.add_test(tmp_path / 'work_dirs' / 'leaf', test, {'NE_macro': 3.}, '20260102_000000')
    os.rename(tmp_path / 'work_dirs', tmp_path / 'moved')
    assert read(tmp_path / 'moved' / folder.name, roots=[tmp_path]).metrics == {'NE_macro': 3.}


def test_weights_that_another_training_made_or_began_do_not_count(runs, tmp_path):
    """One that was started over the other's checkpoint and died, and one that was resumed with the right settings."""
    for name, resumed in (('died', False), ('resumed', True)):
        folder = runs.write(tmp_path / name, LEAF, options={'optim_wrapper.optimizer.lr': 1.})
        runs.write(tmp_path / 'second' / name, LEAF, metrics={'NE_macro': 3.}, options={'resume': resumed},
                   tested=folder / 'iter_100000.pth', stamp='20260103_000000')
        for part in (tmp_path / 'second' / name).glob('2026*'):
            part.rename(folder / part.name)
        run = read(folder)
        assert run.state == 'other' and run.problem == (
            'trained with other settings: optim_wrapper.optimizer.lr is 1.0 instead of 0.0003 '
            '(the training of 20260101_000000)')


@pytest.mark.parametrize('metrics', [{}, {'NE_macro': None}, {'coco/AP': -1.}])
def test_a_test_without_a_figure_does_not_count(runs, tmp_path, metrics):
    run = read(runs.write(tmp_path / 'run', LEAF, metrics=metrics))
    assert run.state == 'trained' and run.problem.endswith('it has no figure under NE_macro or coco/AP; test again')


@pytest.mark.parametrize('text', ['', '{"NE_macro": 3.', '[1]'])
def test_half_written_metrics_are_named(runs, tmp_path, text):
    run = read(runs.write(tmp_path / 'run', LEAF, metrics=text))
    path = tmp_path / 'run' / '20260102_000000' / '20260102_000000.json'
    assert run.state == 'trained' and run.problem.startswith(f'{path}: ') and run.problem.endswith('test again')
    with pytest.raises(RunError, match='test again'):
        read_metrics(path)


@pytest.mark.parametrize('text', ['model = dict(', 'model = no_such_name', '_base_ = "gone.py"'])
def test_a_half_written_config_is_named(runs, tmp_path, text):
    folder = runs.write(tmp_path / 'run', LEAF, metrics={'NE_macro': 3.})
    for path in folder.glob('*/vis_data/config.py'):
        path.write_text(text)
    tests, problems = find_tests([folder])
    assert tests == [] and len(problems) == 1
    assert problems[0].startswith(f'{folder}/20260102_000000/vis_data/config.py: not a complete config')
    run = read_run(folder, load_config(LEAF), tests)
    assert run.state == 'other' and run.problem.startswith(f'{folder}/20260101_000000/vis_data/config.py: not a')


def test_a_folder_without_a_log_of_its_training(tmp_path):
    (tmp_path / 'last_checkpoint').write_text('iter_100000.pth')
    assert read(tmp_path).state == 'untrained'


def test_differences_are_told_apart():
    expected = settings(dict(train_cfg=dict(max_iters=4, val_interval=2), model=dict(a=(1, 2), b=None, c=1)),
                        ('train_cfg', 'model'))
    assert expected == {'train_cfg.max_iters': 4, 'model.a.0': 1, 'model.a.1': 2, 'model.b': None, 'model.c': 1,
                        'load_from': None}
    assert differences(expected, expected) == ''
    found = dict(expected, **{'model.a.1': 3, 'model.c': 2, 'model.d': None, 'model.e': 1})
    assert differences(found, expected) == (
        'model.a.1 is 3 instead of 2; model.c is 2 instead of 1; model.d is None instead of not set; and 1 more')
