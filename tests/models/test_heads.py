"""The heads against the stock heads that they extend, on a real data pipeline."""

import copy

import numpy as np
import pytest
import torch
from mmengine.utils import is_list_of
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.models.heads.heatmap import codec_peak
from pcloss_mmpose.models.integral import integral_coordinates
from pcloss_mmpose.models.losses import position_constraint_loss

K = 8
INPUT_SIZE = (64, 96)  # w, h: unequal, so that a swap of the axes shows
HEATMAP_SIZE = (16, 24)
PC_LOSS = dict(type='PCLoss', topk=3, partition='left_right', metainfo='FLDDataset', loss_weight=2.)
MSRA = dict(type='MSRAHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, sigma=2)
UDP = dict(type='UDPHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, sigma=2)
COMBINED = dict(type='UDPHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, heatmap_type='combined')
MEGVII = dict(type='MegviiHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, kernel_size=11)
REGRESSION = dict(type='RegressionLabel', input_size=INPUT_SIZE)
INTEGRAL = dict(type='IntegralRegressionLabel', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, sigma=2)

HEATMAP_HEAD = dict(in_channels=4, out_channels=K, deconv_out_channels=None, decoder=MSRA,
                    loss=dict(type='KeypointMSELoss', use_target_weight=True))
HEADS = {
    'HeatmapHead': HEATMAP_HEAD,
    'RegressionHead': dict(in_channels=4, num_joints=K, decoder=REGRESSION,
                           loss=dict(type='L1Loss', use_target_weight=True)),
    'IntegralRegressionHead': dict(in_channels=4, in_featuremap_size=HEATMAP_SIZE, num_joints=K,
                                   deconv_out_channels=None, decoder=INTEGRAL,
                                   loss=dict(type='SmoothL1Loss', use_target_weight=True)),
}
CASES = [(name, 'PC' + name) for name in HEADS]


def samples_of(codec, batch=3, pack_transformed=True, seed=0, span=(8, 56)):
    """Data samples as MMPose's own encoder and PackPoseInputs make them."""
    rng = np.random.default_rng(seed)
    codec = KEYPOINT_CODECS.build(codec)
    samples = []
    for _ in range(batch):
        keypoints = rng.uniform(*span, (1, K, 2))
        visible = (rng.random((1, K)) > .3).astype(np.float32)
        results = dict(img=np.zeros((*INPUT_SIZE[::-1], 3), np.uint8), input_size=INPUT_SIZE, keypoints=keypoints,
                       transformed_keypoints=keypoints, keypoints_visible=visible,
                       flip_indices=[1, 0, 3, 2, 5, 4, 7, 6], img_path='picture.jpg',
                       **codec.encode(keypoints.astype(np.float32), visible))
        samples.append(PackPoseInputs(pack_transformed=pack_transformed)(results)['data_samples'])
    assert is_list_of(samples, PoseDataSample)
    return samples


def features(name, seed=0, requires_grad=False):
    size = (1, 1) if name.endswith('RegressionHead') and not name.endswith('IntegralRegressionHead') \
        else HEATMAP_SIZE[::-1]
    return (torch.randn(3, 4, *size, generator=torch.Generator().manual_seed(seed)).requires_grad_(requires_grad), )


def build(name, **changes):
    stock_name = name[2:] if name.startswith('PC') else name
    torch.manual_seed(0)
    return MODELS.build(copy.deepcopy(dict(type=name, **{**HEADS[stock_name], **changes})))


def with_pc(name):
    return dict(pc_loss=PC_LOSS, **(dict(integral=dict(alpha=10.)) if 'Heatmap' in name else {}))


@pytest.mark.parametrize(('stock_name', 'name'), CASES)
def test_stock_checkpoint_loads_and_predicts_the_same(stock_name, name):
    stock, ours = build(stock_name), build(name, **with_pc(name))
    torch.manual_seed(1)
    for parameter in stock.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter)
    result = ours.load_state_dict(stock.state_dict())
    assert not result.missing_keys and not result.unexpected_keys
    assert list(ours.state_dict()) == list(stock.state_dict())
    samples = samples_of(HEADS[stock_name]['decoder'])
    for flip_test in (False, True):
        test_cfg = dict(flip_test=flip_test)
        feats = [features(name, 0), features(name, 1)] if flip_test else features(name)
        for a, b in zip(stock.predict(feats, samples, test_cfg), ours.predict(feats, samples, test_cfg)):
            np.testing.assert_array_equal(a.keypoints, b.keypoints)
            np.testing.assert_array_equal(a.keypoint_scores, b.keypoint_scores)


@pytest.mark.parametrize(('stock_name', 'name'), CASES)
@pytest.mark.parametrize('off', [dict(pc_loss=None), dict(pc_loss=dict(PC_LOSS, loss_weight=0))])
def test_without_pcloss_it_is_the_stock_head(stock_name, name, off):
    samples = samples_of(HEADS[stock_name]['decoder'], pack_transformed=False)  # not needed then
    results = []
    for head in (build(stock_name), build(name, **off)):
        feats = features(name, requires_grad=True)
        losses = head.loss(feats, samples, train_cfg={})
        losses['loss_kpt'].backward()
        results.append((losses, feats[0].grad))
    (stock, stock_grad), (ours, our_grad) = results
    assert set(ours) == set(stock)
    assert all(torch.equal(ours[key], stock[key]) for key in stock)
    assert torch.equal(our_grad, stock_grad)


def transformed(samples):
    fractions = [s.gt_instances.transformed_keypoints[0] / np.array(INPUT_SIZE) for s in samples]
    weights = torch.cat([s.gt_instance_labels.keypoint_weights for s in samples])
    return torch.tensor(np.stack(fractions), dtype=torch.float32), weights


@pytest.mark.parametrize(('stock_name', 'name'), CASES)
def test_loss_pc_is_the_loss_of_the_coordinates(stock_name, name):
    head, samples = build(name, **with_pc(name)), samples_of(HEADS[stock_name]['decoder'])
    feats = features(name, requires_grad=True)
    losses = head.loss(feats, samples)
    output = head.forward(feats)
    if name == 'PCHeatmapHead':
        fractions = integral_coordinates(output, 10.) * 4 / torch.tensor(INPUT_SIZE)
    elif name == 'PCIntegralRegressionHead':
        fractions = output[0]
    else:
        fractions = output
    target, weights = transformed(samples)
    groups = [[0, 2, 4, 6], [1, 3, 5, 7]]
    expected = 2 * position_constraint_loss(fractions, target, weights, groups, 3)
    assert losses['loss_pc'].item() == pytest.approx(expected.item(), rel=1e-5)
    losses['loss_pc'].backward()
    assert feats[0].grad.abs().sum() > 0
    stock = build(stock_name).loss(features(name), samples)
    assert torch.equal(losses['loss_kpt'], stock['loss_kpt'])


@pytest.mark.parametrize(('codec', 'channels', 'peak', 'pixels'), [
    (MSRA, K, 1, 2.1),  # rounds to the 4 pixel wide grid
    (dict(MSRA, unbiased=True), K, 1, 1.),  # what alpha 50 leaves of the grid
    (UDP, K, 1, 2.1),
    (COMBINED, 3 * K, 1, 1.1),  # a disc drawn on the grid
    (MEGVII, K, 255, 4.1),  # truncates to the grid
])
def test_the_codecs_own_target_costs_almost_nothing(codec, channels, peak, pixels):
    """The right answer is the target whatever the codec's grid and peak, but for the codec's own rounding."""
    assert codec_peak(KEYPOINT_CODECS.build(codec)) == pytest.approx(peak)
    head = build('PCHeatmapHead', out_channels=channels, decoder=codec, pc_loss=PC_LOSS, integral=dict(alpha=50.))
    samples = samples_of(codec, span=(24, 40))  # away from the border, where a map is cut off
    heatmaps = torch.stack([s.gt_fields.heatmaps for s in samples])
    fractions = head.landmark_fractions(heatmaps)
    target, weights = transformed(samples)
    off = ((fractions - target) * torch.tensor(INPUT_SIZE))[weights > 0]
    assert off.abs().max() < pixels


def test_udp_grid_has_no_offset():
    head = build('PCHeatmapHead', decoder=UDP, pc_loss=PC_LOSS, integral=dict(alpha=100.))
    heatmaps = torch.zeros(1, K, *HEATMAP_SIZE[::-1])
    heatmaps[..., -1, -1] = 1  # the last heatmap pixel is the last input pixel
    torch.testing.assert_close(head.landmark_fractions(heatmaps)[0, 0], torch.tensor([63 / 64, 95 / 96]))


def test_the_output_is_let_go_and_forward_runs_once():
    head = build('PCHeatmapHead', **with_pc('PCHeatmapHead'))
    calls = []
    head.final_layer.register_forward_hook(lambda *args: calls.append(1))
    head.loss(features('PCHeatmapHead'), samples_of(MSRA))
    assert len(calls) == 1 and head._output is None
    head.forward(features('PCHeatmapHead'))
    assert head._output is None
    with pytest.raises(ValueError, match='pack_transformed'):
        head.loss(features('PCHeatmapHead'), samples_of(MSRA, pack_transformed=False))
    assert head._output is None and not head._keeps_output


@pytest.mark.parametrize(('changes', 'words'), [
    (dict(decoder=None, integral=dict(alpha=10.)), 'needs a decoder'),
    (dict(decoder=REGRESSION, integral=dict(alpha=10.)), 'needs a decoder of heatmaps'),
    (dict(integral=None), r'integral=dict\(alpha=...\)'),
    (dict(integral=dict(beta=3)), r'integral=dict\(alpha=...\)'),
    (dict(integral=dict(alpha=0)), 'alpha must be a positive number'),
])
def test_bad_options(changes, words):
    with pytest.raises(ValueError, match=words):
        build('PCHeatmapHead', pc_loss=PC_LOSS, **changes)
