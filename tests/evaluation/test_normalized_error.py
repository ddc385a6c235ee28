import numpy as np
import pytest
from mmpose.registry import METRICS

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.evaluation import NormalizedError, normalized_error
from pcloss_mmpose.metainfo import fashionai, fld, load_metainfo

FASHIONAI = load_metainfo(fashionai.dataset_info)
FLD = load_metainfo(fld.dataset_info)


def test_function_worked_by_hand():
    pred = np.array([[[3., 4.], [10., 0.]], [[0., 0.], [6., 8.]]])
    gt = np.zeros((2, 2, 2))
    visible = np.array([[1, 0], [1, 1]])
    np.testing.assert_allclose(normalized_error(pred, gt, visible, [10., 20.]), [[0.5, np.nan], [0., 0.5]])
    np.testing.assert_allclose(normalized_error(pred, gt, visible, [[10.], [20.]]), [[0.5, np.nan], [0., 0.5]])
    # Box 30 wide and 40 high, 60 wide and 80 high.
    np.testing.assert_allclose(
        normalized_error(pred, gt, visible, [[30., 40.], [60., 80.]]),
        [[np.hypot(.1, .1), np.nan], [0., np.hypot(.1, .1)]])


@pytest.mark.parametrize('scale', [0., -1., np.nan, np.inf])
def test_an_image_without_a_scale_does_not_count(scale):
    error = normalized_error(np.ones((2, 1, 2)), np.zeros((2, 1, 2)), np.ones((2, 1)), [scale, 1.])
    assert np.isnan(error[0, 0]) and error[1, 0] == pytest.approx(2**.5)


@pytest.mark.parametrize(('change', 'words'), [
    (dict(pred=np.zeros((2, 3))), r'pred must have shape \(N, K, 2\)'),
    (dict(gt=np.zeros((2, 4, 2))), 'gt must have the shape of pred'),
    (dict(visible=np.ones((2, 4))), 'visible must have shape'),
    (dict(scale=np.ones(3)), 'scale must have shape'),
    (dict(pred=np.full((2, 3, 2), np.nan)), 'pred is NaN at image 0, landmark 0, and at 6 landmarks'),
    (dict(gt=np.full((2, 3, 2), np.nan)), 'gt is NaN'),
])
def test_bad_arrays(change, words):
    arrays = dict(pred=np.zeros((2, 3, 2)), gt=np.zeros((2, 3, 2)), visible=np.ones((2, 3)), scale=np.ones(2))
    with pytest.raises(ValueError, match=words):
        normalized_error(**{**arrays, **change})


def test_nan_where_nothing_counts_is_no_error():
    gt = np.array([[[np.nan, np.nan], [0., 0.]]])
    np.testing.assert_array_equal(normalized_error(np.zeros((1, 2, 2)), gt, [[0, 1]], [1.]), [[np.nan, 0.]])


def sample(pred, gt, visibility, box=(0, 0, 100, 200), category='blouse'):
    gt = np.asarray(gt, dtype=np.float32)[None]
    raw = np.concatenate([gt[0], np.asarray(visibility)[:, None]], 1).ravel().tolist()
    return dict(
        pred_instances=dict(keypoints=np.asarray(pred, dtype=np.float32)[None]),
        gt_instances=dict(keypoints=gt, keypoints_visible=np.asarray(visibility)[None] > 0,
                          bboxes=np.array([box], dtype=np.float32)),
        raw_ann_info=dict(keypoints=raw, category=category))


def evaluate(samples, metainfo, **options):
    metric = METRICS.build(dict(type='NormalizedError', **options))
    metric.dataset_meta = metainfo
    for s in samples:
        metric.process(None, [s])
    return metric.evaluate(len(samples))


def fld_samples():
    zeros = np.zeros((8, 2))
    first = zeros.copy()
    first[0] = 10, 0  # 10 % of the width
    first[2] = 0, 10  # 5 % of the height, occluded
    second = zeros.copy()
    second[0] = 0, 60  # 30 % of the height
    visible = [2] * 8
    occluded = [2, 2, 1, 2, 2, 2, 0, 2]
    return [sample(first, zeros, occluded, category='upper'), sample(second, zeros, visible, category='full')]


def test_box_norm_worked_by_hand():
    metrics = evaluate(fld_samples(), FLD, norm='box')
    assert metrics['NE'] == pytest.approx((10 + 30) / (6 + 8))
    assert metrics['NE/left_collar'] == pytest.approx(20)
    assert metrics['NE/left_sleeve'] == 0  # the occluded one is not counted
    assert metrics['NE_macro'] == pytest.approx(20 / 8)
    assert (metrics['NE/upper'], metrics['NE/full']) == (pytest.approx(10 / 6), pytest.approx(30 / 8))
    assert metrics['NE_skipped'] == 0


def test_box_width_norm_and_occluded_landmarks():
    metrics = evaluate(fld_samples(), FLD, norm='box_width', include_occluded=True)
    assert metrics['NE'] == pytest.approx((10 + 10 + 60) / (7 + 8))
    assert metrics['NE/left_sleeve'] == pytest.approx(10 / 2)


def fashionai_samples():
    gt = np.zeros((24, 2))
    gt[6] = 50, 0  # armpits 50 apart
    gt[16] = 0, 20  # waistbands 20 apart
    pred = gt.copy()
    pred[5] = 5, 0
    pred[15] = 0, 5
    visibility = np.zeros(24)
    blouse, skirt, undefined, same_spot = (visibility.copy() for _ in range(4))
    blouse[[5, 6]] = 2, 1  # the occluded armpit normalises, but is not counted
    skirt[[15, 16]] = 2
    undefined[5] = 2
    same_spot[[5, 6]] = 2
    coincident = gt.copy()
    coincident[6] = 0
    return [
        sample(pred, gt, blouse, category='blouse'),
        sample(pred, gt, skirt, category='skirt'),
        sample(pred, gt, undefined, category='dress'),
        sample(pred, coincident, same_spot, category='outwear')
    ]


def test_keypoint_pair_norm_worked_by_hand():
    metrics = evaluate(fashionai_samples(), FASHIONAI, norm='keypoint_pair')
    assert metrics['NE/armpit_left'] == pytest.approx(10)
    assert metrics['NE/waistband_left'] == pytest.approx(25)
    assert metrics['NE'] == pytest.approx((10 + 25 + 0) / 3)
    assert metrics['NE_macro'] == pytest.approx((10 + 25 + 0) / 3)
    assert metrics['NE_skipped'] == 2
    assert 'NE/dress' not in metrics and 'NE/armpit_right' not in metrics


def test_own_pairs_and_coco_style_annotations():
    gt = np.zeros((8, 2))
    gt[1] = 10, 0
    pred = gt + [1, 0]
    coco = sample(pred, gt, [2] * 8)
    coco['raw_ann_info'].pop('category')
    coco['raw_ann_info']['category_id'] = 3
    pair = ('left_collar', 'right_collar')
    metrics = evaluate([coco], FLD, norm='keypoint_pair', norm_pairs={'3': pair})
    assert metrics['NE'] == metrics['NE/3'] == pytest.approx(10)
    named = dict(FLD, CLASSES=[dict(id=1, name='coat'), dict(id=3, name='waistcoat')])  # as CocoDataset fills it
    metrics = evaluate([coco], named, norm='keypoint_pair', norm_pairs={'waistcoat': pair})
    assert metrics['NE'] == metrics['NE/waistcoat'] == pytest.approx(10)


@pytest.mark.parametrize(('options', 'words'), [
    (dict(norm='diagonal'), 'norm must be one of box, box_width, keypoint_pair'),
    (dict(norm='keypoint_pair', norm_pairs={'skirt': ('a', 'b')}), "no pair for the category 'upper'"),
    (dict(norm='keypoint_pair', norm_pairs={'upper': ('left_collar', 'tail'), 'full': ('left_collar', 'tail')}),
     "names the landmark 'tail'"),
    (dict(norm='keypoint_pair', norm_pairs={'upper': ('left_collar', )}), 'two landmark names a category'),
])
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        evaluate(fld_samples(), FLD, **options)


def test_nothing_to_measure_is_an_error():
    with pytest.raises(ValueError, match='no landmark counts'):
        evaluate([sample(np.zeros((8, 2)), np.zeros((8, 2)), [0] * 8)], FLD)


def test_the_norm_may_be_given_by_its_place():
    with pytest.raises(ValueError, match="norm must be one of .*, got 'bax'"):
        NormalizedError('bax')


def test_keys_work_with_a_prefix():
    metric = NormalizedError(prefix='val')
    metric.dataset_meta = FLD
    metric.process(None, fld_samples())
    assert 'val/NE' in metric.evaluate(2)
