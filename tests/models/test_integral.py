import math

import numpy as np
import pytest
import torch
from mmpose.codecs import MSRAHeatmap

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.models.integral import expected_bins, integral_coordinates


def test_value_worked_by_hand():
    # softmax(log 3, 0, 0, 0) = 1/2, 1/6, 1/6, 1/6 over a 2 x 2 map.
    heatmaps = torch.tensor([[[[math.log(3), 0.], [0., 0.]]]])
    torch.testing.assert_close(integral_coordinates(heatmaps, 1.), torch.tensor([[[1 / 3, 1 / 3]]]))
    # alpha scales the logits: softmax(2 log 3, 0, 0, 0) = 9/12, 1/12, 1/12, 1/12.
    torch.testing.assert_close(integral_coordinates(heatmaps, 2.), torch.tensor([[[1 / 6, 1 / 6]]]))


def test_equals_the_double_sum_of_eq_2_and_3():
    heatmaps = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    weights = (0.7 * heatmaps).exp()
    weights = (weights / weights.sum((-1, -2), keepdim=True)).numpy()
    ys, xs = np.mgrid[:4, :5]
    expected = np.stack([(weights * xs).sum((-1, -2)), (weights * ys).sum((-1, -2))], -1)
    np.testing.assert_allclose(integral_coordinates(heatmaps, 0.7), expected, rtol=1e-12)


@pytest.mark.parametrize(('peak', 'alpha', 'within'), [(100., 0.1, 1.), (1., 10., 1.), (1., 30., 0.01)])
def test_paper_alpha_is_reached_through_the_peak(peak, alpha, within):
    codec = MSRAHeatmap(input_size=(128, 128), heatmap_size=(32, 32), sigma=2)
    heatmap = codec.encode(np.array([[[40., 80.]]], np.float32))['heatmaps'] * peak
    found = integral_coordinates(torch.from_numpy(heatmap)[None], alpha)[0, 0]
    assert (found - torch.tensor([10., 20.])).norm() < within


def test_alpha_of_the_paper_on_a_peak_of_one_gives_the_centre():
    heatmaps = torch.zeros(1, 1, 32, 32)
    heatmaps[0, 0, 5, 5] = 1
    assert (integral_coordinates(heatmaps, 0.1) - 15.5).abs().max() < 0.01


def test_gradcheck_and_half_precision():
    heatmaps = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda h: integral_coordinates(h, 2.), heatmaps)
    half = torch.randn(1, 2, 64, 64).half()
    expected = integral_coordinates(half.float(), 10.)
    torch.testing.assert_close(integral_coordinates(half, 10.), expected)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        torch.testing.assert_close(integral_coordinates(half, 10.), expected)


def test_debiased_and_windowed_values_worked_by_hand():
    heatmaps = torch.zeros(1, 1, 2, 4)
    heatmaps[..., 0, 0], heatmaps[..., 1, 3], heatmaps[..., 0, 3] = math.log(4), math.log(2), -1.
    # exp - 1: 3 at (0, 0), 1 at (3, 1), 0 in the background, nothing for what is below 0.
    found = integral_coordinates(heatmaps, 1., debias=True)
    torch.testing.assert_close(found, torch.tensor([[[0.75, 0.25]]]), rtol=0, atol=1e-3)
    # exp in the two columns near the peak: 4, 1 and below them 1, 1.
    found = integral_coordinates(heatmaps, 1., window=1)
    torch.testing.assert_close(found, torch.tensor([[[2 / 7, 2 / 7]]]))
    found = integral_coordinates(heatmaps, 1., debias=True, window=1)
    torch.testing.assert_close(found, torch.tensor([[[0., 0.]]]), rtol=0, atol=1e-3)


def test_what_the_background_does():
    """The same landmark on a low peak: soft-argmax is drawn half way to the centre, the other two are not."""
    codec = MSRAHeatmap(input_size=(128, 128), heatmap_size=(32, 32), sigma=1.5)
    heatmap = torch.from_numpy(codec.encode(np.array([[[32., 40.]]], np.float32))['heatmaps'])[None] / 2

    def off(**options):
        return (integral_coordinates(heatmap, 10., **options)[0, 0] - torch.tensor([8., 10.])).norm().item()

    assert off() > 4
    assert max(off(debias=True), off(window=4), off(debias=True, window=4)) < 0.02


def test_a_small_alpha_without_bias_is_the_positive_part_itself():
    heatmaps = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    positive = heatmaps.clamp(min=0).numpy()
    positive /= positive.sum((-1, -2), keepdims=True)
    ys, xs = np.mgrid[:5, :6]
    expected = np.stack([(positive * xs).sum((-1, -2)), (positive * ys).sum((-1, -2))], -1)
    np.testing.assert_allclose(integral_coordinates(heatmaps, 1e-4, debias=True), expected, atol=2e-3)


def test_debiased_extremes():
    for height in (-1e4, -1., 0., 1e4):  # exp(30 * 1e4) would be infinite
        heatmaps = torch.full((1, 1, 4, 4), height)
        torch.testing.assert_close(integral_coordinates(heatmaps, 30., debias=True), torch.full((1, 1, 2), 1.5))


def test_a_peak_that_rises_from_nothing_draws_the_position_from_the_centre_to_itself():
    heights = torch.linspace(0, 1e-2, 200, dtype=torch.float64)
    heatmaps = torch.zeros(200, 1, 1, 5, dtype=torch.float64)
    heatmaps[:, 0, 0, 0] = heights
    x = integral_coordinates(heatmaps, 10., debias=True)[:, 0, 0]
    assert x[0].item() == pytest.approx(2) and (x.diff() < 0).all() and 0 < x[-1] < 0.2


@pytest.mark.parametrize('options', [dict(debias=True), dict(window=1), dict(debias=True, window=1)], ids=str)
def test_gradcheck_without_bias(options):
    heatmaps = torch.randn(2, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda h: integral_coordinates(h, 2., **options), heatmaps)


@pytest.mark.parametrize(('options', 'words'), [
    (dict(debias=1), 'debias must be True or False'),
    (dict(window=0), 'window must be None or a whole number'),
    (dict(window=2.5), 'window'),
    (dict(window=True), 'window'),
])
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        integral_coordinates(torch.zeros(1, 1, 4, 5), 1., **options)


@pytest.mark.parametrize(('heatmaps', 'alpha', 'words'), [
    (torch.zeros(3, 4, 5), 1., r'\(B, K, H, W\)'),
    (torch.zeros(1, 1, 4, 5), 0., 'alpha'),
    (torch.zeros(1, 1, 4, 5), -1., 'alpha'),
    (torch.zeros(1, 1, 4, 5), math.nan, 'alpha'),
    (torch.zeros(1, 1, 4, 5), math.inf, 'alpha'),
    (torch.zeros(1, 1, 4, 5), '10', 'alpha'),
])
def test_bad_input(heatmaps, alpha, words):
    with pytest.raises(ValueError, match=words):
        integral_coordinates(heatmaps, alpha)


def test_expected_bin_worked_by_hand():
    # softmax(2 * (log 3 / 2, 0, 0)) = 3/5, 1/5, 1/5.
    logits = torch.tensor([[[math.log(3) / 2, 0., 0.]]])
    torch.testing.assert_close(expected_bins(logits, 2.), torch.tensor([[3 / 5]]))
    assert torch.autograd.gradcheck(lambda x: expected_bins(x, 2.), torch.randn(1, 2, 5).double().requires_grad_())


def test_expected_bins_are_the_integral_of_a_separable_map():
    x, y = torch.randn(2, 3, 7).double(), torch.randn(2, 3, 5).double()
    both = torch.stack([expected_bins(x, 3.), expected_bins(y, 3.)], dim=-1)
    torch.testing.assert_close(both, integral_coordinates(x[:, :, None] + y[..., None], 3.))
    half = x.bfloat16()
    torch.testing.assert_close(expected_bins(half, 3.), expected_bins(half.float(), 3.))


@pytest.mark.parametrize(('logits', 'alpha', 'words'), [
    (torch.zeros(3, 4), 1., r'\(B, K, W\)'),
    (torch.zeros(1, 3, 4), 0., 'alpha'),
])
def test_bad_logits(logits, alpha, words):
    with pytest.raises(ValueError, match=words):
        expected_bins(logits, alpha)
