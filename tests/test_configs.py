"""Every config: its parts agree with each other, its model can be built, and it takes a step."""

import ast
import json
import re
from pathlib import Path

import pytest
import torch
import torchvision
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope, init_default_scope
from mmengine.runner import Runner
from mmengine.runner.checkpoint import get_mmcls_models
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.registry import DATASETS, METRICS, MODELS, TRANSFORMS

from pcloss_mmpose.datasets.formats.fashionai import TRAIN_FILES, train_files
from pcloss_mmpose.fast_training import fast_options
from pcloss_mmpose.synthetic import write_fashionai
from pcloss_mmpose.synthetic.deepfashion2 import write_deepfashion2

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
DETECTORS = [CONFIGS / 'deepfashion2/rtmdet/rtmdet-s_4xb32-36e_deepfashion2-640x640.py']
LEAVES = sorted(path for path in CONFIGS.rglob('*.py') if '_base_' not in path.parts and path not in DETECTORS)
PAIRS = [(path, path.with_name(re.sub('-pcloss(-tuned)?', '', path.name)))
         for path in LEAVES if re.search('-pcloss(-tuned)?_', path.name)]


def load(path):
    return Config.fromfile(path, import_custom_modules=False)


def leaf(name):
    return next(path for path in LEAVES if path.stem == name)


def unscoped(node):
    """Without the mark that MMEngine puts on what comes from MMPose's own configs."""
    if isinstance(node, dict):
        return {key: unscoped(value) for key, value in node.items() if key != '_scope_'}
    return [unscoped(value) for value in node] if isinstance(node, list) else node


def kind(path):
    """What makes a step differ: model, codec and data set; pcloss and schedule do not."""
    config = load(path)
    neck = config.model.get('neck', {}).get('type')
    # 81 landmarks and 294 differ in their number; other tests train with both.
    return config.model.backbone.type, neck, config.codec.type, config.dataset_type.replace('Shared', '')


KINDS = {kind(path): path for path in LEAVES if '-pcloss_' in path.name}

#: What a Runner reads, what MMPose's tools read, and the variables that MMPose's own configs have.
KEYS = {
    'auto_scale_lr', 'custom_hooks', 'custom_imports', 'default_hooks', 'default_scope', 'env_cfg', 'load_from',
    'log_level', 'log_processor', 'model', 'optim_wrapper', 'param_scheduler', 'resume', 'test_cfg',
    'test_dataloader', 'test_evaluator', 'train_cfg', 'train_dataloader', 'val_cfg', 'val_dataloader',
    'val_evaluator', 'visualizer',
    'backend_args', 'codec', 'data_mode', 'data_root', 'dataset_type', 'train_pipeline', 'val_pipeline',
    'vis_backends'}
FASHIONAI_KEYS, COCO_KEYS, PCLOSS_KEYS = {'ann_file'}, {'bbox_file'}, {'pc_loss', 'integral'}


def test_the_rows_of_the_paper_are_there():
    stems = {path.stem for path in LEAVES}
    assert len(stems) == len(LEAVES)  # a work directory is named after the stem
    for dataset in ('deepfashion', 'fld', 'fashionai'):
        for model in ('td-reg_fashionnet', 'td-hm_res50-fpn', 'td-hm_res50'):
            for arm in ('', '-pcloss', '-pcloss-tuned'):
                assert f'{model}{arm}_4xb5-100k_{dataset}-512x512' in stems
    for ablation in ('td-reg_fashionnet-pcloss-whole', 'td-hm_res50-fpn-pcloss-whole',
                     'td-hm_res50-fpn-pcloss-topbottom'):
        assert f'{ablation}_4xb5-100k_fashionai-512x512' in stems
    for dataset in ('deepfashion', 'fld'):
        for model, side in (('td-reg_dfa', 224), ('td-reg_dlan', 512), ('td-reg_dlan-boxes', 512), ('td-hm_fgn', 224)):
            for arm in ('', '-pcloss'):
                assert f'{model}{arm}_4xb5-100k_{dataset}-{side}x{side}' in stems
    for model in ('td-hm_res50', 'td-hm_res50-fpn'):
        for arm in ('', '-pcloss', '-pcloss-tuned'):
            assert f'{model}{arm}_8xb64-210e_coco-256x192' in stems
    for model in ('spb/td-hm_res50{}_4xb64', 'hrnet/td-hm_hrnet-w32{}_4xb64', 'rtmpose/rtmpose-s{}_4xb256',
                  'rtmpose/rtmpose-m{}_4xb256'):
        for arm in ('', '-pcloss'):
            for landmarks in ('', '-81'):
                name = f'{model.format(arm)}-100e_deepfashion2{landmarks}-256x192.py'
                assert CONFIGS / 'deepfashion2' / name in LEAVES
    assert len(stems) == 27 + 3 + 16 + 6 + 4 + 16 and len(PAIRS) == 40 and len(KINDS) == 22


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_a_config_defines_nothing_that_nobody_reads(path):
    """Its dump has no helper variables; these are the keys of today's configs, each in use."""
    allowed = KEYS | (FASHIONAI_KEYS if path.parts[-3] == 'fashionai' or path.parts[-2] == 'demo' else set())
    allowed |= COCO_KEYS if path.parts[-3] in ('coco', 'deepfashion2') else set()
    allowed |= PCLOSS_KEYS if '-pcloss' in path.name else set()
    config = load(path)
    assert set(config) <= allowed
    for loader in ('train', 'val', 'test'):  # the variables are what the loaders take
        variable = config['train_pipeline' if loader == 'train' else 'val_pipeline']
        assert unscoped(config[f'{loader}_dataloader'].dataset.pipeline) == unscoped(variable)


@pytest.mark.parametrize('path', sorted((CONFIGS / '_base_/pcloss').glob('*.py')), ids=lambda path: path.stem)
def test_a_base_of_the_loss_can_be_read_alone(path):
    """It inherits nothing, and its values are written out."""
    tree = ast.parse(path.read_text())
    names = [node.targets[0].id for node in tree.body]
    assert sorted(names) == (['pc_loss'] if 'simcc' in path.name else ['integral', 'pc_loss'])
    values = [keyword.value for node in tree.body for keyword in node.value.keywords]
    assert values and all(isinstance(value, ast.Constant) for value in values)


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_a_config_takes_fast_as_one_more_base(path, tmp_path):
    (tmp_path / 'fast.py').write_text(f"_base_ = ['{path}', '{CONFIGS / '_base_/fast.py'}']\n")
    fast = load(tmp_path / 'fast.py')
    assert fast_options(fast.pop('fast')) == dict(
        amp='bfloat16', channels_last=True, fused=True, compile=False, workers=4)
    assert fast.to_dict() == load(path).to_dict()


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_config_builds_and_its_parts_agree(path):
    assert len(path.read_text().splitlines()) <= 15
    config = load(path)
    assert config.custom_imports['imports'] == ['pcloss_mmpose']
    assert config.data_mode == 'topdown'
    codec = unscoped(config.codec)
    assert unscoped(config.model.head.decoder) == codec
    train = config.train_dataloader.dataset
    makers = [*train.pipeline, *config.model.data_preprocessor.get('batch_augments', ())]  # of the targets
    assert [unscoped(maker.encoder) for maker in makers if 'encoder' in maker] == [codec]
    assert isinstance(TRANSFORMS.build(train.pipeline[-1]), PackPoseInputs) and train.pipeline[-1].pack_transformed
    assert '_delete_' not in config.pretty_text
    for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
        assert loader.dataset.type == config.dataset_type
        crop = next(step for step in loader.dataset.pipeline if step.type in ('TopdownStretch', 'TopdownAffine'))
        assert tuple(crop.input_size) == tuple(config.codec.input_size)
        for step in loader.dataset.pipeline:
            TRANSFORMS.build(step)
    init_default_scope(config.default_scope)
    hook = config.default_hooks.checkpoint
    if path.parts[-3] == 'deepfashion2':
        Evaluator(config.val_evaluator), Evaluator(config.test_evaluator)
        assert (hook.save_best, hook.rule, hook.by_epoch) == ('AP', 'greater', True)
    elif config.dataset_type == 'CocoDataset':
        assert (hook.save_best, hook.rule) == ('coco/AP', 'greater')  # its metric opens the annotations when built
    else:
        METRICS.build(config.val_evaluator)
        assert (hook.save_best, hook.rule) == ('NE', 'less')
    if config.model.head.type.endswith('DFAHead'):
        config.model.head.hidden_channels = 32  # for time: its own width is built in tests/models/test_dfa.py
    model = MODELS.build(config.model)
    dataset = DATASETS.build(dict(train, lazy_init=True))
    outputs = config.model.head.get('out_channels', config.model.head.get('num_joints'))
    assert outputs == dataset.metainfo['num_keypoints']
    if '-whole_' in path.name:
        assert model.head.pc_loss.groups is None
    elif '-pcloss' in path.name:
        assert len(model.head.pc_loss.groups) == 2


@pytest.mark.parametrize(('ours', 'base'), PAIRS, ids=lambda path: path.stem)
def test_both_arms_share_everything_but_the_loss(ours, base):
    ours, base = load(ours).to_dict(), load(base).to_dict()
    head, base_head = ours['model'].pop('head'), base['model'].pop('head')
    assert {key: value for key, value in ours.items() if key not in PCLOSS_KEYS} == base
    assert head.pop('type').replace('PC', '') == base_head.pop('type').replace('PC', '')
    head.pop('pc_loss')
    head.pop('integral', None)
    assert head == base_head


def test_a_neck_is_all_that_makes_an_fpn():
    """SPB and FPN differ in the backbone's levels, the neck and the head's input, here and on COCO."""
    necks = []
    for name in ('td-hm_res50{}_4xb5-100k_fld-512x512', 'td-hm_res50{}_8xb64-210e_coco-256x192'):
        spb, fpn = (load(leaf(name.format(infix))).to_dict() for infix in ('', '-fpn'))
        necks.append(fpn['model'].pop('neck'))
        assert fpn['model']['backbone'].pop('out_indices') == (0, 1, 2, 3)
        assert fpn['model']['head'].pop('deconv_out_channels') is None
        assert (fpn['model']['head'].pop('in_channels'), spb['model']['head'].pop('in_channels')) == (256, 2048)
        assert fpn == spb
    assert necks[0] == necks[1] and necks[0]['type'] == 'FinestFPN'


def test_the_papers_values_reach_the_loss():
    """beta 2e-4 in pixels of a 128x128 heatmap beside a peak of 100; worked by hand: 2e-4 * 1.28^2."""
    head = load(leaf('td-hm_res50-pcloss_4xb5-100k_fashionai-512x512')).model.head
    assert head.pc_loss.loss_weight == pytest.approx(3.2768e-4)
    assert (head.pc_loss.topk, head.integral.alpha) == (8, pytest.approx(10))
    for dataset in ('deepfashion', 'fld'):
        head = load(leaf(f'td-hm_res50-fpn-pcloss_4xb5-100k_{dataset}-512x512')).model.head
        assert head.pc_loss.loss_weight == pytest.approx(1.6384e-5)
        assert (head.pc_loss.topk, head.pc_loss.partition) == (4, 'left_right')
    for dataset, beta in (('fashionai', 2e-4), ('deepfashion', 1e-5), ('fld', 1e-5)):  # units cancel in regression
        head = load(leaf(f'td-reg_fashionnet-pcloss_4xb5-100k_{dataset}-512x512')).model.head
        assert head.pc_loss.loss_weight == beta


@pytest.mark.parametrize('path', [path for path in LEAVES if '-pcloss-tuned_' in path.name], ids=lambda path: path.stem)
def test_the_tuned_arm_has_the_papers_groups_and_a_weight_and_a_form_of_its_own(path):
    tuned, paper = (load(each).model.head for each in (path, leaf(path.stem.replace('-tuned', ''))))
    assert tuned.pc_loss.loss_weight != paper.pc_loss.loss_weight
    assert tuned.pc_loss.get('robust', False) == ('integral' in tuned)  # lengths did not help in regression
    own = dict(loss_weight=None, robust=None)
    assert {**tuned.pc_loss, **own} == {**paper.pc_loss, **own}


@pytest.mark.parametrize('name', ['td-hm_res50-fpn_4xb5-100k_fld-512x512', 'td-hm_res50_8xb64-210e_coco-256x192',
                                  'td-reg_fashionnet_4xb5-100k_fld-512x512'])
def test_imagenet_weights_fit_by_their_names(name):
    """MMEngine loads what fits and only warns of the rest: other names would mean random weights."""
    config = load(leaf(name))
    init_default_scope(config.default_scope)
    scheme, file = config.model.backbone.init_cfg.checkpoint.split('://')
    names = set(MODELS.build(config.model.backbone).state_dict())
    torchvisions = set(torchvision.models.get_model(file, weights=None).state_dict())
    if scheme == 'torchvision':
        assert names <= torchvisions
    else:  # of MMCls, whose VGG MMPose took over
        assert scheme == 'mmcls' and file in get_mmcls_models()
        assert not names & torchvisions


@pytest.mark.parametrize(('variable', 'name'), [
    ('FASHIONAI_ROOT', 'td-hm_res50_4xb5-100k_fashionai-512x512'),
    ('DEEPFASHION_ROOT', 'td-hm_res50_4xb5-100k_deepfashion-512x512'),
    ('FLD_ROOT', 'td-reg_fashionnet_4xb5-100k_fld-512x512'),
    ('COCO_ROOT', 'td-hm_res50_8xb64-210e_coco-256x192'),
    ('GARMENTS_ROOT', 'td-hm_efflite0_1xb12-600_garments-128x128'),
    ('DEEPFASHION2_ROOT', 'rtmpose-m_4xb256-100e_deepfashion2-81-256x192'),
])
def test_roots_come_from_the_environment(variable, name, monkeypatch):
    monkeypatch.setenv(variable, '/somewhere/else')
    config = load(leaf(name))
    for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
        assert loader.dataset.data_root == '/somewhere/else'
    if variable == 'COCO_ROOT':
        assert config.test_dataloader.dataset.bbox_file.startswith('/somewhere/else/')
        assert config.test_evaluator.ann_file.startswith('/somewhere/else/')


def test_a_detectors_boxes_come_from_the_environment(monkeypatch):
    name = 'td-hm_res50_4xb64-100e_deepfashion2-256x192'
    assert load(leaf(name)).test_dataloader.dataset.bbox_file is None
    monkeypatch.setenv('DEEPFASHION2_BOXES', '/boxes.json')
    monkeypatch.setenv('DEEPFASHION2_ROOT', '/root')
    config = load(leaf(name))
    assert config.test_dataloader.dataset.bbox_file == '/boxes.json'
    assert 'bbox_file' not in config.val_dataloader.dataset
    assert [dict(each) for each in config.test_evaluator] == [
        dict(type='DeepFashion2AP', ann_file='/root/validation/annos')]


@pytest.mark.parametrize('name', [
    'td-hm_res50_4xb5-100k_fashionai-512x512', 'td-reg_fashionnet_4xb5-100k_fashionai-512x512'])
def test_other_csvs_of_fashionai_come_from_the_environment_in_every_split(name, monkeypatch):
    monkeypatch.setenv('FASHIONAI_CSVS', 'train1/train1.csv, /elsewhere/train 2.csv')
    config = load(leaf(name))
    for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
        assert loader.dataset.ann_file == ['train1/train1.csv', '/elsewhere/train 2.csv'] == train_files()
    monkeypatch.delenv('FASHIONAI_CSVS')
    assert load(leaf(name)).train_dataloader.dataset.ann_file == list(TRAIN_FILES) == train_files()


@pytest.fixture(scope='module')
def roots(tmp_path_factory, raw, tiny_coco):
    """A few pictures in the layout of each data set, under the folders that the environment names."""
    root = tmp_path_factory.mktemp('roots')
    write_fashionai(root / 'fashionai/warm_up_train_20180222', 'annotations', 2, size=128, seed=0)
    write_fashionai(root / 'fashionai/fashionAI_key_points_train_20180227', 'train', 2, size=128, seed=1)
    for split, seed in (('train', 0), ('val', 1)):
        write_fashionai(root / 'garments', split, 3, size=128, seed=seed)
    upper = '1  0 040 050  0 080 050  1 030 090  0 090 090  0 045 140  0 085 140'
    lower = '2  0 045 060  0 085 060  2 000 000  0 090 180'
    for name, variation in (('deepfashion', False), ('fld', True)):
        rows = {f'img/{name}_{k}.jpg': row for k, row in enumerate([upper, lower] * 3)}
        if variation:
            rows = {image: f'{row[0]} 1 {row[1:]}' for image, row in rows.items()}
        splits = dict(zip(rows, ['train', 'train', 'val', 'val', 'test', 'test']))
        raw.benchmark(root / name, rows, splits=splits, variation=variation)
        for image in rows:
            raw.image(root / name / image, size=(120, 240))
    folder = root / 'coco'
    for split, seed in (('train2017', 0), ('val2017', 1)):
        tiny_coco(folder / split, split, 2, seed)
        annotations = folder / f'annotations/person_keypoints_{split}.json'
        annotations.parent.mkdir(exist_ok=True)
        (folder / split / f'{split}.json').rename(annotations)
    boxes = folder / 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json'
    boxes.parent.mkdir()
    boxes.write_text(json.dumps([
        dict(image_id=image, category_id=1, bbox=[6, 6, 50, 50], score=0.9) for image in (0, 1)]))
    for split in ('train', 'validation'):
        write_deepfashion2(root / 'deepfashion2', split, 3, size=128)
    names = ('FASHIONAI_ROOT', 'GARMENTS_ROOT', 'DEEPFASHION_ROOT', 'DEEPFASHION2_ROOT', 'FLD_ROOT', 'COCO_ROOT')
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setenv(name, str(root / name[:-len('_ROOT')].lower()))
        yield


def shrunk(path):
    """The config with a quarter of its side if that is large, two pictures a batch, random weights, narrow layers."""
    config = load(path)

    def resize(node):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if key in ('input_size', 'heatmap_size'):
                node[key] = tuple(side // 4 for side in value)
            elif isinstance(value, (dict, list)):
                resize(value)

    if config.codec.input_size[0] in (512, 224):
        resize(config._cfg_dict)
    if 'init_cfg' in config.model.backbone:
        config.model.backbone.init_cfg = None
    if config.model.head.type.endswith(('FashionNetHead', 'DFAHead')):
        config.model.head.hidden_channels = 32
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        if 'subset' in loader.dataset:
            loader.dataset.subset = None  # the paper's rule gives the first 10,000 images to validation
    return config


def take_steps(path):
    """A training and a validation step, from the annotation files to the metric."""
    config = shrunk(path)
    init_default_scope(config.default_scope)
    model = revert_sync_batchnorm(MODELS.build(config.model))  # as a Runner does with one process
    optimizer = build_optim_wrapper(model, config.optim_wrapper)
    model.train()
    first = next(model.backbone.parameters())
    before = first.detach().clone()
    log = model.train_step(next(iter(Runner.build_dataloader(config.train_dataloader, seed=0))), optimizer)
    assert all(torch.isfinite(value).all() for value in log.values())
    parts = [value for key, value in log.items() if key.startswith('loss_')]
    assert log['loss'].item() == pytest.approx(sum(parts).item(), rel=1e-5)
    assert ('loss_pc' in log) == ('-pcloss' in path.name)
    assert not torch.equal(before, first.detach())

    model.eval()
    loader = Runner.build_dataloader(config.val_dataloader, seed=0)
    evaluator = Evaluator(config.val_evaluator)
    evaluator.dataset_meta = loader.dataset.metainfo
    with torch.no_grad():
        for batch in loader:
            evaluator.process(model.val_step(batch), batch)
    metrics = evaluator.evaluate(len(loader.dataset))
    assert 0 <= metrics['coco/AP' if config.dataset_type == 'CocoDataset' else 'NE'] < 1e4


@pytest.mark.parametrize('path', KINDS.values(), ids=lambda path: path.stem)
def test_one_of_each_kind_takes_steps(path, roots):
    take_steps(path)


@pytest.mark.every_config
@pytest.mark.parametrize('path', [path for path in LEAVES if path not in KINDS.values()], ids=lambda path: path.stem)
def test_every_config_takes_steps(path, roots):
    take_steps(path)


@pytest.mark.parametrize('path', DETECTORS, ids=lambda path: path.stem)
def test_the_detector_trains_and_is_measured(path, roots, tmp_path):
    """By MMDetection's own parts, on which boxes must be left out by non-maximum suppression."""
    config = load(path)
    config.model.backbone.init_cfg = None
    config.model.test_cfg.score_thr = 0.  # MMDetection measures nothing where no box is found
    assert config.model.bbox_head.num_classes == 13
    for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
    config.train_cfg.update(max_epochs=1, val_interval=2)
    config.merge_from_dict(dict(work_dir=str(tmp_path), log_level='ERROR', experiment_name=path.stem,
                                randomness=dict(seed=0)))
    with DefaultScope.overwrite_default_scope('mmdet'):
        runner = Runner.from_cfg(config)
        runner.train()
        measured = runner.test()
    assert 0 <= measured['coco/bbox_mAP'] <= 1 and 'coco/long_sleeve_top_precision' in measured
