"""Rows in columns: one at a time, and every way to take some."""

import pickle

import numpy as np
import pytest

from pcloss_mmpose.datasets.formats.records import Places, Records, Strings, coco_landmarks

NAMES = ['img/a.jpg', '', '衣/👕.jpg', 'img/long name.jpg']
RECORDS = Records(
    ids=np.array([0, 1, 4, 5]), names=Strings(NAMES), folders=np.array([0, 0, 1, 0]), roots=('here', 's3://there'),
    categories=np.array([1, 2, 3, 1]), landmarks=np.arange(24, dtype=np.float32).reshape(4, 2, 3),
    boxes=np.arange(16, dtype=np.float32).reshape(4, 4), variations=np.array([1, 5, 2, 3]))


@pytest.mark.parametrize(('rows', 'expected'), [
    (slice(2), [0, 1]), (slice(-1, None), [3]), ([3, 0, 0, -2], [3, 0, 0, 2]), (np.array([], int), []),
    (np.array([True, False, True, False]), [0, 2])])
def test_some_rows(rows, expected):
    names, records = RECORDS.names[rows], RECORDS[rows]
    assert list(names) == list(records.names) == [NAMES[row] for row in expected]
    assert len(records) == len(expected) and records.roots == RECORDS.roots
    for name in ('ids', 'folders', 'categories', 'landmarks', 'boxes', 'variations'):
        np.testing.assert_array_equal(getattr(records, name), getattr(RECORDS, name)[expected])


@pytest.mark.parametrize('row', [2, -2, np.int64(2)])
def test_one_row(row):
    found = RECORDS[row]
    np.testing.assert_array_equal(found.pop('landmarks'), [[12, 13, 14], [15, 16, 17]])
    np.testing.assert_array_equal(found.pop('box'), [8, 9, 10, 11])
    assert found == dict(id=4, image_id=4, image_name='衣/👕.jpg', root='s3://there', category_id=3, variation=2)
    assert {type(found[key]) for key in ('id', 'category_id', 'variation')} == {int}


def test_landmarks_of_a_category_stand_at_their_places():
    """Two categories of five landmarks, which rows keep in the order of their own."""
    places = Places(5, [np.array([4, 0]), np.array([3])])
    landmarks = np.array([[[1, 2, 2], [3, 4, 1]], [[5, 6, 2], [0, 0, 0]]], dtype=np.float32)
    records = Records(ids=np.arange(2), names=Strings('ab'), folders=np.zeros(2, int), roots=('', ),
                      categories=np.array([1, 2]), landmarks=landmarks, images=np.array([7, 7]), places=places,
                      scores=np.float32([.5, .25]), attributes=np.array([[1, 2], [3, 3]]))
    none = [0, 0, 0]
    expected = [[[3, 4, 1], none, none, none, [1, 2, 2]], [none, none, none, [5, 6, 2], none]]
    np.testing.assert_array_equal(records.points(slice(None)), expected)
    second = records[1:]
    np.testing.assert_array_equal(second.points([0]), expected[1:])
    row = second[0]
    np.testing.assert_array_equal(row['landmarks'], expected[1])
    assert (row['id'], row['image_id'], row['score'], row['attributes']) == (1, 7, .25, [3, 3])


def test_no_row():
    for row in (4, -5):
        with pytest.raises(IndexError):
            RECORDS.names[row]
        with pytest.raises(IndexError):
            RECORDS[row]


def test_workers_are_sent_arrays_alone():
    """In a pickle of 10,000 rows there is no object for each."""
    many = RECORDS[np.zeros(10_000, dtype=np.int64)]
    assert len(pickle.dumps(many)) < 1.05 * sum(
        column.nbytes for column in (many.ids, many.names.ends, many.folders, many.categories, many.landmarks,
                                     many.boxes, many.variations)) + len(many.names.text)
    assert pickle.loads(pickle.dumps(many))[9_999]['image_name'] == 'img/a.jpg'


def test_what_is_not_annotated_has_no_position():
    points, visibility = np.array([[[1., 2.], [np.nan, 4.], [5., 6.]]]), np.array([[2, 0, 1]])
    np.testing.assert_array_equal(coco_landmarks(points, visibility), [[[1, 2, 2], [0, 0, 0], [5, 6, 1]]])
