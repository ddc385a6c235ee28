"""Photographs with trained models: a config and a checkpoint by their paths, through both of MMPose's interfaces."""

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.apis import MMPoseInferencer, inference_topdown, init_model
from torch import nn

from pcloss_mmpose.synthetic import generate_sample, write_fashionai

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
GARMENTS = CONFIGS / 'demo/td-hm_efflite0-pcloss_1xb12-600_garments-128x128.py'

#: FashionNet's config, tiny: 64 x 96 pixels, VGG-11, narrow layers, drawn garments.
FASHIONNET = f"""
_base_ = {str(CONFIGS / 'fashionai/fashionnet/td-reg_fashionnet-pcloss_4xb5-100k_fashionai-512x512.py')!r}
codec = dict(input_size=(64, 96))
model = dict(
    backbone=dict(depth=11, init_cfg=None),
    head=dict(pool_size=1, hidden_channels=16, decoder=dict(input_size=(64, 96))))
val_pipeline = _base_.val_pipeline
val_pipeline[-2].update(input_size=(64, 96))
train_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(
    data_root={{root!r}}, ann_file='Annotations/train.csv', subset=None))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
"""

#: One of MMPose's RTMPose configs with PCLoss, tiny, on drawn noise with the landmarks of COCO.
RTMPOSE = """
_base_ = 'mmpose::body_2d_keypoint/rtmpose/coco/rtmpose-s_8xb256-420e_coco-256x192.py'
custom_imports = dict(imports=['pcloss_mmpose'], allow_failed_imports=False)
codec = dict(input_size=(64, 96), sigma=(2., 3.))
model = dict(
    backbone=dict(widen_factor=0.125, init_cfg=None),
    head=dict(
        type='PCRTMCCHead', in_channels=128, input_size=(64, 96), in_featuremap_size=(2, 3), decoder=codec,
        pc_loss=dict(type='PCLoss', topk=8, partition='left_right', metainfo='CocoDataset', loss_weight=1e-3)),
    test_cfg=dict(flip_test=False))
pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=(64, 96)),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(
    data_root={root!r}, ann_file='train.json', data_prefix=dict(img=''), pipeline=pipeline))
val_dataloader = dict(dataset=dict(pipeline=pipeline))
test_dataloader = val_dataloader
custom_hooks = []
"""


def mirror_indices(names):
    """Index of each landmark's counterpart, by its name."""
    def other(name):
        return name.replace('left', '#').replace('right', 'left').replace('#', 'right')

    return [list(names).index(other(name)) for name in names]


def averaged(kind, output, mirrored, swap):
    """Mean of the outputs for an input of 64 x 96 (128 x 128 for heatmaps) and for its mirror image, turned back."""
    if kind == 'spb':
        return (output + mirrored[:, swap].flip(-1)) / 2
    if kind == 'fashionnet':  # pixel x of 64 is pixel 63 - x of the mirror image
        back = mirrored.keypoints[:, swap]
        back = torch.stack([63 / 64 - back[..., 0], back[..., 1]], dim=-1)
        return SimpleNamespace(keypoints=(output.keypoints + back) / 2)
    return (output[0] + mirrored[0][:, swap].flip(-1)) / 2, (output[1] + mirrored[1][:, swap]) / 2


def places(kind, output, size):
    """Where the whole picture of ``size`` (w, h) has the landmarks that the model's raw output (B = 1) speaks of."""
    if kind == 'spb':  # the picture became 128 x 128, the heatmap is a quarter of it
        highest = output[0].flatten(1).argmax(1).numpy()
        return np.stack([highest % 32, highest // 32], axis=1) / 32 * size
    if kind == 'fashionnet':
        return output.keypoints[0].numpy() * size
    # Half pixels of a 64 x 96 crop around the padded picture, which keeps its shape.
    width, height = 1.25 * np.array(size)
    crop = (width, width * 1.5) if width * 1.5 > height else (height / 1.5, height)
    bins = np.stack([axis[0].argmax(1).numpy() for axis in output], axis=1)
    return bins / 2 / (64, 96) * crop + np.array(size) / 2 - np.array(crop) / 2


@pytest.fixture(scope='module')
def photo(tmp_path_factory):
    """A drawn garment larger than any input, not square."""
    path = tmp_path_factory.mktemp('photo') / 'blouse.jpg'
    cv2.imwrite(str(path), generate_sample('blouse', (300, 420), 0, 0).image)
    return path


@pytest.fixture(scope='module', params=['spb', 'fashionnet', 'rtmpose'])
def trained(request, tmp_path_factory, tiny_coco):
    """The files of one model: its config, the same with the flip test, and what MMEngine's runner saves of it."""
    root = tmp_path_factory.mktemp(request.param)
    if request.param == 'rtmpose':
        tiny_coco(root, 'train', 2, seed=0)
    else:
        write_fashionai(root, 'train', 2, size=64, seed=0)
    config, flipped = root / 'model.py', root / 'flipped.py'
    text = dict(spb=f'_base_ = {str(GARMENTS)!r}\n', fashionnet=FASHIONNET, rtmpose=RTMPOSE)[request.param]
    config.write_text(text.format(root=str(root)))
    flipped.write_text("_base_ = 'model.py'\nmodel = dict(test_cfg=dict(flip_test=True))\n")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('GARMENTS_ROOT', str(root))
        cfg = Config.fromfile(config)
    cfg.merge_from_dict(dict(work_dir=str(root / 'work_dir'), randomness=dict(seed=0)))
    runner = Runner.from_cfg(cfg)
    head = runner.model.head
    if request.param == 'spb':  # heatmaps with peaks, and all of them above 0
        nn.init.kaiming_normal_(head.final_layer.weight)
        nn.init.ones_(head.final_layer.bias)
    elif request.param == 'fashionnet':  # around the middle of the picture
        nn.init.constant_(head.first_fc.bias, 0.5)
    else:  # not one place for all, though an untrained backbone's features are tiny
        nn.init.normal_(head.final_layer.weight, std=10.)
    runner.save_checkpoint(str(root), 'iter_1.pth', save_optimizer=False, save_param_scheduler=False)
    return SimpleNamespace(kind=request.param, config=str(GARMENTS if request.param == 'spb' else config),
                           flipped=str(flipped), checkpoint=str(root / 'iter_1.pth'))


def inferencer(config, checkpoint):
    return MMPoseInferencer(pose2d=config, pose2d_weights=checkpoint, det_model='whole_image', device='cpu')


def inputs_of(model):
    """A list that fills with what the model's backbone is given: the crop as the test pipeline makes it."""
    inputs = []
    model.backbone.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    return inputs


def test_both_interfaces_find_what_the_output_says(trained, photo):
    size = cv2.imread(str(photo)).shape[1::-1]
    found = {}
    for config in (trained.config, trained.flipped):
        result, = inferencer(config, trained.checkpoint)(str(photo))
        (instance, ), = result['predictions']
        model = init_model(config, trained.checkpoint, device='cpu')
        inputs = inputs_of(model)
        sample, = inference_topdown(model, str(photo))
        np.testing.assert_array_equal(instance['keypoints'], sample.pred_instances.keypoints[0])
        np.testing.assert_array_equal(instance['keypoint_scores'], sample.pred_instances.keypoint_scores[0])

        names = model.dataset_meta['keypoint_id2name'].values()
        assert len(names) == (17 if trained.kind == 'rtmpose' else 24)
        with torch.no_grad():
            output = model.head.forward(model.backbone(inputs[0]))
            if config == trained.flipped:
                mirrored = model.head.forward(model.backbone(inputs[0].flip(-1)))
                output = averaged(trained.kind, output, mirrored, mirror_indices(names))
        expected = places(trained.kind, output, size)
        off = np.abs(sample.pred_instances.keypoints[0] - expected)
        quarter_of_a_cell = np.array(size) / 128  # which MMPose's decoding adds to the cell with the peak
        assert (off <= (quarter_of_a_cell if trained.kind == 'spb' else 0) + 1e-2).all()
        found[config] = expected
    assert np.abs(found[trained.config] - found[trained.flipped]).max() > 1


def test_pictures_and_figures_are_written(trained, photo, tmp_path):
    result, = inferencer(trained.config, trained.checkpoint)(str(photo), out_dir=str(tmp_path), radius=4)
    drawn, picture = cv2.imread(str(tmp_path / 'visualizations' / photo.name)), cv2.imread(str(photo))
    assert drawn.shape == picture.shape
    instance, = json.loads((tmp_path / 'predictions' / 'blouse.json').read_text())
    (predicted, ), = result['predictions']
    assert instance['keypoints'] == predicted['keypoints']
    changed = np.abs(drawn.astype(int) - picture).max(axis=2) > 60
    height, width = changed.shape
    inside = [(round(x), round(y)) for x, y in instance['keypoints'] if 4 < x < width - 4 and 4 < y < height - 4]
    assert len(inside) > 5 and all(changed[y - 3:y + 4, x - 3:x + 4].any() for x, y in inside)
