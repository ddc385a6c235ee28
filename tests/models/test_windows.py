"""Windows: worked by hand, against numpy's matrices, and against pooling."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pcloss_mmpose.models.windows import SCALES, Window, sample_windows, whole_map


def random_windows(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    log_scale, shift = ((torch.rand(*shape, 2, generator=generator, dtype=torch.float64) - .5) * .6 for _ in range(2))
    return Window(log_scale - .35, shift)  # composed twice, still between the bounds


def matrices(window):
    """The windows' affine maps as (..., 3, 3) arrays."""
    made = np.zeros((*window.shift.shape[:-1], 3, 3))
    made[..., 0, 0], made[..., 1, 1] = (np.exp(window.log_scale[..., axis].numpy()) for axis in (0, 1))
    made[..., :2, 2], made[..., 2, 2] = window.shift.numpy(), 1
    return made


def mapped(matrix, points):
    return (matrix @ np.concatenate([points, np.ones_like(points[..., :1])], axis=-1)[..., None])[..., :2, 0]


def test_a_window_by_hand():
    window = Window(torch.tensor([math.log(.5), math.log(.25)]), torch.tensor([.5, -.5]))
    corner = torch.tensor([1., -1.])
    torch.testing.assert_close(window.to_map(corner), torch.tensor([1., -.75]))
    torch.testing.assert_close(window.from_map(torch.tensor([1., -.75])), corner)
    inner = Window(torch.tensor([0., math.log(2.)]), torch.tensor([-1., 1.]))
    both = window.compose(inner)
    torch.testing.assert_close(both.scale, torch.tensor([.5, .5]))
    torch.testing.assert_close(both.shift, torch.tensor([0., -.25]))


def test_windows_compose_and_invert_like_matrices():
    outer, inner = random_windows(0, 4, 3), random_windows(1, 4, 3)
    points = np.random.default_rng(0).normal(size=(4, 3, 2))
    chain = matrices(outer) @ matrices(inner)
    composed = outer.compose(inner)
    np.testing.assert_allclose(matrices(composed), chain)
    np.testing.assert_allclose(composed.to_map(torch.from_numpy(points)).numpy(), mapped(chain, points))
    np.testing.assert_allclose(
        composed.from_map(torch.from_numpy(points)).numpy(), mapped(np.linalg.inv(chain), points))


@pytest.mark.parametrize(('log_scale', 'bound'), [
    (-3., SCALES[0]), (-800., SCALES[0]), (3., SCALES[1]), (800., SCALES[1])])
def test_beyond_a_bound_the_landmarks_do_not_pull_and_the_regulariser_brings_back(log_scale, bound):
    log_scale = torch.full((2, ), log_scale, requires_grad=True)
    window = Window(log_scale, torch.zeros(2))
    torch.testing.assert_close(window.scale, torch.full((2, ), bound))
    pulled, = torch.autograd.grad(window.to_map(torch.ones(2)).sum(), log_scale)
    assert pulled.tolist() == [0, 0]
    back, = torch.autograd.grad(window.log_scale.square().sum(), log_scale)
    assert (back * log_scale > 0).all()


@pytest.mark.parametrize('side', [14, 28])
def test_the_whole_map_is_average_pooling(side):
    """Where the points lie in the middle between cells, or on them."""
    feats = torch.randn(2, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    sampled = sample_windows(feats, whole_map(feats, 4), 7)
    torch.testing.assert_close(sampled, F.adaptive_avg_pool2d(feats, 7)[:, None].expand(-1, 4, -1, -1, -1))


def test_a_window_of_a_quarter_is_that_quarter():
    """And what lies outside counts as 0; each image has its own windows."""
    feats = torch.randn(2, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    half = math.log(.5)
    shift = torch.tensor([[[.5, -.5], [1.5, -.5]], [[-.5, .5], [.5, .5]]], dtype=torch.float64)
    sampled = sample_windows(feats, Window(torch.full((2, 2, 2), half, dtype=torch.float64), shift), 4)
    pooled = F.avg_pool2d(feats, 2)
    torch.testing.assert_close(sampled[0, 0], pooled[0, :, :4, 4:])
    assert not sampled[0, 1].any()
    torch.testing.assert_close(sampled[1, 0], pooled[1, :, 4:, :4])
    torch.testing.assert_close(sampled[1, 1], pooled[1, :, 4:, 4:])


def test_a_map_that_rises_evenly_is_read_at_the_windows_points():
    """x along the columns, 10 y along the rows: bilinear interpolation is exact, and a bin's mean is its middle."""
    height, width, size = 12, 20, 5
    x = (torch.arange(width, dtype=torch.float64) * 2 + 1) / width - 1
    y = (torch.arange(height, dtype=torch.float64) * 2 + 1) / height - 1
    feats = torch.stack([x.expand(height, width), 10 * y[:, None].expand(height, width)])[None]
    window = Window(random_windows(0, 1, 3).log_scale - .5, random_windows(1, 1, 3).shift)
    sampled = sample_windows(feats, window, size)
    middles = (np.arange(size) + .5) / size * 2 - 1
    for k, matrix in enumerate(matrices(window)[0]):
        for row, column in np.ndindex(size, size):
            at = mapped(matrix, np.array([middles[column], middles[row]]))
            np.testing.assert_allclose(sampled[0, k, :, row, column].numpy(), at * [1, 10])


def test_gradients_reach_the_windows_and_the_features():
    feats = torch.randn(1, 2, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    window = random_windows(3, 1, 2)
    inputs = (feats, window.log_scale.requires_grad_(), window.shift.requires_grad_())
    assert torch.autograd.gradcheck(lambda feats, *window: sample_windows(feats, Window(*window), 2), inputs)
