"""A training that cannot reach its end is refused at its start; what a resumed one keeps is said."""

import copy
import json
import re

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import MultiStepLR, OptimWrapper
from mmengine.runner import Runner

from pcloss_mmpose.errors import InputError
from pcloss_mmpose.preflight.losses import loss_difference
from pcloss_mmpose.preflight.schedule import schedule_differences


@pytest.fixture
def train(tiny_config, call, tmp_path):
    def run(*options, resume=False, work_dir=tmp_path / 'work'):
        return call('train', tiny_config, '--work-dir', work_dir, *(['--resume'] if resume else []),
                    '--cfg-options', *options)

    return run


@pytest.mark.parametrize(('option', 'words'), [
    ('model.head.out_channels=16', 'the head gives 16 landmarks, and the training data have 17'),
    ('default_hooks.checkpoint.save_best=NME', "no metric of the evaluator gives 'NME'"),
    ('val_evaluator.2.norm=keypoint_pair', "norm_pairs has no pair for the category 'person'"),
])
def test_a_training_is_refused_before_its_first_step(train, tmp_path, option, words):
    done = train(option)
    assert done.code == 2
    line = done.err.splitlines()[-1]
    assert line.startswith('error: ') and words in line
    assert not list(tmp_path.glob('work/*.pth')) and not list(tmp_path.glob('work/*/vis_data/scalars.json'))


def test_rows_of_other_landmarks_are_refused_by_name(train, tiny_config):
    path = tiny_config.parent / 'train.json'
    before = path.read_text()
    content = json.loads(before)
    content['annotations'][3]['keypoints'] = content['annotations'][3]['keypoints'][:15]
    try:
        path.write_text(json.dumps(content))
        done = train('train_cfg.max_epochs=1')
    finally:
        path.write_text(before)
    assert done.code == 2
    assert 'train_3.png has 5 landmarks, and the metainfo of the data 17' in done.err


@pytest.mark.parametrize(('text', 'words'), [
    ('\ufeff{}', 'CocoDataset of .*, bad.json cannot be built .JSONDecodeError: Unexpected UTF-8 BOM'),
    ('{"images": [], "annotations": [], "categories": []}', 'bad.json cannot be built .ValueError'),
])
def test_data_that_mmpose_cannot_read_are_one_line(train, tiny_config, text, words):
    path = tiny_config.parent / 'bad.json'
    path.write_text(text, encoding='utf-8')
    done = train('train_dataloader.dataset.ann_file=bad.json')
    path.unlink()
    assert done.code == 2
    line, = [line for line in done.err.splitlines() if line.startswith('error: ')]
    assert re.search(words, line) and line.endswith('`pcloss check CONFIG` names what is wrong')


def test_a_longer_schedule_is_not_taken_over_and_the_log_says_so(tiny_config, call, tmp_path):
    config = tmp_path / 'cosine.py'

    def train(length, epochs, *options):
        config.write_text(
            f'_base_ = {str(tiny_config)!r}\n'
            f"param_scheduler = [dict(type='CosineAnnealingLR', by_epoch=True, T_max={length}, end={length})]\n"
            f'train_cfg = dict(max_epochs={epochs})\n')
        assert call('train', config, '--work-dir', tmp_path / 'work', *options).code == 0
        return max(tmp_path.glob('work/*/*.log'), key=lambda path: path.stat().st_mtime).read_text()

    assert 'schedule of the checkpoint' not in train(1, 1)
    warning = "The schedule of the checkpoint goes on, the config's is not taken: CosineAnnealingLR has "
    said = train(2, 2, '--resume', '--cfg-options', 'model.head.pc_loss.loss_weight=7.0')
    assert 'goes on with another loss' in said and "'loss_weight': 7.0}. To compare" in said
    assert f'{warning}T_max 1, and in the config 2; CosineAnnealingLR has end 1, and in the config 2. For anoth' in said
    # Another training may begin with the weights and have a schedule of its own.
    assert warning not in train(2, 1, '--cfg-options', f'load_from={tmp_path / "work" / "epoch_2.pth"}')


@pytest.mark.parametrize(('old', 'new', 'expected'), [
    ("model = dict(head=dict(pc_loss=dict(type='PCLoss', loss_weight=1.0)))",
     dict(pc_loss=dict(type='PCLoss', loss_weight=1.)), ''),
    ("model = dict(head=dict(pc_loss=dict(type='PCLoss', loss_weight=1.0)))",
     dict(structural_loss=dict(type='STARLoss')),
     "it was {'type': 'PCLoss', 'loss_weight': 1.0}, and is {'type': 'STARLoss'}"),
    ("model = dict(head=dict(type='HeatmapHead'))", dict(pc_loss=dict(type='PCLoss')),
     "it was None, and is {'type': 'PCLoss'}"),
    ("model = make()", dict(pc_loss=dict(type='PCLoss')), ''),
])
def test_a_resumed_training_says_that_its_loss_is_another(old, new, expected):
    assert loss_difference(Config(dict(model=dict(head=new))), dict(cfg=old)) == expected
    assert loss_difference(Config(dict(model=dict(head=new))), {}) == ''


@pytest.mark.parametrize(('change', 'lines'), [
    (lambda state: None, []),
    (lambda state: state.update(last_step=7, _global_step=8, _last_value=[0.5]), []),
    (lambda state: state.update(end=9), ['MultiStepLR has end 9, and in the config ']),
    (lambda state: state.update(milestones={3: 1}), ["MultiStepLR has milestones {3: 1}, and in the config"]),
    (lambda state: state.update(base_values=[1.]), ['MultiStepLR has base_values [1.0], and in the config [0.1]']),
])
def test_where_a_schedule_stands_is_no_difference(change, lines):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = MultiStepLR(OptimWrapper(optimizer), milestones=[5])
    state = copy.deepcopy(scheduler.state_dict())
    change(state)
    found = list(schedule_differences([scheduler], [state]))
    assert len(found) == len(lines)
    assert all(text.startswith(line) for text, line in zip(found, lines))
    assert list(schedule_differences([scheduler], [])) == ['it has 0 parts, and the config 1']


def test_a_config_that_names_the_hook_needs_no_command_of_ours(tiny_config, tmp_path):
    config = Config.fromfile(tiny_config)
    config.work_dir = str(tmp_path)
    config.custom_hooks = [dict(type='TrainingCheckHook')]
    config.model.head.out_channels = 16
    with pytest.raises(InputError, match='the head gives 16 landmarks'):
        Runner.from_cfg(config).train()
