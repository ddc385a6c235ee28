import math
from pathlib import Path

import pytest
import torch
from mmpose.registry import MODELS

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.metainfo import load_metainfo
from pcloss_mmpose.models.losses import PCLoss, partition_from_metainfo, position_constraint_loss


def random_case(seed, batch=4, num_landmarks=7):
    generator = torch.Generator().manual_seed(seed)
    pred = torch.randn(batch, num_landmarks, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.randn(batch, num_landmarks, 2, generator=generator, dtype=torch.float64)
    weight = (torch.rand(batch, num_landmarks, generator=generator) > 0.4).double()
    return pred, target, weight


def test_values_worked_by_hand():
    # Errors e = (0,0), (1,0), (3,0): L = 1 + 9, 1 + 4, 9 + 4.
    pred = torch.tensor([[[0., 0.], [1., 0.], [3., 0.]]])
    target = torch.zeros(1, 3, 2)
    assert position_constraint_loss(pred, target) == pytest.approx((10 + 5 + 13) / 3)
    assert position_constraint_loss(pred, target, topk=1) == 13
    assert position_constraint_loss(pred, target, topk=2) == (13 + 10) / 2
    assert position_constraint_loss(pred, target, topk=9) == position_constraint_loss(pred, target)
    # Groups add up: {0, 1} gives (1 + 1) / 2, {1, 2} gives (4 + 4) / 2.
    assert position_constraint_loss(pred, target, groups=[[0, 1], [1, 2]]) == 1 + 4
    # Without landmark 1 there is one pair, 3 apart; the weight's size does not matter.
    assert position_constraint_loss(pred, target, weight=torch.tensor([[1., 0., 0.2]])) == 9
    # Lengths: L = 1 + 3, 1 + 2, 3 + 2.
    assert position_constraint_loss(pred, target, robust=True) == 4
    assert position_constraint_loss(pred, target, topk=2, robust=True) == (5 + 4) / 2
    assert position_constraint_loss(pred, target, weight=torch.tensor([[1., 0., 0.2]]), robust=True) == 3


def test_robust_lengths_are_euclidean_and_grow_with_the_distance_not_its_square():
    pred, target = torch.tensor([[[0., 0.], [3., 4.]]]), torch.zeros(1, 2, 2)
    assert position_constraint_loss(pred, target, robust=True) == 5
    assert position_constraint_loss(10 * pred, target, robust=True) == 50
    exact = torch.zeros(1, 3, 2, requires_grad=True)  # no error has no direction
    loss = position_constraint_loss(exact, torch.zeros(1, 3, 2), robust=True)
    assert loss == 0 and not torch.autograd.grad(loss, exact)[0].any()


@pytest.mark.parametrize('topk', [None, 1, 3, 20])
@pytest.mark.parametrize('groups', [None, [[0, 1, 2, 3], [3, 4, 5, 6]], [[0, 2], [1], [4, 5, 6]]])
@pytest.mark.parametrize('masked', [False, True])
@pytest.mark.parametrize('robust', [False, True])
def test_equals_the_pairwise_form_in_value_and_gradient(topk, groups, masked, robust, pairwise_loss):
    for seed in range(5):
        pred, target, weight = random_case(seed)
        weight = weight if masked else None
        ours = position_constraint_loss(pred, target, weight, groups, topk, robust)
        reference = pairwise_loss(pred, target, weight, groups, topk, robust)
        assert ours.item() == pytest.approx(reference.item(), rel=1e-12)
        torch.testing.assert_close(*(torch.autograd.grad(loss, pred)[0] for loss in (ours, reference)))


either_form = pytest.mark.parametrize('robust', [False, True], ids=['squares', 'lengths'])


@either_form
def test_gradcheck(robust):
    pred, target, weight = random_case(0)
    groups = [[0, 1, 2, 3], [3, 4, 5, 6]]
    for topk in (None, 3):
        assert torch.autograd.gradcheck(
            lambda p: position_constraint_loss(p, target, weight, groups, topk, robust), pred)  # noqa: B023


@either_form
def test_a_common_shift_is_free_and_a_common_offset_costs_no_precision(robust):
    pred, target, _ = random_case(1)
    base = position_constraint_loss(pred, target, robust=robust)
    assert position_constraint_loss(pred + 7, target, robust=robust).item() == pytest.approx(base.item(), rel=1e-12)
    shifted = position_constraint_loss((pred.detach() + 1000).float(), (target + 1000).float(), robust=robust)
    assert shifted.item() == pytest.approx(base.item(), rel=1e-3)


@either_form
def test_masked_landmarks_have_no_influence_whatever_they_hold(robust):
    pred, target, weight = random_case(2)
    clean = position_constraint_loss(pred, target, weight, robust=robust)
    poisoned = torch.where(weight[..., None] > 0, target, torch.tensor(math.nan, dtype=target.dtype))
    loss = position_constraint_loss(pred, poisoned, weight[..., None], robust=robust)
    assert loss.item() == clean.item()
    gradient, = torch.autograd.grad(loss, pred)
    assert torch.isfinite(gradient).all() and (gradient[weight == 0] == 0).all()


@either_form
@pytest.mark.parametrize('topk', [None, 1, 3])
@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_a_coordinate_that_is_no_number_gives_none(robust, topk, value):
    pred, target, weight = random_case(2)
    first = weight[0].nonzero()[0, 0]
    pred = torch.where(torch.zeros_like(pred).index_put((torch.tensor(0), first, torch.tensor(1)),
                                                        torch.tensor(1., dtype=pred.dtype)) > 0, value, pred)
    for groups in (None, [range(pred.shape[1])]):
        assert position_constraint_loss(pred, target, weight, groups, topk, robust).isnan()


@either_form
@pytest.mark.parametrize('weight', [torch.zeros(2, 3), torch.tensor([[0., 1., 0.], [0., 0., 1.]])])
def test_nothing_to_learn_from_is_a_zero_with_a_gradient(weight, robust):
    pred = torch.randn(2, 3, 2, requires_grad=True)
    loss = position_constraint_loss(pred, torch.zeros(2, 3, 2), weight, topk=2, robust=robust)
    loss.backward()
    assert loss.item() == 0 and (pred.grad == 0).all()


def test_a_single_landmark_has_no_pair():
    assert position_constraint_loss(torch.ones(2, 1, 2), torch.zeros(2, 1, 2)) == 0


def test_average_is_over_the_samples_that_count():
    pred = torch.tensor([[[0., 0.], [2., 0.]], [[5., 5.], [9., 9.]]])
    weight = torch.tensor([[1., 1.], [1., 0.]])
    assert position_constraint_loss(pred, torch.zeros(2, 2, 2), weight) == 4


def test_half_precision_is_computed_in_float32():
    pred = torch.tensor([[[0., 0.], [300., 0.], [0., 300.]]], dtype=torch.float16, requires_grad=True)
    loss = position_constraint_loss(pred, torch.zeros(1, 3, 2, dtype=torch.float16))
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx((180000 + 270000 + 270000) / 3)
    loss.backward()
    assert pred.grad.dtype == torch.float16 and torch.isfinite(pred.grad).all()


@pytest.mark.parametrize(('kwargs', 'error', 'words'), [
    (dict(pred=torch.zeros(2, 3, 2, dtype=torch.long)), TypeError, 'floating point'),
    (dict(pred=torch.zeros(3, 2)), ValueError, r'\(B, K, 2\)'),
    (dict(pred=torch.zeros(2, 3, 3)), ValueError, r'\(B, K, 2\)'),
    (dict(pred=torch.zeros(2, 0, 2)), ValueError, r'\(B, K, 2\)'),
    (dict(target=torch.zeros(2, 4, 2)), ValueError, r'shape of pred'),
    (dict(weight=torch.ones(2, 4)), ValueError, 'weight'),
    (dict(weight=torch.ones(2, 3, 2)), ValueError, 'weight'),
    (dict(topk=0), ValueError, 'topk'),
    (dict(topk=-3), ValueError, 'topk'),
    (dict(topk=1.5), ValueError, 'topk'),
    (dict(topk=True), ValueError, 'topk'),
    (dict(groups=[]), ValueError, 'at least one group'),
    (dict(groups=[[0], []]), ValueError, 'empty group'),
    (dict(groups=[[0, 3]]), ValueError, 'index 3 is out of range: there are 3 landmarks'),
    (dict(groups=[[0, -1]]), ValueError, 'indices from 0, got -1'),
    (dict(groups=[[0, 0]]), ValueError, 'twice'),
    (dict(landmarks=torch.zeros(2, 4).long(), weight=torch.ones(2, 9)), ValueError, r'landmarks must have .*\(2, 3\)'),
    (dict(landmarks=torch.zeros(2, 3).long()), ValueError, r'weight must have shape \(2, K\) or \(2, K, 1\).* None'),
    (dict(landmarks=torch.zeros(2, 3).long(), weight=torch.ones(3, 9)), ValueError, r'weight must have shape \(2, K\)'),
    (dict(landmarks=torch.zeros(2, 3).long(), weight=torch.ones(2, 9, 2)), ValueError, 'weight must have shape'),
    (dict(landmarks=torch.zeros(2, 3).long(), weight=torch.ones(2, 9), groups=[[0, 9]]), ValueError, '9 landmarks'),
])
def test_bad_input(kwargs, error, words):
    arguments = dict(pred=torch.zeros(2, 3, 2), target=torch.zeros(2, 3, 2), **{})
    arguments.update(kwargs)
    if 'pred' in kwargs:
        arguments['target'] = torch.zeros_like(kwargs['pred'])
    with pytest.raises(error, match=words):
        position_constraint_loss(**arguments)


NO_METAINFO = Path(__file__).resolve().parents[2] / 'configs/_base_/pcloss/fld.py'


@pytest.mark.parametrize(('options', 'words'), [
    (dict(topk=0), 'topk must be None or a whole number from 1, got 0'),
    (dict(loss_weight=-1.), 'loss_weight must be a finite number from 0'),
    (dict(loss_weight=math.nan), 'loss_weight must be a finite number from 0'),
    (dict(partition='left_right'), "needs metainfo"),
    (dict(partition='inside_out', metainfo='FashionAIDataset'), "'left_right', 'top_bottom'"),
    (dict(partition='left_right', metainfo='NoSuchDataset'), 'neither a registered data set'),
    (dict(partition='left_right', metainfo='no_such_file.py'), 'neither a registered data set'),
    (dict(partition='left_right', metainfo=str(NO_METAINFO)), 'this file defines no dataset_info'),
    (dict(partition='left_right', metainfo='OneHand10KDataset'),
     "'onehand10k' has no flip pairs; use partition=None for one group, or lists of landmark indices"),
    (dict(partition='top_bottom', metainfo='WFLWDataset'),
     "'wflw' has no upper_body_ids; use partition=None for one group, or lists of landmark indices"),
    (dict(partition=[[0, 0]]), 'twice'),
    (dict(partition=[0, 1, 2]), 'a list of lists'),
    (dict(loss_weight='1'), 'loss_weight must be a finite number'),
    (dict(robust=1), 'robust must be True or False, got 1'),
])
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        PCLoss(**options)


def test_the_module_hands_on_its_options(pairwise_loss):
    pred, target, weight = random_case(3, num_landmarks=8)
    module = MODELS.build(dict(type='PCLoss', topk=2, partition='left_right', metainfo='FLDDataset', loss_weight=0.25))
    groups = [[0, 2, 4, 6], [1, 3, 5, 7]]
    expected = 0.25 * pairwise_loss(pred, target, weight, groups, 2)
    assert module(pred, target, weight).item() == pytest.approx(expected.item(), rel=1e-12)
    assert not module.state_dict() and not list(module.parameters())
    module = PCLoss(robust=True)
    expected = pairwise_loss(pred, target, robust=True)
    assert module(pred, target).item() == pytest.approx(expected.item(), rel=1e-12)
    assert str(module) == 'PCLoss(topk=None, groups=None, loss_weight=1.0, robust=True)'


def test_fashionai_groups_are_the_papers():
    metainfo = load_metainfo('FashionAIDataset')
    left, right = partition_from_metainfo(metainfo, 'left_right')
    assert left == (0, 2, 3, 5, 7, 9, 10, 13, 15, 17, 19, 20, 21)
    assert right == (1, 2, 4, 6, 8, 11, 12, 14, 16, 18, 19, 22, 23)
    assert partition_from_metainfo(metainfo, 'top_bottom') == (tuple(range(15)), tuple(range(15, 24)))


@pytest.mark.parametrize(('dataset', 'left', 'right'), [
    # The nose has no pair and belongs to both; COCO numbers left before right.
    ('CocoDataset', (0, 1, 3, 5, 7, 9, 11, 13, 15), (0, 2, 4, 6, 8, 10, 12, 14, 16)),
    # MPII numbers right before left: by name, not by number.
    ('MpiiDataset', (3, 4, 5, 6, 7, 8, 9, 13, 14, 15), (0, 1, 2, 6, 7, 8, 9, 10, 11, 12)),
    ('AP10KDataset', (0, 2, 3, 4, 5, 6, 7, 11, 12, 13), (1, 2, 3, 4, 8, 9, 10, 14, 15, 16)),
])
def test_left_and_right_of_other_datasets(dataset, left, right):
    assert partition_from_metainfo(load_metainfo(dataset), 'left_right') == (left, right)


def test_nameless_pairs_go_by_the_lower_index():
    metainfo = load_metainfo('Face300WDataset')
    left, right = partition_from_metainfo(metainfo, 'left_right')
    lower = {min(pair) for pair in metainfo['flip_pairs']}
    upper = {max(pair) for pair in metainfo['flip_pairs']}
    assert lower <= set(left) and upper <= set(right)
    assert set(left) & set(right) == set(range(68)) - lower - upper
