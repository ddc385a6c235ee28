"""SimCC, RTMPose and RTMW as ONNX: against MMPose's own prediction, and in rtmlib itself against `pcloss predict`."""

import json

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from mmpose.apis import init_model

from pcloss_mmpose.configs import find_config, load_config
from pcloss_mmpose.deploy.export import export
from pcloss_mmpose.errors import InputError
from pcloss_mmpose.metainfo.fashionai import CATEGORY_LANDMARKS, LANDMARKS
from pcloss_mmpose.synthetic import write_fashionai

#: A crop that is not square, and colors that are not ImageNet's: otherwise some faults would not show.
CONFIG = f"""
_base_ = {str(find_config('td-hm_efflite0-pcloss_1xb12-600_garments-128x128'))!r}
simcc = dict(
    type='SimCCLabel', input_size=(96, 128), sigma=(4.9, 5.66), simcc_split_ratio=2., normalize=False)
pipeline = [
    dict(type='LoadImage'),
    dict(type='WholeImageBox'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=(96, 128)),
    dict(type='PackPoseInputs'),
]
test_dataloader = dict(dataset=dict(pipeline=pipeline))
model = dict(
    data_preprocessor=dict(
        _delete_=True, type='PoseDataPreprocessor', mean=[90., 110., 130.], std=[50., 60., 70.], bgr_to_rgb=True),
    backbone=dict(_delete_=True, type='ResNet', depth=18, out_indices=(2, 3)),
    neck=None,
    head=dict(
        _delete_=True, in_channels=512, out_channels=24, input_size=(96, 128), in_featuremap_size=(3, 4),
        simcc_split_ratio=2., decoder=simcc, loss=dict(type='KLDiscretLoss', beta=10.)),
    test_cfg=dict(flip_test=False))
"""
PC_LOSS = dict(type='PCLoss', topk=8, partition='left_right', metainfo='FashionAIDataset')
GAU = dict(hidden_dims=32, s=16, expansion_factor=2, dropout_rate=0., drop_path=0., act_fn='SiLU', use_rel_bias=False,
           pos_enc=False)
#: What each head has beside that.
HEADS = dict(
    SimCCHead=dict(deconv_out_channels=None), RTMCCHead=dict(gau_cfg=GAU), RTMWHead=dict(gau_cfg=GAU),
    PCSimCCHead=dict(deconv_out_channels=None, pc_loss=PC_LOSS), PCRTMCCHead=dict(gau_cfg=GAU, pc_loss=PC_LOSS),
    PCRTMWHead=dict(gau_cfg=GAU, pc_loss=PC_LOSS))
BOXES = [[20, 20, 130, 140], [-10, 5, 90, 120], [60, 30, 160, 80]]


def inheriting(root, name, base, text):
    """A config."""
    path = root / f'{name}.py'
    path.write_text(f'_base_ = {str(base)!r}\n{text}\n')
    return path


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Drawn garments, and for each head a config with random weights."""
    root = tmp_path_factory.mktemp('simcc')
    write_fashionai(root, 'val', 3, size=160)
    (root / 'simcc.py').write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('GARMENTS_ROOT', str(root))
        for name, options in HEADS.items():
            config = inheriting(root, name, root / 'simcc.py', f'model = dict(head={dict(options, type=name)!r})')
            torch.manual_seed(0)
            torch.save(dict(state_dict=init_model(str(config), device='cpu').state_dict()), root / f'{name}.pth')
        yield root


def exported(root, name, path, output='simcc', config=None):
    """The export of a head's model."""
    return export(load_config(config or root / f'{name}.py'), str(root / f'{name}.pth'), path, output, [], 3)


@pytest.fixture
def predicted(root, call, tmp_path):
    """What `pcloss predict` finds in an image at BOXES: (3, K, 2) and (3, K)."""

    def run(name, image):
        rows = [dict(image=str(image), box=box) for box in BOXES]
        (tmp_path / 'boxes.json').write_text(json.dumps(rows))
        done = call('predict', root / f'{name}.py', root / f'{name}.pth', tmp_path / 'boxes.json', '-o',
                    tmp_path / name, '--root', root, '--workers', 0)
        assert done.code == 0, done.err
        lines = (tmp_path / name / 'predictions.jsonl').read_text().splitlines()
        found = np.array([list(json.loads(line)['landmarks'].values()) for line in lines])
        return found[..., :2], found[..., 2]

    return run


@pytest.mark.parametrize('name', HEADS)
def test_rtmlib_finds_what_predict_finds(root, call, predicted, tmp_path, name):
    """Its scores are the mean of both axes' peaks, where MMPose takes the lower one."""
    rtmlib = pytest.importorskip('rtmlib')
    path = tmp_path / 'model.onnx'
    done = call('export', root / f'{name}.py', root / f'{name}.pth', '-o', path, '--output', 'simcc')
    assert done.code == 0, done.err
    assert 'On 3 images, the landmarks of ONNX Runtime and of MMPose differ by at most ' in done.out
    image = sorted((root / 'Images').rglob('*.jpg'))[0]
    points, scores = rtmlib.RTMPose(str(path), model_input_size=(96, 128))(cv2.imread(str(image)), BOXES)
    expected, lower_peaks = predicted(name, image)
    assert points.shape == (3, len(LANDMARKS), 2) and np.ptp(points, axis=1).min() > 20  # landmarks all over the box
    np.testing.assert_allclose(points, expected, atol=0.02)  # predictions are written with two decimals
    assert (scores >= lower_peaks - 1e-3).all()


def test_rtmlibs_custom_solution_runs_it(root, predicted, tmp_path):
    rtmlib = pytest.importorskip('rtmlib')
    exported(root, 'PCRTMCCHead', tmp_path / 'model.onnx')
    image = cv2.imread(str(sorted((root / 'Images').rglob('*.jpg'))[0]))
    pose = rtmlib.Custom(pose_class='RTMPose', pose=str(tmp_path / 'model.onnx'), pose_input_size=(96, 128))
    points, scores = pose(image)  # without a detector, the whole image is the box
    alone, same = rtmlib.RTMPose(str(tmp_path / 'model.onnx'), (96, 128))(image, [[0, 0, 160, 160]])
    assert points.shape == (1, len(LANDMARKS), 2)
    np.testing.assert_array_equal(points, alone)
    np.testing.assert_array_equal(scores, same)


def test_inputs_outputs_and_metadata_are_those_of_mmdeploy(root, tmp_path):
    exported(root, 'PCRTMWHead', tmp_path / 'model.onnx')
    session = onnxruntime.InferenceSession(str(tmp_path / 'model.onnx'))
    described = {each.name: (each.type, each.shape) for each in (*session.get_inputs(), *session.get_outputs())}
    assert described == {
        'input': ('tensor(float)', ['batch', 3, 128, 96]), 'simcc_x': ('tensor(float)', ['batch', 24, 192]),
        'simcc_y': ('tensor(float)', ['batch', 24, 256])}
    metadata = {key: json.loads(text) for key, text in session.get_modelmeta().custom_metadata_map.items()}
    assert metadata == dict(
        input_size=[96, 128], padding=1.25, keep_aspect_ratio=True, udp=False, whole_image=False,
        landmarks=list(LANDMARKS), simcc_split_ratio=2., mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
        colors='bgr',
        categories={name: [LANDMARKS[k] for k in own] for name, own in CATEGORY_LANDMARKS.items()})


@pytest.mark.parametrize('text', [
    '',
    "model = dict(head=dict(simcc_split_ratio=3., decoder=dict(simcc_split_ratio=3.)))",
    "pipeline = _base_.pipeline\npipeline[3] = dict(type='TopdownStretch', input_size=(96, 128))\n"
    'pipeline[2].update(padding=1.)\ntest_dataloader = dict(dataset=dict(pipeline=pipeline))',
    "model = dict(data_preprocessor=dict(bgr_to_rgb=False), head=dict(decoder=dict(decode_visibility=True)))",
])
def test_coordinates_come_out_of_any_of_them(root, tmp_path, text):
    config = inheriting(tmp_path, 'own', root / 'PCRTMCCHead.py', text)
    torch.manual_seed(0)
    weights = tmp_path / 'own.pth'
    torch.save(dict(state_dict=init_model(str(config), device='cpu').state_dict()), weights)
    made = export(load_config(config), str(weights), tmp_path / 'model.onnx', 'coordinates', [], 3)
    assert made.is_right and made.unit == 'crop' and made.images == 3


@pytest.mark.parametrize(('text', 'words'), [
    ("model = dict(head=dict(decoder=dict(simcc_split_ratio=3.)))", 'simcc_split_ratio is 3, and rtmlib takes 2: use'),
    ('pipeline = _base_.pipeline\npipeline[2].update(padding=1.)\n', 'padded by 1, and rtmlib pads by 1.25: use'),
    ("pipeline = _base_.pipeline\npipeline[3].update(type='TopdownStretch')\n", 'is stretched, and rtmlib keeps'),
    ('pipeline = _base_.pipeline\npipeline[3].update(use_udp=True)\n', 'has use_udp, and that of rtmlib has not'),
    ("model = dict(head=dict(decoder=dict(use_dark=True)))", 'the decoder is a SimCCLabel with it: write a config'),
])
def test_what_rtmlib_would_run_otherwise_is_refused(root, tmp_path, text, words):
    if 'pipeline' in text:
        text += 'test_dataloader = dict(dataset=dict(pipeline=pipeline))\n'
    config = inheriting(tmp_path, 'own', root / 'PCRTMCCHead.py', text)
    with pytest.raises(InputError, match=words):
        exported(root, 'PCRTMCCHead', tmp_path / 'model.onnx', config=config)
    assert not list(tmp_path.glob('*.onnx'))


def test_a_flip_test_is_told(root, call, tmp_path):
    config = inheriting(tmp_path, 'own', root / 'PCRTMCCHead.py', 'model = dict(test_cfg=dict(flip_test=True))')
    done = call('export', config, root / 'PCRTMCCHead.pth', '-o', tmp_path / 'model.onnx', '--output', 'simcc')
    assert done.code == 0 and 'The config has a flip test, which no graph makes' in done.out
