"""Runs, really trained: what differs between arms, what a kill and a changed config do, what is left."""

import copy

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from pcloss_mmpose.comparison import training
from pcloss_mmpose.comparison.arms import make_arms
from pcloss_mmpose.comparison.config import Measure, arm_config, comparable
from pcloss_mmpose.comparison.fingerprint import decisive
from pcloss_mmpose.comparison.runs import check_begun, check_unchanged, list_runs, read_results, state
from pcloss_mmpose.comparison.training import train_and_test
from pcloss_mmpose.errors import FileFormatError, InputError
from pcloss_mmpose.evaluation.predictions import read_predictions


class Killed(Exception):
    """What ends a process in the middle of a training."""


@HOOKS.register_module()
class Kill(Hook):
    at = None

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == Kill.at:
            raise Killed


@HOOKS.register_module()
class KeepWeights(Hook):
    """What a training ends with."""

    def after_train(self, runner):
        KeepWeights.kept = copy.deepcopy(runner.model.state_dict())


def figures(result):
    return {key: result[key] for key in ('figures', 'share', 'landmarks', 'config')}


@pytest.fixture(scope='module')
def compared(base, arms, tmp_path_factory):
    """Two arms and two seeds: their results, and their folder."""
    folder = tmp_path_factory.mktemp('compared')
    runs = list_runs(arms, range(2))
    return [train_and_test(base, run, folder) for run in runs], folder


def test_every_run_leaves_its_figures_and_predictions(compared, arms):
    results, folder = compared
    runs = list_runs(arms, range(2))
    assert [str(run) for run in runs] == ['none, seed 0', 'robust:0.01, seed 0', 'none, seed 1', 'robust:0.01, seed 1']
    read = read_results(runs, folder)
    assert [read[run.arm.name][run.seed] for run in runs] == results
    assert [state(run, folder) for run in runs] == ['done'] * 4
    for run, result in zip(runs, results):
        assert {'NE', 'outliers', 'duplicate_images', 'EPE', 'PCK', 'NE/nose'} <= result['figures'].keys()
        assert {'torch', 'mmpose', 'python'} <= result['versions'].keys() and len(result['landmarks']) == 17
        samples, _ = read_predictions(run.folder(folder) / 'predictions.jsonl')
        assert len(samples) == 5
        assert not list(run.folder(folder).glob('*.pth'))
    none, robust = results[:2]
    assert none['share'] is None and len(robust['share']) == 3 and all(0 < part < 1 for part in robust['share'])
    assert len({result['figures']['NE'] for result in results}) == 4


def test_a_run_that_is_cut_off_goes_on_to_the_same_end(compared, own_config, arms, tmp_path, monkeypatch):
    results, _ = compared
    config = comparable(own_config, Measure())
    config.custom_hooks = [dict(type='Kill')]
    run = list_runs(arms, range(2))[1]
    monkeypatch.setattr(Kill, 'at', 3)
    with pytest.raises(Killed):
        train_and_test(config, run, tmp_path)
    assert state(run, tmp_path) == 'begun' and len(list(run.folder(tmp_path).glob('*.pth'))) == 1
    monkeypatch.setattr(Kill, 'at', None)
    again = train_and_test(config, run, tmp_path, keep_checkpoints=True)
    assert again['resumed'] and not results[1]['resumed']
    assert again['figures'] == results[1]['figures'] and again['share'] == results[1]['share']
    assert len(list(run.folder(tmp_path).glob('*.pth'))) == 1


def test_without_a_loss_it_is_the_stock_heads_training(own_config, arms, tmp_path):
    config = comparable(own_config, Measure())
    config.custom_hooks = [dict(type='KeepWeights')]
    train_and_test(config, list_runs(arms, [5])[0], tmp_path / 'ours')
    ours = KeepWeights.kept
    stock = own_config
    for key in ('pc_loss', 'integral'):
        stock.model.head.pop(key)
    stock.model.head.type = 'HeatmapHead'
    stock.train_dataloader.dataset.pipeline[-1].pop('pack_transformed')
    stock.val_dataloader = stock.val_cfg = stock.val_evaluator = None
    stock.update(custom_hooks=[dict(type='KeepWeights')], randomness=dict(seed=5), work_dir=str(tmp_path / 'stock'),
                 experiment_name='stock')
    stock.default_hooks.checkpoint = None
    Runner.from_cfg(stock).train()
    assert ours.keys() == KeepWeights.kept.keys()
    assert all(torch.equal(value, KeepWeights.kept[key]) for key, value in ours.items())


def test_a_loss_of_no_weight_leaves_the_same_figures(compared, base, config, tmp_path):
    """So that what two arms differ by is the loss: weights, images and augmentation are the same."""
    run = list_runs(make_arms(config, ['robust'], weights=[1e-30]), [0])[1]
    assert train_and_test(base, run, tmp_path)['figures'] == compared[0][0]['figures']


def test_arms_and_seeds_differ_in_the_loss_and_the_seed_alone(base, arms):
    none, robust = (decisive(arm_config(base, arm, seed=3)) for arm in arms)
    other = decisive(arm_config(base, arms[0], seed=4))
    differing = {key for key in {**none, **robust} if none.get(key) != robust.get(key)}
    assert differing == {f'model.head.structural_loss.{key}' for key in (
        'type', 'topk', 'partition', 'metainfo', 'loss_weight', 'robust')}
    assert {key for key in none if none[key] != other.get(key)} == {'randomness.seed'}


@pytest.mark.parametrize(('change', 'words'), [
    (lambda config: config.optim_wrapper.optimizer.update(lr=0.1), r'optim_wrapper\.optimizer\.lr was 0\.0005 and is'),
    (lambda config: config.train_cfg.update(max_iters=8), r'train_cfg\.max_iters was 4 and is 8'),
    (lambda config: config.test_evaluator.append(dict(type='NME', norm_mode='keypoint_distance')),
     r'test_evaluator\[?\.?4'),
])
def test_a_changed_config_is_refused_in_old_and_new_runs(compared, base, arms, change, words):
    _, folder = compared
    changed = copy.deepcopy(base)
    change(changed)
    runs = list_runs(arms, range(3))
    check_unchanged(base, runs, folder)
    with pytest.raises(InputError, match=f'seed0 was begun with another config .*{words}'):
        check_unchanged(changed, runs, folder)
    with pytest.raises(InputError, match='begun with another config'):
        train_and_test(changed, runs[0], folder)
    assert read_results(runs, folder)['none'].keys() == {0, 1}


def test_changed_annotations_are_refused(own_config, arms, tmp_path, tiny_coco):
    tiny_coco(tmp_path, 'train', 4, seed=0)
    tiny_coco(tmp_path, 'val', 5, seed=1)
    for loader in (own_config.train_dataloader, own_config.val_dataloader):
        loader.dataset.data_root = str(tmp_path)
    values = decisive(arm_config(comparable(own_config, Measure()), arms[0], 0))
    tiny_coco(tmp_path, 'val', 5, seed=2)
    changed = decisive(arm_config(comparable(own_config, Measure()), arms[0], 0))
    assert {key for key in values if values[key] != changed[key]} == {f'content of {tmp_path / "val.json"}'}


def test_where_files_are_kept_changes_nothing(own_config, base):
    own_config.update(work_dir='elsewhere', log_level='ERROR')
    own_config.default_hooks.checkpoint.update(interval=7)
    assert decisive(comparable(own_config, Measure())) == decisive(base)


def test_a_run_that_another_process_trains_is_refused(base, arms, tmp_path):
    run = list_runs(arms, [0])[0]
    run.folder(tmp_path).mkdir(parents=True)
    with training.at_once(run.folder(tmp_path) / training.RESULT) as part:
        with pytest.raises(InputError, match=r'result\.json: another process is writing it'):
            train_and_test(base, run, tmp_path)
        part.write_text('{}')


@pytest.mark.parametrize('content', ['', '{', '[]', '{}', '{"figures": {"NE": "x"}, "config": "y"}'])
def test_what_is_no_result_is_named(arms, tmp_path, content):
    run = list_runs(arms, [0])[0]
    run.folder(tmp_path).mkdir(parents=True)
    (run.folder(tmp_path) / 'result.json').write_text(content)
    with pytest.raises(FileFormatError, match=r'result\.json: no result of a run'):
        read_results([run], tmp_path)


@pytest.mark.parametrize('content', ['', '{', '[]'])
def test_what_no_run_begins_with_is_named(tmp_path, content):
    (tmp_path / 'begun.json').write_text(content)
    with pytest.raises(FileFormatError, match=r'begun\.json: not what a run begins with'):
        check_begun(tmp_path / 'begun.json', {})
