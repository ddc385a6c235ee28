"""The heads against the stock heads that they extend, on a real data pipeline."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.datasets.transforms import GenerateTarget, PackPoseInputs
from mmpose.models.heads import RegressionHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from scipy.special import logsumexp, softmax

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.calibration import MeasuringHook, share_of
from pcloss_mmpose.models.heads import PCLossMixin
from pcloss_mmpose.models.heads.heatmap import codec_peak
from pcloss_mmpose.models.heads.pc_mixin import gradient_share, landmark_weights

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

MEGVII_LEVELS = [dict(MEGVII, kernel_size=15), MEGVII]
DSNT = dict(INTEGRAL, normalize=True)
SIMCC = dict(type='SimCCLabel', input_size=INPUT_SIZE, sigma=4., simcc_split_ratio=2.)
MSE = dict(type='KeypointMSELoss', use_target_weight=True)
KL = dict(type='KLDiscretLoss', beta=10., label_softmax=True)
CELLS = (4, 6)  # w, h of the SimCC heads' feature maps
GAU = dict(hidden_dims=16, s=8, expansion_factor=2, dropout_rate=0., drop_path=0., act_fn='SiLU', use_rel_bias=False,
           pos_enc=False)

HEATMAP_HEAD = dict(in_channels=4, out_channels=K, deconv_out_channels=None, loss=MSE)
INTEGRAL_HEAD = dict(in_channels=4, in_featuremap_size=HEATMAP_SIZE, num_joints=K, deconv_out_channels=None)
RTM_HEAD = dict(in_channels=4, out_channels=K, input_size=INPUT_SIZE, in_featuremap_size=CELLS, gau_cfg=GAU, loss=KL)
SIMCC_HEAD = dict(in_channels=4, out_channels=K, input_size=INPUT_SIZE, in_featuremap_size=CELLS,
                  deconv_out_channels=None)
STAGES = 2
HEADS = {
    'HeatmapHead': dict(HEATMAP_HEAD, decoder=MSRA),
    'ViPNASHead': dict(HEATMAP_HEAD, decoder=MSRA),
    'CPMHead': dict(in_channels=4, out_channels=K, num_stages=STAGES, decoder=MSRA, loss=MSE),
    'MSPNHead': dict(num_stages=1, num_units=STAGES, unit_channels=4, out_channels=K, out_shape=HEATMAP_SIZE[::-1],
                     level_indices=[0, 1], decoder=MEGVII, loss=[MSE, MSE]),
    'RegressionHead': dict(in_channels=4, num_joints=K, decoder=REGRESSION,
                           loss=dict(type='L1Loss', use_target_weight=True)),
    'RLEHead': dict(in_channels=4, num_joints=K, decoder=REGRESSION, loss=dict(type='RLELoss', use_target_weight=True)),
    'IntegralRegressionHead': dict(INTEGRAL_HEAD, decoder=INTEGRAL,
                                   loss=dict(type='SmoothL1Loss', use_target_weight=True)),
    'DSNTHead': dict(INTEGRAL_HEAD, decoder=DSNT),
    'SimCCHead': dict(SIMCC_HEAD, decoder=SIMCC),
    'RTMCCHead': dict(RTM_HEAD, decoder=SIMCC),
    'RTMWHead': dict(RTM_HEAD, in_channels=8, decoder=SIMCC),
}
CASES = [(name, 'PC' + name) for name in HEADS]
HEATMAP_HEADS = ('PCHeatmapHead', 'PCViPNASHead', 'PCCPMHead', 'PCMSPNHead')


def encoder_of(name):
    """What makes the targets: the decoder, or for MSPN the codec of each level."""
    return MEGVII_LEVELS if name.endswith('MSPNHead') else HEADS[name]['decoder']


def samples_of(codec, batch=3, pack_transformed=True, seed=0, span=(8, 56)):
    """Data samples as MMPose's own GenerateTarget and PackPoseInputs make them."""
    rng = np.random.default_rng(seed)
    encode = GenerateTarget(encoder=codec, multilevel=isinstance(codec, list))
    pack = PackPoseInputs(pack_transformed=pack_transformed)
    samples = []
    for _ in range(batch):
        keypoints = rng.uniform(*span, (1, K, 2)).astype(np.float32)
        results = dict(img=np.zeros((*INPUT_SIZE[::-1], 3), np.uint8), input_size=INPUT_SIZE, keypoints=keypoints,
                       transformed_keypoints=keypoints, keypoints_visible=(rng.random((1, K)) > .3).astype(np.float32),
                       dataset_keypoint_weights=np.ones(K, np.float32), flip_indices=[1, 0, 3, 2, 5, 4, 7, 6],
                       img_path='picture.jpg')
        samples.append(pack(encode(results))['data_samples'])
    return samples


def features(name, seed=0, requires_grad=False):
    """What the backbone or neck hands to the head, drawn by ``seed``, in the head's own nesting; a flat list of it."""
    generator = torch.Generator().manual_seed(seed)

    def draw(channels, size):
        return torch.randn(3, channels, *size, generator=generator).requires_grad_(requires_grad)

    stock_name = name[2:] if name.startswith('PC') else name
    cells = CELLS[::-1]
    if stock_name in ('RegressionHead', 'RLEHead'):
        maps = [draw(4, (1, 1))]
    elif stock_name in ('SimCCHead', 'RTMCCHead'):
        maps = [draw(4, cells)]
    elif stock_name == 'RTMWHead':
        maps = [draw(4, (2 * cells[0], 2 * cells[1])), draw(8, cells)]
    elif stock_name in ('CPMHead', 'MSPNHead'):
        maps = [draw(4, HEATMAP_SIZE[::-1]) for _ in range(STAGES)]
    else:
        maps = [draw(4, HEATMAP_SIZE[::-1])]
    return ((maps, ) if stock_name == 'MSPNHead' else tuple(maps)), maps


def build(name, **changes):
    stock_name = name[2:] if name.startswith('PC') else name
    torch.manual_seed(0)
    return MODELS.build(copy.deepcopy(dict(type=name, **{**HEADS.get(stock_name, {}), **changes})))


def with_pc(name):
    return dict(pc_loss=PC_LOSS, **(dict(integral=dict(alpha=10.)) if name in HEATMAP_HEADS else {}))


@pytest.mark.parametrize(('stock_name', 'name'), CASES)
def test_stock_checkpoint_loads_and_predicts_the_same(stock_name, name):
    stock, ours = build(stock_name).eval(), build(name, **with_pc(name)).eval()
    torch.manual_seed(1)
    for parameter in stock.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter)
    result = ours.load_state_dict(stock.state_dict())
    assert not result.missing_keys and not result.unexpected_keys
    assert list(ours.state_dict()) == list(stock.state_dict())
    samples = samples_of(encoder_of(stock_name))
    for flip_test in (False, True):
        test_cfg = dict(flip_test=flip_test)
        feats = [features(name, 0)[0], features(name, 1)[0]] if flip_test else features(name)[0]
        for a, b in zip(stock.predict(feats, samples, test_cfg), ours.predict(feats, samples, test_cfg)):
            np.testing.assert_array_equal(a.keypoints, b.keypoints)
            np.testing.assert_array_equal(a.keypoint_scores, b.keypoint_scores)


@pytest.mark.parametrize(('stock_name', 'name'), CASES)
@pytest.mark.parametrize('off', [dict(pc_loss=None), dict(pc_loss=dict(PC_LOSS, loss_weight=0))])
def test_without_pcloss_it_is_the_stock_head(stock_name, name, off):
    samples = samples_of(encoder_of(stock_name), pack_transformed=False)  # not needed then
    results = []
    for head in (build(stock_name), build(name, **off)):
        feats, maps = features(name, requires_grad=True)
        losses = head.loss(feats, samples, train_cfg={})
        losses['loss_kpt'].backward()
        results.append((losses, maps))
    (stock, stock_maps), (ours, our_maps) = results
    assert set(ours) == set(stock)
    assert all(torch.equal(ours[key], stock[key]) for key in stock)
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(our_maps, stock_maps))


def transformed(samples):
    fractions = [s.gt_instances.transformed_keypoints[0] / np.array(INPUT_SIZE) for s in samples]
    weights = torch.cat([s.gt_instance_labels.keypoint_weights.reshape(-1, K)[:1] for s in samples])
    return torch.tensor(np.stack(fractions), dtype=torch.float32), weights


def expected_position(distributions, cell):
    """Mean of the position under softmax along the last axis, whose steps are ``cell`` wide."""
    return softmax(distributions, axis=-1) @ (cell * np.arange(distributions.shape[-1]))


def fractions_of(name, head, feats, samples):
    """Each stage's coordinates: from the heatmaps and bins by scipy, or what the stock head predicts."""
    if name in ('PCRegressionHead', 'PCRLEHead', 'PCIntegralRegressionHead', 'PCDSNTHead'):
        predictions = head.predict(feats, samples, {})
        return [np.concatenate([instances.keypoints for instances in predictions]) / INPUT_SIZE]
    outputs = head.forward(feats)
    if name in ('PCSimCCHead', 'PCRTMCCHead', 'PCRTMWHead'):  # two bins a pixel; the temperature of their losses
        beta = 1 if name == 'PCSimCCHead' else 10
        pixels = [expected_position(beta * output.detach().double().numpy(), 0.5) for output in outputs]
        return [np.stack(pixels, axis=-1) / INPUT_SIZE]
    alpha = 10 / 255 if name == 'PCMSPNHead' else 10  # what the targets peak at
    fractions = []
    for output in outputs if isinstance(outputs, list) else [outputs]:
        maps = alpha * output.detach().double().numpy()
        columns, rows = logsumexp(maps, axis=2), logsumexp(maps, axis=3)
        pixels = [expected_position(axis, 4) for axis in (columns, rows)]  # four pixels wide
        fractions.append(np.stack(pixels, axis=-1) / INPUT_SIZE)
    return fractions


@pytest.mark.parametrize(('stock_name', 'name'), CASES)
def test_loss_pc_is_the_loss_of_the_coordinates_summed_over_stages(stock_name, name, pairwise_loss):
    head, samples = build(name, **with_pc(name)), samples_of(encoder_of(stock_name))
    feats, maps = features(name, requires_grad=True)
    losses = head.loss(feats, samples)
    target, weights = transformed(samples)
    stages = fractions_of(name, head, feats, samples)
    assert len(stages) == (STAGES if name in ('PCCPMHead', 'PCMSPNHead') else 1)
    groups = [[0, 2, 4, 6], [1, 3, 5, 7]]
    expected = sum(2 * pairwise_loss(torch.from_numpy(stage), target, weights, groups, 3) for stage in stages)
    assert losses['loss_pc'].item() == pytest.approx(expected.item(), rel=1e-4)
    stock = build(stock_name).loss(features(name)[0], samples)
    assert torch.equal(losses['loss_kpt'], stock['loss_kpt'])


@pytest.mark.parametrize(('stock_name', 'name'), CASES)
def test_the_gradient_is_the_slope(stock_name, name):
    """Along a random direction at each feature map, by a difference quotient in double precision."""
    head, samples = build(name, **with_pc(name)), samples_of(encoder_of(stock_name))
    feats, maps = features(name, requires_grad=True)
    gradients = torch.autograd.grad(head.loss(feats, samples)['loss_pc'], maps)
    head.double()
    for index, gradient in enumerate(gradients):
        direction = torch.randn(gradient.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        losses = []
        for step in (1e-5, -1e-5):
            feats, maps = features(name)
            for each in maps:
                each.data = each.data.double()
            maps[index] += step * direction
            with torch.no_grad():
                losses.append(head.loss(feats, samples)['loss_pc'].item())
        slope = (gradient * direction).sum().item()
        length = gradient.norm().item()
        assert length > 0 and slope == pytest.approx((losses[0] - losses[1]) / 2e-5, abs=1e-2 * length)


def test_gradient_share_worked_by_hand():
    first, second = torch.tensor([1., 2.], requires_grad=True), torch.tensor([2.], requires_grad=True)
    # Gradients (3, 0) and (4) of the one: 5. (0, 0) and (15) of the other.
    one, other = 3 * first[0] + second.square().sum(), 15 * second.sum() + 0 * first.sum()
    assert gradient_share(one, other, [(first, second)]).item() == pytest.approx(5 / 20)
    assert gradient_share(one, other, first).item() == 1
    assert gradient_share(3 * first[0], 15 * second.sum(), [first, second]).item() == pytest.approx(3 / 18)
    # Nothing to learn from, as in a batch without a valid landmark: a NaN would spoil the mean that the log shows.
    assert gradient_share(0 * one, 0 * other, [(first, second)]).item() == 0
    assert first.grad is None  # it leaves no gradient behind
    (one + other).backward()


def test_gradients_too_small_for_half_precision_count():
    """Float16 begins at 6e-8: these gradients of 1e-8 and 3e-8 would both become 0."""
    output = torch.ones(2, dtype=torch.float16, requires_grad=True)
    assert gradient_share(1e-8 * output[0].float(), 3e-8 * output[1].float(), output).item() == pytest.approx(
        1 / 4, rel=0.05)


def test_a_landmark_counts_where_the_first_of_several_levels_has_it():
    """Just outside the picture, where MSRA's Gaussian still reaches in and Megvii's target is empty."""
    results = dict(
        img=np.zeros((*INPUT_SIZE[::-1], 3), np.uint8), input_size=INPUT_SIZE, transformed_keypoints=None,
        keypoints=np.float32([[[20, 20], [-6, 20]]]), keypoints_visible=np.ones((1, 2), np.float32))
    results['transformed_keypoints'] = results['keypoints']
    for levels, expected in (([MSRA, MEGVII], [1, 1]), ([MEGVII, MSRA], [1, 0])):
        encode, pack = GenerateTarget(encoder=levels, multilevel=True), PackPoseInputs(pack_transformed=True)
        sample = pack(encode(copy.deepcopy(results)))['data_samples']
        assert landmark_weights([sample, sample]).tolist() == [expected, expected]


@pytest.mark.parametrize(('stock_name', 'name'), CASES)
def test_the_share_of_the_gradient_is_logged(stock_name, name):
    """Against a step of each loss alone, at the tensors that the head gave out."""
    head, samples = build(name, **with_pc(name)), samples_of(encoder_of(stock_name))
    outputs = []
    landmark_fractions = head.landmark_fractions
    head.landmark_fractions = lambda output: outputs.append(output) or landmark_fractions(output)
    losses = head.loss(features(name)[0], samples)
    tensors = [t for output in outputs for t in (output if isinstance(output, (tuple, list)) else [output])]
    stock = sum(torch.as_tensor(value).sum() for key, value in losses.items() if key.startswith('loss_kpt'))
    lengths = []
    for loss in (losses['loss_pc'], stock):
        gradients = torch.autograd.grad(loss, tensors, retain_graph=True, allow_unused=True)
        lengths.append(torch.cat([gradient.flatten() for gradient in gradients if gradient is not None]).norm())
    assert 0 < losses['pc_share'] < 1
    assert losses['pc_share'].item() == pytest.approx((lengths[0] / sum(lengths)).item(), rel=1e-4)
    with torch.no_grad():
        assert 'pc_share' not in head.loss(features(name)[0], samples)


@pytest.mark.parametrize(('stock_name', 'name'), CASES)
def test_a_calibration_measures_the_share_that_is_logged(stock_name, name):
    """Of two losses at weight 1, on the output of one forward; what is trained is the stock loss."""
    others = [dict(PC_LOSS, loss_weight=1.), dict(PC_LOSS, loss_weight=1., robust=True)]
    head, samples = build(name, **with_pc(name)), samples_of(encoder_of(stock_name))
    head.measured_losses = [head.build_loss(loss) for loss in others]
    hook = MeasuringHook(head, 0, 1, None)
    trained = hook.loss(features(name)[0], samples)
    assert trained == head.stock_losses(features(name)[0], samples)[0]
    stock, *norms = hook.steps[0]
    for loss, norm in zip(others, norms):
        alone = build(name, **{**with_pc(name), 'pc_loss': dict(loss, loss_weight=0.5)})
        share = alone.loss(features(name)[0], samples)['pc_share'].item()
        assert share_of(0.5, norm / stock) == pytest.approx(share, rel=1e-4)


def test_a_stock_loss_in_parts_counts_with_their_sum(monkeypatch):
    """As MMEngine's parse_losses takes it."""
    samples, shares = samples_of(REGRESSION), []
    stock_loss = RegressionHead.loss
    for parts in (lambda loss: loss, lambda loss: [loss / 4, 3 * loss / 4]):
        monkeypatch.setattr(RegressionHead, 'loss', lambda *arguments, parts=parts: {
            key: parts(value) if 'loss' in key else value for key, value in stock_loss(*arguments).items()})
        head = build('PCRegressionHead', pc_loss=PC_LOSS)
        shares.append(head.loss(features('RegressionHead')[0], samples)['pc_share'].item())
    assert shares[1] == pytest.approx(shares[0])


def test_several_instances_in_a_sample_are_refused():
    samples = samples_of(REGRESSION)
    both = np.concatenate([samples[0].gt_instances.transformed_keypoints] * 2)
    samples[0].gt_instances = InstanceData(transformed_keypoints=both)
    with pytest.raises(ValueError, match=r'on one instance a sample, and the sample picture.jpg has 2'):
        build('PCRegressionHead', pc_loss=PC_LOSS).loss(features('RegressionHead')[0], samples)


def test_an_integral_without_bias_reaches_the_loss():
    """At initialisation the maps are flat: soft-argmax says the centre, whatever the network; debiased it does not."""
    spread = []
    for options in ({}, dict(debias=True), dict(window=2)):
        torch.manual_seed(0)
        head = build('PCHeatmapHead', pc_loss=PC_LOSS, integral=dict(alpha=10., **options))
        spread.append(head.landmark_fractions(0.01 * torch.randn(4, K, *HEATMAP_SIZE[::-1])).std(dim=(0, 1)).sum())
    assert spread[0] < 0.1 * min(spread[1:])


def test_simcc_targets_are_read_where_they_stand():
    head, samples = build('PCSimCCHead', pc_loss=PC_LOSS), samples_of(SIMCC, span=(20, 44))
    labels = [torch.cat([s.gt_instance_labels[f'keypoint_{axis}_labels'] for s in samples]) for axis in 'xy']
    fractions = head.landmark_fractions([label.clamp(min=1e-30).log() for label in labels])
    target, weights = transformed(samples)
    off = ((fractions - target) * torch.tensor(INPUT_SIZE))[weights > 0]
    assert off.abs().max() < 0.26  # rounded to half pixels


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


LAST_LAYER = dict(PCCPMHead='multi_final_layers.0', PCMSPNHead='predict_layers.0', PCRegressionHead='fc',
                  PCRLEHead='fc', PCSimCCHead='mlp_head_x', PCRTMCCHead='cls_x', PCRTMWHead='cls_x')


@pytest.mark.parametrize('name', [name for _, name in CASES])
def test_the_output_is_let_go_and_forward_runs_once(name):
    head, codec, (feats, _) = build(name, **with_pc(name)), encoder_of(name[2:]), features(name)
    calls = []
    layer = head.get_submodule(LAST_LAYER.get(name, 'final_layer'))
    head.forward(feats)
    assert head._output is None
    layer.register_forward_hook(lambda *args: calls.append(1))
    head.loss(feats, samples_of(codec))
    assert len(calls) == 1 and head._output is None
    head.forward(feats)
    assert head._output is None
    with pytest.raises(ValueError, match='pack_transformed'):
        head.loss(feats, samples_of(codec, pack_transformed=False))
    assert head._output is None and not head._keeps_output


@pytest.mark.parametrize('name', HEATMAP_HEADS)
@pytest.mark.parametrize(('changes', 'words'), [
    (dict(decoder=None, integral=dict(alpha=10.)), 'needs a decoder'),
    (dict(decoder=REGRESSION, integral=dict(alpha=10.)), 'needs a decoder of heatmaps'),
    (dict(integral=None), r'integral=dict\(alpha=...\)'),
    (dict(integral=10.), r'integral=dict\(alpha=...\)'),
    (dict(integral=dict(beta=3)), r'integral=dict\(alpha=...\)'),
    (dict(integral=dict(alpha=0)), 'alpha must be a positive number'),
    (dict(integral=dict(debias=True)), r'integral=dict\(alpha=...\)'),
    (dict(integral=dict(alpha=10., debias='yes')), 'debias must be True or False'),
    (dict(integral=dict(alpha=10., window=0)), 'window must be None or a whole number'),
])
def test_bad_options(name, changes, words):
    with pytest.raises(ValueError, match=words):
        build(name, pc_loss=PC_LOSS, **changes)


@pytest.mark.parametrize('loss', [dict(type='KLDiscretLoss', beta=0), dict(type='KeypointMSELoss')])
def test_simcc_needs_a_temperature(loss):
    with pytest.raises(ValueError, match='takes the temperature of its distributions from the beta of its loss'):
        build('PCSimCCHead', pc_loss=PC_LOSS, loss=loss)
    build('PCSimCCHead', loss=loss)  # without PCLoss it is the stock head, whatever its loss


def test_a_head_of_your_own_as_the_page_shows_it():
    page = (Path(__file__).resolve().parents[2] / 'docs/any_model.md').read_text()
    code = next(block for block in re.findall(r'```python\n(.*?)```', page, re.S) if 'PCGridHead' in block)

    class GridHead(RegressionHead):
        pass

    exec(code, dict(GridHead=GridHead))
    head = build('PCGridHead', **HEADS['RegressionHead'], pc_loss=PC_LOSS)
    samples, (feats, _) = samples_of(REGRESSION), features('RegressionHead')
    target, weights = transformed(samples)
    expected = head.pc_loss(head.forward(feats).sigmoid(), target, weights)
    assert head.loss(feats, samples)['loss_pc'].item() == pytest.approx(expected.item())


def test_a_loss_that_does_not_call_forward_is_told():
    class Silent(PCLossMixin, RegressionHead):
        def forward(self, feats):
            return RegressionHead.forward(self, feats)

    head = Silent(**HEADS['RegressionHead'], pc_loss=PC_LOSS)
    with pytest.raises(RuntimeError, match='the loss of Silent does not call the forward of PCLossMixin'):
        head.loss(features('RegressionHead')[0], samples_of(REGRESSION))
    assert not head._keeps_output
