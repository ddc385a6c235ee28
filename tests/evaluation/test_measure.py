"""The measurement that all figures come from."""

import pickle

import numpy as np
import pytest

from pcloss_mmpose.errors import InputError
from pcloss_mmpose.evaluation import FailureModes, NormalizedError
from pcloss_mmpose.metainfo import build_dataset_info, load_metainfo

#: Three landmarks, as a data set in COCO's format has them.
METAINFO = dict(
    load_metainfo(build_dataset_info('bags', ['left_handle', 'right_handle', 'clasp'])),
    CLASSES=[dict(id=4, name='tote')])


def sample(visibility, offset=0., box=(10, 20, 60, 120), **raw):
    """Landmarks 20 apart along x, of which the last is found ``offset`` off along x."""
    truth = np.array([[20., 40.], [40., 40.], [60., 40.]])
    found = truth.copy()
    found[2, 0] += offset
    raw['keypoints'] = np.column_stack([truth, visibility]).ravel().tolist()
    return dict(
        pred_instances=dict(keypoints=found[None]), raw_ann_info=raw,
        gt_instances=dict(keypoints=truth[None], keypoints_visible=np.ones((1, 3)), bboxes=np.float32([box])))


def measure(metric, *samples):
    metric.dataset_meta = METAINFO
    metric.process(None, samples)
    return metric.measure(metric.results)


def test_every_array_by_hand():
    """In a box of 50 x 100: 20 pixels are two fifths of T; the last landmark of the first image is on the second."""
    first, second = sample([2, 2, 2], -19.), sample([2, 1, 0], 5., category_id=9)
    third = sample([2, 2, 2], box=(10, 20, 10, 120), category_id=4)  # a box without a width
    measured = measure(FailureModes(), first, second, third)
    assert measured.landmarks == ['left_handle', 'right_handle', 'clasp']
    assert measured.categories.tolist() == ['all', '9', 'tote']
    assert measured.pred[:, 2, 0].tolist() == [41, 65, 60] and measured.truth[:, 2, 0].tolist() == [60] * 3
    assert measured.visibility.tolist() == [[2, 2, 2], [2, 1, 0], [2, 2, 2]]
    assert measured.boxes.tolist() == [[10, 20, 60, 120]] * 2 + [[10, 20, 10, 120]]
    assert measured.skipped.tolist() == [False, False, True]
    np.testing.assert_array_equal(measured.scale, [[50, 100], [50, 100], [np.nan, 100]])
    assert measured.counted.tolist() == [[True] * 3, [True, False, False], [False] * 3]
    np.testing.assert_allclose(measured.errors, [[0, 0, .38], [0, np.nan, np.nan], [np.nan] * 3])
    np.testing.assert_array_equal(measured.duplicates, [[0, 0, 1], [np.nan] * 3, [np.nan] * 3])
    assert measured.sides == [(0, 1)]
    np.testing.assert_array_equal(measured.exchanged, [[0], [np.nan], [np.nan]])


def test_options_decide_what_is_measured():
    measured = measure(FailureModes(norm='box_width', include_occluded=True, apart=.5), sample([2, 1, 0]))
    assert measured.scale.tolist() == [[50]] and measured.counted.tolist() == [[True, True, False]]
    assert np.isnan(measured.duplicates).all()  # 0.4 is not apart


def test_an_error_needs_no_pairs():
    """There are 8,778 for 133 landmarks."""
    measured = measure(NormalizedError(), sample([2, 2, 2], 5.))
    assert measured.duplicates.shape == measured.exchanged.shape == (1, 0) and measured.sides == []
    assert measured.errors.tolist() == [[0, 0, .1]]


def test_without_an_annotation_the_visible_landmarks_count():
    entry = sample([2, 2, 2])
    entry.pop('raw_ann_info')
    entry['gt_instances']['keypoints_visible'] = np.array([[1, 0, 1]])
    measured = measure(NormalizedError(), entry)
    assert measured.visibility.tolist() == [[2, 0, 2]] and measured.categories.tolist() == ['all']


def test_another_number_of_landmarks_than_annotated_is_an_error():
    entry = sample([2, 2, 2])
    entry['raw_ann_info']['keypoints'] = [1, 1, 2] * 4
    with pytest.raises(InputError, match='raw_ann_info has 4 landmarks and the sample 3; it cannot work behind'):
        measure(NormalizedError(), entry)


def test_another_number_of_landmarks_than_predicted_is_an_error():
    entry = sample([2, 2, 2])
    entry['pred_instances']['keypoints'] = np.zeros((1, 2, 2))
    with pytest.raises(InputError, match=r'predicted landmarks \(1, 2, 2\) and true ones \(1, 3, 2\) do not fit'):
        measure(NormalizedError(), entry)


def test_a_sample_without_a_garment_is_an_error():
    """Its neighbours' numbers must not take its place."""
    entry = sample([2, 2, 2])
    for part in ('pred_instances', 'gt_instances'):
        entry[part]['keypoints'] = np.zeros((0, 3, 2))
    with pytest.raises(InputError, match=r'true ones \(1, 3, 2\) do not fit each other, in 2 samples'):
        measure(NormalizedError(), sample([2, 2, 2]), entry)


def test_a_batch_is_measured_as_its_samples_are():
    """Annotated as lists, as an array, and not at all; the last with two garments, of which the first counts."""
    entries = [sample([2, 1, 0], 3., category='coat'), sample([1, 2, 2], -7.), sample([2, 2, 2], 4.), sample([2, 2, 2])]
    entries[1]['raw_ann_info']['keypoints'] = np.array(entries[1]['raw_ann_info']['keypoints'])
    entries[2].pop('raw_ann_info')
    for part in (entries[3]['pred_instances'], entries[3]['gt_instances']):
        part.update({key: np.concatenate([value, value + 9]) for key, value in part.items()
                     if key != 'keypoints_visible'})
    together, single = FailureModes(), FailureModes()
    together.dataset_meta = METAINFO
    together.process(None, entries)
    for entry in entries[:-1]:
        measure(single, entry)
    collected = pickle.loads(pickle.dumps(together.results))  # as from another process
    for whole, part in zip(together.measure(collected), measure(single, entries[-1])):
        np.testing.assert_array_equal(whole, part)
    assert together.measure(together.results).visibility.tolist() == [[2, 1, 0], [1, 2, 2], [2, 2, 2], [2, 2, 2]]


def test_a_distance_that_cannot_be_told_names_what_is_not_a_number():
    entry = sample([2, 2, 0])
    entry['pred_instances']['keypoints'][0, 2] = np.nan  # is not counted
    assert measure(NormalizedError(), entry).errors[0, :2].tolist() == [0, 0]
    entry['pred_instances']['keypoints'][0, 1, 1] = np.nan
    with pytest.raises(InputError, match='pred is NaN at image 0, landmark 1, and at 1 landmarks in all'):
        measure(NormalizedError(), entry)
