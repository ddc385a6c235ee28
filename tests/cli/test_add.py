"""The lines against ones written by hand, what is said to change, and what is said of configs that do not qualify."""

import re
import subprocess
import sys
from pathlib import Path

import mmpose
import pytest
from mmengine.config import Config

from pcloss_mmpose.add_pcloss import add_pcloss, changes, check
from pcloss_mmpose.configs import find_config
from pcloss_mmpose.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
ZOO = Path(mmpose.__file__).parent / '.mim' / 'configs'

STOCK = '''\
# é: two bytes
_base_ = ['runtime.py']
codec = dict(type='SimCCLabel', input_size=(64, 64), sigma=4., simcc_split_ratio=2.)
model = dict(
    type='TopdownPoseEstimator',
    backbone=dict(type='ResNet', depth=18),
    head=dict(
        type='SimCCHead', in_channels=512, out_channels=17, input_size=(64, 64), in_featuremap_size=(2, 2),
        deconv_out_channels=None, decoder=codec))
train_pipeline = [dict(type='LoadImage'), dict(type='PackPoseInputs', meta_keys=('id', 'img_path'))]
stage2 = [dict(type='PackPoseInputs'), dict(type='LastStep')]
val_pipeline = [dict(type='LoadImage'), dict(type='PackPoseInputs')]
dataset = dict(type='CocoDataset', ann_file='{{fileDirname}}/a.json', pipeline=train_pipeline)
train_dataloader = dict(batch_size=2, dataset=dict(type='RepeatDataset', times=2, dataset=dataset))
val_dataloader = dict(batch_size=2, dataset=dict(dataset, pipeline=val_pipeline, test_mode=True))
test_dataloader = val_dataloader
custom_hooks = [
    dict(type='EMAHook'),
    dict(type='mmdet.PipelineSwitchHook', switch_epoch=2, switch_pipeline=stage2),
    dict(type='DrawHook', dataset=dict(test_mode=True, pipeline=val_pipeline)),
]
'''
IMPORT = "custom_imports = dict(imports=['pcloss_mmpose'], allow_failed_imports=False)"
HEAD = ["model = dict(head=dict(type='PCSimCCHead', pc_loss=dict(",
        "    type='PCLoss', topk=8, partition='left_right', metainfo='CocoDataset', robust=True, loss_weight=0.01)))"]
FIRST_STAGE = "_base_.train_dataloader.dataset.dataset.pipeline[-1]['pack_transformed'] = True"
SECOND_STAGE = "_base_.custom_hooks[1].switch_pipeline[0]['pack_transformed'] = True"
CHANGES = """\
- model.head.type = 'SimCCHead'
+ model.head.type = 'PCSimCCHead'
+ model.head.pc_loss.type = 'PCLoss'
+ model.head.pc_loss.topk = 8
+ model.head.pc_loss.partition = 'left_right'
+ model.head.pc_loss.metainfo = 'CocoDataset'
+ model.head.pc_loss.robust = True
+ model.head.pc_loss.loss_weight = 0.01
+ train_dataloader.dataset.dataset.pipeline[1].pack_transformed = True
+ custom_hooks[1].switch_pipeline[0].pack_transformed = True
+ custom_imports.imports = ['pcloss_mmpose']
+ custom_imports.allow_failed_imports = False
"""
HINT = '`pcloss calibrate '


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stock(folder):
    """A config with two training stages, whose data set stands in a wrapper."""
    path = folder / 'stock.py'
    path.write_text(STOCK, encoding='utf-8')
    (folder / 'runtime.py').write_text("default_scope = 'mmpose'\n")
    return path


@pytest.fixture
def lines_of(call):
    """What the command prints for a config, without the line that names it."""

    def lines(path):
        done = call('add', path)
        assert done.code == 0 and HINT in done.err
        return done.out.splitlines()[1:]

    return lines


def test_it_prints_the_config_and_what_changes(stock, call):
    done = call('add', stock)
    assert done.code == 0
    assert done.out.splitlines() == ["_base_ = 'stock.py'", IMPORT, *HEAD, FIRST_STAGE, SECOND_STAGE]
    assert done.err.startswith(CHANGES + HINT)
    assert sorted(path.name for path in stock.parent.iterdir()) == ['runtime.py', 'stock.py']


def test_it_writes_what_it_prints_and_changes_nothing_else(stock, call):
    printed = call('add', 'stock.py').out
    done = call('add', 'stock.py', 'new.py')
    assert done.code == 0 and done.out == CHANGES and done.err.startswith(HINT)
    assert Path('new.py').read_text() == printed and stock.read_text(encoding='utf-8') == STOCK
    old, new = Config.fromfile('stock.py'), Config.fromfile('new.py')
    assert new.train_dataloader.dataset.dataset.pipeline[1].pack_transformed
    assert new.custom_hooks[1].switch_pipeline[0].pack_transformed
    assert new.val_dataloader == old.val_dataloader and new.custom_hooks[2] == old.custom_hooks[2]
    assert new.model.backbone == old.model.backbone and new.model.head.decoder == old.model.head.decoder


def test_a_test_pipeline_that_is_the_training_pipeline_stays_as_it_is(stock, call):
    stock.write_text(STOCK.replace('pipeline=val_pipeline', 'pipeline=train_pipeline'))
    done = call('add', stock, 'new.py')
    assert done.code == 0 and done.out == CHANGES
    assert Config.fromfile('new.py').val_dataloader == Config.fromfile(stock).val_dataloader


@pytest.mark.parametrize(('change', 'place'), [
    (dict(val_dataloader=dict(batch_size=3)), 'val_dataloader.batch_size'),
    (dict(model=dict(head=dict(in_channels=3))), 'model.head.in_channels'),
    (dict(optim_wrapper=dict(type='OptimWrapper')), 'optim_wrapper.type'),
    (dict(custom_hooks=[]), 'custom_hooks'),
    ({'custom_hooks.1.switch_pipeline.0.pack_transformed': False}, 'custom_hooks[1].switch_pipeline[0]'),
    ({'custom_hooks.2.dataset.pipeline.1.pack_transformed': True}, 'custom_hooks[2].dataset.pipeline[1].pack_'),
])
def test_any_other_change_is_an_error(stock, change, place):
    _, old, new = add_pcloss(stock, 'stock.py')
    check(old, new)
    new.merge_from_dict(change)
    with pytest.raises(InputError, match=re.escape(f'change more or less than they should, see {place}')):
        check(old, new)


@pytest.mark.parametrize(('name', 'base'), [
    ('more/new.py', '../stock.py'), ('more/../new.py', 'stock.py'), ('inner/link/new.py', '{}/stock.py')])
def test_the_base_is_found_from_the_new_configs_folder(stock, name, base, call):
    Path('inner').mkdir()
    Path('inner/link').symlink_to(stock.parent)  # from where `..` leads out of the folder
    assert call('add', stock, name).code == 0
    assert Path(name).read_text().startswith(f'_base_ = {base.format(stock.parent)!r}\n')
    cfg = Config.fromfile(name)
    assert cfg.model.head.type == 'PCSimCCHead' and cfg.val_dataloader == Config.fromfile(stock).val_dataloader


def test_a_new_config_that_exists_is_refused_before_anything_heavy_is_imported(stock):
    code = ('import sys; from pcloss_mmpose.cli import main\n'
            "try: main(['add', 'stock.py', 'runtime.py'])\n"
            "finally: print({'mmengine', 'torch', 'mmpose'} & set(sys.modules))")
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (2, 'set()\n', 'error: runtime.py: exists already\n')
    assert Path('runtime.py').read_text() == "default_scope = 'mmpose'\n"


@pytest.mark.parametrize(('text', 'steps'), [
    ('', [FIRST_STAGE, SECOND_STAGE]),
    ('model = dict(head=dict(in_channels=512))\ntrain_pipeline = [dict(type="PackPoseInputs")]  # nothing uses it',
     [FIRST_STAGE, SECOND_STAGE]),
    ('custom_hooks = []', [FIRST_STAGE]),
])
def test_a_config_that_inherits(stock, text, steps, lines_of):
    Path('child.py').write_text(f"_base_ = 'stock.py'\n{text}\n")
    assert lines_of('child.py') == [IMPORT, *HEAD, *steps]


@pytest.mark.parametrize(('own', 'inherited', 'imports'), [
    ("dict(imports=['json'], allow_failed_imports=False)", '{}',
     "['pcloss_mmpose', 'json'], allow_failed_imports=False"),
    ('{}', "dict(imports='json', allow_failed_imports=True)", "['pcloss_mmpose', 'json'], allow_failed_imports=True"),
    ("dict(imports=['pcloss_mmpose'])", '{}', None),
    ('{}', "dict(imports=['pcloss_mmpose'])", None),
])
def test_imports_are_kept(stock, own, inherited, imports, lines_of):
    stock.write_text(f'{STOCK}custom_imports = {own}\n')
    Path('runtime.py').write_text(f'custom_imports = {inherited}\n')
    found = [line for line in lines_of(stock) if 'custom_imports' in line]
    assert found == ([f'custom_imports = dict(imports={imports})'] if imports else [])


@pytest.mark.parametrize(('old', 'new', 'groups', 'landmarks'), [
    ("'CocoDataset'", "'mmpose.CocoDataset'", "partition='left_right', metainfo='CocoDataset', ", 17),
    ("'CocoDataset'", "'OneHand10KDataset'", '', 21),
    ("'CocoDataset'", "'DeepFashionDataset', subset='lower'",
     "partition='left_right', metainfo='configs/_base_/datasets/deepfashion_lower.py', ", 4),
    ("'CocoDataset'", "'MpiiDataset', metainfo=dict(from_file='configs/_base_/datasets/coco.py')",
     "partition='left_right', metainfo='configs/_base_/datasets/coco.py', ", 17),
    ('times=2', "metainfo=dict(from_file='configs/_base_/datasets/aic.py')",  # the outer one is what the model sees
     "partition='left_right', metainfo='configs/_base_/datasets/aic.py', ", 14),
    ("'CocoDataset'", "'CocoDataset', metainfo=dict(dataset_name='mine', joint_weights=[1] * 3, sigmas=[1] * 3, "
     "skeleton_info={}, keypoint_info={i: dict(name=n, id=i, color=[0, 0, 0], type='', swap=s) for i, n, s in "
     "[(0, 'right', 'left'), (1, 'middle', ''), (2, 'left', 'right')]})", 'partition=[[1, 2], [0, 1]], ', 3),
])
def test_groups_come_from_the_training_data(stock, old, new, groups, landmarks, lines_of):
    stock.write_text(STOCK.replace(old, new).replace('out_channels=17', f'out_channels={landmarks}'))
    assert f"    type='PCLoss', topk=8, {groups}robust=True, loss_weight=0.01)))" in lines_of(stock)


@pytest.mark.parametrize(('change', 'steps'), [
    (('stage2)', 'tuple(stage2))'), [FIRST_STAGE, SECOND_STAGE]),
    (('switch_pipeline=', 'next_pipeline='), [FIRST_STAGE, SECOND_STAGE.replace('switch', 'next')]),
    (('custom_hooks = [', 'default_hooks = dict(a=dict(b=stage2))\ncustom_hooks = ['),
     [FIRST_STAGE, SECOND_STAGE, "_base_.default_hooks.a.b[0]['pack_transformed'] = True"]),
    (("'id', 'img_path')", "'id', 'img_path'), pack_transformed=False"), [FIRST_STAGE, SECOND_STAGE]),
    (("'id', 'img_path')", "'id', 'img_path'), pack_transformed=True"), [SECOND_STAGE]),
])
def test_every_training_pipeline_packs(stock, change, steps, lines_of):
    stock.write_text(STOCK.replace(*change))
    assert lines_of(stock)[3:] == steps


def test_a_heatmap_head_gets_its_integral(lines_of):
    path = ZOO / 'hand_2d_keypoint/topdown_heatmap/onehand10k/td-hm_res50_8xb32-210e_onehand10k-256x256.py'
    assert lines_of(path) == [
        IMPORT,
        "model = dict(head=dict(type='PCHeatmapHead', integral=dict(alpha=30.), pc_loss=dict(",
        "    type='PCLoss', topk=8, robust=True, loss_weight=3e-4)))",
        "_base_.train_dataloader.dataset.pipeline[-1]['pack_transformed'] = True"]


def test_configs_of_packages(call):
    name = 'mmpose::body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py'
    assert call('add', name, 'mine.py').code == 0
    lines = Path('mine.py').read_text().splitlines()
    assert lines[0] == f'_base_ = {name!r}' and len(lines) <= 1 + 6
    cfg = Config.fromfile('mine.py')
    assert cfg.custom_hooks[0].switch_pipeline[-1].pack_transformed and cfg.model.head.type == 'PCRTMCCHead'

    assert call('add', 'td-hm_res50_4xb5-100k_fashionai-512x512', 'ours.py').code == 0
    assert Config.fromfile('ours.py').model.head.pc_loss.metainfo == 'FashionAIDataset'


def test_the_lines_of_the_pages(call):
    """The README's are the command's; those by hand, in the config itself, give the same config."""
    name = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
    assert call('add', name, 'new.py').code == 0
    blocks = [(ROOT / page).read_text().split('```diff\n')[1].split('```')[0].splitlines()
              for page in ('README.md', 'docs/any_model.md')]
    assert [line[1:] for line in blocks[0]] == Path('new.py').read_text().splitlines()
    text = find_config(name).read_text()
    assert text.endswith(''.join(f'{line[1:]}\n' for line in blocks[1] if line[0] == ' '))
    Path('by_hand.py').write_text(text.replace('../../../', f'{ZOO}/') + ''.join(
        f'{line[1:]}\n' for line in blocks[1] if line[0] == '+'))
    by_hand = Config.fromfile('by_hand.py')
    assert by_hand.model.head.type == 'PCHeatmapHead' and not changes(by_hand, Config.fromfile('new.py'))


@pytest.mark.parametrize(('text', 'words'), [
    ('model = dict(', 'not a complete config (SyntaxError'),
    ("_base_ = 'nowhere.py'", 'not a complete config (FileNotFoundError: '),
    ('with read_base():\n    pass', "MMEngine's pure Python style: add the lines by hand as docs/any_model.md"),
    ('train_cfg = dict(max_epochs=1)', 'it defines no model'),
    ("model = dict(type='Recogniser')", 'its model is a Recogniser; PCLoss is for a TopdownPoseEstimator'),
    ("model = 'ours'", "it does not convert (AttributeError(\"'str' object has no attribute"),
    ("model = dict(type='TopdownPoseEstimator', head=None)", 'there is no class with PCLoss for its missing head'),
    (STOCK.replace('SimCCHead', 'PCSimCCHead'), 'its head is a PCSimCCHead already'),
    (STOCK.replace('SimCCHead', 'OurOwnHead'), 'no class with PCLoss for its OurOwnHead; docs/any_model.md shows how'),
    (STOCK.replace("'PackPoseInputs'", "'PackOtherInputs'"),
     'no pipeline of a train_dataloader in it has PackPoseInputs'),
    (STOCK.replace('train_dataloader = ', 'train_dataloader = None\nunused = '),
     'no pipeline of a train_dataloader in it has PackPoseInputs'),
    (STOCK.replace("type='CocoDataset'", "type='OurOwnDataset'"), "metainfo 'OurOwnDataset' is neither a registered"),
    (STOCK.replace("type='CocoDataset', ", ''), "metainfo 'None' is neither a registered"),
    (STOCK.replace("'CocoDataset'", "'CocoDataset', metainfo=dict(dataset_name='x')"),
     'it does not convert (AssertionError()): add the lines by hand'),
    (STOCK.replace('out_channels=17', 'out_channels=8'), 'its head gives 8 landmarks, and its training data have 17'),
    (STOCK.replace('out_channels=17', 'out_channels=22').replace("'CocoDataset'", "'OneHand10KDataset'"),
     'its head gives 22 landmarks, and its training data have 21'),
    (STOCK.replace('decoder=codec', "decoder=codec, loss=dict(type='KeypointMSELoss')"),
     'PCSimCCHead with pc_loss takes the temperature of its distributions from the beta of its loss'),
    (f'{STOCK}import uuid\nwork_dir = uuid.uuid4().hex\n', 'more or less than they should, see work_dir: add the'),
], ids=lambda text: text.splitlines()[0][:60])
def test_what_does_not_qualify_is_told_in_one_line(text, words, call):
    Path('config.py').write_text(text.replace("'runtime.py'", ''), encoding='utf-8')
    done = call('add', 'config.py', 'new.py')
    assert done.code == 2 and done.out == '' and not Path('new.py').exists()
    line, = (line for line in done.err.splitlines() if line.startswith('error: '))
    assert line.startswith('error: config.py: ') and words in line and 'Traceback' not in done.err


@pytest.mark.parametrize(('config', 'words'), [
    ('body_3d_keypoint/image_pose_lift/h36m/image-pose-lift_tcn_8xb64-200e_h36m.py', 'PoseLifter, which lifts poses'),
    ('body_2d_keypoint/rtmo/coco/rtmo-s_8xb32-600e_coco-640x640.py', 'BottomupPoseEstimator, which works bottom-up'),
    ('body_2d_keypoint/topdown_heatmap/coco/td-hm-vis_res50_8xb64-210e_coco-aic-256x192-merge.py',
     'VisPredictHead holds the head that PCLoss belongs to in its pose_cfg: add the lines by hand'),
    ('hand_3d_keypoint/internet/interhand3d/internet_res50_4xb16-20e_interhand3d-256x256.py', 'InternetHead'),
    ('wholebody_2d_keypoint/dwpose/ubody/s1_dis/dwpose_l_dis_m_coco-ubody-256x192.py', 'DWPoseDistiller'),
    ('nothing.py', 'mmpose::nothing.py: no such config of mmpose'),
])
def test_stock_models_that_do_not_qualify(config, words, call):
    done = call('add', f'mmpose::{config}')
    assert done.code == 2 and done.out == '' and words in done.err.splitlines()[-1]


@pytest.mark.filterwarnings('ignore:metainfo .*no such file here')
@pytest.mark.every_config
def test_every_config_of_mmpose_converts_or_says_why():
    converted, refused = 0, []
    for path in sorted(ZOO.rglob('*.py')):
        if '_base_' in path.parts:
            continue
        try:
            text, _, _ = add_pcloss(path, str(path))
        except InputError as error:
            refused.append(str(error))
        else:
            converted += 1
            assert text.count('\n') <= 1 + 5, path
    if mmpose.__version__ == '1.3.2':  # the figures of docs/any_model.md
        assert (converted, len(refused)) == (357, 51)
    reasons = ('Lifter', 'bottom-up', 'VisPredictHead', 'InternetHead', 'DWPoseDistiller', 'pure Python style')
    assert all(any(reason in each for reason in reasons) for each in refused)
