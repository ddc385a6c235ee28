"""The fast loss against the readable one, beside what test_position_constraint.py asks of both."""

import math

import pytest
import torch

from pcloss_mmpose.models.losses import position_constraint_loss
from pcloss_mmpose.models.losses.fast_constraint import FastLoss, value_and_slope
from pcloss_mmpose.models.losses.position_constraint import readable_loss

either_form = pytest.mark.parametrize('robust', [False, True], ids=['squares', 'lengths'])
GROUPS = [[0, 1, 2, 3, 8], [4, 2, 5], [6]]


def case(num_landmarks=9, batch=5, valid=0.6, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    pred, target = torch.randn(2, batch, num_landmarks, 2, generator=generator, dtype=torch.float64).to(dtype)
    weight = (torch.rand(batch, num_landmarks, generator=generator) < valid).float()
    weight[0] = 0
    return pred, target, weight


def readable(pred, target, weight, groups=None, topk=None, robust=False):
    members = [[k in group for k in range(pred.shape[1])] for group in groups or [range(pred.shape[1])]]
    return readable_loss(pred, target, (weight > 0)[:, None] & torch.tensor(members), topk, robust)


def with_gradients(function, pred, target, *args):
    leaves = [tensor.clone().requires_grad_() for tensor in (pred, target)]
    loss = function(*leaves, *args)
    return loss.detach(), *torch.autograd.grad(loss, leaves)


def assert_equal_both_ways(*args, **tolerances):
    ours = with_gradients(position_constraint_loss, *args)
    torch.testing.assert_close(ours, with_gradients(readable, *args), **tolerances)
    return ours


@either_form
@pytest.mark.parametrize('topk', [None, 1, 2, 4, 9, 50])
@pytest.mark.parametrize('groups', [None, GROUPS], ids=['one group', 'groups'])
@pytest.mark.parametrize('valid', [1., 0.6, 0.2])  # most, or few enough to be gathered
def test_value_and_both_gradients_are_those_of_the_readable_form(robust, topk, groups, valid):
    for seed in range(5):
        assert_equal_both_ways(*case(valid=valid, seed=seed), groups, topk, robust, rtol=1e-12, atol=1e-14)


@either_form
@pytest.mark.parametrize(('dtype', 'tolerance'), [
    (torch.float16, 2e-3), (torch.bfloat16, 1e-2), (torch.float32, 1e-5)], ids=str)
def test_types(robust, dtype, tolerance):
    loss, *gradients = assert_equal_both_ways(*case(dtype=dtype), GROUPS, 2, robust, rtol=tolerance, atol=tolerance)
    assert loss.dtype == torch.float32 and all(gradient.dtype == dtype for gradient in gradients)


@either_form
@pytest.mark.parametrize('valid', [1., 0.3])
def test_gradients_again_and_of_gradients(robust, valid):
    pred, target, weight = case(num_landmarks=5, batch=3, valid=valid)
    for tensor in (pred, target):
        tensor.requires_grad_()
    loss = position_constraint_loss(pred, target, weight, None, 2, robust)
    first, second = (torch.autograd.grad(loss, pred, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)
    for inputs in ((pred, target), (pred, target.detach()), (pred.detach(), target)):
        assert torch.autograd.gradgradcheck(
            lambda *points: position_constraint_loss(*points, weight, None, 2, robust), inputs)


@either_form
@pytest.mark.parametrize('topk', [None, 2])
@pytest.mark.parametrize('num_landmarks', [9, 40])  # valid landmarks are gathered from 40
def test_what_is_no_number_stays_in_its_group(robust, topk, num_landmarks):
    pred, target, weight = case(num_landmarks=num_landmarks)
    weight[:] = 0
    weight[:, :6] = 1
    weight[:, 1] = 0
    groups = [[0, 1, 2], [3, 4, 5, 7]]
    _, expected, _ = with_gradients(position_constraint_loss, pred, target, weight, groups, topk, robust)
    pred[2, 3, 0] = math.nan
    loss, gradient, _ = with_gradients(position_constraint_loss, pred, target, weight, groups, topk, robust)
    assert loss.isnan()
    assert gradient[2, [3, 4, 5]].isnan().any(-1).all() and (gradient[2, [1, 7]] == 0).all()
    gradient[2, [3, 4, 5]] = expected[2, [3, 4, 5]]
    assert torch.equal(gradient, expected)


@either_form
@pytest.mark.parametrize('topk', [None, 1, 3])
def test_equal_errors_have_no_slope(robust, topk):
    """Also where masked landmarks take the places of valid ones among the k worst, since all have 0."""
    target = torch.zeros(2, 6, 2)
    weight = torch.tensor([[0., 1, 1, 0, 1, 0], [0, 0, 0, 0, 1, 1]])
    loss, gradient, _ = with_gradients(position_constraint_loss, target + 7, target, weight, None, topk, robust)
    assert loss == 0 and (gradient == 0).all()


def test_a_length_too_small_to_be_squared_has_no_slope():
    pred = torch.tensor([[[0., 0.], [1e-24, 0.], [1., 0.]]])
    loss, gradient, _ = assert_equal_both_ways(pred, torch.zeros(1, 3, 2), torch.ones(1, 3), None, None, True)
    assert loss == pytest.approx(4 / 3)
    torch.testing.assert_close(gradient, torch.tensor([[[-2., 0.], [-2., 0.], [4., 0.]]]) / 3)


@either_form
@pytest.mark.parametrize('topk', [None, 2, 4])
def test_it_is_enough_to_know_the_size_of_the_largest_group(robust, topk):
    """As on a GPU, where counting what is valid would stop everything."""
    pred, target, weight = case(num_landmarks=12)
    groups = [[0, 1, 2, 8], [4, 2, 5], [6]]
    valid = (weight > 0)[:, None] & torch.tensor([[k in group for k in range(12)] for group in groups])
    error = torch.where(valid[..., None], (pred - target)[:, None], 0.)
    expected = with_gradients(readable, pred, target, weight, groups, topk, robust)
    for size in (4, 7, 12):  # of which only the first is gathered
        torch.testing.assert_close(value_and_slope(error, valid, size, topk, robust), expected[:2])


@either_form
@pytest.mark.parametrize('topk', [None, 2])
@pytest.mark.parametrize('groups', [None, GROUPS], ids=['one group', 'groups'])
def test_landmarks_that_are_handed_over_alone(robust, topk, groups):
    """In any order, with some among them that are masked, or in no group; each sample has others."""
    pred, target, weight = case(batch=6, valid=0.4)
    landmarks = torch.stack([torch.randperm(9, generator=torch.Generator().manual_seed(seed))[:5] for seed in range(6)])
    kept = torch.zeros_like(weight).scatter_(1, landmarks, 1.)
    both = landmarks[..., None].expand(-1, -1, 2)

    def some(pred, target, weight):
        return position_constraint_loss(
            pred.gather(1, both), target.gather(1, both), weight, groups, topk, robust, landmarks)

    expected = with_gradients(readable, pred, target, kept * weight, groups, topk, robust)
    assert expected[0] > 0
    torch.testing.assert_close(with_gradients(some, pred, target, weight), expected)
    torch.testing.assert_close(with_gradients(some, pred, target, weight[..., None]), expected)


@either_form
def test_an_empty_batch_is_a_zero(robust):
    loss, gradient, _ = assert_equal_both_ways(*(tensor[:0] for tensor in case()), GROUPS, 2, robust)
    assert loss == 0 and gradient.shape == (0, 9, 2)


def test_groups_that_were_seen_in_inference_first_can_train():
    groups = [[8, 1], [4, 2, 5]]
    with torch.inference_mode():
        expected = position_constraint_loss(*case(), groups)
    loss, gradient, _ = assert_equal_both_ways(*case(), groups, 2, True)
    assert expected > 0 and gradient.any()


@pytest.mark.filterwarnings('ignore::torch.jit.TracerWarning')
@either_form
def test_who_looks_into_it_gets_the_readable_form(robust, monkeypatch):
    pred, target, weight = case()
    expected = with_gradients(position_constraint_loss, pred, target, weight, GROUPS, 2, robust)
    monkeypatch.setattr(FastLoss, 'apply', None)
    options = dict(weight=weight, groups=GROUPS, topk=2, robust=robust)
    traced = torch.jit.trace(lambda *points: position_constraint_loss(*points, **options), (target, pred),
                             check_trace=False)
    torch.testing.assert_close(with_gradients(traced, pred, target), expected)
    if hasattr(torch, 'func'):  # since torch 2.0
        slopes = torch.func.grad(lambda *points: position_constraint_loss(*points, **options), (0, 1))(pred, target)
        torch.testing.assert_close(slopes, expected[1:])
