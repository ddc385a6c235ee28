"""Models as ONNX: the graph against MMPose's own prediction, and the example that runs it without MMPose."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import export_onnx
import numpy as np
import onnx_predict
import onnxruntime
import pytest
import torch
from mmengine.config import Config
from mmpose.apis import init_model
from mmpose.registry import DATASETS

from pcloss_mmpose.metainfo.fashionai import LANDMARKS
from pcloss_mmpose.deploy import DeployGraph
from pcloss_mmpose.synthetic import write_fashionai

ROOT = Path(__file__).resolve().parents[2]
GARMENTS = ROOT / 'configs/demo/td-hm_efflite0-pcloss_1xb12-600_garments-128x128.py'

#: FashionNet's config, tiny: 64 x 96 pixels, VGG-11, narrow layers; as in the config, the pooling's bins overlap.
FASHIONNET = f"""
_base_ = {str(ROOT / 'configs/fashionai/fashionnet/td-reg_fashionnet-pcloss_4xb5-100k_fashionai-512x512.py')!r}
model = dict(
    backbone=dict(depth=11, init_cfg=None),
    head=dict(pool_size=2, hidden_channels=16, decoder=dict(input_size=(64, 96))))
val_pipeline = _base_.val_pipeline
val_pipeline[-2].update(input_size=(64, 96))
val_dataloader = dict(dataset=dict(
    data_root={{root!r}}, ann_file='Annotations/val.csv', subset=None, pipeline=val_pipeline))
test_dataloader = val_dataloader
"""


@pytest.fixture(scope='module')
def garments(tmp_path_factory):
    """A root with three drawn garments, and random weights of the small models on it."""
    root = tmp_path_factory.mktemp('garments')
    write_fashionai(root, 'val', 3, size=96)
    (root / 'bad.jpg').write_bytes(b'no picture')
    (root / 'fashionnet.py').write_text(FASHIONNET.format(root=str(root)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('GARMENTS_ROOT', str(root))
        for name, config in (('spb', GARMENTS), ('fashionnet', root / 'fashionnet.py')):
            torch.manual_seed(0)
            torch.save(dict(state_dict=init_model(str(config), device='cpu').state_dict()), root / f'{name}.pth')
        yield root


@pytest.fixture(scope='module')
def cases(garments, tiny_config):
    """Config and weights: the paper's crop, a crop that is not square, MMPose's crop, and that with UDP."""
    udp = garments / 'udp.py'
    udp.write_text(f"_base_ = {str(tiny_config)!r}\npipeline = _base_.pipeline\npipeline[2].update(use_udp=True)\n"
                   'test_dataloader = dict(dataset=dict(pipeline=pipeline))\n')
    torch.manual_seed(0)
    model = init_model(str(tiny_config), device='cpu')
    with torch.no_grad():  # clear peaks: between two that are nearly equal, rounding would decide
        model.head.deconv_layers[0].weight.mul_(1000)
    torch.save(dict(state_dict=model.state_dict()), garments / 'coco.pth')
    configs = dict(spb=GARMENTS, coco=tiny_config, udp=udp, fashionnet=garments / 'fashionnet.py')
    weights = dict(spb='spb.pth', coco='coco.pth', udp='coco.pth', fashionnet='fashionnet.pth')
    return {name: (config, garments / weights[name]) for name, config in configs.items()}


@pytest.mark.parametrize('name', ['spb', 'fashionnet', 'coco', 'udp'])
def test_the_example_finds_what_mmpose_finds(cases, call, tmp_path, name):
    """From the picture and the box on, in the picture's pixels."""
    config, checkpoint = cases[name]
    done = call(export_onnx, config, checkpoint, '-o', tmp_path / 'model.onnx')
    assert done.code == 0 and 'differ by' in done.out, (done.code, done.err)

    config = Config.fromfile(str(config))
    dataset = DATASETS.build(config.test_dataloader.dataset)
    samples = [dataset[index] for index in range(3)]
    model = init_model(config, str(checkpoint), device='cpu')
    with torch.no_grad():
        found = model.test_step({key: [sample[key] for sample in samples] for key in ('inputs', 'data_samples')})
    session, rule = onnx_predict.load_model(str(tmp_path / 'model.onnx'))
    assert rule['landmarks'] == list(dataset.metainfo['keypoint_id2name'].values())
    points, scores = onnx_predict.predict(
        session, rule, [cv2.imread(sample.img_path) for sample in found],
        [sample.gt_instances.bboxes[0].tolist() for sample in found])
    np.testing.assert_allclose(points, [sample.pred_instances.keypoints[0] for sample in found], atol=1e-2)
    np.testing.assert_allclose(scores, [sample.pred_instances.keypoint_scores[0] for sample in found], atol=1e-4)


def test_nothing_of_pcloss_is_in_the_graph(garments, tmp_path):
    """The same weights, from the config with PCLoss and from that without: the same file."""
    files = []
    for config in (GARMENTS, GARMENTS.with_name(GARMENTS.name.replace('-pcloss', ''))):
        model = init_model(str(config), str(garments / 'spb.pth'), device='cpu')
        files.append(tmp_path / f'{config.stem}.onnx')
        export_onnx.export(DeployGraph(model), np.zeros((1, 128, 128, 3), np.uint8), files[-1], {})
    assert files[0].read_bytes() == files[1].read_bytes()


def test_heatmaps_of_given_pictures(garments, call, tmp_path):
    pictures = garments / 'Images' / 'blouse'
    done = call(export_onnx, GARMENTS, garments / 'spb.pth', '-o', tmp_path / 'heatmaps.onnx', '--output', 'heatmaps',
                '--pictures', pictures, next((garments / 'Images' / 'dress').iterdir()))
    assert done.code == 0 and 'On 2 pictures' in done.out
    session = onnxruntime.InferenceSession(str(tmp_path / 'heatmaps.onnx'))
    heatmaps, = session.run(None, {'crops': np.zeros((5, 128, 128, 3), np.uint8)})
    assert heatmaps.shape == (5, len(LANDMARKS), 32, 32)
    assert json.loads(session.get_modelmeta().custom_metadata_map['landmarks']) == list(LANDMARKS)
    refused = call(onnx_predict, tmp_path / 'heatmaps.onnx', next(pictures.iterdir()))
    assert 'export it with --output coordinates' in refused.code


def test_a_graph_that_differs_is_an_error(garments, call, tmp_path, monkeypatch):
    config = Config.fromfile(str(GARMENTS))
    model = init_model(config, str(garments / 'spb.pth'), device='cpu')
    samples = export_onnx.load_samples(config, model.dataset_meta, [], 2)
    export_onnx.export(DeployGraph(model), np.zeros((1, 128, 128, 3), np.uint8), tmp_path / 'model.onnx', {})
    session = onnxruntime.InferenceSession(str(tmp_path / 'model.onnx'))
    assert export_onnx.compare(session, model, samples) <= 1e-3
    with torch.no_grad():
        for weight in model.head.final_layer.parameters():
            weight.mul_(-1)
    assert export_onnx.compare(session, model, samples) > 1
    monkeypatch.setattr(export_onnx, 'TOLERANCE', -1)
    done = call(export_onnx, GARMENTS, garments / 'spb.pth', '-o', tmp_path / 'model.onnx')
    assert done.code.startswith('error: more than -1; ') and done.code.endswith('model.new.onnx is wrong')


@pytest.mark.parametrize(('arguments', 'words'), [
    (['-o', 'nowhere/model.onnx'], 'nowhere/model.onnx: there is no such folder'),
    (['-o', 'model.onnx', '--count', '0'], '--count must be at least 1, got 0'),
    (['-o', 'model.onnx', '--pictures', 'nowhere'], 'nowhere: neither a picture'),
    (['-o', 'model.onnx', '--pictures', 'Annotations'], 'no picture in Annotations'),
    (['-o', 'model.onnx', '--pictures', 'bad.jpg'], 'bad.jpg: no image that Pillow can read'),
    (['-o', 'model.pt'], 'model.pt: its name must end in .onnx'),
])
def test_bad_arguments_leave_nothing(garments, call, monkeypatch, arguments, words):
    monkeypatch.chdir(garments)
    done = call(export_onnx, GARMENTS, garments / 'spb.pth', *arguments)
    assert words in f'{done.code} {done.err}'
    assert not list(garments.rglob('*.onnx'))


def test_the_example_prints_and_draws(cases, call, tmp_path):
    config, checkpoint = cases['spb']
    call(export_onnx, config, checkpoint, '-o', tmp_path / 'model.onnx')
    picture = next((checkpoint.parent / 'Images').rglob('*.jpg'))
    done = call(onnx_predict, tmp_path / 'model.onnx', picture, '--box', 10, 10, 80, 80, '--draw', tmp_path / 'out.png')
    assert [line.split()[0] for line in done.out.splitlines()] == list(LANDMARKS)
    assert (cv2.imread(str(tmp_path / 'out.png')) != cv2.imread(str(picture))).any()
    assert 'must be the left upper' in call(onnx_predict, 'model.onnx', picture, '--box', 9, 9, 1, 1).err
    assert 'out.foo cannot be written' in call(onnx_predict, 'model.onnx', picture, '--draw', 'out.foo').err
    assert 'not a picture' in call(onnx_predict, 'model.onnx', GARMENTS).code


def test_the_example_needs_neither_torch_nor_mmpose():
    code = ("import sys; sys.path.insert(0, 'examples'); import onnx_predict; "
            "print(sorted({'torch', 'mmcv', 'mmengine', 'mmpose', 'pcloss_mmpose'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout == '[]\n'
