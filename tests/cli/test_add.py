"""The lines against ones written by hand, and what the tool says of configs that do not qualify."""

import shutil
import subprocess
from pathlib import Path

import add_pcloss
import mmpose
import pytest
from mmengine.config import Config

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
HEAD = "type='PCSimCCHead', pc_loss=dict(\n    type='PCLoss', topk=8, {groups}loss_weight=0.03)"
LEFT_RIGHT = "partition='left_right', metainfo='CocoDataset', "
IMPORT = "custom_imports = dict(imports=['pcloss_mmpose'], allow_failed_imports=False)"
FIRST_STAGE = "train_dataloader['dataset']['dataset']['pipeline'][-1]['pack_transformed'] = True"
SECOND_STAGE = "custom_hooks[1]['switch_pipeline'][0]['pack_transformed'] = True"


@pytest.fixture
def stock(tmp_path):
    """A config with two training stages, whose data set stands in a wrapper."""
    path = tmp_path / 'stock.py'
    path.write_text(STOCK, encoding='utf-8')
    (tmp_path / 'runtime.py').write_text("default_scope = 'mmpose'\n")
    return path


def lines_of(path, capsys):
    """What the tool adds, which must be all that it changes."""
    add_pcloss.main([str(path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f'--- {path}', f'+++ {path}']
    assert not [line for line in lines[2:] if line[0] not in ' +@']
    return [line[1:] for line in lines[2:] if line.startswith('+')]


def in_lines(*parts):
    return '\n'.join(parts).splitlines()


def test_both_stages_and_no_test_pipeline(stock, capsys):
    head = f"model['head'].update({HEAD.format(groups=LEFT_RIGHT)})"
    assert lines_of(stock, capsys) == in_lines(IMPORT, head, FIRST_STAGE, SECOND_STAGE)


@pytest.mark.skipif(shutil.which('patch') is None, reason='no patch here')
@pytest.mark.parametrize('newline', ['\n', '\r\n'])
@pytest.mark.parametrize('end', ['\n', ''])
def test_the_diff_applies(stock, newline, end, capsys):
    before = Config.fromfile(stock)
    stock.write_bytes((STOCK.rstrip('\n') + end).replace('\n', newline).encode())
    add_pcloss.main([str(stock)])
    subprocess.run(['patch', '--binary', str(stock)], input=capsys.readouterr().out.encode(), check=True)
    after = Config.fromfile(stock)
    assert stock.read_bytes().count(newline.encode()) == STOCK.count('\n') + 5
    assert after.model.head.type == 'PCSimCCHead' and after.custom_imports.imports == ['pcloss_mmpose']
    assert after.train_dataloader.dataset.dataset.pipeline[1].pack_transformed
    assert after.custom_hooks[1].switch_pipeline[0].pack_transformed
    assert after.val_dataloader == before.val_dataloader and after.custom_hooks[2] == before.custom_hooks[2]


INHERITED_FIRST = "_base_.train_dataloader.dataset.dataset.pipeline[-1]['pack_transformed'] = True"
INHERITED_SECOND = "_base_.custom_hooks[1].switch_pipeline[0]['pack_transformed'] = True"


@pytest.mark.parametrize(('text', 'head', 'steps'), [
    ('', "model = dict(head=dict({}))", (INHERITED_FIRST, INHERITED_SECOND)),
    ('model = dict(head=dict(in_channels=512))\ntrain_pipeline = [dict(type="PackPoseInputs")]  # nothing uses it',
     "model['head'].update({})", (INHERITED_FIRST, INHERITED_SECOND)),
    ('model = dict(backbone=dict(depth=18))\ntrain_dataloader = dict(batch_size=4)\ncustom_hooks = []',
     "model['head'] = dict({})", (INHERITED_FIRST, )),
])
def test_an_inheriting_config(stock, text, head, steps, capsys):
    child = stock.with_name('child.py')
    child.write_text(f"_base_ = 'stock.py'\n{text}\n")
    expected = in_lines(IMPORT, head.format(HEAD.format(groups=LEFT_RIGHT)), *steps)
    assert lines_of(child, capsys) == expected
    new = stock.parent / 'more' / 'new.py'
    add_pcloss.main([str(child), str(new)])
    cfg = Config.fromfile(new)
    assert cfg.model.head.pc_loss.loss_weight == 0.03 and cfg.train_dataloader.dataset.dataset.pipeline[1].meta_keys
    assert cfg.train_dataloader.dataset.dataset.pipeline[1].pack_transformed
    with pytest.raises(SystemExit, match='new.py: exists already'):
        add_pcloss.main([str(child), str(new)])


@pytest.mark.parametrize(('own', 'inherited', 'imports'), [
    ("dict(imports=['json'], allow_failed_imports=False)", '{}',
     "['pcloss_mmpose', 'json'], allow_failed_imports=False"),
    ('{}', "dict(imports='json', allow_failed_imports=True)", "['pcloss_mmpose', 'json'], allow_failed_imports=True"),
    ("dict(imports=['pcloss_mmpose'])", '{}', None),
    ('{}', "dict(imports=['pcloss_mmpose'])", None),
])
def test_imports_are_kept(stock, own, inherited, imports, capsys):
    stock.write_text(f'{STOCK}custom_imports = {own}\n')
    stock.with_name('runtime.py').write_text(f'custom_imports = {inherited}\n')
    found = [line for line in lines_of(stock, capsys) if 'custom_imports' in line]
    assert found == ([f'custom_imports = dict(imports={imports})'] if imports else [])


@pytest.mark.parametrize(('old', 'new', 'groups'), [
    ("'CocoDataset'", "'OneHand10KDataset'", ''),
    ("'CocoDataset'", "'DeepFashionDataset', subset='lower'",
     "partition='left_right', metainfo='configs/_base_/datasets/deepfashion_lower.py', "),
    ("'CocoDataset'", "'MpiiDataset', metainfo=dict(from_file='configs/_base_/datasets/coco.py')",
     "partition='left_right', metainfo='configs/_base_/datasets/coco.py', "),
    ('times=2', "metainfo=dict(from_file='configs/_base_/datasets/aic.py')",  # the outer one is what the model sees
     "partition='left_right', metainfo='configs/_base_/datasets/aic.py', "),
    ("'CocoDataset'", "'CocoDataset', metainfo=dict(dataset_name='mine', joint_weights=[1] * 3, sigmas=[1] * 3, "
     "skeleton_info={}, keypoint_info={i: dict(name=n, id=i, color=[0, 0, 0], type='', swap=s) for i, n, s in "
     "[(0, 'right', 'left'), (1, 'middle', ''), (2, 'left', 'right')]})", 'partition=[[1, 2], [0, 1]], '),
])
def test_groups_come_from_the_training_data(stock, old, new, groups, capsys):
    landmarks = 21 if not groups else 4 if 'lower' in groups else 14 if 'aic' in groups else 3 if '[[' in groups else 17
    stock.write_text(STOCK.replace(old, new).replace('out_channels=17', f'out_channels={landmarks}'))
    assert f"    type='PCLoss', topk=8, {groups}loss_weight=0.03))" in lines_of(stock, capsys)


@pytest.mark.parametrize(('change', 'steps'), [
    (('stage2)', 'tuple(stage2))'), (FIRST_STAGE, SECOND_STAGE)),
    (('switch_pipeline=', 'next_pipeline='), (FIRST_STAGE, SECOND_STAGE.replace('switch', 'next'))),
    (('custom_hooks = [', 'default_hooks = dict(a=dict(b=stage2))\ncustom_hooks = ['),
     (FIRST_STAGE, SECOND_STAGE, "default_hooks['a']['b'][0]['pack_transformed'] = True")),
    (("'id', 'img_path')", "'id', 'img_path'), pack_transformed=False"), (FIRST_STAGE, SECOND_STAGE)),
    (("'id', 'img_path')", "'id', 'img_path'), pack_transformed=True"), (SECOND_STAGE, )),
])
def test_every_training_pipeline_packs(stock, change, steps, capsys):
    stock.write_text(STOCK.replace(*change))
    assert lines_of(stock, capsys)[3:] == list(steps)


def test_a_heatmap_head_gets_its_integral(capsys):
    path = ZOO / 'hand_2d_keypoint/topdown_heatmap/onehand10k/td-hm_res50_8xb32-210e_onehand10k-256x256.py'
    assert lines_of(path, capsys) == [
        IMPORT,
        "model['head'].update(type='PCHeatmapHead', integral=dict(alpha=30.), pc_loss=dict(",
        "    type='PCLoss', topk=8, loss_weight=3e-4))",
        "train_dataloader['dataset']['pipeline'][-1]['pack_transformed'] = True"]


def test_a_config_that_inherits_one_of_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = 'mmpose::body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py'
    add_pcloss.main([name, 'mine.py'])
    lines = Path('mine.py').read_text().splitlines()
    assert lines[0] == f'_base_ = {name!r}' and len(lines) <= 1 + 6
    cfg = Config.fromfile('mine.py')
    assert cfg.custom_hooks[0].switch_pipeline[-1].pack_transformed and cfg.model.head.type == 'PCRTMCCHead'
    with pytest.raises(SystemExit, match='is inherited, not changed: name a NEW_CONFIG too'):
        add_pcloss.main([name])


def test_the_diffs_of_the_pages_are_the_tools(tmp_path, monkeypatch, capsys):
    stock = ZOO / 'body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
    pages = {page: (ROOT / page).read_text().split('```diff\n')[1].split('```')[0].splitlines()
             for page in ('docs/any_model.md', 'README.md')}
    assert [line[1:] for line in pages['docs/any_model.md'] if line.startswith('+')] == lines_of(stock, capsys)
    monkeypatch.chdir(tmp_path)
    add_pcloss.main(['mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py', 'new.py'])
    assert [line[1:] for line in pages['README.md']] == Path('new.py').read_text().splitlines()


@pytest.mark.parametrize(('text', 'words'), [
    ('model = dict(', 'it does not load: SyntaxError'),
    ("_base_ = 'nowhere.py'", "it does not load: FileNotFoundError: .*nowhere.py"),
    ('with read_base():\n    pass', "MMEngine's pure Python style: add the lines by hand as docs/any_model.md"),
    ('train_cfg = dict(max_epochs=1)', 'it defines no model'),
    ("model = dict(type='Recogniser')", 'its model is a Recogniser, and PCLoss works in a TopdownPoseEstimator'),
    ("model = dict(type='TopdownPoseEstimator', head=None)", 'there is no PC for its missing head'),
    (STOCK.replace('SimCCHead', 'PCSimCCHead'), 'its head is a PCSimCCHead already'),
    (STOCK.replace('SimCCHead', 'OurOwnHead'), 'no PCOurOwnHead for its OurOwnHead; docs/any_model.md shows how'),
    (STOCK.replace('pipeline=val_pipeline, test_mode=True', 'pipeline=train_pipeline'),
     'training and test pipelines share a PackPoseInputs: give the training pipelines their own'),
    (STOCK.replace("'PackPoseInputs'", "'PackOtherInputs'"),
     'no pipeline of a train_dataloader in it has PackPoseInputs'),
    (STOCK.replace("type='CocoDataset'", "type='OurOwnDataset'"), "metainfo 'OurOwnDataset' is neither a registered"),
    (STOCK.replace("'CocoDataset'", "'CocoDataset', metainfo=dict(dataset_name='x')"),
     'the landmarks of its training data: '),
    (STOCK.replace('out_channels=17', 'out_channels=8'),
     'its head gives 8 landmarks, and the metainfo .* another number'),
    (STOCK.replace('decoder=codec', "decoder=codec, loss=dict(type='KeypointMSELoss')"),
     'its head does not build: .*takes the temperature'),
    (STOCK + 'val_evaluator = model\n', 'the lines would change more than they should, in val_evaluator: add'),
], ids=lambda text: text.splitlines()[0][:60])
def test_what_does_not_qualify_is_told_in_one_line(text, words, tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(text.replace("'runtime.py'", ''), encoding='utf-8')
    with pytest.raises(SystemExit, match=words) as caught:
        add_pcloss.main([str(path)])
    assert str(caught.value).startswith(f'{path}: ') and '\n' not in str(caught.value)


@pytest.mark.parametrize(('config', 'words'), [
    ('body_3d_keypoint/image_pose_lift/h36m/image-pose-lift_tcn_8xb64-200e_h36m.py', 'PoseLifter lifts poses to 3-D'),
    ('body_2d_keypoint/rtmo/coco/rtmo-s_8xb32-600e_coco-640x640.py', 'BottomupPoseEstimator works bottom-up'),
    ('body_2d_keypoint/topdown_heatmap/coco/td-hm-vis_res50_8xb64-210e_coco-aic-256x192-merge.py',
     'VisPredictHead holds the head that PCLoss belongs to in its pose_cfg: add the lines by hand'),
    ('hand_3d_keypoint/internet/interhand3d/internet_res50_4xb16-20e_interhand3d-256x256.py', 'InternetHead'),
    ('wholebody_2d_keypoint/dwpose/ubody/s1_dis/dwpose_l_dis_m_coco-ubody-256x192.py', 'DWPoseDistiller'),
    ('nothing.py', 'it does not load: .*No such file'),
])
def test_stock_models_that_do_not_qualify(config, words):
    with pytest.raises(SystemExit, match=words):
        add_pcloss.main([str(ZOO / config)])


@pytest.mark.every_config
def test_every_config_of_mmpose_converts_or_says_why():
    converted, refused = 0, []
    for path in sorted(ZOO.rglob('*.py')):
        if '_base_' in path.parts:
            continue
        try:
            old, new = add_pcloss.added(str(path), None)
        except add_pcloss.Unsuitable as error:
            refused.append(str(error))
        else:
            converted += 1
            assert new.count('\n') - old.count('\n') <= 5, path
    if mmpose.__version__ == '1.3.2':  # the figures of docs/any_model.md
        assert (converted, len(refused)) == (357, 51)
    reasons = ('Lifter', 'bottom-up', 'VisPredictHead', 'InternetHead', 'DWPoseDistiller', 'pure Python style')
    assert all(any(reason in each for reason in reasons) for each in refused)
