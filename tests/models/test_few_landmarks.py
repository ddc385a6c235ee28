"""Heads of DeepFashion2's 294 landmarks, where an image has those of its category: these alone cost something.

What is compared is the same head, whose samples do not tell which landmarks are annotated, so that it takes all.
"""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from mmpose.datasets.transforms import GenerateTarget, PackPoseInputs
from mmpose.registry import MODELS

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.metainfo.deepfashion2 import CATEGORIES, MOST, SLICES, dataset_info
from pcloss_mmpose.metainfo.load import parse
from pcloss_mmpose.models.heads import heatmap, simcc
from pcloss_mmpose.models.heads.pc_mixin import annotated_landmarks, landmark_weights, picked

METAINFO = parse(dataset_info)
K = METAINFO['num_keypoints']
INPUT_SIZE, HEATMAP_SIZE = (64, 96), (16, 24)  # w, h
MSRA = dict(type='MSRAHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, sigma=2)
COMBINED = dict(type='UDPHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, heatmap_type='combined')
SIMCC = dict(type='SimCCLabel', input_size=INPUT_SIZE, sigma=4., simcc_split_ratio=2.)
REGRESSION = dict(type='RegressionLabel', input_size=INPUT_SIZE)
INTEGRAL = dict(type='IntegralRegressionLabel', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, sigma=2)
MSE = dict(type='KeypointMSELoss', use_target_weight=True)
HEADS = {
    'PCHeatmapHead': dict(in_channels=4, out_channels=K, deconv_out_channels=None, integral=dict(alpha=10.), loss=MSE,
                          decoder=MSRA),
    'PCCPMHead': dict(in_channels=4, out_channels=K, num_stages=2, integral=dict(alpha=10.), loss=MSE, decoder=MSRA),
    'PCSimCCHead': dict(in_channels=4, out_channels=K, input_size=INPUT_SIZE, in_featuremap_size=HEATMAP_SIZE,
                        deconv_out_channels=None, loss=dict(type='KLDiscretLoss', beta=10.), decoder=SIMCC),
    'PCRegressionHead': dict(in_channels=4, num_joints=K, loss=dict(type='L1Loss', use_target_weight=True),
                             decoder=REGRESSION),
    'PCDSNTHead': dict(in_channels=4, in_featuremap_size=HEATMAP_SIZE, num_joints=K, deconv_out_channels=None,
                       decoder=dict(INTEGRAL, normalize=True)),
}
SIDES = dict(partition='left_right', metainfo=METAINFO)
LOSSES = {
    'squares': dict(),
    'worst lengths': dict(robust=True, topk=8),
    'lengths by side': dict(robust=True, **SIDES),
    'worst squares by side': dict(topk=4, **SIDES),
}


def build(name, loss, **changes):
    torch.manual_seed(0)
    pc_loss = dict(LOSSES[loss], type='PCLoss')
    return MODELS.build(copy.deepcopy(dict(HEADS[name], type=name, pc_loss=pc_loss, **changes)))


def sample_of(codec, annotated, seed=0, **changes):
    """As MMPose's own GenerateTarget and PackPoseInputs make it; some landmarks lie outside of the crop."""
    keypoints = np.random.default_rng(seed).uniform(-8, 72, (1, K, 2)).astype(np.float32)
    visible = np.zeros((1, K), np.float32)
    visible[0, annotated] = 1
    return PackPoseInputs(pack_transformed=True)(GenerateTarget(encoder=codec)(dict(
        img=np.zeros((*INPUT_SIZE[::-1], 3), np.uint8), input_size=INPUT_SIZE, keypoints=keypoints,
        transformed_keypoints=keypoints, keypoints_visible=visible, img_path='picture.jpg')))['data_samples']


def batch_of(codec):
    """The category with the most landmarks, one with few, one of which a part is annotated, and nothing."""
    skirt = SLICES[CATEGORIES.index('skirt')]
    every_third = list(range(K))[SLICES[CATEGORIES.index('vest')]][::3]
    largest = next(own for own in SLICES if own.stop - own.start == MOST)
    return [sample_of(codec, own, seed) for seed, own in enumerate([largest, skirt, every_third, []])]


def silent(samples):
    """The same, without telling which landmarks are annotated."""
    samples = copy.deepcopy(samples)
    for sample in samples:
        del sample.gt_instances.keypoints_visible
    return samples


def features(name, batch=4, seed=0):
    size = (1, 1) if name == 'PCRegressionHead' else HEATMAP_SIZE[::-1]
    generator = torch.Generator().manual_seed(seed)
    stages = 1 + (name == 'PCCPMHead')
    return [torch.randn(batch, 4, *size, generator=generator).requires_grad_() for _ in range(stages)]


@pytest.fixture
def taken(monkeypatch):
    """Of how many landmarks an output was turned into coordinates, call by call."""
    numbers = []

    def count(function, output, *args, **options):
        numbers.append(output.shape[1])
        return function(output, *args, **options)

    for module, name in ((heatmap, 'integral_coordinates'), (simcc, 'expected_bins')):
        monkeypatch.setattr(module, name, partial(count, getattr(module, name)))
    return numbers


@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize('name', HEADS)
def test_value_and_gradient_are_those_of_all_landmarks(name, loss, taken):
    head = build(name, loss)
    samples = batch_of(HEADS[name]['decoder'])
    results, paired = [], []
    head.pc_loss.register_forward_pre_hook(lambda module, inputs: paired.append(inputs[0].shape[1]))
    for each in (samples, silent(samples)):
        maps = features(name)
        losses = head.loss(tuple(maps), each)
        results.append((losses['loss_pc'], losses['pc_share'], *torch.autograd.grad(losses['loss_pc'], maps)))
    assert all(value.any() for value in results[1][:3])
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-7)
    half = len(paired) // 2
    assert paired == [MOST] * half + [K] * half and half == 1 + (name == 'PCCPMHead')
    if name in ('PCHeatmapHead', 'PCCPMHead', 'PCSimCCHead'):
        half = len(taken) // 2
        assert taken == [MOST] * half + [K] * half and half > 0


@pytest.mark.parametrize('options', [{}, dict(debias=True), dict(window=3), dict(debias=True, window=3)], ids=str)
@pytest.mark.parametrize('codec', [MSRA, COMBINED], ids=['plain', 'combined'])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last], ids=['rows', 'channels_last'])
@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float32, 1e-4), (torch.bfloat16, 1e-2)], ids=str)
def test_the_gradient_at_the_heatmaps(options, codec, layout, dtype, tolerance, taken):
    """Also of a head's output in mixed precision; each map of what is not annotated has none."""
    channels = 3 * K if codec is COMBINED else K
    head = build('PCHeatmapHead', 'lengths by side', decoder=codec, out_channels=channels,
                 integral=dict(alpha=10., **options))
    samples = batch_of(codec)
    output = torch.randn(4, channels, *HEATMAP_SIZE[::-1], generator=torch.Generator().manual_seed(0))
    output = output.to(dtype).contiguous(memory_format=layout).requires_grad_()
    results = []
    for each in (samples, silent(samples)):
        value = head.loss_on([output], each, head.pc_loss)
        results.append((value, *torch.autograd.grad(value, output)))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-5, atol=0)
    ours, expected = (gradient.double() for _, gradient in results)
    assert (ours - expected).norm() < tolerance * expected.norm()
    counts = landmark_weights(samples) > 0
    maps = ours[:, ::3] if codec is COMBINED else ours
    assert torch.equal(maps.flatten(2).any(-1), counts) and taken == [MOST, K]


@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize('name', ['PCHeatmapHead', 'PCSimCCHead'])
def test_gradients_of_gradients(name, loss):
    head = build(name, loss)
    head.logs_now = False  # older torch has no gradient of the stock loss for doubles beside targets in float
    samples = batch_of(HEADS[name]['decoder'])
    results = []
    for each in (samples, silent(samples)):
        maps = [each.double() for each in features(name)]
        head.double()
        value = head.loss(tuple(maps), each)['loss_pc']
        slope, = torch.autograd.grad(value, maps, create_graph=True)
        results.append(torch.autograd.grad(slope.square().sum(), maps)[0])
    assert results[1].any()
    torch.testing.assert_close(*results, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize('name', ['PCHeatmapHead', 'PCSimCCHead', 'PCRegressionHead'])
def test_a_batch_without_an_annotated_landmark_is_a_zero(name):
    head, maps = build(name, 'worst lengths'), features(name, batch=2)
    samples = [sample_of(HEADS[name]['decoder'], []) for _ in range(2)]
    losses = head.loss(tuple(maps), samples)
    gradient, = torch.autograd.grad(losses['loss_pc'], maps)
    assert losses['loss_pc'] == 0 and losses['pc_share'] == 0 and not gradient.any()


def test_which_landmarks_are_annotated():
    samples = [sample_of(MSRA, annotated) for annotated in ([5, 2, 100], [], [293])]
    assert annotated_landmarks(samples).tolist() == [[2, 5, 100], [0, 1, 2], [293, 0, 1]]
    assert annotated_landmarks(samples[1:2]).tolist() == [[0]]
    assert picked(torch.arange(6.).view(2, 3), torch.tensor([[2, 0], [1, 1]])).tolist() == [[2, 0], [4, 4]]
    for sample in samples:  # as a converter of landmarks has it, with a weight beside each; then there are both kinds
        visible = sample.gt_instances.keypoints_visible
        sample.gt_instances.keypoints_visible = np.stack([visible, np.ones_like(visible)], axis=-1)
        assert annotated_landmarks(samples).tolist() == [[2, 5, 100], [0, 1, 2], [293, 0, 1]]
    assert annotated_landmarks([sample_of(MSRA, range(K // 3))]).shape == (1, 98)
    assert annotated_landmarks([sample_of(MSRA, []), sample_of(MSRA, range(K // 3 + 1))]) is None
    assert annotated_landmarks([samples[0], *silent(samples[1:])]) is None


@pytest.mark.parametrize('name', ['PCHeatmapHead', 'PCSimCCHead', 'PCRegressionHead'])
def test_a_weight_for_what_is_not_annotated_is_refused(name):
    """By no codec of MMPose; such a landmark would be left out, and nobody would know."""
    head, samples = build(name, 'squares'), batch_of(HEADS[name]['decoder'])
    samples[1].gt_instance_labels.keypoint_weights[0, [292, 293]] = 1
    head.logs_now = False
    with pytest.raises(ValueError, match=r'^2 landmarks have a keypoint weight above 0 and keypoints_visible 0'):
        head.loss(tuple(features(name)), samples)
    assert head.loss(tuple(features(name)), batch_of(HEADS[name]['decoder']))['loss_pc'] > 0
    assert head.loss(tuple(features(name)), silent(samples))['loss_pc'] > 0  # where all are taken, they count


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_a_gpu_is_waited_for_when_a_step_is_logged():
    head = build('PCHeatmapHead', 'worst lengths').cuda()
    output = torch.randn(4, K, *HEATMAP_SIZE[::-1], device='cuda', requires_grad=True)
    right = [sample.to('cuda') for sample in batch_of(MSRA)]
    wrong = copy.deepcopy(right)
    wrong[1].gt_instance_labels.keypoint_weights[0, [292, 293]] = 1
    head.loss_on([output], right, head.pc_loss)
    head.logs_now = False
    torch.cuda.set_sync_debug_mode('error')
    try:
        for samples in (right, wrong, right):
            torch.autograd.grad(head.loss_on([output], samples, head.pc_loss), output)
    finally:
        torch.cuda.set_sync_debug_mode('default')
    head.logs_now = True
    with pytest.raises(ValueError, match='^2 landmarks have a keypoint weight above 0'):
        head.loss_on([output], right, head.pc_loss)
    head.loss_on([output], right, head.pc_loss)
