"""What else the stock heads can do, asked of both: their variants, options at test time, old checkpoints, errors."""

import re

import numpy as np
import pytest
import torch
from mmpose.datasets.transforms import GenerateTarget, PackPoseInputs
from mmpose.registry import MODELS
from torch import nn

import pcloss_mmpose  # noqa: F401

K = 4
INPUT_SIZE, HEATMAP_SIZE = (48, 64), (12, 16)  # w, h
CELLS, QUARTER, WHOLE = (4, 4, 3), (4, 8, 6), (4, 16, 12)  # feature maps: channels, h, w
PC_LOSS = dict(type='PCLoss', topk=2, partition=[[0, 2, 3], [1, 2, 3]])
MSRA = dict(type='MSRAHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, sigma=2)
COMBINED = dict(type='UDPHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, heatmap_type='combined')
LEVELS = [dict(type='MegviiHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, kernel_size=size)
          for size in (15, 11)]
LABEL = dict(type='RegressionLabel', input_size=INPUT_SIZE)
INTEGRAL = dict(type='IntegralRegressionLabel', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, sigma=2)
SIMCC = dict(type='SimCCLabel', input_size=INPUT_SIZE, sigma=(4., 5.), simcc_split_ratio=2.)
HARD = dict(SIMCC, smoothing_type='standard', sigma=4.)
MSE, KL = dict(type='KeypointMSELoss', use_target_weight=True), dict(type='KLDiscretLoss', beta=10., label_softmax=True)
GAU = dict(hidden_dims=8, s=8, expansion_factor=2, dropout_rate=0., drop_path=0., act_fn='SiLU', use_rel_bias=False,
           pos_enc=False)

DECONV = dict(deconv_out_channels=(4, 4), deconv_kernel_sizes=(4, 4))
HEATMAP = dict(in_channels=4, out_channels=K, deconv_out_channels=None, loss=MSE, decoder=MSRA)
MSPN = dict(num_stages=2, num_units=2, out_shape=HEATMAP_SIZE[::-1], unit_channels=4, out_channels=K,
            level_indices=[0, 1, 0, 1], loss=MSE, decoder=LEVELS[-1])
REGRESSION = dict(in_channels=4, num_joints=K, decoder=LABEL)
INTEGRATION = dict(in_channels=4, num_joints=K, in_featuremap_size=HEATMAP_SIZE, deconv_out_channels=None)
CLASSIFICATION = dict(in_channels=4, out_channels=K, input_size=INPUT_SIZE, in_featuremap_size=CELLS[:0:-1],
                      decoder=SIMCC)
RTM = dict(CLASSIFICATION, gau_cfg=GAU, loss=KL)

#: The stock head, its options, and the shapes of the feature maps that it takes.
VARIANTS = {
    'deconv and conv': ('HeatmapHead', dict(HEATMAP, **DECONV, conv_out_channels=[4], conv_kernel_sizes=[3]), [CELLS]),
    'other kernels': ('HeatmapHead', dict(HEATMAP, deconv_out_channels=(4, 4), deconv_kernel_sizes=(3, 2)), [CELLS]),
    'no layer': ('HeatmapHead', dict(HEATMAP, final_layer=None), [WHOLE]),
    'last of several maps': ('HeatmapHead', HEATMAP, [CELLS, QUARTER, WHOLE]),
    'combined UDP': ('HeatmapHead', dict(HEATMAP, out_channels=3 * K, decoder=COMBINED,
                                         loss=dict(type='CombinedTargetMSELoss', use_target_weight=True)), [WHOLE]),
    'DARK': ('HeatmapHead', dict(HEATMAP, decoder=dict(MSRA, unbiased=True)), [WHOLE]),
    'groups': ('ViPNASHead', dict(HEATMAP, **DECONV, deconv_num_groups=(2, 4)), [CELLS]),
    'three stages': ('CPMHead', dict(HEATMAP, num_stages=3, final_layer=None, loss=[MSE] * 3), [WHOLE] * 3),
    'stages with deconv': ('CPMHead', dict(HEATMAP, num_stages=2, **DECONV), [CELLS] * 2),
    'MSPN, stages and units': ('MSPNHead', MSPN, [[QUARTER, WHOLE]] * 2),
    'MSPN, refinement': ('MSPNHead', dict(MSPN, use_prm=True, loss=[MSE] * 4), [[QUARTER, WHOLE]] * 2),
    'vectors': ('RegressionHead', REGRESSION, [(4, 1, 1)]),
    'flow': ('RLEHead', dict(REGRESSION, loss=dict(type='RLELoss', use_target_weight=True)), [(4, 1, 1)]),
    'integral': ('IntegralRegressionHead', dict(INTEGRATION, decoder=LABEL), [WHOLE]),
    'integral after deconv': ('IntegralRegressionHead', dict(
        INTEGRATION, **DECONV, in_featuremap_size=CELLS[:0:-1], conv_out_channels=[4], conv_kernel_sizes=[1],
        decoder=INTEGRAL), [CELLS]),
    'sharp and unbiased': ('IntegralRegressionHead', dict(
        INTEGRATION, decoder=LABEL, beta=5., debias=True, final_layer=None), [WHOLE]),
    'DSNT': ('DSNTHead', dict(INTEGRATION, decoder=dict(INTEGRAL, normalize=True)), [WHOLE]),
    'DSNT after deconv': ('DSNTHead', dict(
        INTEGRATION, **DECONV, in_featuremap_size=CELLS[:0:-1], final_layer=None, decoder=INTEGRAL), [CELLS]),
    'SimCC': ('SimCCHead', dict(CLASSIFICATION, deconv_out_channels=None), [CELLS]),
    'SimCC after deconv': ('SimCCHead', dict(CLASSIFICATION, **DECONV), [CELLS]),
    'SimCC after ViPNAS': ('SimCCHead', dict(
        CLASSIFICATION, deconv_type='vipnas', deconv_out_channels=(4, 4, 4), deconv_num_groups=(2, 2, 4)), [CELLS]),
    'one-hot': ('SimCCHead', dict(CLASSIFICATION, deconv_out_channels=None, final_layer=None, decoder=HARD), [CELLS]),
    'smoothed': ('SimCCHead', dict(CLASSIFICATION, deconv_out_channels=None,
                                   decoder=dict(HARD, label_smooth_weight=0.1)), [CELLS]),
    'thirds': ('SimCCHead', dict(CLASSIFICATION, deconv_out_channels=None, simcc_split_ratio=3.,
                                 decoder=dict(SIMCC, simcc_split_ratio=3.)), [CELLS]),
    'RTMPose': ('RTMCCHead', dict(RTM, final_layer_kernel_size=7, decoder=dict(SIMCC, use_dark=True)), [CELLS]),
    'positions, dropped': ('RTMCCHead', dict(RTM, gau_cfg=dict(
        GAU, act_fn='ReLU', use_rel_bias=True, pos_enc=True, dropout_rate=.3, drop_path=.3)), [CELLS]),
    'RTMW': ('RTMWHead', dict(RTM, in_channels=8), [QUARTER, (8, *CELLS[1:])]),
}
HEATMAPS = ('HeatmapHead', 'ViPNASHead', 'CPMHead', 'MSPNHead')

pytestmark = pytest.mark.filterwarnings('ignore:The predicted simcc values are normalized')
variants = pytest.mark.parametrize('variant', VARIANTS)


def pair(stock_name, options, pc_loss=PC_LOSS):
    """The stock head and ours with PCLoss, each built from the same seed."""
    extra = dict(integral=dict(alpha=10.)) if stock_name in HEATMAPS and pc_loss else {}
    heads = []
    for config in (dict(type=stock_name, **options), dict(type='PC' + stock_name, pc_loss=pc_loss, **extra, **options)):
        torch.manual_seed(0)
        heads.append(MODELS.build(config))
    return heads


def features(shapes, generator):
    """A batch of two for each shape, in the nesting of the shapes."""
    if isinstance(shapes[0], int):
        return torch.randn(2, *shapes, generator=generator).requires_grad_()
    return [features(shape, generator) for shape in shapes]


def draw(shapes, seed=0):
    return features(shapes, torch.Generator().manual_seed(seed))


def leaves(feats):
    return [feats] if isinstance(feats, torch.Tensor) else [leaf for each in feats for leaf in leaves(each)]


def samples_of(stock_name, decoder):
    """Two samples as MMPose's pipeline makes them; the last landmark of the second is not visible."""
    codec = LEVELS if stock_name == 'MSPNHead' else decoder
    encode, pack = GenerateTarget(encoder=codec, multilevel=codec is LEVELS), PackPoseInputs(pack_transformed=True)
    samples = []
    for last in (1, 0):
        keypoints = np.random.default_rng(last).uniform(8, 40, (1, K, 2)).astype(np.float32)
        results = dict(img=np.zeros((*INPUT_SIZE[::-1], 3), np.uint8), input_size=INPUT_SIZE, keypoints=keypoints,
                       transformed_keypoints=keypoints, keypoints_visible=np.float32([[1, 1, 1, last]]),
                       dataset_keypoint_weights=np.ones(K, np.float32), flip_indices=[1, 0, 2, 3])
        samples.append(pack(encode(results))['data_samples'])
    return samples


def contents(result):
    """Every array that ``predict`` returned, by name."""
    instances, fields = result if isinstance(result, tuple) else (result, [])
    return [dict(each.items()) for each in (*instances, *fields)]


@variants
def test_predicts_what_the_stock_head_predicts_with_every_option(variant):
    stock_name, options, shapes = VARIANTS[variant]
    stock, ours = (head.eval() for head in pair(stock_name, options))
    assert all(torch.equal(a, b) for a, b in zip(stock.state_dict().values(), ours.state_dict().values()))
    samples = samples_of(stock_name, options['decoder'])
    mode = 'udp_combined' if options['decoder'] is COMBINED else 'heatmap'
    seen = []
    for flip, shift, output in ((False, False, True), (True, False, False), (True, True, True)):
        test_cfg = dict(flip_test=flip, flip_mode=mode, shift_heatmap=shift, shift_coords=shift,
                        output_heatmaps=output)
        results = [contents(head.predict([draw(shapes, 0), draw(shapes, 1)] if flip else draw(shapes), samples,
                                         test_cfg)) for head in (stock, ours)]
        for expected, found in zip(*results):
            assert expected.keys() == found.keys()
            for key, value in expected.items():
                np.testing.assert_array_equal(torch.as_tensor(found[key]).detach(), torch.as_tensor(value).detach())
        has_fields = output and stock_name not in ('RegressionHead', 'RLEHead')
        assert len(results[1]) == (4 if has_fields else 2)
        seen.append(results[1][0]['keypoints'])
    assert not np.array_equal(seen[0], seen[1])  # the mirrored features do count


@variants
def test_trains_as_the_stock_head_does_and_adds_loss_pc(variant):
    stock_name, options, shapes = VARIANTS[variant]
    samples = samples_of(stock_name, options['decoder'])
    losses = []
    for head in pair(stock_name, options):
        feats = draw(shapes)
        torch.manual_seed(1)  # dropout: a second forward would draw other numbers
        losses.append(head.loss(feats, samples, dict(compute_acc=options['decoder'] is not COMBINED)))
    stock, ours = losses
    assert set(ours) == {*stock, 'loss_pc', 'pc_share'}
    assert all(torch.equal(ours[key], stock[key]) for key in stock)
    gradients = torch.autograd.grad(ours['loss_pc'], leaves(feats), allow_unused=True)
    used = leaves(feats)[-1:] if variant == 'last of several maps' else leaves(feats)
    assert all(torch.isfinite(gradient).all() and gradient.abs().sum() > 0 for gradient in gradients[-len(used):])


@pytest.mark.parametrize(('stock_name', 'options', 'error', 'words'), [
    ('HeatmapHead', dict(HEATMAP, deconv_out_channels=(4, )), ValueError, 'mismatched lengths'),
    ('HeatmapHead', dict(HEATMAP, conv_out_channels=(4, )), ValueError, 'mismatched lengths'),
    ('HeatmapHead', dict(HEATMAP, deconv_out_channels=(4, ), deconv_kernel_sizes=(1, )), ValueError, 'kernel size 1'),
    ('ViPNASHead', dict(HEATMAP, **DECONV, deconv_num_groups=(2, )), ValueError, 'mismatched lengths'),
    ('CPMHead', dict(HEATMAP, num_stages=3, loss=[MSE] * 2), ValueError, 'num_stages'),
    ('MSPNHead', dict(MSPN, level_indices=[0]), ValueError, 'level_indices'),
    ('MSPNHead', dict(MSPN, loss=[MSE] * 3), ValueError, 'loss_module'),
    ('IntegralRegressionHead', dict(INTEGRATION, in_channels=[4, 4], final_layer=None), ValueError, 'multiple input'),
    ('SimCCHead', dict(CLASSIFICATION, deconv_type='other'), ValueError, 'deconv_type'),
    ('RTMCCHead', dict(RTM, in_channels=[4, 4]), ValueError, 'multiple input'),
    ('RTMWHead', dict(RTM, in_channels=[4, 4]), ValueError, 'multiple input'),
    ('HeatmapHead', dict(HEATMAP, nonsense=1), TypeError, 'nonsense'),
])
def test_a_wrong_option_gets_the_stock_error(stock_name, options, error, words):
    with pytest.raises(error, match=words) as expected:
        MODELS.build(dict(type=stock_name, **options))
    with pytest.raises(error) as found:
        MODELS.build(dict(type='PC' + stock_name, **options))
    assert str(found.value).replace('PC' + stock_name, stock_name) == str(expected.value)


@pytest.mark.parametrize(('variant', 'shapes', 'words'), [
    ('three stages', [WHOLE], 'num_stages'),
    ('MSPN, stages and units', [[QUARTER, WHOLE]], 'num_stages'),
    ('MSPN, stages and units', [[QUARTER]] * 2, 'num_units'),
    ('MSPN, stages and units', [[(5, *QUARTER[1:]), WHOLE]] * 2, 'unit_channels'),
])
def test_wrong_features_get_the_stock_error_and_leave_the_head_as_it_was(variant, shapes, words):
    stock_name, options, right_shapes = VARIANTS[variant]
    samples = samples_of(stock_name, options['decoder'])
    stock, ours = pair(stock_name, options)
    for call in (ours.loss, ours.predict):
        with pytest.raises(AssertionError, match=f'`{words}` in PC{stock_name}'):
            call(draw(shapes), samples, {})
    losses = ours.loss(draw(right_shapes), samples)
    assert torch.equal(losses['loss_kpt'], stock.loss(draw(right_shapes), samples)['loss_kpt'])


def older(key, with_conv):
    """Name that a weight of the head had in MMPose 0.x: ``loss``, no head in the head, convolutions in one list."""
    key = key.replace('loss_module.', 'loss.').replace('simplebaseline_head.', '')
    if with_conv:
        key = re.sub(r'final_layer\.(?=weight|bias)', 'final_layer.3.', key)
        key = re.sub(r'(?<!de)conv_layers\.', 'final_layer.', key)
    return f'head.{key}'


@pytest.mark.parametrize('variant', ['deconv and conv', 'flow', 'integral after deconv', 'DSNT after deconv'])
def test_a_checkpoint_of_mmpose_0_loads(variant):
    stock_name, options, _ = VARIANTS[variant]
    stock, ours = pair(stock_name, options)
    for parameter in stock.parameters():
        nn.init.normal_(parameter)
    weights = {older(key, 'conv_out_channels' in options): value for key, value in stock.state_dict().items()}
    assert weights.keys() != {f'head.{key}' for key in stock.state_dict()}
    result = nn.ModuleDict(dict(head=ours)).load_state_dict(weights, strict=False)
    assert not result.missing_keys and not result.unexpected_keys
    assert all(torch.equal(a, b) for a, b in zip(stock.state_dict().values(), ours.state_dict().values()))


def test_accuracy_can_be_left_out():
    stock_name, options, shapes = VARIANTS['no layer']
    _, ours = pair(stock_name, options)
    losses = ours.loss(draw(shapes), samples_of(stock_name, MSRA), dict(compute_acc=False))
    assert set(losses) == {'loss_kpt', 'loss_pc', 'pc_share'}


@pytest.mark.parametrize('pc_loss', [PC_LOSS, None])
def test_the_head_that_predicts_visibility_takes_it_as_its_pose_head(pc_loss):
    stock_name, options, shapes = VARIANTS['deconv and conv']
    samples = samples_of(stock_name, MSRA)
    heads = []
    for inner in (dict(type=stock_name), dict(type='PC' + stock_name, pc_loss=pc_loss, integral=dict(alpha=10.))):
        torch.manual_seed(0)
        heads.append(MODELS.build(dict(type='VisPredictHead', pose_cfg=dict(inner, **options))))
    stock, ours = (head.loss(draw(shapes), samples) for head in heads)
    assert set(ours) == {*stock, *(['loss_pc', 'pc_share'] if pc_loss else [])}
    assert all(torch.equal(ours[key], stock[key]) for key in stock)
    (stock, _), (ours, _) = (head.eval().predict(draw(shapes), samples) for head in heads)
    for a, b in zip(stock, ours):
        np.testing.assert_array_equal(a.keypoints, b.keypoints)
        np.testing.assert_array_equal(a.keypoints_visible, b.keypoints_visible)
