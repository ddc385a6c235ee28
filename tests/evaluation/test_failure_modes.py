import numpy as np
import pytest
from mmpose.registry import METRICS

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.errors import InputError
from pcloss_mmpose.evaluation import duplicates, exchanged, functional, outlier_rate
from pcloss_mmpose.metainfo import build_dataset_info, deepfashion2, fld, load_metainfo

FLD = load_metainfo(fld.dataset_info)


def test_outliers_worked_by_hand():
    error = np.array([[.05, .1, np.nan], [.11, .4, .0]])
    assert outlier_rate(error, .1) == pytest.approx(2 / 5)  # 0.1 itself is not above it
    np.testing.assert_allclose(outlier_rate(error, [.01, .1, .2, .5]), [4 / 5, 2 / 5, 1 / 5, 0])
    assert outlier_rate([.1, .2], .1) == .5
    assert np.isnan(outlier_rate(np.full((2, 3), np.nan), .1))


def test_duplicates_worked_by_hand():
    gt = np.array([[[0., 0.], [20., 0.], [26., 8.]]])  # 20, over 27 and 10 apart
    pred = np.array([[[10., 0.], [12., 0.], [12.5, 0.]]])  # 2, 2.5 and 0.5 apart
    pairs = duplicates(pred, gt, np.ones((1, 3)), [100.])
    np.testing.assert_array_equal(pairs, [[1, 1, np.nan]])  # the last two truths are not more than 10 % apart
    np.testing.assert_array_equal(duplicates(pred, gt, np.ones((1, 3)), [100.], near=.02), [[0, 0, np.nan]])
    np.testing.assert_array_equal(duplicates(pred, gt, np.ones((1, 3)), [50.]), [[0, 0, 1]])
    np.testing.assert_array_equal(duplicates(pred, gt, np.ones((1, 3)), [100.], apart=.25), [[np.nan, 1, np.nan]])
    np.testing.assert_array_equal(duplicates(pred, gt, [[1, 1, 0]], [100.]), [[1, np.nan, np.nan]])
    assert np.isnan(duplicates(pred, gt, np.ones((1, 3)), [0.])).all()


@pytest.mark.parametrize(('found', 'true', 'expected'), [
    (2.9, 10.1, 1), (3.1, 10.1, 0), (2.9, 9.9, np.nan), (3.1, 9.9, np.nan)])
def test_by_default_three_percent_are_near_and_ten_are_apart(found, true, expected):
    """In the function and in the metric: two landmarks of a box of 100, so many pixels from each other."""
    gt, pred = np.array([[[0., 0.], [true, 0.]]]), np.array([[[0., 0.], [found, 0.]]])
    np.testing.assert_array_equal(duplicates(pred, gt, np.ones((1, 2)), [100.]), [[expected]])
    rest = np.zeros((6, 2))
    metrics = evaluate([sample(np.vstack([gt[0], rest]), np.vstack([pred[0], rest]), [2] * 2 + [0] * 6, 'upper')])
    assert metrics.get('duplicates', np.nan) == pytest.approx(100 * expected, nan_ok=True)


@pytest.mark.parametrize(('off', 'outliers'), [(9.9, 0), (10.1, 50)])
def test_by_default_an_outlier_is_ten_percent_off(off, outliers):
    gt = np.zeros((8, 2))
    pred = gt.copy()
    pred[0] = 0, off
    assert evaluate([sample(gt, pred, [2] * 2 + [0] * 6, 'upper')])['outliers'] == outliers


def test_a_box_divides_each_axis_by_its_own_side():
    gt, pred = np.array([[[0., 0.], [0., 30.]]]), np.array([[[0., 0.], [0., 4.]]])
    np.testing.assert_array_equal(duplicates(pred, gt, np.ones((1, 2)), [[100., 200.]]), [[1]])  # 4 / 200
    np.testing.assert_array_equal(duplicates(pred, gt, np.ones((1, 2)), [[200., 100.]]), [[0]])  # 4 / 100


@pytest.mark.parametrize('at_once', [functional._AT_ONCE, 100, 1])
def test_against_a_loop_over_pairs(monkeypatch, at_once):
    monkeypatch.setattr(functional, '_AT_ONCE', at_once)  # the images in one part and in many
    rng = np.random.default_rng(0)
    gt, pred = rng.uniform(0, 20, (2, 30, 6, 2))
    visible, scale = rng.random((30, 6)) > .3, rng.uniform(50, 100, 30)
    expected = [[np.nan if not (v[i] and v[j]) or np.hypot(*(g[i] - g[j])) / s <= .1
                 else float(np.hypot(*(p[i] - p[j])) / s < .03) for i in range(6) for j in range(i + 1, 6)]
                for g, p, v, s in zip(gt, pred, visible, scale)]
    found = duplicates(pred, gt, visible, scale)
    np.testing.assert_array_equal(found, expected)
    assert 0 < np.nansum(found) < np.isfinite(found).sum()
    chosen = [14, 3, 7]
    pairs = np.transpose(np.triu_indices(6, 1))[chosen].tolist()
    np.testing.assert_array_equal(duplicates(pred, gt, visible, scale, pairs=pairs), found[:, chosen])
    assert duplicates(pred, gt, visible, scale, pairs=[]).shape == (30, 0)


@pytest.mark.parametrize(('counted', 'categories', 'pairs'), [
    ([[1, 1, 0, 0], [0, 1, 0, 1]], [], [(0, 1), (1, 3)]),
    ([[1, 1, 0, 0], [0, 1, 0, 1]], [(0, 1, 2), (3, )], [(0, 1), (0, 2), (1, 2), (1, 3)]),
    ([[0, 0, 0, 1]], [], []),
])
def test_pairs_that_count_together_in_an_image_or_belong_to_a_category(counted, categories, pairs):
    assert functional.pairs_together(np.array(counted, dtype=bool), categories) == pairs


def test_landmarks_of_two_categories_are_no_pair():
    """DeepFashion2's 294 landmarks: a duplicate on a skirt, of which all others lie on that spot, too."""
    metainfo, skirt = load_metainfo(deepfashion2.dataset_info), deepfashion2.SLICES[8]
    gt, visibility = np.zeros((294, 2)), np.zeros(294)
    gt[skirt, 0], visibility[skirt] = np.arange(8) * 12, 2
    pred = gt.copy()
    pred[skirt.start + 1] = pred[skirt.start]
    metric = METRICS.build(dict(type='FailureModes'))
    metric.dataset_meta = metainfo
    metric.process(None, [sample(gt, pred, visibility, 'skirt')])
    measured = metric.measure(metric.results)
    assert len(measured.pairs) == measured.duplicates.shape[1] == 3822 == sum(
        count * (count - 1) // 2 for count in (own.stop - own.start for own in deepfashion2.SLICES))
    figures = metric.figures(measured)
    assert figures['duplicates'] == figures['duplicates/skirt'] == pytest.approx(100 / 28)
    assert [key for key in figures if key.startswith('duplicates/') and '+' in key] == [
        f'duplicates/{deepfashion2.LANDMARKS[skirt.start]}+{deepfashion2.LANDMARKS[skirt.start + 1]}']


@pytest.mark.parametrize(('left', 'right', 'expected'), [
    ((0, 0), (40, 0), 0),  # where they are
    ((40, 0), (0, 0), 1),  # each at the other's place
    ((2, 0), (3, 0), 1),  # both on one end
    ((21, 0), (40, 0), 1), ((19, 0), (40, 0), 0),  # the middle is the limit, ...
    ((40, 19), (40, 0), 1), ((40, 21), (40, 0), 0),  # ... in any direction
    ((90, 0), (-50, 0), 0),  # nearer to the other's place than to the own, and far from both
    ((np.inf, 0), (40, 0), 0),
])
def test_exchanged_sides_worked_by_hand(left, right, expected):
    """Of a pair 40 % apart; left and right are alike, and a resolution is not asked for."""
    gt, pred, scale = np.array([[[0., 0.], [40., 0.]]]), np.array([[left, right]], dtype=float), [100.]
    for pairs in ([(0, 1)], [(1, 0)]):
        np.testing.assert_array_equal(exchanged(pred, gt, np.ones((1, 2)), scale, pairs), [[expected]])
    mirrored = exchanged([40, 0] - pred[:, ::-1], gt, np.ones((1, 2)), scale, [(0, 1)])
    np.testing.assert_array_equal(mirrored, [[expected]])


@pytest.mark.parametrize(('visible', 'scale', 'apart', 'expected'), [
    ([1, 1, 1, 1], [100.], .1, [1, 0]),
    ([1, 1, 1, 1], [100.], .3, [1, np.nan]),  # the second pair is 20 % apart
    ([1, 1, 1, 1], [100., 50.], .5, [np.nan, np.nan]),
    ([1, 1, 1, 1], [100., 50.], .25, [1, 0]),  # which lies along y: 40 % by the second number
    ([1, 0, 1, 1], [100.], .1, [1, np.nan]),
    ([0, 1, 1, 1], [100.], .1, [np.nan, 0]),
    ([1, 1, 0, 1], [100.], .1, [np.nan, 0]),
    ([1, 1, 1, 1], [np.nan], .1, [np.nan, np.nan]),
])
def test_pairs_of_which_both_landmarks_count_and_lie_apart(visible, scale, apart, expected):
    gt = np.array([[[0., 0.], [50., 50.], [40., 0.], [50., 70.]]])
    pred = gt[:, [2, 1, 0, 3]]
    np.testing.assert_array_equal(exchanged(pred, gt, [visible], [scale], [(0, 2), (1, 3)], apart), [expected])
    assert exchanged(pred, gt, [visible], [scale], []).shape == (1, 0)


def sample(gt, pred, visibility, category):
    gt = np.asarray(gt, dtype=np.float32)
    raw = np.concatenate([gt, np.asarray(visibility)[:, None]], 1).ravel().tolist()
    return dict(pred_instances=dict(keypoints=np.asarray(pred, dtype=np.float32)[None]),
                gt_instances=dict(keypoints=gt[None], keypoints_visible=np.asarray(visibility)[None] > 0,
                                  bboxes=np.array([[0, 0, 100, 100]], dtype=np.float32)),
                raw_ann_info=dict(keypoints=raw, category=category))


def evaluate(samples, metainfo=FLD, **options):
    metric = METRICS.build(dict(type='FailureModes', **options))
    metric.dataset_meta = metainfo
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def samples():
    gt = np.column_stack([np.arange(8) * 12, np.zeros(8)])  # neighbours 12 % of the box apart
    both_left = gt.copy()
    both_left[1] = 1, 0  # right_collar on left_collar: a duplicate, and 11 % off
    occluded = gt.copy()
    occluded[7] = 0, 90  # does not count
    return [sample(gt, both_left, [2] * 8, 'upper'), sample(gt, occluded, [2] * 7 + [1], 'full'),
            sample(gt, gt, [0] * 8, 'full')]


def test_the_metric_worked_by_hand():
    metrics = evaluate(samples())
    assert metrics['outliers'] == metrics['outliers@10'] == pytest.approx(100 * 1 / 15)
    assert metrics['outliers@15'] == 0 and metrics['outliers@2'] == pytest.approx(100 * 1 / 15)
    assert (metrics['outliers/upper'], metrics['outliers/full']) == (pytest.approx(100 / 8), 0)
    assert metrics['duplicates'] == pytest.approx(100 * 1 / (28 + 21))
    assert (metrics['duplicates/upper'], metrics['duplicates/full']) == (pytest.approx(100 / 28), 0)
    assert metrics['duplicates/left_collar+right_collar'] == pytest.approx(100 / 2)
    assert metrics['exchanged'] == pytest.approx(100 * 1 / (4 + 3))  # the right collar, at the left one's place
    assert (metrics['exchanged/upper'], metrics['exchanged/full']) == (pytest.approx(100 / 4), 0)
    assert metrics['exchanged/left_collar+right_collar'] == pytest.approx(100 / 2)
    assert [key for key in metrics if '+' in key] == [
        'duplicates/left_collar+right_collar', 'exchanged/left_collar+right_collar']
    assert metrics['outlier_images'] == metrics['duplicate_images'] == metrics['exchanged_images'] == pytest.approx(
        100 / 2)


def test_without_flip_pairs_no_sides_are_exchanged():
    metainfo = load_metainfo(build_dataset_info('bags', [f'corner {k}' for k in range(8)]))
    metrics = evaluate(samples(), metainfo)
    assert 'duplicates' in metrics and not [key for key in metrics if 'exchanged' in key]


def test_options():
    metrics = evaluate(samples(), threshold=.2, near=.005, include_occluded=True)
    assert metrics['outliers'] == pytest.approx(100 * 1 / 16) and metrics['duplicates'] == 0
    assert not {'duplicates', 'exchanged'} & {*evaluate(samples(), apart=5.)}  # no pair lies so far apart


@pytest.mark.parametrize('options', [dict(threshold=0), dict(near='3'), dict(apart=float('nan'))])
def test_bad_options(options):
    with pytest.raises(ValueError, match=f'{next(iter(options))} must be a positive number, a fraction of T'):
        evaluate(samples(), **options)


def test_what_is_near_does_not_lie_apart():
    with pytest.raises(InputError, match=r'near must not be above apart, got 0\.12 and 0\.1: '):
        evaluate(samples(), near=.12)
    evaluate(samples(), near=.1)


@pytest.mark.parametrize('nothing', [[], samples()[2:]])
def test_nothing_to_measure_is_an_error(nothing):
    metric = METRICS.build(dict(type='FailureModes'))
    metric.dataset_meta = FLD
    metric.process(None, nothing)
    with pytest.raises(InputError, match='FailureModes: no landmark counts'):
        metric.compute_metrics(metric.results)
