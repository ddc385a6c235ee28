"""Models as ONNX: the graph against MMPose's own prediction, and the example that runs it without MMPose."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from mmengine.config import Config
from mmpose.apis import init_model
from mmpose.registry import DATASETS

from pcloss_mmpose.cli import export as command
from pcloss_mmpose.configs import find_config, load_config
from pcloss_mmpose.deploy import export as package
from pcloss_mmpose.deploy.graph import OUTPUTS
from pcloss_mmpose.metainfo.fashionai import LANDMARKS
from pcloss_mmpose.synthetic import write_fashionai

EXAMPLE = Path(__file__).resolve().parents[2] / 'examples' / 'onnx_predict.py'
GARMENTS = 'td-hm_efflite0-pcloss_1xb12-600_garments-128x128'

#: FashionNet's config, tiny: 64 x 96 pixels, VGG-11, narrow layers; as in the config, the pooling's bins overlap.
FASHIONNET = f"""
_base_ = {str(find_config('td-reg_fashionnet-pcloss_4xb5-100k_fashionai-512x512'))!r}
model = dict(
    backbone=dict(depth=11, init_cfg=None),
    head=dict(pool_size=2, hidden_channels=16, decoder=dict(input_size=(64, 96))))
val_pipeline = _base_.val_pipeline
val_pipeline[-2].update(input_size=(64, 96))
val_dataloader = dict(dataset=dict(
    data_root={{root!r}}, ann_file='Annotations/val.csv', subset=None, pipeline=val_pipeline))
test_dataloader = val_dataloader
"""

#: FGN on the demo's data: VGG-11's first three blocks, which give heatmaps of a quarter, and narrow recurrent networks.
FGN = f"""
_base_ = {str(find_config(GARMENTS))!r}
model = dict(
    backbone=dict(
        _delete_=True, type='VGG', depth=11, num_stages=3, dilations=(1, 1, 1), out_indices=(2, ),
        with_last_pool=False),
    head=dict(
        _delete_=True, type='PCFGNHead', in_channels=256, out_channels=24, metainfo='FashionAIDataset',
        chains=[['neckline_left', 'shoulder_left', 'cuff_left_in']], hidden_channels=4,
        loss=dict(type='KeypointMSELoss', use_target_weight=True), decoder=_base_.codec))
"""

#: DFA on the same data as FashionNet, as narrow.
DFA = """
_base_ = 'fashionnet.py'
model = dict(
    backbone=dict(_delete_=True, type='VGGBank', num=4, depth=11),
    head=dict(_delete_=True, type='PCDFAHead', in_channels=512, num_joints=24, pool_size=2, hidden_channels=16,
              decoder=dict(type='RegressionLabel', input_size=(64, 96))))
"""

#: DLAN's, on the whole image: 64 x 96 pixels, VGG-11, narrow layers.
DLAN = f"""
_base_ = {str(find_config('td-reg_dlan-pcloss_4xb5-100k_deepfashion-512x512'))!r}
model = dict(
    backbone=dict(depth=11, init_cfg=None),
    neck=dict(out_channels=8, init_cfg=None),
    head=dict(in_channels=8, hidden_channels=16, decoder=dict(input_size=(64, 96))))
val_pipeline = _base_.val_pipeline
val_pipeline[-2].update(input_size=(64, 96))
test_dataloader = dict(dataset=dict(data_root={{root!r}}, pipeline=val_pipeline))
"""


@pytest.fixture(scope='module')
def example():
    """The example, as a module."""
    spec = importlib.util.spec_from_file_location('onnx_predict', EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run_example(example, monkeypatch, capsys):
    """Run the example's command line: its exit code or last words, and what it printed."""

    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', ['onnx_predict.py', *map(str, arguments)])
        code = 0
        try:
            example.main()
        except SystemExit as stop:
            code = stop.code
        printed = capsys.readouterr()
        return SimpleNamespace(code=code, out=printed.out, err=printed.err)

    return run


@pytest.fixture(scope='module')
def garments(tmp_path_factory):
    """A root with three drawn garments, and random weights of the small models on it."""
    root = tmp_path_factory.mktemp('garments')
    write_fashionai(root, 'val', 3, size=96)
    (root / 'bad.jpg').write_bytes(b'no image')
    (root / 'fashionnet.py').write_text(FASHIONNET.format(root=str(root)))
    (root / 'fgn.py').write_text(FGN)
    (root / 'dfa.py').write_text(DFA)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('GARMENTS_ROOT', str(root))
        for name, config in (('spb', find_config(GARMENTS)), ('fashionnet', root / 'fashionnet.py'),
                             ('fgn', root / 'fgn.py'), ('dfa', root / 'dfa.py')):
            torch.manual_seed(0)
            torch.save(dict(state_dict=init_model(str(config), device='cpu').state_dict()), root / f'{name}.pth')
        yield root


@pytest.fixture(scope='module')
def cases(garments, tiny_config):
    """Config, weights and export: the paper's crop, a crop that is not square, MMPose's crop, and that with UDP."""
    udp = garments / 'udp.py'
    udp.write_text(f"_base_ = {str(tiny_config)!r}\npipeline = _base_.pipeline\npipeline[2].update(use_udp=True)\n"
                   'test_dataloader = dict(dataset=dict(pipeline=pipeline))\n')
    torch.manual_seed(0)
    model = init_model(str(tiny_config), device='cpu')
    with torch.no_grad():  # clear peaks: between two that are nearly equal, rounding would decide
        model.head.deconv_layers[0].weight.mul_(1000)
    torch.save(dict(state_dict=model.state_dict()), garments / 'coco.pth')
    configs = dict(spb=find_config(GARMENTS), coco=tiny_config, udp=udp, fashionnet=garments / 'fashionnet.py',
                   fgn=garments / 'fgn.py', dfa=garments / 'dfa.py')
    weights = dict(spb='spb.pth', coco='coco.pth', udp='coco.pth', fashionnet='fashionnet.pth', fgn='fgn.pth',
                   dfa='dfa.pth')
    made = {}
    for name, config in configs.items():
        checkpoint, path = garments / weights[name], garments / 'exported' / f'{name}.onnx'
        path.parent.mkdir(exist_ok=True)
        export = package.export(load_config(config), str(checkpoint), path, 'coordinates', [], 16)
        made[name] = SimpleNamespace(config=config, checkpoint=checkpoint, export=export, path=path)
    return made


@pytest.mark.parametrize('name', ['spb', 'fashionnet', 'dfa', 'fgn', 'coco', 'udp'])
def test_the_example_finds_what_mmpose_finds(cases, example, name):
    """From the image and the box on, in the image's pixels."""
    case = cases[name]
    assert case.export.path == case.path and case.export.is_right
    assert case.export.images == (5 if name in ('coco', 'udp') else 3)
    assert case.export.unit == ('crop' if name in ('fashionnet', 'dfa') else 'heatmap')

    config = Config.fromfile(str(case.config))
    dataset = DATASETS.build(config.test_dataloader.dataset)
    samples = [dataset[index] for index in range(3)]
    model = init_model(config, str(case.checkpoint), device='cpu')
    with torch.no_grad():
        found = model.test_step({key: [sample[key] for sample in samples] for key in ('inputs', 'data_samples')})
    session, rule = example.load_model(str(case.path))
    assert rule['landmarks'] == list(dataset.metainfo['keypoint_id2name'].values())
    points, scores = example.predict(
        session, rule, [cv2.imread(sample.img_path) for sample in found],
        [sample.gt_instances.bboxes[0].tolist() for sample in found])
    np.testing.assert_allclose(points, [sample.pred_instances.keypoints[0] for sample in found], atol=1e-2)
    np.testing.assert_allclose(scores, [sample.pred_instances.keypoint_scores[0] for sample in found], atol=1e-4)


def test_a_model_of_whole_images_needs_no_box(raw, tmp_path, example):
    """Whatever box the example is given. The windows of the model have moved."""
    names = 'img/a.jpg', 'img/b.jpg'
    for name in names:
        raw.image(tmp_path / name, size=(120, 90))
    raw.benchmark(tmp_path, dict.fromkeys(names, '1' + '  0 30 40' * 6), splits=dict.fromkeys(names, 'test'))
    (tmp_path / 'dlan.py').write_text(DLAN.format(root=str(tmp_path)))
    config = load_config(tmp_path / 'dlan.py')
    torch.manual_seed(0)
    model = init_model(config, device='cpu')
    for name, parameter in model.named_parameters():
        if '.last.' in name:
            torch.nn.init.normal_(parameter, std=.2)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'dlan.pth')
    export = package.export(config, str(tmp_path / 'dlan.pth'), tmp_path / 'dlan.onnx', 'coordinates', [], 16)
    assert export.is_right and export.images == 2

    dataset = DATASETS.build(config.test_dataloader.dataset)
    samples = [dataset[index] for index in range(2)]
    with torch.no_grad():
        output = model.head.forward(model.extract_feat(
            torch.stack([sample['inputs'] for sample in samples]).float() / 99))
        found = model.test_step({key: [sample[key] for sample in samples] for key in ('inputs', 'data_samples')})
    assert (output.windows[-1].scale - 1).abs().max() > .01
    session, rule = example.load_model(str(tmp_path / 'dlan.onnx'))
    images = [cv2.imread(sample.img_path) for sample in found]
    for box in ([0, 0, 120, 90], [30, 20, 60, 50]):
        points, _ = example.predict(session, rule, images, [box] * 2)
        np.testing.assert_allclose(points, [sample.pred_instances.keypoints[0] for sample in found], atol=1e-2)


def test_nothing_of_pcloss_is_in_the_graph(cases, call, tmp_path):
    """The same weights, from the config with PCLoss and from that without: the same file."""
    done = call('export', GARMENTS.replace('-pcloss', ''), cases['spb'].checkpoint, '-o', tmp_path / 'model.onnx')
    assert done.code == 0, done.err
    assert 'On 3 images, the landmarks of ONNX Runtime and of MMPose differ by at most ' in done.out
    assert f'{tmp_path}/model.onnx: ' in done.out and not (tmp_path / 'model.new.onnx').exists()
    assert (tmp_path / 'model.onnx').read_bytes() == cases['spb'].path.read_bytes()


def test_heatmaps_of_given_images(garments, call, run_example, tmp_path):
    images = garments / 'Images' / 'blouse'
    done = call('export', GARMENTS, garments / 'spb.pth', '-o', tmp_path / 'heatmaps.onnx', '--output', 'heatmaps',
                '--pictures', images, next((garments / 'Images' / 'dress').iterdir()))
    assert done.code == 0 and 'On 2 images' in done.out
    session = onnxruntime.InferenceSession(str(tmp_path / 'heatmaps.onnx'))
    heatmaps, = session.run(None, {'crops': np.zeros((5, 128, 128, 3), np.uint8)})
    assert heatmaps.shape == (5, len(LANDMARKS), 32, 32)
    assert json.loads(session.get_modelmeta().custom_metadata_map['landmarks']) == list(LANDMARKS)
    refused = run_example(tmp_path / 'heatmaps.onnx', next(images.iterdir()))
    assert 'export it with --output coordinates' in refused.code


def test_a_graph_that_differs_is_an_error(cases, call, tmp_path, monkeypatch):
    case = cases['spb']
    config = Config.fromfile(str(case.config))
    model = init_model(config, str(case.checkpoint), device='cpu')
    samples = package.load_samples(config.test_dataloader.dataset, model.dataset_meta, [], 2)
    assert package.compare(case.path, model, samples) <= 1e-3
    with torch.no_grad():
        for weight in model.head.final_layer.parameters():
            weight.mul_(-1)
    assert package.compare(case.path, model, samples) > 1

    monkeypatch.setattr(package, 'write_onnx', lambda graph, crops, path, metadata: path.write_bytes(b'a new one'))
    monkeypatch.setattr(package, 'compare', lambda *args: float('nan'))
    out = tmp_path / 'model.onnx'
    out.write_bytes(b'an older one')
    done = call('export', GARMENTS, case.checkpoint, '-o', out)
    assert done.code == 1 and done.err.endswith(f'error: more than 0.001; {tmp_path}/model.new.onnx is wrong\n')
    assert out.read_bytes() == b'an older one'


@pytest.mark.parametrize(('arguments', 'words'), [
    (['-o', 'nowhere/model.onnx'], 'nowhere/model.onnx: there is no such folder'),
    (['-o', 'model.onnx', '--count', '0'], 'argument --count: must be at least 1, got 0'),
    (['-o', 'model.onnx', '--output', 'boxes'], "argument --output: invalid choice: 'boxes'"),
    (['-o', 'model.onnx', '--pictures', 'nowhere'], 'nowhere: '),
    (['-o', 'model.onnx', '--pictures', 'Annotations'], 'no (image|picture) in Annotations'),
    (['-o', 'model.onnx', '--pictures', 'bad.jpg'], 'bad.jpg: no image that Pillow can read'),
    (['-o', 'model.pt'], 'model.pt: its name must end in .onnx'),
])
def test_bad_arguments_leave_nothing(garments, call, monkeypatch, arguments, words):
    monkeypatch.chdir(garments)
    done = call('export', GARMENTS, garments / 'spb.pth', *arguments)
    assert done.code == 2 and re.search(words, done.err)
    assert not list(garments.glob('*.onnx'))


@pytest.mark.parametrize('text', ['model = dict()', 'test_dataloader = dict(dataset=dict())'])
def test_a_config_must_have_a_model_and_a_test_set(garments, call, tmp_path, text):
    (tmp_path / 'config.py').write_text(text)
    done = call('export', tmp_path / 'config.py', garments / 'spb.pth', '-o', tmp_path / 'model.onnx')
    assert done.code == 2 and 'must have a model, and a test_dataloader' in done.err


def test_a_missing_package_is_named_with_what_installs_it(garments, call, monkeypatch):
    monkeypatch.setattr(command, 'find_spec', lambda name: None if name == 'onnxruntime' else name)
    done = call('export', GARMENTS, garments / 'spb.pth', '-o', 'model.onnx')
    assert (done.code, done.err) == (2, 'error: onnxruntime not installed: pip install onnxruntime\n')


def test_the_outputs_are_those_of_the_graph(call):
    assert '{' + ','.join(OUTPUTS) + '}' in call('export', '--help').out


def test_the_example_prints_and_draws(cases, run_example, tmp_path):
    model, image = cases['spb'].path, next((cases['spb'].checkpoint.parent / 'Images').rglob('*.jpg'))
    done = run_example(model, image, '--box', 10, 10, 80, 80, '--draw', tmp_path / 'out.png')
    assert [line.split()[0] for line in done.out.splitlines()] == list(LANDMARKS)
    assert (cv2.imread(str(tmp_path / 'out.png')) != cv2.imread(str(image))).any()
    assert 'must be the left upper' in run_example(model, image, '--box', 9, 9, 1, 1).err
    assert 'out.foo cannot be written' in run_example(model, image, '--draw', 'out.foo').err
    assert 'not an image' in run_example(model, cases['spb'].config).code


def test_the_example_needs_neither_torch_nor_mmpose():
    code = ("import onnx_predict, sys; "
            "print(sorted({'torch', 'mmcv', 'mmengine', 'mmpose', 'pcloss_mmpose'} & set(sys.modules)))")
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=EXAMPLE.parent, check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout == '[]\n'
