"""STAR loss, and the covariances that heads give it."""

import math

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from pcloss_mmpose.models.integral import bin_variances, integral_coordinates, integral_covariances, mass_covariances
from pcloss_mmpose.models.losses import STARLoss
from pcloss_mmpose.models.losses.star import principal_directions, star_loss

from . import test_heads as heads
from .test_heads import COMBINED, HEATMAP_HEADS, HEATMAP_SIZE, INPUT_SIZE, MEGVII, MSRA, K, build, features

COVARIANCE_HEADS = (*HEATMAP_HEADS, 'PCIntegralRegressionHead', 'PCDSNTHead', 'PCSimCCHead', 'PCRTMCCHead',
                    'PCRTMWHead')


def random_case(seed=0, batch=3, num_landmarks=5):
    generator = torch.Generator().manual_seed(seed)

    def draw(*size):
        return torch.randn(batch, num_landmarks, *size, generator=generator, dtype=torch.float64)

    pred, target, root = draw(2).mul(.2).requires_grad_(), draw(2) * .2, draw(2, 2) * .1
    weight = (torch.rand(batch, num_landmarks, generator=generator) > .4).double()
    return pred, target, weight, root @ root.mT


def reference(pred, target, weight, covariance, restriction=1.):
    """The loss in the authors' unit, a landmark at a time, by the eigenvectors of numpy."""
    total, counted = 0., 0
    for error, valid, matrix in zip((2 * (pred - target)).reshape(-1, 2), weight.ravel(), covariance.reshape(-1, 2, 2)):
        if valid <= 0:
            continue
        values, vectors = np.linalg.eigh(4 * matrix)
        for value, part in zip(values, np.abs(vectors.T @ error)):
            distance = part**2 / 0.02 if part < 0.01 else part - 0.005
            total += distance / math.sqrt(value + 1e-5) + restriction * value
        counted += 1
    return total / counted


def test_values_worked_by_hand():
    covariance = torch.diag(torch.tensor([.04, .01], dtype=torch.float64))[None, None]  # roots .4 and .2 in half sides
    target = torch.zeros(1, 1, 2, dtype=torch.float64)
    along, across = torch.tensor([[[.1, 0.]]]).double(), torch.tensor([[[0., .1]]]).double()
    assert star_loss(along, target, covariance=covariance) == pytest.approx(.195 / .4 + .2, rel=1e-3)
    assert star_loss(across, target, covariance=covariance) == pytest.approx(.195 / .2 + .2, rel=1e-3)
    assert star_loss(across, target, covariance=covariance, restriction=0.) == pytest.approx(.195 / .2, rel=1e-3)
    # Below the corner it is a square: (2 * .002)^2 / .02.
    assert star_loss(.02 * across, target, covariance=covariance, restriction=0.) == pytest.approx(8e-4 / .2, rel=1e-3)
    # The same distribution and error, both turned by 30 degrees.
    turn = torch.tensor([[math.sqrt(3), -1.], [1., math.sqrt(3)]]).double() / 2
    turned = star_loss(along @ turn.T, target, covariance=turn @ covariance @ turn.T)
    assert turned == pytest.approx(.195 / .4 + .2, rel=1e-3)


@pytest.mark.parametrize('restriction', [0., 1., 3.])
def test_equals_a_reference_of_its_own(restriction):
    for seed in range(5):
        pred, target, weight, covariance = random_case(seed)
        ours = star_loss(pred, target, weight[..., None], covariance=covariance, restriction=restriction)
        expected = reference(pred.detach().numpy(), target.numpy(), weight.numpy(), covariance.numpy(), restriction)
        assert ours.item() == pytest.approx(expected, rel=1e-10)


def test_gradient_is_the_slope_with_the_directions_held():
    pred, target, weight, covariance = random_case(1)
    assert torch.autograd.gradcheck(lambda p: star_loss(p, target, weight, covariance=covariance), pred)
    axes = principal_directions(covariance)  # rows: C = axes^T diag(l) axes
    eigenvalues = torch.linalg.eigvalsh(covariance).flip(-1).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda v: star_loss(pred.detach(), target, weight, covariance=axes.mT @ torch.diag_embed(v) @ axes),
        eigenvalues)


def test_directions_are_the_eigenvectors():
    covariance = random_case(2)[3]
    axes = principal_directions(covariance)
    turned = axes @ covariance @ axes.mT
    expected = torch.diag_embed(torch.linalg.eigvalsh(covariance).flip(-1))
    torch.testing.assert_close(turned, expected, atol=1e-14, rtol=0)


@pytest.mark.parametrize('matrix', [
    [[0., 0.], [0., 0.]], [[.01, 0.], [0., .01]], [[.01, .01], [.01, .01]], [[.01, 1e-12], [1e-12, .01]],
    [[0., 0.], [0., 1e-9]]])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_equal_and_zero_eigenvalues_have_a_finite_gradient(matrix, dtype):
    covariance = torch.tensor([[matrix]], dtype=dtype, requires_grad=True)
    pred = torch.tensor([[[.1, .3]]], dtype=dtype, requires_grad=True)
    loss = star_loss(pred, torch.zeros(1, 1, 2, dtype=dtype), covariance=covariance)
    loss.backward()
    assert loss.isfinite() and pred.grad.isfinite().all() and covariance.grad.isfinite().all()
    assert pred.grad.abs().max() <= 2 / math.sqrt(1e-5) * 1.01 * math.sqrt(2)


def test_masked_landmarks_have_no_influence_whatever_they_hold():
    pred, target, weight, covariance = random_case(3)
    clean = star_loss(pred, target, weight, covariance=covariance)
    nan = torch.tensor(math.nan, dtype=target.dtype)
    valid = weight > 0
    poisoned = torch.where(valid[..., None], target, nan)
    spread = torch.where(valid[..., None, None], covariance, nan).requires_grad_()
    loss = star_loss(torch.where(valid[..., None], pred, nan), poisoned, weight, covariance=spread)
    assert loss.item() == clean.item()
    for gradient in torch.autograd.grad(loss, [pred, spread]):
        assert gradient.isfinite().all() and not gradient[~valid].any() and gradient[valid].any()


def test_nothing_to_learn_from_is_a_zero_with_a_gradient():
    pred, target, weight, covariance = random_case(4)
    loss = star_loss(pred, target, 0 * weight, covariance=covariance)
    loss.backward()
    assert loss.item() == 0 and not pred.grad.any()


def test_half_precision_is_computed_in_float32():
    pred = torch.tensor([[[.25, 0.]]], dtype=torch.float16, requires_grad=True)
    loss = star_loss(pred, torch.zeros(1, 1, 2), covariance=torch.zeros(1, 1, 2, 2, dtype=torch.float16))
    loss.backward()
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(.495 / math.sqrt(1e-5), rel=1e-5)
    assert pred.grad.isfinite().all()


@pytest.mark.parametrize(('kwargs', 'error', 'words'), [
    (dict(pred=torch.zeros(2, 3, 2, dtype=torch.long)), TypeError, 'floating point'),
    (dict(target=torch.zeros(2, 4, 2)), ValueError, 'shape of pred'),
    (dict(weight=torch.ones(2, 4)), ValueError, 'weight'),
    (dict(covariance=torch.zeros(2, 3, 2)), ValueError, r'covariance must have shape \(2, 3, 2, 2\), got \(2, 3, 2\)'),
    (dict(covariance=torch.zeros(1, 3, 2, 2)), ValueError, 'covariance'),
])
def test_bad_input(kwargs, error, words):
    with pytest.raises(error, match=words):
        star_loss(**dict(dict(pred=torch.zeros(2, 3, 2), target=torch.zeros(2, 3, 2),
                              covariance=torch.zeros(2, 3, 2, 2)), **kwargs))


@pytest.mark.parametrize('options', [
    dict(restriction=-1.), dict(restriction=math.nan), dict(restriction='1'), dict(restriction=True),
    dict(loss_weight=-1.)])
def test_bad_options(options):
    with pytest.raises(ValueError, match=f'{next(iter(options))} must be a finite number from 0'):
        STARLoss(**options)


def test_the_module_hands_on_its_options():
    pred, target, weight, covariance = random_case(5)
    module = MODELS.build(dict(type='STARLoss', restriction=2., loss_weight=.5))
    expected = .5 * reference(pred.detach().numpy(), target.numpy(), weight.numpy(), covariance.numpy(), 2.)
    assert module(pred, target, weight, covariance=covariance).item() == pytest.approx(expected)
    assert not module.state_dict() and str(module) == 'STARLoss(restriction=2.0, loss_weight=0.5)'


def covariance_of(mass, pixel=(1., 1.)):
    """Of each map (H, W) of a mass of any sum, by numpy's own weighted covariance."""
    rows, columns = np.indices(mass.shape[-2:])
    points = np.stack([pixel[0] * columns.ravel(), pixel[1] * rows.ravel()])
    flat = mass.reshape(-1, mass.shape[-2] * mass.shape[-1])
    found = [np.cov(points, aweights=each, ddof=0) for each in flat]
    return np.reshape(found, (*mass.shape[:-2], 2, 2))


@pytest.mark.parametrize('debias', [False, True])
@pytest.mark.parametrize('window', [None, 2])
def test_covariance_is_that_of_the_mass_that_is_integrated(debias, window):
    heatmaps = torch.randn(2, 3, 6, 9, generator=torch.Generator().manual_seed(0)).double()
    values = heatmaps.numpy()
    mass = np.clip(np.exp(3 * values) - debias, 0, None)
    if window is not None:
        rows, columns = np.indices(values.shape[-2:])
        for index in np.ndindex(values.shape[:2]):
            row, column = np.unravel_index(values[index].argmax(), values.shape[-2:])
            mass[index][(abs(rows - row) > window) | (abs(columns - column) > window)] = 0
    found = integral_covariances(heatmaps, 3., debias, window, pixel=(.5, .25))
    tolerance = 1e-3 if debias else 1e-9  # debiased, a small rest keeps empty maps from NaN
    np.testing.assert_allclose(found, covariance_of(mass, (.5, .25)), rtol=tolerance, atol=tolerance)
    # It is the spread about the coordinates that the same options give.
    mean = (mass / mass.sum((2, 3), keepdims=True) * np.arange(9)).sum((2, 3))
    np.testing.assert_allclose(integral_coordinates(heatmaps, 3., debias, window)[..., 0], mean, rtol=1e-3)


def test_covariances_are_differentiable_and_refuse_other_shapes():
    heatmaps = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    for window in (None, 1):
        assert torch.autograd.gradcheck(lambda h: integral_covariances(h, 2., window=window), heatmaps)  # noqa: B023
    assert torch.autograd.gradcheck(lambda h: bin_variances(h.flatten(2), 2.), heatmaps)
    with pytest.raises(ValueError, match=r'\(B, K, H, W\)'):
        integral_covariances(torch.zeros(3, 4, 5), 1.)
    with pytest.raises(ValueError, match='alpha must be a positive number'):
        integral_covariances(heatmaps, 0.)
    narrow = torch.zeros(1, 1, 3, 4096)
    narrow[..., 1, 4001:4003] = .5  # a difference of squares would be lost in float32 here
    assert mass_covariances(narrow)[0, 0].tolist() == [[.25, 0.], [0., 0.]]


@pytest.mark.parametrize('name', COVARIANCE_HEADS)
def test_a_head_of_distributions_learns_by_it(name):
    options = dict(integral=dict(alpha=10.)) if name in HEATMAP_HEADS else {}
    head = build(name, structural_loss=dict(type='STARLoss', loss_weight=1e-3), **options)
    feats, maps = features(name, requires_grad=True)
    losses = head.loss(feats, heads.samples_of(heads.encoder_of(name[2:])))
    assert losses['loss_structural'] > 0 and 0 < losses['structural_share'] < 1
    losses['loss_structural'].backward()
    assert all(each.grad.isfinite().all() and each.grad.any() for each in maps)


@pytest.mark.parametrize('name', ['PCRegressionHead', 'PCRLEHead'])
def test_a_head_of_coordinates_is_refused(name):
    with pytest.raises(ValueError, match=f'STARLoss needs the distribution of each landmark, and {name} gives coord'):
        build(name, structural_loss=dict(type='STARLoss'))


@pytest.mark.parametrize(('codec', 'channels', 'alpha'), [(MSRA, K, 10.), (COMBINED, 3 * K, 10.), (MEGVII, K, 10.)])
def test_covariances_of_heatmaps_are_in_fractions_of_the_input(codec, channels, alpha):
    head = build('PCHeatmapHead', out_channels=channels, decoder=codec, structural_loss=dict(type='STARLoss'),
                 integral=dict(alpha=alpha))
    output = torch.randn(2, channels, *HEATMAP_SIZE[::-1], generator=torch.Generator().manual_seed(0))
    peak = 255 if codec is MEGVII else 1
    mass = np.exp(alpha / peak * output.double().numpy()[:, ::channels // K])
    pixel = np.array(head.decoder.scale_factor) / INPUT_SIZE
    np.testing.assert_allclose(head.landmark_covariances(output), covariance_of(mass, pixel), rtol=1e-3, atol=1e-7)


def test_covariances_of_simcc_are_along_the_axes():
    head = build('PCRTMCCHead', structural_loss=dict(type='STARLoss'))
    output = [torch.randn(2, K, 2 * size, generator=torch.Generator().manual_seed(0)) for size in INPUT_SIZE]
    found = head.landmark_covariances(output)
    for axis, (logits, size) in enumerate(zip(output, INPUT_SIZE)):
        mass, bins = np.exp(10 * logits.double().numpy()), np.arange(2 * size) / (2 * size)
        expected = [[np.cov(bins, aweights=each, ddof=0) for each in sample] for sample in mass]
        np.testing.assert_allclose(found[..., axis, axis], expected, rtol=1e-3)
    assert not found[..., 0, 1].any() and not found[..., 1, 0].any()


@pytest.mark.parametrize('name', ['PCIntegralRegressionHead', 'PCDSNTHead'])
def test_covariances_of_integral_regression_are_about_its_coordinates(name):
    head = build(name, structural_loss=dict(type='STARLoss'))
    coordinates, heatmaps = head.forward(features(name)[0])
    found = head.landmark_covariances((coordinates, heatmaps))
    pixel = 1 / np.array(HEATMAP_SIZE)
    np.testing.assert_allclose(found.detach(), covariance_of(heatmaps.detach().double().numpy(), pixel), rtol=1e-3,
                               atol=1e-7)
    columns = (heatmaps.sum(-2) * torch.arange(HEATMAP_SIZE[0]) / HEATMAP_SIZE[0]).sum(-1)
    torch.testing.assert_close(coordinates[..., 0], columns)
