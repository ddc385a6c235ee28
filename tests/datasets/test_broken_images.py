import pickle

import numpy as np
import pytest
from torch.utils.data import DataLoader

from pcloss_mmpose.datasets import FashionAIDataset
from pcloss_mmpose.datasets.broken_images import BrokenImageCount
from pcloss_mmpose.errors import BrokenImageError, TooManyBrokenImagesError

PIPELINE = [{'type': 'LoadImageStrict'}]


@pytest.mark.parametrize('read, broken, stops', [
    (9, 9, False),  # nine are tolerated, even if nothing else is read
    (10, 10, True),
    (999, 10, True),  # just over 1 %
    (1000, 10, False),  # just 1 %
    (1099, 11, True),
])
def test_limits(read, broken, stops):
    count = BrokenImageCount()
    count.read = read
    for number in range(broken - 1):
        count.reasons[f'{number}.jpg'] = 'gone'
    error = BrokenImageError('last.jpg', 'truncated')
    if stops:
        with pytest.raises(TooManyBrokenImagesError, match=rf'{broken} different images are broken of {read} read'):
            count.add(error)
    else:
        count.add(error)


def test_one_image_met_often_counts_once():
    count = BrokenImageCount()
    for _ in range(100):
        count.read += 1
        count.add(BrokenImageError('a.jpg', 'gone'))
    assert count.reasons == {'a.jpg': 'gone'}


@pytest.fixture()
def csv(raw, tmp_path):
    """Three images, of which the second is missing."""
    for name in 'ac':
        raw.image(tmp_path / f'{name}.jpg')
    return raw.fashionai(tmp_path / 'train.csv', [raw.fashionai_row(f'{n}.jpg', 'dress', {0: '1_2_1'}) for n in 'abc'])


def test_training_replaces_it(csv):
    np.random.seed(0)
    dataset = FashionAIDataset(csv, pipeline=PIPELINE)
    assert dataset[1]['raw_ann_info']['image_name'] in ('a.jpg', 'c.jpg')
    assert [path[-5:] for path in dataset.broken_images.reasons] == ['b.jpg']
    assert dataset.broken_images.read >= 2


def test_testing_stops_at_the_first(csv):
    dataset = FashionAIDataset(csv, pipeline=PIPELINE, test_mode=True)
    assert dataset[0]['img'].shape == (30, 40, 3)
    with pytest.raises(BrokenImageError, match=r'b\.jpg: FileNotFoundError'):
        dataset[1]


def test_training_stops_when_too_many_are_broken(raw, tmp_path):
    csv = raw.fashionai(tmp_path / 'train.csv', [raw.fashionai_row(f'{i}.jpg', 'dress') for i in range(40)])
    dataset = FashionAIDataset(csv, pipeline=PIPELINE)
    with pytest.raises(TooManyBrokenImagesError, match='10 different images are broken'):
        dataset[0]


def test_a_worker_hands_the_error_on(csv):
    loader = DataLoader(
        FashionAIDataset(csv, pipeline=PIPELINE, test_mode=True), num_workers=1, collate_fn=lambda batch: batch)
    with pytest.raises(BrokenImageError, match=r'b\.jpg'):
        list(loader)


def test_the_error_survives_pickling():
    error = pickle.loads(pickle.dumps(BrokenImageError('a.jpg', 'gone')))
    assert (error.path, error.reason, str(error)) == ('a.jpg', 'gone', 'a.jpg: gone')
