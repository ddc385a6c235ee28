"""The diffs against ones written by hand, and what the tool says of configs that do not qualify."""

import difflib
import shutil
import subprocess
from pathlib import Path
from textwrap import dedent

import add_pcloss
import mmpose
import pytest
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
ZOO = Path(mmpose.__file__).parent / '.mim' / 'configs'

STOCK = f'''\
# A comment that stays.
_base_ = ['{ZOO}/_base_/default_runtime.py']
codec = dict(type='SimCCLabel', input_size=(64, 64), sigma=4., simcc_split_ratio=2.)
model = dict(
    type='TopdownPoseEstimator',
    backbone=dict(type='ResNet', depth=18),
    head=dict(
        type='SimCCHead',  # é: two bytes
        in_channels=512, out_channels=17, input_size=(64, 64), in_featuremap_size=(2, 2),
        deconv_out_channels=None, decoder=codec))
train_pipeline = [dict(type='LoadImage'), dict(type='PackPoseInputs', meta_keys=('id', 'img_path'))]
stage2 = [
    dict(type='LoadImage'),
    dict(
        type='PackPoseInputs'),
]
val_pipeline = [dict(type='LoadImage'), dict(type='PackPoseInputs')]
dataset = dict(type='CocoDataset', ann_file='a.json', pipeline=train_pipeline)
train_dataloader = dict(batch_size=2, dataset=dict(type='RepeatDataset', times=2, dataset=dataset))
val_dataloader = dict(batch_size=2, dataset=dict(dataset, pipeline=val_pipeline, test_mode=True))
test_dataloader = val_dataloader
custom_hooks = [
    dict(type='EMAHook'),
    dict(type='mmdet.PipelineSwitchHook', switch_epoch=2, switch_pipeline=stage2),
]
'''


@pytest.fixture
def stock(tmp_path):
    """A config with two training stages, whose data set stands in a wrapper."""
    path = tmp_path / 'stock.py'
    path.write_text(STOCK, encoding='utf-8')
    return path


def diff_of(path, capsys):
    add_pcloss.main([str(path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f'--- {path}', f'+++ {path}']
    return [line for line in lines[2:] if line[0] in '+-']


def test_both_stages_and_no_test_pipeline(stock, capsys):
    assert diff_of(stock, capsys) == dedent('''\
        +custom_imports = dict(imports=['pcloss_mmpose'], allow_failed_imports=False)
        -        type='SimCCHead',  # é: two bytes
        +        type='PCSimCCHead',
        +        pc_loss=dict(type='PCLoss', topk=8, partition='left_right', metainfo='CocoDataset', loss_weight=0.03),  # é: two bytes
        -train_pipeline = [dict(type='LoadImage'), dict(type='PackPoseInputs', meta_keys=('id', 'img_path'))]
        +train_pipeline = [dict(type='LoadImage'), dict(type='PackPoseInputs', pack_transformed=True, meta_keys=('id', 'img_path'))]
        -        type='PackPoseInputs'),
        +        type='PackPoseInputs', pack_transformed=True),
        ''').splitlines()  # noqa: E501


@pytest.mark.skipif(shutil.which('patch') is None, reason='no patch here')
def test_the_diff_applies(stock, tmp_path, capsys):
    add_pcloss.main([str(stock)])
    new = tmp_path / 'new.py'
    subprocess.run(['patch', str(stock), '-o', str(new)], input=capsys.readouterr().out, text=True, check=True)
    old, new = Config.fromfile(stock), Config.fromfile(new)
    assert new.model.head.type == 'PCSimCCHead' and new.custom_imports.imports == ['pcloss_mmpose']
    assert new.train_dataloader.dataset.dataset.pipeline[1].pack_transformed
    assert new.custom_hooks[1].switch_pipeline[1].pack_transformed
    assert new.val_dataloader == old.val_dataloader


@pytest.mark.parametrize(('text', 'diff'), [
    # Nothing of it is in the file.
    ('', '''\
     +custom_imports = dict(imports=['pcloss_mmpose'], allow_failed_imports=False)
     +model = dict(head=dict(type='PCSimCCHead', pc_loss=dict(
     +    type='PCLoss', topk=8, partition='left_right', metainfo='CocoDataset', loss_weight=0.03)))
     +train_dataloader = dict(dataset=dict(dataset=dict(pipeline=_base_.train_dataloader.dataset.dataset.pipeline)))
     +train_dataloader['dataset']['dataset']['pipeline'][-1]['pack_transformed'] = True
     +custom_hooks = _base_.custom_hooks
     +custom_hooks[1]['switch_pipeline'][-1]['pack_transformed'] = True
     '''),
    # Parts of it are, and a pipeline that nothing uses.
    ('''
custom_imports = dict(imports=['json'], allow_failed_imports=False)
train_pipeline = [dict(type='PackPoseInputs')]
train_dataloader = dict(batch_size=4, dataset=dict(times=3))
custom_hooks = []
model = dict(head=dict(in_channels=512))
''', '''\
     -custom_imports = dict(imports=['json'], allow_failed_imports=False)
     +custom_imports = dict(imports=['pcloss_mmpose', 'json'], allow_failed_imports=False)
     -model = dict(head=dict(in_channels=512))
     +model = dict(head=dict(type='PCSimCCHead',
     +    pc_loss=dict(type='PCLoss', topk=8, partition='left_right', metainfo='CocoDataset', loss_weight=0.03),
     +    in_channels=512))
     +train_dataloader['dataset']['dataset'] = dict(pipeline=_base_.train_dataloader.dataset.dataset.pipeline)
     +train_dataloader['dataset']['dataset']['pipeline'][-1]['pack_transformed'] = True
     '''),
    ('''
custom_hooks = []
model = dict(
    backbone=dict(depth=34))
''', '''\
     +custom_imports = dict(imports=['pcloss_mmpose'], allow_failed_imports=False)
     +    head=dict(type='PCSimCCHead', pc_loss=dict(
     +        type='PCLoss', topk=8, partition='left_right', metainfo='CocoDataset', loss_weight=0.03)),
     +train_dataloader = dict(dataset=dict(dataset=dict(pipeline=_base_.train_dataloader.dataset.dataset.pipeline)))
     +train_dataloader['dataset']['dataset']['pipeline'][-1]['pack_transformed'] = True
     '''),
])
def test_an_inheriting_config(stock, text, diff, capsys):
    child = stock.with_name('child.py')
    child.write_text(f"_base_ = 'stock.py'\n{text}")
    assert diff_of(child, capsys) == dedent(diff).splitlines()


def test_a_heatmap_head_gets_its_integral_and_one_without_flip_pairs_one_group(capsys):
    path = ZOO / 'hand_2d_keypoint/topdown_heatmap/onehand10k/td-hm_res50_8xb32-210e_onehand10k-256x256.py'
    assert diff_of(path, capsys)[1:5] == [
        "-        type='HeatmapHead',",
        "+        type='PCHeatmapHead',",
        '+        integral=dict(alpha=10.),',
        "+        pc_loss=dict(type='PCLoss', topk=8, loss_weight=3e-4),"]


def test_the_diff_of_the_page_is_the_tools(capsys):
    add_pcloss.main([str(ZOO / 'body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py')])
    diff = capsys.readouterr().out.split('\n', 3)[3]  # without the names of the files and the first place
    assert f'```diff\n{diff}```' in (ROOT / 'docs/any_model.md').read_text()


def test_the_diff_of_the_readme_is_the_tools(tmp_path, capsys):
    diff = (ROOT / 'README.md').read_text().split('```diff\n')[1].split('```')[0].splitlines()
    name = next(line for line in diff if '_base_ =' in line).split("'")[1]
    path = tmp_path / 'config.py'
    path.write_text(''.join(f'{line[1:]}\n' for line in diff if line.startswith(' ')).replace(
        name, f'mmpose::body_2d_keypoint/topdown_heatmap/coco/{name}'))
    assert diff_of(path, capsys) == [line for line in diff if line.startswith('+')]


@pytest.mark.parametrize(('text', 'words'), [
    ('model = dict(', 'it does not load: .*was never closed|it does not load: .*unexpected EOF'),
    ("_base_ = 'nowhere.py'", "it does not load: .*nowhere.py"),
    ('from mmengine.config import read_base', "MMEngine's pure Python style: change it by hand as docs/any_model.md"),
    ('train_cfg = dict(max_epochs=1)', 'it defines no model'),
    ("model = dict(type='Recogniser')", 'its model is a Recogniser, and PCLoss works in a TopdownPoseEstimator'),
    (STOCK.replace('SimCCHead', 'PCSimCCHead'), 'its head is a PCSimCCHead already'),
    (STOCK.replace('SimCCHead', 'OurOwnHead'), 'no PCOurOwnHead for its OurOwnHead; docs/any_model.md shows how'),
    (STOCK.replace("        type='SimCCHead',", '        # type'), 'there is no PC.* for its missing head'),
    (STOCK.replace('pipeline=val_pipeline', 'pipeline=train_pipeline'),
     'line 11 serves training and test pipelines alike: give the training pipelines a PackPoseInputs of their own'),
    (STOCK.replace("'PackPoseInputs'", "'PackOtherInputs'"),
     'no pipeline of a train_dataloader in it has PackPoseInputs'),
    (STOCK.replace("type='CocoDataset'", "type='OurOwnDataset'"), "metainfo 'OurOwnDataset' is neither a registered"),
    (STOCK.replace('out_channels=17', 'out_channels=8'),
     'its head gives 8 landmarks, and the metainfo .* another number'),
    (STOCK.replace('decoder=codec', "decoder=codec, loss=dict(type='KeypointMSELoss')"),
     'its head does not build: .*takes the temperature'),
    (STOCK.replace('model = dict(\n', 'model = dict(**dict(\n').replace('decoder=codec))', 'decoder=codec)))'),
     'change it by hand'),
], ids=lambda text: text.splitlines()[0][:60])
def test_what_does_not_qualify_is_told_in_one_line(text, words, tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(text)
    with pytest.raises(SystemExit, match=words) as caught:
        add_pcloss.main([str(path)])
    assert str(caught.value).startswith(f'{path}: ') and '\n' not in str(caught.value)


@pytest.mark.parametrize(('config', 'words'), [
    ('body_3d_keypoint/image_pose_lift/h36m/image-pose-lift_tcn_8xb64-200e_h36m.py', 'PoseLifter lifts poses to 3-D'),
    ('body_2d_keypoint/rtmo/coco/rtmo-s_8xb32-600e_coco-640x640.py', 'BottomupPoseEstimator works bottom-up'),
    ('body_2d_keypoint/topdown_heatmap/coco/td-hm-vis_res50_8xb64-210e_coco-aic-256x192-merge.py',
     'VisPredictHead holds the head that PCLoss belongs to in its pose_cfg: change it by hand'),
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
            new = add_pcloss.pcloss_text(path)
        except add_pcloss.Unsuitable as error:
            refused.append(str(error))
        else:
            converted += 1
            assert sum(line.startswith('+ ') for line in difflib.ndiff(
                path.read_text().splitlines(), new.splitlines())) <= 6, path
    if mmpose.__version__ == '1.3.2':  # the figures of docs/any_model.md
        assert (converted, len(refused)) == (357, 51)
    reasons = ('Lifter', 'bottom-up', 'VisPredictHead', 'InternetHead', 'DWPoseDistiller', 'pure Python style')
    assert all(any(reason in each for reason in reasons) for each in refused)
