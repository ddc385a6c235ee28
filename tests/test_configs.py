"""Every config: its parts agree with each other, and its model can be built."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, METRICS, MODELS, TRANSFORMS

from pcloss_mmpose.synthetic import write_fashionai

ROOT = Path(__file__).resolve().parents[1]
LEAVES = sorted(path for path in (ROOT / 'configs').glob('*/*.py') if path.parent.name != '_base_')
PAIRS = [(path, path.with_name(path.name.replace('-pcloss', ''))) for path in LEAVES if '-pcloss' in path.name]


def load(path):
    return Config.fromfile(path, import_custom_modules=False)


def test_the_leaves_are_found():
    assert len(LEAVES) == 16 and len(PAIRS) == 8


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_config_builds_and_its_parts_agree(path):
    assert len(path.read_text().splitlines()) <= 15
    config = load(path)
    assert config.custom_imports['imports'] == ['pcloss_mmpose']
    assert dict(config.model.head.decoder) == dict(config.codec)
    train = config.train_dataloader.dataset
    assert dict(train.pipeline[-2].encoder) == dict(config.codec)
    assert train.pipeline[-1] == dict(type='PackPoseInputs', pack_transformed=True)
    assert '_delete_' not in config.pretty_text
    for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
        assert loader.dataset.type == config.dataset_type
        crop = next(step for step in loader.dataset.pipeline if step.type == 'TopdownStretch')
        assert tuple(crop.input_size) == tuple(config.codec.input_size)
        for step in loader.dataset.pipeline:
            TRANSFORMS.build(step)
    init_default_scope(config.default_scope)
    METRICS.build(config.val_evaluator)
    hook = config.default_hooks.checkpoint
    assert (hook.save_best, hook.rule) == ('NE', 'less')
    model = MODELS.build(config.model)
    dataset = DATASETS.build(dict(train, lazy_init=True))
    outputs = config.model.head.get('out_channels', config.model.head.get('num_joints'))
    assert outputs == dataset.metainfo['num_keypoints']
    if '-pcloss' in path.name:
        assert len(model.head.pc_loss.groups) == 2


@pytest.mark.parametrize(('ours', 'base'), PAIRS, ids=lambda path: path.stem)
def test_both_arms_share_everything_but_the_loss(ours, base):
    ours, base = load(ours).to_dict(), load(base).to_dict()
    head, base_head = ours['model'].pop('head'), base['model'].pop('head')
    assert ours == base
    assert head.pop('type') == 'PC' + base_head.pop('type')
    head.pop('pc_loss')
    head.pop('integral', None)
    assert head == base_head


def test_roots_come_from_the_environment(monkeypatch):
    monkeypatch.setenv('FASHIONAI_ROOT', '/somewhere/else')
    config = load(ROOT / 'configs/fashionai/td-hm_res50_4xb5-100k_fashionai-512x512.py')
    assert config.train_dataloader.dataset.data_root == config.test_dataloader.dataset.data_root == '/somewhere/else'


@pytest.fixture(scope='module')
def garments(tmp_path_factory):
    root = tmp_path_factory.mktemp('garments')
    write_fashionai(root, 'train', 2, size=128)
    return root


@pytest.mark.parametrize('name', ['td-hm_res50-pcloss', 'td-reg_fashionnet-pcloss'])
def test_a_full_size_model_takes_a_step(name, garments, monkeypatch):
    """Two pictures at 512x512 through the config's own pipeline, model and losses."""
    monkeypatch.setenv('FASHIONAI_ROOT', str(garments))
    config = load(ROOT / f'configs/fashionai/{name}_4xb5-100k_fashionai-512x512.py')
    init_default_scope(config.default_scope)
    dataset = DATASETS.build(dict(config.train_dataloader.dataset, ann_file='Annotations/train.csv', subset=None))
    config.model.backbone.init_cfg = None
    model = MODELS.build(config.model)
    batch = model.data_preprocessor(pseudo_collate([dataset[0], dataset[1]]), training=True)
    losses = model.loss(**batch)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert total.item() == pytest.approx((losses['loss_kpt'] + losses['loss_pc']).item())
    first = next(model.backbone.parameters()).grad
    assert torch.isfinite(first).all() and first.abs().sum() > 0
