import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmpose.codecs import MSRAHeatmap, SimCCLabel
from mmpose.registry import MODELS

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.deploy.crops import CropRule, crop_rule
from pcloss_mmpose.deploy.export import best_output
from pcloss_mmpose.deploy.graph import DeployGraph, decode_heatmaps, decode_simcc


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


@pytest.mark.parametrize('ratio', [2., 3., 1.5])
def test_simcc_is_decoded_as_the_stock_codec_does(ratio):
    """Random axes, equal peaks of which the first counts, and landmarks without a positive peak on one axis or both."""
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(4, 50, bins)).astype(np.float32) for bins in (9, 6))
    x[0, :, [3, 5]] = y[0, :, [0, 4]] = 9.
    x[1], y[2] = -abs(x[1]), 0.
    x[3], y[3] = -1., -2.
    codec = SimCCLabel(input_size=(9, 6), simcc_split_ratio=ratio)
    expected = [codec.decode(*axes) for axes in zip(x.copy(), y.copy())]
    points, scores = decode_simcc(torch.from_numpy(x), torch.from_numpy(y), ratio)
    np.testing.assert_array_equal(points.numpy(), np.concatenate([each[0] for each in expected]))
    np.testing.assert_array_equal(scores.numpy(), np.concatenate([each[1] for each in expected]))


@pytest.mark.parametrize(('transforms', 'expected'), [
    ([dict(type='GetBBoxCenterScale', padding=1.), dict(type='TopdownStretch', input_size=(8, 6))],
     CropRule((8, 6), 1., keep_aspect_ratio=False, udp=False)),
    ([dict(type='GetBBoxCenterScale'), dict(type='TopdownAffine', input_size=(8, 6), use_udp=True)],
     CropRule((8, 6), 1.25, keep_aspect_ratio=True, udp=True)),
    ([dict(type='WholeImageCrop'), dict(type='TopdownStretch', input_size=(8, 6))],
     CropRule((8, 6), 1., keep_aspect_ratio=False, udp=False, whole_image=True)),
])
def test_rules(transforms, expected):
    assert crop_rule([dict(type='LoadImage'), *transforms]) == expected


def test_a_pipeline_without_a_crop_has_no_rule():
    with pytest.raises(ValueError, match='it has LoadImage, PackPoseInputs'):
        crop_rule([dict(type='LoadImage'), dict(type='PackPoseInputs')])


HEATMAPS = dict(type='HeatmapHead', in_channels=8, out_channels=3, deconv_out_channels=None)
REGRESSION = dict(type='RegressionHead', in_channels=8, num_joints=3)
SIMCC = dict(type='SimCCHead', in_channels=8, out_channels=3, input_size=(64, 64), in_featuremap_size=(2, 2),
             deconv_out_channels=None)
LABEL = dict(type='SimCCLabel', input_size=(64, 64))
CODEC = dict(type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(2, 2), sigma=1)


@pytest.mark.parametrize(('head', 'output', 'words'), [
    (dict(HEATMAPS, decoder=CODEC), 'keypoints', "output must be one of coordinates, heatmaps, simcc, got 'keypoints'"),
    (dict(HEATMAPS, decoder=dict(CODEC, type='UDPHeatmap')), 'coordinates', 'the decoding of UDPHeatmap cannot'),
    (dict(HEATMAPS, decoder=dict(CODEC, unbiased=True)), 'coordinates',
     'only that of a plain MSRAHeatmap or an IntegralHeatmap can'),
    (dict(REGRESSION, decoder=dict(type='RegressionLabel', input_size=(64, 64))), 'heatmaps',
     'RegressionHead gives no heatmaps: use --output coordinates$'),
    (dict(SIMCC, decoder=LABEL), 'heatmaps', 'SimCCHead gives no heatmaps: use --output coordinates or --output simcc'),
    (dict(HEATMAPS, decoder=CODEC), 'simcc', 'HeatmapHead gives no simcc: use --output coordinates or --output heatm'),
    (dict(SIMCC, decoder=dict(LABEL, use_dark=True)), 'coordinates', 'the decoder is a SimCCLabel with it: write a'),
    (dict(type='DSNTHead', in_channels=8, in_featuremap_size=(2, 2), num_joints=3, decoder=dict(
        type='IntegralRegressionLabel', input_size=(64, 64), heatmap_size=(2, 2), sigma=1)),
     'coordinates', 'TopdownPoseEstimator with DSNTHead cannot be exported'),
])
def test_what_cannot_be_exported_is_told(head, output, words):
    with pytest.raises(ValueError, match=words):
        DeployGraph(build(head), output)


def build(head):
    init_default_scope('mmpose')
    return MODELS.build(ConfigDict(
        type='TopdownPoseEstimator', data_preprocessor=dict(type='PoseDataPreprocessor'),
        backbone=dict(type='ResNet', depth=18, init_cfg=None), head=head))


@pytest.mark.parametrize(('head', 'padding', 'output'), [
    (dict(SIMCC, decoder=LABEL), 1.25, 'simcc'),
    (dict(SIMCC, decoder=LABEL), 1., 'coordinates'),  # which rtmlib would run otherwise
    (dict(HEATMAPS, decoder=CODEC), 1.25, 'coordinates'),
    (dict(HEATMAPS, decoder=dict(CODEC, type='UDPHeatmap')), 1.25, 'heatmaps'),
    (dict(REGRESSION, decoder=dict(type='RegressionLabel', input_size=(64, 64))), 1., 'coordinates'),
])
def test_what_is_published_is_what_others_can_run(head, padding, output):
    pipeline = [dict(type='GetBBoxCenterScale', padding=padding), dict(type='TopdownAffine', input_size=(64, 64))]
    assert best_output(build(head), pipeline) == output


def test_what_cannot_be_published_as_a_graph_is_told():
    pipeline = [dict(type='GetBBoxCenterScale'), dict(type='TopdownAffine', input_size=(64, 64))]
    with pytest.raises(ValueError, match='with it: write a config whose decoder has use_dark=False'):
        best_output(build(dict(SIMCC, decoder=dict(LABEL, use_dark=True))), pipeline)
