import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmpose.codecs import MSRAHeatmap
from mmpose.registry import MODELS

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.deploy.crops import CropRule, crop_rule
from pcloss_mmpose.deploy.graph import DeployGraph, decode_heatmaps


def test_decoding_is_the_stock_one_everywhere():
    """Random maps, and a peak on each pixel of a small map with a neighbour on each side in turn."""
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(200, 6, 9))]
    for y, x in np.ndindex(6, 9):
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (0, 0)):
            one = np.zeros((1, 6, 9))
            one[0, (y + dy) % 6, (x + dx) % 9] = .5
            one[0, y, x] = 1
            maps.append(one)
    maps = np.concatenate([*maps, np.zeros((1, 6, 9)), -rng.random((3, 6, 9))]).astype(np.float32)
    expected, peaks = MSRAHeatmap(input_size=(9, 6), heatmap_size=(9, 6), sigma=1).decode(maps)
    points, scores = decode_heatmaps(torch.from_numpy(maps)[None])
    np.testing.assert_array_equal(points.numpy(), expected)
    np.testing.assert_array_equal(scores.numpy(), peaks)


@pytest.mark.parametrize(('transforms', 'expected'), [
    ([dict(type='GetBBoxCenterScale', padding=1.), dict(type='TopdownStretch', input_size=(8, 6))],
     CropRule((8, 6), 1., keep_aspect_ratio=False, udp=False)),
    ([dict(type='GetBBoxCenterScale'), dict(type='TopdownAffine', input_size=(8, 6), use_udp=True)],
     CropRule((8, 6), 1.25, keep_aspect_ratio=True, udp=True)),
])
def test_rules(transforms, expected):
    assert crop_rule([dict(type='LoadImage'), *transforms]) == expected


def test_a_pipeline_without_a_crop_has_no_rule():
    with pytest.raises(ValueError, match='it has LoadImage, PackPoseInputs'):
        crop_rule([dict(type='LoadImage'), dict(type='PackPoseInputs')])


HEATMAPS = dict(type='HeatmapHead', in_channels=8, out_channels=3, deconv_out_channels=None)
REGRESSION = dict(type='RegressionHead', in_channels=8, num_joints=3)
CODEC = dict(type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(2, 2), sigma=1)


@pytest.mark.parametrize(('head', 'output', 'words'), [
    (dict(HEATMAPS, decoder=CODEC), 'keypoints', "output must be one of coordinates, heatmaps, got 'keypoints'"),
    (dict(HEATMAPS, decoder=dict(CODEC, type='UDPHeatmap')), 'coordinates', 'the decoding of UDPHeatmap cannot'),
    (dict(HEATMAPS, decoder=dict(CODEC, unbiased=True)), 'coordinates', 'only that of a plain MSRAHeatmap can'),
    (dict(REGRESSION, decoder=dict(type='RegressionLabel', input_size=(64, 64))), 'heatmaps',
     "RegressionHead gives coordinates: use output='coordinates'"),
    (dict(type='SimCCHead', in_channels=8, out_channels=3, input_size=(64, 64), in_featuremap_size=(2, 2),
          deconv_out_channels=None, decoder=dict(type='SimCCLabel', input_size=(64, 64))),
     'coordinates', 'TopdownPoseEstimator with SimCCHead cannot be exported'),
])
def test_what_cannot_be_exported_is_told(head, output, words):
    init_default_scope('mmpose')
    model = MODELS.build(ConfigDict(
        type='TopdownPoseEstimator', data_preprocessor=dict(type='PoseDataPreprocessor'),
        backbone=dict(type='ResNet', depth=18, init_cfg=None), head=head))
    with pytest.raises(ValueError, match=words):
        DeployGraph(model, output)
