"""The sheet of what a config trains on."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import PoseDataSample

from pcloss_mmpose.configs import find_config
from pcloss_mmpose.metainfo.fashionai import LANDMARKS
from pcloss_mmpose.synthetic import write_fashionai
from pcloss_mmpose.visualization import Look, draw_heatmaps, text
from pcloss_mmpose.visualization.dataset_pages import draw_annotation, draw_crop

GARMENTS = 'td-hm_efflite0-pcloss_1xb12-600_garments-128x128'
REGRESSION = 'td-reg_fashionnet_4xb5-100k_fashionai-512x512'
LOOK = Look(['collar', 'hem'], np.array([[255, 0, 0], [0, 255, 0]]), np.zeros((0, 2), int), np.zeros((0, 3)))  # RGB


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
    (crop, _, states, _), heatmaps = draw_crop(dict(inputs=torch.zeros(3, 64, 64).byte(), data_samples=sample), LOOK,
                                               cell=64 + 4)
    assert crop[20, 10].tolist() == [0, 0, 255] and not crop[50, 40].any() and states.tolist() == [2, 0]
    assert heatmaps[22, 10].argmax() == 2 and heatmaps[60, 60].argmax() == 0  # red, and blue


@pytest.mark.parametrize(('raw', 'second'), [
    (dict(keypoints=[10, 20, 1, 40, 50, 0], bbox=[5, 6, 50, 40]), [0, 0, 0]),
    (dict(keypoints=[10, 20, 1]), [0, 255, 0]),  # another number of landmarks: a converter has been at work
    (None, [0, 255, 0]),
])
def test_an_annotation_shows_its_box_and_what_the_raw_file_says_of_visibility(tmp_path, raw, second):
    """The second landmark is not annotated in the first case, and the first one is occluded: hollow."""
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((64, 64, 3), np.uint8))
    info = dict(img_path=str(tmp_path / 'a.png'), keypoints=np.float32([[[10, 20], [40, 50]]]),
                keypoints_visible=np.ones((1, 2)), raw_ann_info=raw)
    drawn, _, states, box = draw_annotation(info, LOOK, cell=64 + 4)
    assert drawn[50, 40].tolist() == second
    assert drawn[20, 10].tolist() == ([0, 0, 255] if second[1] else [255, 255, 255])
    assert (drawn[6:47, 55] == (255, 0, 255)).all() == box == (second[1] == 0)  # the box 5 6 55 46
    assert states.tolist() == ([1, 0] if box else [2, 2])


def test_an_overlay_is_half_image_half_heatmap():
    heatmaps = np.zeros((2, 4, 4), np.float32)
    heatmaps[1, 1, 2] = 0.3  # the largest there is: red at its full, 128 in this map
    overlay = draw_heatmaps(np.full((4, 4, 3), 100, np.uint8), heatmaps)
    assert overlay[1, 2].tolist() == [50, 50, 114] and overlay[3, 3].tolist() == [114, 50, 50]
    assert draw_heatmaps(np.zeros((4, 4, 3), np.uint8), np.zeros((2, 4, 4)))[0, 0].tolist() == [64, 0, 0]


@pytest.mark.parametrize(('config', 'options', 'columns', 'rows'), [
    (GARMENTS, ['--count', 2], 5, 2),
    (GARMENTS, ['--loader', 'val', '--crops', 1], 3, 2),
    (REGRESSION, ['--count', 1, '--crops', 2], 3, 1),
])
def test_sheets(garments, call, tmp_path, config, options, columns, rows):
    if config is REGRESSION:
        (tmp_path / 'regression.py').write_text(
            f"_base_ = {str(find_config(config))!r}\ntrain_dataloader = dict(dataset=dict(data_root={str(garments)!r}, "
            "ann_file='Annotations/train.csv', subset=None))")
        config = tmp_path / 'regression.py'
    done = call('browse', config, '-o', tmp_path / 'sheet.png', *options)
    assert done.code == 0 and 'sheet.png' in done.out, done
    sheet = cv2.imread(str(tmp_path / 'sheet.png'))
    assert 10 < len(sheet) - (28 + 256 * rows) < 60 and sheet.shape[1] == 256 * columns  # with a legend below
    annotation, crop = sheet[28:284, :256], sheet[28:284, 256:512]
    assert annotation.std() > 10 and crop.std() > 10


def test_names_get_larger_cells_and_say_which_are_numbers(garments, call, tmp_path, monkeypatch):
    letters = '\U00016800'  # of Bamum, which no font here has
    monkeypatch.setattr(text, '_system_fonts', list)
    text.font_file.cache_clear()
    for name, expected in (('crotch', ''), (letters, f'drawn as numbers: 19 = {letters}')):
        monkeypatch.setattr('pcloss_mmpose.visualization.landmarks.landmark_names',
                            lambda metainfo, name=name: [*LANDMARKS[:19], name, *LANDMARKS[20:]])
        monkeypatch.setattr('pcloss_mmpose.metainfo.landmark_names',
                            lambda metainfo, name=name: [*LANDMARKS[:19], name, *LANDMARKS[20:]])
        done = call('browse', GARMENTS, '-o', tmp_path / 'sheet.png', '--count', 1, '--crops', 1, '--names')
        assert done.code == 0 and expected in done.err and ('numbers' in done.err) == bool(expected)
    assert cv2.imread(str(tmp_path / 'sheet.png')).shape[1] == 3 * 512


@pytest.mark.parametrize(('options', 'words'), [
    (['--count', 0], 'argument --count: must be at least 1, got 0'),
    (['--loader', 'trial'], "argument --loader: invalid choice: 'trial'"),
    (['-o', 'nowhere/sheet.png'], 'nowhere/sheet.png: there is no such folder'),
    (['-o', 'sheet.txt'], 'sheet.txt: its name must end in .png or .jpg'),
])
def test_bad_arguments(call, options, words):
    done = call('browse', GARMENTS, *options)
    assert done.code == 2 and words in done.err


@pytest.mark.parametrize(('text', 'words'), [
    ('', 'the train data set, which is missing, has no pipeline that ends in PackPoseInputs'),
    ("train_dataloader = dict(dataset=dict(type='CombinedDataset', datasets=[]))",
     'the train data set, CombinedDataset, has no pipeline'),
    ("train_dataloader = dict(dataset=dict(type='FLDDataset', pipeline=[dict(type='PackPoseInputs')]))",
     'the model has no head with a decoder'),
    ('train_dataloader = dict(', 'not a complete config'),
])
def test_configs_that_cannot_be_browsed(call, tmp_path, text, words):
    (tmp_path / 'config.py').write_text(text)
    done = call('browse', tmp_path / 'config.py', '-o', tmp_path / 'sheet.png')
    assert done.code == 2 and words in done.err and not (tmp_path / 'sheet.png').exists()


def test_an_old_sheet_stays_until_the_new_one_is_whole(garments, call, tmp_path, no_name):
    (tmp_path / 'sheet.png').write_text('old')
    no_name('sheet.png')
    done = call('browse', GARMENTS, '-o', tmp_path / 'sheet.png', '--count', 1, '--crops', 1)
    assert done.code == 2 and 'sheet.png: No space left on device' in done.err
    assert [path.read_text() for path in tmp_path.iterdir()] == ['old']


def test_missing_data_is_named(call, monkeypatch, tmp_path):
    monkeypatch.setenv('GARMENTS_ROOT', str(tmp_path))
    done = call('browse', GARMENTS, '-o', tmp_path / 'sheet.png')
    assert done.code == 2 and 'train.csv: no such file' in done.err
