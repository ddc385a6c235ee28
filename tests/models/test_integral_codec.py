"""The codec IntegralHeatmap: stock targets, integral decoding, in MMPose's heads and in a graph."""

import math

import numpy as np
import pytest
import torch
from mmpose.codecs import MSRAHeatmap
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.codecs import IntegralHeatmap
from pcloss_mmpose.deploy.graph import DeployGraph
from pcloss_mmpose.errors import InputError
from pcloss_mmpose.models.heatmap_targets import HeatmapTargets, makes_gaussians
from pcloss_mmpose.preflight.pipelines import codec_values

SIZES = dict(input_size=(48, 32), heatmap_size=(12, 8), sigma=1.)


def build(**options):
    return KEYPOINT_CODECS.build(dict(SIZES, type='IntegralHeatmap', **options))


def test_decoding_worked_by_hand():
    # exp(2 * log(3) / 2) = 3 on one pixel of 2 x 2, whose others have 1: its column and its row hold 4 of 6.
    codec = IntegralHeatmap((8, 20), (2, 2), 1., alpha=2.)
    heatmap = np.zeros((1, 2, 2), np.float32)
    heatmap[0, 1, 0] = math.log(3) / 2
    points, scores = codec.decode(heatmap)
    np.testing.assert_allclose(points, [[[4 * 2 / 6, 10 * 4 / 6]]], rtol=1e-6)
    np.testing.assert_allclose(scores, [[math.log(3) / 2]], rtol=1e-6)


def test_its_targets_are_the_stock_ones_and_it_finds_them_again():
    stock, codec = MSRAHeatmap(**SIZES), build()
    points = np.array([[[20.6, 15.1], [24., 12.3], [9.7, 18.2]]], np.float32)
    targets = codec.encode(points)
    np.testing.assert_array_equal(targets['heatmaps'], stock.encode(points)['heatmaps'])
    found, scores = codec.decode(targets['heatmaps'])
    centre = np.floor(points / 4 + 0.5) * 4  # which stock targets round to
    assert np.abs(found - centre).max() < 0.05 and (scores == 1).all()


def test_between_two_peaks_and_on_the_higher_one():
    heatmaps = np.zeros((1, 8, 12), np.float32)
    heatmaps[0, 3, 2] = heatmaps[0, 3, 8] = 0.9
    np.testing.assert_allclose(build().decode(heatmaps)[0], [[[20, 12]]], atol=0.01)
    heatmaps[0, 3, 8] = 0.4
    np.testing.assert_allclose(build().decode(heatmaps)[0], [[[8, 12]]], atol=0.01)


def test_a_stock_head_decodes_with_it_after_the_flip_test():
    head = dict(type='HeatmapHead', in_channels=4, out_channels=3, deconv_out_channels=None,
                loss=dict(type='KeypointMSELoss'), decoder=dict(SIZES, type='IntegralHeatmap'))
    head = MODELS.build(head)
    features = torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(0))
    sample = PoseDataSample(metainfo=dict(flip_indices=[0, 1, 2]))
    with torch.no_grad():
        maps = head((features, ))
        flipped = head((features.flip(-1), )).flip(-1)
        found = head.predict([(features, ), (features.flip(-1), )], [sample] * 2, dict(flip_test=True))
    expected, _ = build().decode(((maps + flipped) / 2)[1].numpy())
    np.testing.assert_allclose(found[1].keypoints, expected, rtol=1e-5)


def test_targets_made_of_a_batch_fit_either_codec():
    integral, stock = build(), MSRAHeatmap(**SIZES)
    assert makes_gaussians(integral) and not makes_gaussians(MSRAHeatmap(**SIZES, unbiased=True))
    assert codec_values(integral) == codec_values(stock)
    assert codec_values(integral) != codec_values(IntegralHeatmap((48, 32), (12, 8), 2.))
    HeatmapTargets(dict(SIZES, type='IntegralHeatmap'))


def test_a_graph_decodes_as_it_does():
    codec = dict(SIZES, type='IntegralHeatmap', alpha=5.)
    model = MODELS.build(dict(
        type='TopdownPoseEstimator', data_preprocessor=dict(type='PoseDataPreprocessor'),
        backbone=dict(type='ResNet', depth=18),
        head=dict(type='HeatmapHead', in_channels=512, out_channels=3, deconv_out_channels=(8, 8, 8),
                  deconv_kernel_sizes=(4, 4, 4), loss=dict(type='KeypointMSELoss'), decoder=codec)))
    crops = torch.randint(0, 256, (2, 32, 48, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        points, scores = DeployGraph(model)(crops)
        heatmaps = DeployGraph(model, 'heatmaps')(crops).numpy()
    for image in range(2):
        expected = build(alpha=5.).decode(heatmaps[image])
        np.testing.assert_allclose(points[image], expected[0][0], rtol=1e-4)
        np.testing.assert_allclose(scores[image], expected[1][0], rtol=1e-5)


@pytest.mark.parametrize('alpha', [0., -1., math.nan, '30'])
def test_alpha_is_above_0(alpha):
    with pytest.raises(InputError, match='alpha'):
        build(alpha=alpha)
