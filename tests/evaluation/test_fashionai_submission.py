import numpy as np
import pytest
from mmpose.registry import METRICS

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.datasets import FashionAIDataset
from pcloss_mmpose.datasets.formats.fashionai import read_csv
from pcloss_mmpose.errors import InputError
from pcloss_mmpose.metainfo.fashionai import CATEGORY_LANDMARKS


def sample(name, category, points):
    return dict(img_path=name, raw_ann_info=dict(image_name=name, category=category),
                pred_instances=dict(keypoints=np.asarray(points)[None]))


def test_a_submission_is_read_back(tmp_path):
    """In the order of the test set, rounded, and with nothing where the garment has no such landmark."""
    points = np.arange(48.).reshape(24, 2) + .4
    points[15] = [-3.2, 7.6]  # left of the picture
    metric = METRICS.build(dict(type='FashionAISubmission', out_file=str(tmp_path / 'submission.csv')))
    metric.process({}, [sample('Images/skirt/b.jpg', 'skirt', points), sample('Images/dress/a.jpg', 'dress', points)])
    assert metric.evaluate(2) == dict(submission_images=2)

    _, names, categories, landmarks = read_csv(str(tmp_path / 'submission.csv'))
    assert names == ['Images/skirt/b.jpg', 'Images/dress/a.jpg'] and categories == ['skirt', 'dress']
    assert landmarks[0, 15].tolist() == [0, 8, 2] and landmarks[0, 16].tolist() == [32, 33, 2]
    for row, category in zip(landmarks, categories):
        assert np.flatnonzero(row[:, 2]).tolist() == list(CATEGORY_LANDMARKS[category])
    dataset = FashionAIDataset(ann_file=str(tmp_path / 'submission.csv'))
    assert dataset[1]['raw_ann_info']['category'] == 'dress'


@pytest.mark.parametrize(('out_file', 'words'), [
    ('submission.txt', r"must end in \.csv, got 'submission.txt'"),
    ('nowhere/submission.csv', "there is no folder '.*nowhere'; make it first"),
])
def test_a_bad_file_is_refused_before_the_test(out_file, words):
    with pytest.raises(InputError, match=words):
        METRICS.build(dict(type='FashionAISubmission', out_file=out_file))


@pytest.mark.parametrize(('name', 'category', 'points', 'words'), [
    ('a.jpg', 'coat', np.zeros((24, 2)), "a.jpg has 24 landmarks and the category 'coat'"),
    ('a.jpg', 'skirt', np.zeros((8, 2)), "a.jpg has 8 landmarks"),
    ('a.jpg', 'skirt', np.full((24, 2), np.nan), 'a.jpg: a predicted landmark is not finite'),
])
def test_what_is_not_fashionai_is_an_error(tmp_path, name, category, points, words):
    metric = METRICS.build(dict(type='FashionAISubmission', out_file=str(tmp_path / 'submission.csv')))
    with pytest.raises(InputError, match=words):
        metric.process({}, [sample(name, category, points)])


def test_what_fails_while_it_is_written_leaves_the_earlier_one(tmp_path):
    path = tmp_path / 'submission.csv'
    path.write_text('earlier')
    metric = METRICS.build(dict(type='FashionAISubmission', out_file=str(path)))
    with pytest.raises(Exception, match='iterable expected'):
        metric.compute_metrics([['a.jpg', 'skirt'], None])
    assert path.read_text() == 'earlier' and list(tmp_path.iterdir()) == [path]
