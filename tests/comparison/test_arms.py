"""What names, shares and weights make of a config."""

import pytest
from mmpose.registry import MODELS

from pcloss_mmpose.comparison.arms import LOSSES, make_arms
from pcloss_mmpose.comparison.config import Measure, arm_config, comparable
from pcloss_mmpose.comparison.lines import config_lines
from pcloss_mmpose.comparison.weights import weighted
from pcloss_mmpose.configs import find_config, load_config
from pcloss_mmpose.errors import InputError
from pcloss_mmpose.models.heads import PCHeatmapHead

OWN = dict(topk=8, partition='left_right', metainfo='CocoDataset')


def test_an_arm_for_each_loss_and_share_and_none_first(config):
    arms = make_arms(config, ['robust', 'config', 'pc-all'], shares=[0.1, 0.5])
    assert [arm.name for arm in arms] == ['none', 'robust@0.1', 'robust@0.5', 'config', 'pc-all@0.1', 'pc-all@0.5']
    assert arms[0].loss is None and arms[1].share == 0.1
    assert arms[1].loss == dict(OWN, type='PCLoss', robust=True)
    assert arms[3].loss == dict(OWN, type='PCLoss', loss_weight=1e-3) and arms[3].share is None
    assert arms[4].loss == dict(OWN, type='PCLoss', partition=None)


def test_weights_are_given_or_found_for_a_share(config):
    arms = make_arms(config, ['none', 'pc'], weights=[0.001, 2])
    assert [arm.name for arm in arms] == ['none', 'pc:0.001', 'pc:2'] and arms[2].loss['loss_weight'] == 2
    # The gradient at weight 1 is 50 times as long: w * 50 / (w * 50 + 1) = 0.2 where w * 50 = 1 / 4.
    arms = weighted(make_arms(config, ['pc', 'config'], shares=[0.2]), dict(pc=50.))
    assert [arm.loss and arm.loss['loss_weight'] for arm in arms] == [None, 0.005, 1e-3]
    for ratio in (0., float('nan'), float('inf')):
        with pytest.raises(InputError, match=r'pc@0\.2: no weight gives it a share'):
            weighted(make_arms(config, ['pc'], shares=[0.2]), dict(pc=ratio))


@pytest.mark.parametrize(('names', 'words'), [
    (['robost'], r"there is no loss 'robost': there are none, config, pc, robust"),
    (['HeatmapHead'], r"there is no loss 'HeatmapHead'"),
    (['pc', 'none', 'pc'], "'pc' is listed twice"),
    (['none'], "nothing to compare with 'none'"),
])
def test_names_that_do_not_fit_are_refused(config, names, words):
    with pytest.raises(InputError, match=words):
        make_arms(config, names, shares=[0.3])


@pytest.mark.parametrize('options', [dict(shares=[0.3, 0.30]), dict(weights=[1e-3, 0.002, 0.001])])
def test_arms_that_would_share_a_folder_are_refused(config, options):
    with pytest.raises(InputError, match=r"'pc.0\.\d+' is listed twice"):
        make_arms(config, ['pc'], **options)


def test_a_config_with_two_losses_is_refused(own_config):
    own_config.model.head.structural_loss = dict(type='CoordinateLoss')
    with pytest.raises(InputError, match='both pc_loss and structural_loss'):
        make_arms(own_config, ['config'])


def test_the_loss_within_a_vis_predict_head_is_the_configs(own_config):
    own_config.model.head = dict(type='VisPredictHead', pose_cfg=own_config.model.head)
    assert make_arms(own_config, ['config'])[1].loss == dict(OWN, type='PCLoss', loss_weight=1e-3)


def test_a_loss_that_the_config_does_not_have_is_refused(own_config):
    own_config.model.head.pc_loss = None
    with pytest.raises(InputError, match="'config' stands for the pc_loss or structural_loss of the config, which has"):
        make_arms(own_config, ['config'])
    assert make_arms(own_config, ['pc'], shares=[0.3])[1].loss == dict(OWN, type='PCLoss')


def test_what_this_version_does_not_have_is_refused_by_its_name(config, monkeypatch):
    monkeypatch.setitem(LOSSES, 'new', dict(type='NewLoss'))
    with pytest.raises(InputError, match=r"no loss 'new' \(NewLoss, which this version does not have\)"):
        make_arms(config, ['new'], shares=[0.3])


def test_a_registered_loss_of_ones_own_is_known_by_its_class(config):
    assert make_arms(config, ['PCLoss'], weights=[1.])[1].loss['type'] == 'PCLoss'


STOCK = [
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py',
    'mmpose::body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py',
    'mmpose::hand_2d_keypoint/topdown_regression/onehand10k/td-reg_res50_8xb64-210e_onehand10k-256x256.py',
    'mmpose::body_2d_keypoint/topdown_regression/coco/td-reg_res50_rle-8xb64-210e_coco-256x192.py',
    'td-hm_efflite0-pcloss_1xb12-600_garments-128x128',
]


def test_a_head_of_ones_own_stays(own_config):
    @MODELS.register_module(force=True)
    class OwnHeadOfOnes(PCHeatmapHead):
        pass

    own_config.model.head.type = 'OwnHeadOfOnes'
    own_config.model.head.pop('integral', None)
    head = comparable(own_config, Measure()).model.head
    assert head.type == 'OwnHeadOfOnes' and head.integral == dict(alpha=30.)


def test_the_model_has_its_preprocessor_as_in_a_training_of_mmpose(own_config):
    own_config.preprocess_cfg = own_config.model.pop('data_preprocessor')
    assert comparable(own_config, Measure()).model.data_preprocessor == own_config.preprocess_cfg


@pytest.mark.parametrize('name', STOCK)
def test_a_config_of_any_top_down_model_becomes_one_that_compares(name):
    config = load_config(find_config(name))
    arm = make_arms(config, ['robust'], weights=[0.01])[1]
    base = comparable(config, Measure())
    built = arm_config(base, arm, 7)
    head = MODELS.build(built.model.head)
    assert head.pc_loss.robust and head.pc_loss.loss_weight == 0.01 and built.randomness.seed == 7
    assert MODELS.build(base.model.head).pc_loss is None
    kinds = [metric['type'] for metric in built.test_evaluator]
    assert kinds.count('NormalizedError') == kinds.count('FailureModes') == 1
    assert built.test_dataloader.dataset.get('bbox_file') is None and built.val_dataloader is None
    pack = [step for step in built.train_dataloader.dataset.pipeline if step['type'] in ('PackPoseInputs', 'PackCrop')]
    assert all(step['pack_transformed'] for step in pack if step['type'] == 'PackPoseInputs')
    assert built.default_hooks.checkpoint.max_keep_ckpts == 1 and 'save_best' not in built.default_hooks.checkpoint


@pytest.mark.parametrize('name', [STOCK[0], STOCK[1], STOCK[4]])
def test_the_lines_give_a_config_with_the_arms_head(name, tmp_path):
    path = find_config(name)
    config = load_config(path)
    base, arm = comparable(config, Measure()), make_arms(config, ['robust'], weights=[0.01])[1]
    file = tmp_path / 'new.py'
    file.write_text('\n'.join([f'_base_ = {str(path)!r}', *config_lines(config, base, arm)]))
    new, expected = load_config(file), arm_config(base, arm, 0)
    head = MODELS.build(new.model.head)
    assert type(head) is type(MODELS.build(expected.model.head)) and head.pc_loss.robust
    assert new.model.head.structural_loss == expected.model.head.structural_loss
    assert new.train_dataloader.dataset.pipeline == expected.train_dataloader.dataset.pipeline
    assert new.get('custom_hooks') == expected.get('custom_hooks')


@pytest.mark.parametrize(('own', 'line'), [
    (None, "custom_imports = dict(imports=['pcloss_mmpose'], allow_failed_imports=False)"),
    (dict(imports=['own', 'losses'], allow_failed_imports=True),
     "custom_imports = dict(imports=['pcloss_mmpose', 'own', 'losses'], allow_failed_imports=True)"),
    (dict(imports=['own', 'pcloss_mmpose']), ''),
])
def test_the_lines_keep_what_the_config_imports(own_config, own, line):
    own_config.custom_imports = own
    arm = make_arms(own_config, ['robust'], weights=[0.01])[1]
    first = next(config_lines(own_config, comparable(own_config, Measure()), arm))
    assert first == line if line else first.startswith('model = ')


@pytest.mark.parametrize(('change', 'words'), [
    (lambda config: config.model.head.update(type='VisPredictHead'),
     r'holds the head .* make the pose_cfg its model\.head'),
    (lambda config: config.model.update(type='BottomupPoseEstimator', head=dict(type='HeatmapHead')),
     'works bottom-up'),
    (lambda config: config.update(param_scheduler=[dict(type='ReduceOnPlateauLR')]), r'follows validations \(Reduce'),
    (lambda config: config.update(custom_hooks=[dict(type='EarlyStoppingHook')]), r'follows validations \(EarlySt'),
    (lambda config: config.update(val_dataloader=None), 'has no val_dataloader and val_evaluator'),
    (lambda config: config.update(val_evaluator=dict(type='MultiDatasetEvaluator')), 'measures several data sets'),
])
def test_what_cannot_be_compared_is_refused(own_config, change, words):
    change(own_config)
    with pytest.raises(InputError, match=words):
        comparable(own_config, Measure())


@pytest.mark.parametrize(('evaluators', 'measure', 'expected'), [
    ([dict(type='EPE')], Measure(), (dict(norm='box'), dict(norm='box'))),
    ([dict(type='NormalizedError', norm='box_width', include_occluded=True)], Measure(outlier=0.2),
     (dict(norm='box_width', include_occluded=True), dict(norm='box_width', include_occluded=True, threshold=0.2))),
    ([dict(type='FailureModes', norm='box_width', near=0.05, apart=0.2)], Measure(near=0.01),
     (dict(norm='box_width'), dict(norm='box_width', near=0.01, apart=0.2))),
    ([dict(type='NormalizedError', norm='box_width', prefix='all')], Measure(), (dict(norm='box'), dict(norm='box'))),
])
def test_runs_are_measured_as_the_config_says(own_config, evaluators, measure, expected):
    own_config.val_evaluator = evaluators
    found = comparable(own_config, measure).test_evaluator
    options = {each['type']: {key: value for key, value in each.items() if key != 'type'} for each in found
               if not each.get('prefix')}
    assert (options['NormalizedError'], options['FailureModes']) == expected
    assert [each['type'] for each in found[:len(evaluators)]] == [each['type'] for each in evaluators]


@pytest.mark.parametrize(('loop', 'own', 'by_epoch', 'interval'), [
    (dict(max_iters=900), dict(interval=5000, by_epoch=False), False, 90),
    (dict(max_iters=900), dict(interval=50, by_epoch=False), False, 50),
    (dict(max_iters=900), dict(interval=1), False, 90),
    (dict(by_epoch=True, max_epochs=210), dict(interval=10), True, 10),
    (dict(by_epoch=True, max_epochs=4), None, True, 1),
])
def test_a_kill_costs_no_more_than_a_tenth(own_config, loop, own, by_epoch, interval):
    own_config.train_cfg = loop
    own_config.default_hooks.checkpoint = own
    hook = comparable(own_config, Measure()).default_hooks.checkpoint
    assert (hook.by_epoch, hook.interval) == (by_epoch, interval)




@pytest.mark.parametrize('kind', LOSSES)
def test_every_name_stands_for_a_loss_that_a_head_of_heatmaps_takes(config, base, kind):
    arm = make_arms(config, [kind], weights=[0.5])[1]
    head = MODELS.build(arm_config(base, arm, 0).model.head)
    assert type(head.pc_loss).__name__ == LOSSES[kind]['type'] and head.pc_loss.loss_weight == 0.5
