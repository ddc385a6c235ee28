"""The sheet of what a config trains on."""

from pathlib import Path

import browse_dataset
import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import PoseDataSample

from pcloss_mmpose.synthetic import write_fashionai
from pcloss_mmpose.visualization import heatmap_overlay

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
GARMENTS = CONFIGS / 'demo/td-hm_efflite0-pcloss_1xb12-600_garments-128x128.py'
REGRESSION = CONFIGS / 'fashionai/fashionnet/td-reg_fashionnet_4xb5-100k_fashionai-512x512.py'


@pytest.fixture(scope='module')
def garments(tmp_path_factory):
    root = tmp_path_factory.mktemp('garments')
    for split, count in (('train', 3), ('val', 2)):
        write_fashionai(root, split, count, size=96)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('GARMENTS_ROOT', str(root))
        yield root


def test_landmarks_that_train_are_drawn_where_they_lie():
    sample = PoseDataSample(
        gt_instances=InstanceData(transformed_keypoints=np.float32([[[10, 20], [40, 50]]])),
        gt_instance_labels=InstanceData(keypoint_weights=torch.tensor([[1., 0.]])),
        gt_fields=PixelData(heatmaps=torch.zeros(2, 16, 16)))
    sample.gt_fields.heatmaps[0, 5, 2] = 1
    colors = np.array([[255, 0, 0], [0, 255, 0]])  # RGB
    crop, heatmaps = browse_dataset.crop_panels(dict(inputs=torch.zeros(3, 64, 64).byte(), data_samples=sample), colors)
    assert crop[20, 10].tolist() == [0, 0, 255] and not crop[50, 40].any()
    assert heatmaps[22, 10].argmax() == 2 and heatmaps[60, 60].argmax() == 0  # red, and blue


def test_an_overlay_is_half_picture_half_heatmap():
    heatmaps = np.zeros((2, 4, 4), np.float32)
    heatmaps[1, 1, 2] = 0.3  # the largest there is: red at its full, 128 in this map
    overlay = heatmap_overlay(np.full((4, 4, 3), 100, np.uint8), heatmaps)
    assert overlay[1, 2].tolist() == [50, 50, 114] and overlay[3, 3].tolist() == [114, 50, 50]
    assert heatmap_overlay(np.zeros((4, 4, 3), np.uint8), np.zeros((2, 4, 4)))[0, 0].tolist() == [64, 0, 0]


@pytest.mark.parametrize(('config', 'options', 'columns', 'rows'), [
    (GARMENTS, ['--count', 2], 5, 2),
    (GARMENTS, ['--loader', 'val', '--crops', 1], 3, 2),
    (REGRESSION, ['--count', 1, '--crops', 2], 3, 1),
])
def test_sheets(garments, call, tmp_path, monkeypatch, config, options, columns, rows):
    if config is REGRESSION:
        (tmp_path / 'regression.py').write_text(
            f"_base_ = {str(config)!r}\ntrain_dataloader = dict(dataset=dict(data_root={str(garments)!r}, "
            "ann_file='Annotations/train.csv', subset=None))")
        config = tmp_path / 'regression.py'
    done = call(browse_dataset, config, '-o', tmp_path / 'sheet.png', *options)
    assert done.code == 0 and 'sheet.png' in done.out, done
    picture = cv2.imread(str(tmp_path / 'sheet.png'))
    assert picture.shape == (28 + 256 * rows, 256 * columns, 3)
    annotation, crop = picture[28:284, :256], picture[28:284, 256:512]
    assert annotation.std() > 10 and crop.std() > 10


@pytest.mark.parametrize(('options', 'words'), [
    (['--count', 0], '--count must be at least 1, got 0'),
    (['-o', 'nowhere/sheet.png'], 'nowhere/sheet.png: there is no such folder'),
    (['-o', 'sheet.txt', '--count', 1, '--crops', 1], 'sheet.txt: its name must end in .png or .jpg'),
])
def test_bad_arguments(garments, call, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    done = call(browse_dataset, GARMENTS, *options)
    assert words in f'{done.code} {done.err}'


def test_missing_data_is_named(call, monkeypatch, tmp_path):
    monkeypatch.setenv('GARMENTS_ROOT', str(tmp_path))
    assert 'train.csv: no such file' in call(browse_dataset, GARMENTS).code
