"""The readers on genuine rows, where they are at hand."""

import numpy as np
import pytest

from pcloss_mmpose.datasets import DeepFashionAttributeDataset, FashionAIDataset
from pcloss_mmpose.datasets.formats.fashionai import read_csv
from pcloss_mmpose.metainfo.fashionai import CATEGORY_LANDMARKS


def test_fashionai_rows(shared_data):
    csv = str(shared_data / 'fashionai_rows/train_rows.csv')
    _, names, categories, landmarks = read_csv(csv)
    states = landmarks[..., 2]
    assert len(names) == 6415
    assert [(states == v).sum() for v in (2, 1, 0)] == [52635, 9147, 92178]
    for category, row in zip(categories, states):
        assert set(np.flatnonzero(row)) <= set(CATEGORY_LANDMARKS[category])
    with pytest.warns(UserWarning, match=r'line \d+ already; 3 rows repeat an image'):
        assert len(FashionAIDataset(csv)) == 6412


def test_robot_garments(shared_data):
    root = str(shared_data / 'robot_garments')
    splits = {split: DeepFashionAttributeDataset(data_root=root, split=split) for split in ('train', 'val')}
    assert {split: len(dataset) for split, dataset in splits.items()} == {'train': 72, 'val': 20}
    infos = [dataset.get_data_info(i) for dataset in splits.values() for i in range(len(dataset))]
    assert sum(int(info['keypoints_visible'].sum()) for info in infos) == 504
    assert {info['raw_ann_info']['category'] for info in infos} == {'upper', 'lower'}


@pytest.mark.parametrize('split', ['train', 'val'])
def test_robot_photographs_through_the_paper_crop(shared_data, split):
    dataset = DeepFashionAttributeDataset(
        data_root=str(shared_data / 'robot_garments'), split=split, indices=2, test_mode=True, pipeline=[
            {'type': 'LoadImageStrict'}, {'type': 'GetBBoxCenterScale', 'padding': 1.0},
            {'type': 'TopdownStretch', 'input_size': (64, 96)}])
    sample = dataset[1]
    assert sample['img'].shape == (96, 64, 3) and sample['img'].std() > 5
    x1, y1, x2, y2 = sample['bbox'][0]
    inside = (sample['keypoints'] - [x1, y1]) / [x2 - x1, y2 - y1] * [64, 96]
    shown = sample['keypoints_visible'] > 0
    np.testing.assert_allclose(sample['transformed_keypoints'][shown], inside[shown], atol=1e-3)
