"""The losses that may take PCLoss's place."""

import copy
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmpose.datasets.transforms import GenerateTarget, KeypointConverter, PackPoseInputs
from mmpose.registry import DATASETS, MODELS
from pycocotools.cocoeval import COCOeval

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.errors import InputError
from pcloss_mmpose.metainfo import load_metainfo
from pcloss_mmpose.models.losses.bones import bone_loss
from pcloss_mmpose.models.losses.coordinates import coordinate_loss
from pcloss_mmpose.models.losses.oks import oks_loss
from pcloss_mmpose.models.losses.pair_variance import pair_variance_loss, pair_variances, weights_of
from pcloss_mmpose.preflight import TrainingCheckHook

K = 8  # FLDDataset's
INPUT_SIZE = (64, 96)
POWERS = (1, 2)
CONFIGS = {
    'coordinates': dict(type='CoordinateLoss', power=1),
    'coordinates, squares': dict(type='CoordinateLoss', power=2),
    'bones': dict(type='BoneVectorLoss', metainfo='FLDDataset'),
    'bones, squares': dict(type='BoneVectorLoss', metainfo='FLDDataset', power=2),
    'pairs by variance': dict(type='PairVarianceLoss'),
    'pairs by variance, squares': dict(type='PairVarianceLoss', power=2, partition='left_right', metainfo='FLDDataset'),
    'OKS': dict(type='KeypointSimilarityLoss', metainfo='FLDDataset'),
}


def fitted(name):
    """The loss of a config, ready for use."""
    loss = MODELS.build(copy.deepcopy(CONFIGS[name]))
    loss.fit(TrainingData(np.random.default_rng(0).uniform(0, 1, (20, K, 2))))
    return loss


class TrainingData:
    """A data set of points (N, K, 2) in boxes of 100 by 50 pixels at (10, 20); NaN: not labelled."""

    def __init__(self, points, **options):
        self.points, self.options = np.asarray(points, dtype=float), options
        self.metainfo = dict(num_keypoints=self.points.shape[1])

    def __len__(self):
        return len(self.points)

    def get_data_info(self, row):
        points = self.points[row][None] * (100, 50) + (10, 20)
        info = dict(keypoints=points, keypoints_visible=1. - np.isnan(points[..., 0]))
        return dict(info, **(self.options or dict(bbox=np.array([[10, 20, 110, 70]]))))


each_loss = pytest.mark.parametrize('name', CONFIGS)


def random_case(seed, batch=4):
    generator = torch.Generator().manual_seed(seed)
    pred = torch.rand(batch, K, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.rand(batch, K, 2, generator=generator, dtype=torch.float64)
    weight = (torch.rand(batch, K, generator=generator) > 0.3).double()
    return pred, target, weight


def test_coordinates_worked_by_hand():
    # Errors (3,4), (0,1) and, in the second sample, (0,2): lengths 5, 1 and 2; squares 25, 1 and 4.
    target = torch.ones(2, 2, 2)
    pred = target + torch.tensor([[[3., 4.], [0., 1.]], [[0., 2.], [9., 9.]]])
    weight = torch.tensor([[1., 1.], [0.2, 0.]])
    assert coordinate_loss(pred, target, weight, 1) == ((5 + 1) / 2 + 2) / 2
    assert coordinate_loss(pred, target, weight, 2) == ((25 + 1) / 2 + 4) / 2
    # A sample without a landmark does not count.
    weight[0] = 0
    assert coordinate_loss(pred, target, weight, 1) == 2


def test_bones_worked_by_hand():
    # Errors (1,1), (4,5), (1,0), (9,9): the bones 0-1 and 1-2 are (3,4) and (-3,-5) off, 25 and 34 squared.
    target = torch.rand(1, 4, 2)
    pred = target + torch.tensor([[[1., 1.], [4., 5.], [1., 0.], [9., 9.]]])
    bones = torch.tensor([[0, 1], [1, 2]])
    assert bone_loss(pred, target, bones).item() == pytest.approx((5 + math.sqrt(34)) / 2)
    assert bone_loss(pred, target, bones, power=2).item() == pytest.approx((25 + 34) / 2)
    # Without landmark 2 there is one bone; its sample and one of 0-1 off by (0,2) make the mean.
    off_by_2 = pred - torch.tensor([[0., 0.], [0., 2.], [0., 0.], [0., 0.]])
    pred, target = torch.cat([pred, pred]), torch.cat([target, off_by_2])
    weight = torch.tensor([[1., 0.1, 0., 1.], [1., 1., 0., 0.]])
    assert bone_loss(pred, target, bones, weight).item() == pytest.approx((5 + 2) / 2)
    # A landmark without the other end of a bone has none, and such a sample does not count.
    weight[0, 0] = 0
    assert bone_loss(pred, target, bones, weight).item() == pytest.approx(2)


def test_the_bones_are_the_skeletons():
    module = MODELS.build(CONFIGS['bones'])
    assert {frozenset(bone) for bone in module.bones.tolist()} == {
        frozenset(link) for link in load_metainfo('FLDDataset')['skeleton_links']}
    pred, target, weight = random_case(5)
    own = MODELS.build(dict(CONFIGS['bones'], bones=[[0, 7], [3, 1]], loss_weight=0.5))
    expected = bone_loss(pred, target, torch.tensor([[1, 3], [0, 7]]), weight)
    assert own(pred, target, weight).item() == pytest.approx(0.5 * expected.item())
    assert module(pred + 3, target, weight).item() == pytest.approx(module(pred, target, weight).item())


def test_a_link_both_ways_is_one_bone():
    metainfo = dict(load_metainfo('FLDDataset'), skeleton_links=[(1, 0), (0, 1), (2, 3)])
    assert MODELS.build(dict(type='BoneVectorLoss', metainfo=metainfo)).bones.tolist() == [[0, 1], [2, 3]]


def test_pairs_by_variance_worked_by_hand():
    # Errors (0,0), (3,4), (0,1): the pairs 0-1, 0-2, 1-2 are 5, 1 and sqrt(18) off, 25, 1 and 18 squared.
    target = torch.rand(2, 3, 2)
    pred = target + torch.tensor([[0., 0.], [3., 4.], [0., 1.]])
    pairs, weights = torch.tensor([[0, 1], [0, 2], [1, 2]]), torch.tensor([2., 1., 0.])
    valid = torch.tensor([[1., 1., 1.], [1., 0., 0.3]])  # the second sample has the pair 0-2 alone
    first = (2 * 5 + 1 * 1) / 3
    assert pair_variance_loss(pred, target, pairs, weights, valid).item() == pytest.approx((first + 1) / 2)
    first = (2 * 25 + 1 * 1) / 3
    assert pair_variance_loss(pred, target, pairs, weights, valid, power=2).item() == pytest.approx((first + 1) / 2)
    # The pair 1-2 has no weight: a sample of it alone does not count.
    valid[1] = torch.tensor([0., 1., 1.])
    assert pair_variance_loss(pred, target, pairs, weights, valid, power=2).item() == pytest.approx(first)


NAN = (math.nan, math.nan)
SHAPES = [[(.1, .1), (.3, .1), (.1, .5), NAN],
          [(.2, .2), (.6, .3), (.2, .8), (.5, .5)],
          [(.3, .3), (.6, .5), NAN, NAN]]


def test_variances_worked_by_hand():
    """0-1: (.2, 0), (.4, .1), (.3, .2) less their mean (.3, .1): .01 + .01, .01, .01, so that (.02 + .02) / 2 = .02.

    0-2: (0, .4), (0, .6): (.01 + .01) / 1. 1-2: (-.2, .4), (-.4, .5): half of .04 and of .01 less the mean, .025.
    Landmark 3 is in one row alone.
    """
    loss = MODELS.build(CONFIGS['pairs by variance'])
    loss.fit(TrainingData(SHAPES))
    assert loss.pairs.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    inverse = np.array([1 / .02, 1 / .02, 0, 1 / .025, 0, 0])
    np.testing.assert_allclose(loss.pair_weights, inverse / (140 / 3), rtol=1e-5)
    points = np.array(SHAPES)
    variances, count = pair_variances(iter([(points[:1], ~np.isnan(points[:1, :, 0])),
                                            (points[1:], ~np.isnan(points[1:, :, 0]))]), 4)
    np.testing.assert_allclose(variances[:3, :3], [[0, .02, .02], [.02, 0, .025], [.02, .025, 0]], atol=1e-12)
    assert np.isnan(variances[3]).all() and count[0].tolist() == [3, 3, 2, 1]


def test_only_pairs_within_a_group_and_each_once():
    loss = MODELS.build(dict(type='PairVarianceLoss', partition=[[0, 1, 2], [1, 2]]))
    loss.fit(TrainingData(SHAPES))
    assert loss.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]


def test_no_weight_is_over_ten_times_the_median():
    # The median of 0, 2, 4 is 2, a tenth of it .2: the inverses are 5, .5 and .25, their mean 5.75 / 3.
    weights = weights_of(np.array([0., 2., math.nan, 4.]))
    np.testing.assert_allclose(weights, np.array([5, .5, 0, .25]) * 3 / 5.75)


def variance_weights(dataset):
    loss = MODELS.build(CONFIGS['pairs by variance'])
    loss.fit(dataset)
    return loss.pair_weights


def test_boxes_as_center_and_scale_and_rows_without_any():
    expected = variance_weights(TrainingData(SHAPES))
    center_and_scale = dict(bbox_center=np.array([[60., 45.]]), bbox_scale=np.array([[100., 50.]]))
    torch.testing.assert_close(variance_weights(TrainingData(SHAPES, **center_and_scale)), expected)
    # Without boxes that around the landmarks is taken, and a row whose landmarks lie on a line is left out.
    no_box = variance_weights(TrainingData([*SHAPES, [(.1, .1), (.1, .2), NAN, NAN]], img_path='picture.jpg'))
    points = np.array(SHAPES)
    low, high = np.nanmin(points, axis=1, keepdims=True), np.nanmax(points, axis=1, keepdims=True)
    torch.testing.assert_close(no_box, variance_weights(TrainingData((points - low) / (high - low))))
    assert not torch.allclose(no_box, expected)


def test_data_sets_in_one_count_together():
    both = SimpleNamespace(datasets=[TrainingData(SHAPES[:2]), TrainingData(SHAPES[2:])])
    wrapped = SimpleNamespace(metainfo=dict(num_keypoints=4), dataset=both)
    assert torch.equal(variance_weights(wrapped), variance_weights(TrainingData(SHAPES)))
    wrapped.pipeline = SimpleNamespace(transforms=[KeypointConverter(num_keypoints=4, mapping=[(0, 0)])])
    with pytest.raises(InputError, match='the training pipeline converts to others'):
        variance_weights(wrapped)


def test_the_columns_of_a_garment_data_set_are_its_rows(raw, tmp_path):
    rows = [raw.fashionai_row(f'{k}.jpg', 'skirt', {15: f'{x}_30_1', 16: f'40_{y}_0', 17: '20_90_1'})
            for k, (x, y) in enumerate([(10, 30), (15, 36), (5, 20)])]
    dataset = DATASETS.build(dict(type='FashionAIDataset', ann_file=raw.fashionai(tmp_path / 'train.csv', rows)))

    class Rows(list):
        metainfo, get_data_info = dataset.metainfo, list.__getitem__

    by_row = Rows(dataset.get_data_info(row) for row in range(3))
    weights = variance_weights(dataset)
    assert torch.equal(weights, variance_weights(by_row)) and (weights > 0).sum() == 3


def test_a_training_fits_the_losses_of_its_head(tiny_coco, tmp_path):
    tiny_coco(tmp_path, 'train', 5, seed=0)
    dataset = DATASETS.build(dict(
        type='CocoDataset', data_root=str(tmp_path), ann_file='train.json', data_prefix=dict(img='')))
    head = MODELS.build(dict(type='PCRegressionHead', in_channels=4, num_joints=17,
                             structural_loss=CONFIGS['pairs by variance']))
    loop = SimpleNamespace(max_epochs=1, _max_epochs=1, dataloader=[0])
    runner = SimpleNamespace(model=torch.nn.Sequential(head), train_loop=loop, val_loop=None,
                             train_dataloader=SimpleNamespace(dataset=dataset))
    TrainingCheckHook().before_train(runner)
    points = np.stack([(dataset.get_data_info(row)['keypoints'][0] - 8) / 48 for row in range(5)])
    variance = (points[:, 3] - points[:, 9]).var(axis=0, ddof=1).sum()
    other = (points[:, 0] - points[:, 1]).var(axis=0, ddof=1).sum()
    weights = dict(zip(map(tuple, head.pc_loss.pairs.tolist()), head.pc_loss.pair_weights.tolist()))
    assert weights[3, 9] / weights[0, 1] == pytest.approx(other / variance, rel=1e-4)
    head.loss((torch.ones(3, 4, 1, 1), ), samples_of(REGRESSION, 17))['loss_structural'].backward()


@pytest.mark.parametrize(('points', 'words'), [
    (SHAPES[:1], 'no pair of landmarks is labelled together in two rows'),
    ([SHAPES[1]] * 3, 'copies of the same shape'),
])
def test_data_that_say_nothing_of_variances(points, words):
    with pytest.raises(InputError, match=words):
        MODELS.build(CONFIGS['pairs by variance']).fit(TrainingData(points))


def test_pairs_by_variance_ask_to_be_fitted():
    with pytest.raises(InputError, match='knows no variances yet: call fit.*TrainingCheckHook'):
        MODELS.build(CONFIGS['pairs by variance'])(torch.zeros(1, K, 2), torch.zeros(1, K, 2))
    with pytest.raises(InputError, match='index 5 is out of range: there are 4 landmarks'):
        MODELS.build(dict(type='PairVarianceLoss', partition=[[0, 5]])).fit(TrainingData(SHAPES))


def test_oks_worked_by_hand():
    # The box is 0.4 by 0.5, s^2 = 0.2. Landmark 0 with k = 0.2 is (0.03, 0.04) off: 0.0025 / (2 0.2 0.04) = 0.15625.
    # Landmark 1 with k = 0.5 is 0.1 off: 0.01 / (2 0.2 0.25) = 0.1. Landmark 2 is exact.
    target = torch.tensor([[[0.1, 0.2], [0.5, 0.3], [0.2, 0.7], [0., 0.]]])
    pred = target + torch.tensor([[[0.03, 0.04], [0., 0.1], [0., 0.], [5., 5.]]])
    sigmas, weight = torch.tensor([0.1, 0.25, 0.05, 0.1]), torch.tensor([[1., 1., 0.5, 0.]])
    expected = ((1 - math.exp(-0.15625)) + (1 - math.exp(-0.1)) + 0) / 3
    assert oks_loss(pred, target, sigmas, weight).item() == pytest.approx(expected, rel=1e-5)
    # Landmark 0 alone: the box is 0.1 by 0.1.
    weight[0, 1:] = 0
    assert oks_loss(pred, target, sigmas, weight).item() == pytest.approx(
        1 - math.exp(-0.0025 / (2 * 0.01 * 0.04)), rel=1e-5)


def test_oks_is_cocos():
    """As pycocotools computes it, where the area is that of the box around the landmarks."""
    pred, target, weight = random_case(6)
    weight[:, :2] = 1  # no empty sample
    evaluator = COCOeval(iouType='keypoints')
    evaluator.params.kpt_oks_sigmas = np.linspace(0.02, 0.2, K)
    values = []
    for p, t, valid in zip(pred.detach().numpy(), target.numpy(), weight.numpy()):
        area = np.ptp(t[valid > 0], axis=0).clip(0.1).prod()
        found, true = (np.column_stack([points, valid]).ravel().tolist() for points in (p, t))
        evaluator._gts[0, 0] = [dict(keypoints=true, area=area, bbox=[0, 0, 1, 1])]
        evaluator._dts[0, 0] = [dict(keypoints=found, score=1)]
        values.append(1 - evaluator.computeOks(0, 0).item())
    loss = oks_loss(pred, target, torch.linspace(0.02, 0.2, K), weight)
    assert loss.item() == pytest.approx(np.mean(values), rel=1e-6) and 0.1 < loss < 0.99


@each_loss
def test_gradcheck(name):
    pred, target, weight = random_case(0)
    loss = fitted(name)
    assert torch.autograd.gradcheck(lambda p: loss(p, target, weight), pred)
    assert torch.autograd.gradcheck(lambda p: loss(p, target), pred)


@each_loss
def test_no_error_has_no_gradient(name):
    _, target, _ = random_case(0)
    pred = target.clone().requires_grad_()
    loss = fitted(name)(pred, target)
    loss.backward()
    assert loss == 0 and (pred.grad == 0).all()


@each_loss
def test_masked_landmarks_have_no_influence_whatever_they_hold(name):
    pred, target, weight = random_case(1)
    loss = fitted(name)
    clean = loss(pred, target, weight)
    expected, = torch.autograd.grad(clean, pred)
    poison = torch.where(weight[..., None] > 0, 0., math.nan)
    for bad_pred, bad_target in ((pred, target + poison), (pred + poison, target)):
        bad = loss(bad_pred, bad_target, 0.3 * weight[..., None])
        gradient, = torch.autograd.grad(bad, bad_pred)
        assert bad.item() == clean.item() > 0
        assert torch.equal(gradient, expected) and (gradient[weight == 0] == 0).all()


@each_loss
def test_a_coordinate_that_is_no_number_gives_none(name):
    pred, target, _ = random_case(1)
    pred = torch.where(torch.arange(2 * K).reshape(K, 2) == 3, math.nan, pred)
    assert fitted(name)(pred, target).isnan()


@each_loss
def test_nothing_to_learn_from_is_a_zero_with_a_gradient(name):
    pred, target, weight = random_case(2)
    loss = fitted(name)(pred, target, 0 * weight)
    loss.backward()
    assert loss.item() == 0 and (pred.grad == 0).all()


@each_loss
def test_half_precision_is_computed_in_float32(name):
    pred, target, weight = random_case(3)
    pred, target = pred.detach().half().requires_grad_(), target.half()
    loss = fitted(name)(pred, target, weight)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(fitted(name)(pred.double(), target.double(), weight).item(), rel=1e-5)
    loss.backward()
    assert pred.grad.dtype == torch.float16 and pred.grad.any()


@each_loss
def test_the_weight_scales_and_checkpoints_stay_stock(name):
    pred, target, weight = random_case(4)
    once, twice = fitted(name), fitted(name)
    twice.loss_weight = 2.
    assert twice(pred, target, weight).item() == pytest.approx(2 * once(pred, target, weight).item())
    assert not once.state_dict() and not list(once.parameters()) and not list(once.buffers())


@each_loss
@pytest.mark.parametrize(('changes', 'error', 'words'), [
    (dict(pred=torch.zeros(2, K, 2, dtype=torch.long)), TypeError, 'floating point'),
    (dict(target=torch.zeros(2, K + 1, 2)), ValueError, 'shape of pred'),
    (dict(weight=torch.ones(2, K, 2)), ValueError, 'weight'),
])
def test_bad_input(name, changes, error, words):
    arguments = dict(pred=torch.zeros(2, K, 2), target=torch.zeros(2, K, 2), weight=torch.ones(2, K))
    with pytest.raises(error, match=words):
        fitted(name)(**{**arguments, **changes})


FLD_BONES = CONFIGS['bones']


@pytest.mark.parametrize(('options', 'words'), [
    (dict(type='CoordinateLoss', power=3), r'power must be 1 \(lengths\) or 2 \(their squares\), got 3'),
    (dict(type='CoordinateLoss', power=True), 'power must be 1 .* got True'),
    (dict(type='CoordinateLoss', power='1'), "power must be 1 .* got '1'"),
    (dict(type='CoordinateLoss', loss_weight=-1), 'loss_weight must be a finite number from 0'),
    (dict(type='BoneVectorLoss'), "BoneVectorLoss needs metainfo, such as metainfo='CocoDataset'"),
    (dict(type='BoneVectorLoss', metainfo='NoSuchDataset'), 'neither a registered data set'),
    (dict(FLD_BONES, power=0), 'power must be 1'),
    (dict(FLD_BONES, loss_weight='1'), 'loss_weight must be a finite number from 0'),
    (dict(type='BoneVectorLoss', metainfo=dict(load_metainfo('FLDDataset'), skeleton_links=[])),
     "'fld' has no skeleton; name the pairs"),
    (dict(FLD_BONES, bones=[]), r'a list of pairs of landmark indices, got \[\]'),
    (dict(FLD_BONES, bones='all'), "a list of pairs of landmark indices, got 'all'"),
    (dict(FLD_BONES, bones=[0, 1]), 'a bone is a pair of two landmark indices, got 0'),
    (dict(FLD_BONES, bones=[[0, 1, 2]]), 'a bone is a pair of two'),
    (dict(FLD_BONES, bones=[[2, 2]]), 'a bone is a pair of two'),
    (dict(FLD_BONES, bones=[[0, 8]]),
     r'the bone \(0, 8\) names the landmark 8: there are 8, 0 to 7'),
    (dict(FLD_BONES, bones=[[-1, 0]]), 'names the landmark -1'),
    (dict(FLD_BONES, bones=[[0, 1.]]), 'names the landmark 1.0'),
    (dict(FLD_BONES, bones=[[0, 1], [1, 0]]), 'a bone must not be named twice'),
    (dict(type='PairVarianceLoss', power=1.5), 'power must be 1'),
    (dict(type='PairVarianceLoss', partition='left_right'), "partition 'left_right' needs metainfo"),
    (dict(type='PairVarianceLoss', partition=[[0, 0]]), 'twice'),
    (dict(type='PairVarianceLoss', loss_weight=math.inf), 'loss_weight must be a finite number from 0'),
    (dict(type='KeypointSimilarityLoss'), "KeypointSimilarityLoss needs metainfo, such as metainfo='CocoDataset'"),
    (dict(type='KeypointSimilarityLoss', metainfo='OneHand10KDataset'),
     "'onehand10k' has no sigma above 0 for each of its 21 landmarks"),
    (dict(CONFIGS['OKS'], metainfo=dict(load_metainfo('FLDDataset'), sigmas=[0.1] * 7 + [0])), 'no sigma above 0'),
    (dict(CONFIGS['OKS'], metainfo=dict(load_metainfo('FLDDataset'), sigmas=None)), 'no sigma above 0'),
])
def test_bad_options(options, words):
    with pytest.raises(InputError, match=words):
        MODELS.build(options)


@pytest.mark.parametrize('name', [name for name in CONFIGS if not name.startswith('coord')])
def test_a_head_of_other_landmarks_is_refused(name):
    with pytest.raises(InputError, match='is made for 8 landmarks, and the head gives 9: set its metainfo'):
        fitted(name)(torch.zeros(2, 9, 2), torch.zeros(2, 9, 2))


REGRESSION = dict(type='RegressionLabel', input_size=INPUT_SIZE)
MSRA = dict(type='MSRAHeatmap', input_size=INPUT_SIZE, heatmap_size=(16, 24), sigma=2)
HEADS = {
    'HeatmapHead': dict(in_channels=4, out_channels=K, deconv_out_channels=None, decoder=MSRA),
    'RegressionHead': dict(in_channels=4, num_joints=K, decoder=REGRESSION,
                           loss=dict(type='SmoothL1Loss', use_target_weight=True)),
}
MAPS = dict(HeatmapHead=(3, 4, 24, 16), RegressionHead=(3, 4, 1, 1))


def build_head(kind, plus=True, **options):
    torch.manual_seed(0)
    integral = dict(integral=dict(alpha=10.)) if plus and kind == 'HeatmapHead' else {}
    return MODELS.build(copy.deepcopy(dict(type=f'PC{kind}' if plus else kind, **HEADS[kind], **integral, **options)))


def samples_of(codec, landmarks=K):
    rng = np.random.default_rng(0)
    encode, pack = GenerateTarget(encoder=codec), PackPoseInputs(pack_transformed=True)
    samples = []
    for _ in range(3):
        keypoints = rng.uniform(8, 56, (1, landmarks, 2)).astype(np.float32)
        samples.append(pack(encode(dict(
            img=np.zeros((*INPUT_SIZE[::-1], 3), np.uint8), input_size=INPUT_SIZE, keypoints=keypoints,
            transformed_keypoints=keypoints, keypoints_visible=np.ones((1, landmarks), np.float32),
            dataset_keypoint_weights=np.ones(landmarks, np.float32), img_path='picture.jpg')))['data_samples'])
    return samples


@each_loss
@pytest.mark.parametrize('kind', HEADS)
def test_a_head_trains_with_it(name, kind):
    head = build_head(kind, structural_loss=CONFIGS[name])
    head.pc_loss = fitted(name)
    generator = torch.Generator().manual_seed(0)
    feats = (torch.randn(MAPS[kind], generator=generator), )
    losses = head.loss(feats, samples_of(HEADS[kind]['decoder']))
    assert 'loss_pc' not in losses and losses['loss_structural'] > 0 and 0 < losses['structural_share'] < 1
    losses['loss_structural'].backward()
    gradients = [parameter.grad for parameter in head.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients) and any(map(torch.any, gradients))


@each_loss
def test_without_a_weight_the_head_is_the_stock_one(name):
    ours = build_head('RegressionHead', structural_loss=dict(CONFIGS[name], loss_weight=0))
    stock = build_head('RegressionHead', plus=False)
    feats, samples = (torch.ones(MAPS['RegressionHead']), ), samples_of(REGRESSION)
    losses = [head.loss(feats, samples) for head in (ours, stock)]
    assert losses[0].keys() == losses[1].keys() and torch.equal(losses[0]['loss_kpt'], losses[1]['loss_kpt'])


def test_one_loss_of_the_family_at_a_time():
    with pytest.raises(InputError, match='pc_loss or structural_loss, not both'):
        build_head('RegressionHead', pc_loss=dict(type='PCLoss'), structural_loss=CONFIGS['coordinates'])
    with pytest.raises(InputError, match='pc_loss takes a PCLoss, and CoordinateLoss is another loss'):
        build_head('RegressionHead', pc_loss=CONFIGS['coordinates'])
    with pytest.raises(InputError, match='L1Loss is no loss on coordinates; these are .*CoordinateLoss, .*PCLoss'):
        build_head('RegressionHead', structural_loss=dict(type='L1Loss'))
