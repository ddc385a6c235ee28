"""The fast integral against the readable one, and a window against a loop over the maps."""

import math

import pytest
import torch

from pcloss_mmpose.models import fast_integral
from pcloss_mmpose.models.fast_integral import FastIntegral
from pcloss_mmpose.models.integral import integral_coordinates, readable_integral

either_mass = pytest.mark.parametrize('debias', [False, True], ids=['plain', 'debias'])


def heatmaps_of(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def with_gradient(function, heatmaps, *args, **options):
    """Coordinates, and the gradient of their sum with weights that differ."""
    leaf = heatmaps.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    found = function(leaf, *args, **options)
    weight = torch.arange(1., found.numel() + 1, dtype=found.dtype).view_as(found)
    return found.detach(), torch.autograd.grad((found * weight).sum(), leaf)[0]


def assert_equal_both_ways(heatmaps, alpha=2., **tolerances):
    for debias in (False, True):
        ours = with_gradient(integral_coordinates, heatmaps, alpha, debias)
        torch.testing.assert_close(ours, with_gradient(readable_integral, heatmaps, alpha, debias), **tolerances)
        assert ours[0].dtype == torch.promote_types(heatmaps.dtype, torch.float32)


@pytest.fixture
def small_chunks(monkeypatch):
    """Two maps of 5 x 7 at a time, so that a test of few maps has several parts, and a last one that is smaller."""
    monkeypatch.setattr(fast_integral, 'CHUNK', 80)


@pytest.mark.parametrize('shape', [(3, 3, 5, 7), (1, 1, 5, 7), (2, 1, 1, 1), (1, 2, 40, 40), (0, 3, 5, 7)], ids=str)
def test_value_and_gradient_are_those_of_the_readable_form(shape, small_chunks):
    assert_equal_both_ways(heatmaps_of(*shape, dtype=torch.float64), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(('dtype', 'tolerance'), [
    (torch.float16, 1e-3), (torch.bfloat16, 8e-3), (torch.float32, 1e-5), (torch.float64, 1e-12)], ids=str)
def test_types(dtype, tolerance, small_chunks):
    assert_equal_both_ways(heatmaps_of(2, 3, 5, 7, dtype=dtype), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize('layout', [
    lambda maps: maps.contiguous(memory_format=torch.channels_last),
    lambda maps: maps[:, ::3],  # combined UDP
    lambda maps: maps.transpose(2, 3),
    lambda maps: maps[:, :1].expand(-1, 4, -1, -1),
], ids=['channels_last', 'every third', 'transposed', 'expanded'])
def test_layouts(layout, small_chunks):
    results = []
    for function in (integral_coordinates, readable_integral):
        leaf = heatmaps_of(2, 6, 5, 7, dtype=torch.float64).requires_grad_()
        found = function(layout(leaf), 2.)
        results.append((found, *torch.autograd.grad(found.square().sum(), leaf)))
    torch.testing.assert_close(*results)


@either_mass
def test_float32_is_as_good_as_the_readable_form(debias):
    """Against float64, at the paper's size, on a map that has peaks of all heights."""
    heatmaps = heatmaps_of(2, 3, 128, 128) * torch.linspace(0.01, 1, 6).view(2, 3, 1, 1)
    exact = with_gradient(readable_integral, heatmaps.double(), 10., debias)
    off = [[((found - right).norm() / right.norm()).item()
            for found, right in zip(with_gradient(function, heatmaps, 10., debias), exact)]
           for function in (integral_coordinates, readable_integral)]
    assert all(ours < 1.2 * readable < 2e-4 for ours, readable in zip(*off))


@either_mass
@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_what_is_no_number_stays_in_its_map(debias, value):
    clean = heatmaps_of(2, 3, 5, 7)
    spoilt = clean.clone()
    spoilt[0, 1, 2, 3] = value
    (found, gradient), (expected, slopes) = (
        with_gradient(integral_coordinates, maps, 2., debias) for maps in (spoilt, clean))
    assert found[0, 1].isnan().all() and gradient[0, 1].isnan().any()
    found[0, 1], gradient[0, 1] = expected[0, 1], slopes[0, 1]
    torch.testing.assert_close((found, gradient), (expected, slopes), rtol=0, atol=0)


def test_extremes():
    for height in (-1e4, -1., 1e4):  # exp would be infinite or 0
        flat = torch.full((1, 2, 4, 4), height)
        flat[0, 1, 0, 0] -= 1e5
        assert_equal_both_ways(flat, 30., rtol=1e-5, atol=1e-5)
    hole = heatmaps_of(1, 1, 4, 4)
    hole[..., 1:, :] = -math.inf
    assert_equal_both_ways(hole)


def test_what_counts_nothing_has_no_slope():
    heatmaps = torch.tensor([[[[0., -0., -1., 0.5, 1.]]]])
    _, gradient = with_gradient(integral_coordinates, heatmaps, 1., True)
    assert (gradient != 0).tolist() == [[[[False, False, False, True, True]]]]
    torch.testing.assert_close(gradient[..., 3:], with_gradient(readable_integral, heatmaps, 1., True)[1][..., 3:])


@either_mass
def test_gradients_again_and_of_gradients(debias):
    heatmaps = heatmaps_of(1, 2, 3, 4, dtype=torch.float64).requires_grad_()
    found = integral_coordinates(heatmaps, 2., debias)
    kept = heatmaps.detach().clone()
    first, second = (torch.autograd.grad(found.square().sum(), heatmaps, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second) and torch.equal(heatmaps, kept)
    assert torch.autograd.gradcheck(lambda maps: integral_coordinates(maps, 2., debias), heatmaps)
    assert torch.autograd.gradgradcheck(lambda maps: integral_coordinates(maps, 2., debias), heatmaps)


@either_mass
def test_nothing_of_the_size_of_the_maps_is_kept(debias):
    heatmaps, kept = heatmaps_of(2, 3, 16, 16).requires_grad_(), []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        integral_coordinates(heatmaps, 2., debias)
    assert sum(tensor.numel() for tensor in kept if tensor is not heatmaps) < heatmaps.numel() / 16


@pytest.mark.filterwarnings('ignore::torch.jit.TracerWarning')
def test_who_looks_into_it_gets_the_readable_form(monkeypatch):
    heatmaps = heatmaps_of(2, 3, 5, 7)
    expected = with_gradient(integral_coordinates, heatmaps, 2.)
    monkeypatch.setattr(FastIntegral, 'apply', None)
    traced = torch.jit.trace(lambda maps: integral_coordinates(maps, 2.), heatmaps_of(1, 3, 5, 7, seed=1),
                             check_trace=False)
    torch.testing.assert_close(with_gradient(traced, heatmaps), expected)
    if hasattr(torch, 'func'):  # since torch 2.0
        def total(maps):
            found = integral_coordinates(maps, 2.)
            return (found * torch.arange(1., found.numel() + 1).view_as(found)).sum()
        torch.testing.assert_close(torch.func.grad(total)(heatmaps), expected[1])
        each = torch.func.vmap(lambda maps: integral_coordinates(maps[None], 2.)[0])(heatmaps)
        torch.testing.assert_close(each, expected[0])


def windowed(heatmaps, alpha, window, debias):
    """The square around each map's peak, cut out and integrated by itself."""
    found = []
    for each in heatmaps.flatten(0, 1):
        row, column = divmod(each.argmax().item(), each.shape[1])
        top, left = max(row - window, 0), max(column - window, 0)
        cut = each[top:row + window + 1, left:column + window + 1]
        offset = torch.tensor([left, top], dtype=each.dtype)
        found.append(readable_integral(cut[None, None], alpha, debias)[0, 0] + offset)
    return torch.stack(found).view(*heatmaps.shape[:2], 2)


@either_mass
@pytest.mark.parametrize('window', [1, 2, 3, 6, 10**6])
@pytest.mark.parametrize('size', [(6, 9), (1, 5), (4, 4)], ids=str)
def test_a_window_is_the_integral_of_the_square_around_the_peak(debias, window, size):
    """Peaks everywhere, at the border and in the corners too."""
    heatmaps = heatmaps_of(5, size[0] * size[1], *size, dtype=torch.float64)
    for index, each in enumerate(heatmaps.transpose(0, 1)):
        each[:, index // size[1], index % size[1]] = 5 + heatmaps_of(5, dtype=torch.float64, seed=index)
    ours = with_gradient(integral_coordinates, heatmaps, 0.7, debias, window)
    torch.testing.assert_close(ours, with_gradient(windowed, heatmaps, 0.7, window, debias), rtol=1e-9, atol=1e-9)


@either_mass
def test_of_several_peaks_the_first_has_the_window(debias):
    heatmaps = torch.zeros(1, 1, 5, 6)
    heatmaps[0, 0, 1, 4] = heatmaps[0, 0, 4, 0] = heatmaps[0, 0, 1, 5] = 1.
    found = integral_coordinates(heatmaps, 100., debias, window=1)
    torch.testing.assert_close(found, torch.tensor([[[4.5, 1.]]]))
    flat = torch.zeros(1, 1, 5, 6)
    torch.testing.assert_close(integral_coordinates(flat, 1., debias, window=1), torch.tensor([[[0.5, 0.5]]]))


def test_a_window_keeps_what_is_no_number_in_its_map():
    heatmaps = heatmaps_of(1, 2, 5, 7)
    heatmaps[0, 0, 4, 6] = math.nan
    found, gradient = with_gradient(integral_coordinates, heatmaps, 2., window=1)
    assert found[0, 0].isnan().all() and found[0, 1].isfinite().all() and gradient[0, 1].isfinite().all()
