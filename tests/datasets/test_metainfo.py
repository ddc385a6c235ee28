import numpy as np
import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from pcloss_mmpose.metainfo import deepfashion_attribute, fashion8, fashionai, fld

FASHIONAI_PAIRS = {(0, 1), (3, 4), (5, 6), (7, 8), (9, 11), (10, 12), (13, 14), (15, 16), (17, 18), (20, 22), (21, 23)}
FASHION8_PAIRS = {(0, 1), (2, 3), (4, 5), (6, 7)}


@pytest.mark.parametrize('module, name, pairs, upper', [
    (fashionai, 'fashionai', FASHIONAI_PAIRS, range(15)),
    (deepfashion_attribute, 'deepfashion_attribute', FASHION8_PAIRS, range(4)),
    (fld, 'fld', FASHION8_PAIRS, range(4)),
])
def test_mmpose_parses_it(module, name, pairs, upper):
    meta = parse_pose_metainfo(module.dataset_info)
    landmarks = meta['num_keypoints']
    assert meta['dataset_name'] == name
    assert {tuple(sorted(pair)) for pair in meta['flip_pairs']} == pairs
    flipped = list(range(landmarks))
    for a, b in pairs:
        flipped[a], flipped[b] = b, a
    assert meta['flip_indices'] == flipped
    assert meta['upper_body_ids'] == list(upper)
    assert meta['lower_body_ids'] == list(range(len(upper), landmarks))
    assert meta['sigmas'].tolist() == [np.float32(0.05)] * landmarks
    assert meta['dataset_keypoint_weights'].tolist() == [1.0] * landmarks


@pytest.mark.parametrize('module', [fashionai, fld])
def test_outline_is_symmetric_and_names_each_link_once(module):
    meta = parse_pose_metainfo(module.dataset_info)
    links = [frozenset(link) for link in meta['skeleton_links']]
    assert len(set(links)) == len(links)
    flip = meta['flip_indices']
    assert {frozenset(flip[i] for i in link) for link in links} == set(links)


@pytest.mark.parametrize('module, categories', [(fashionai, fashionai.CATEGORY_LANDMARKS),
                                                (fld, fashion8.CATEGORY_LANDMARKS)])
def test_outline_reaches_every_landmark_of_every_category(module, categories):
    links = parse_pose_metainfo(module.dataset_info)['skeleton_links']
    for ids in categories.values():
        drawn = {i for link in links if set(link) <= set(ids) for i in link}
        assert drawn == set(ids)


def test_left_is_blue_right_is_orange_centre_is_green():
    for index, info in fashionai.dataset_info['keypoint_info'].items():
        red, green, blue = info['color']
        strongest = {'left': blue, 'right': red, '': green}[
            'left' if 'left' in info['name'] else 'right' if 'right' in info['name'] else '']
        assert strongest == max(red, green, blue), index
    colors = {tuple(info['color']) for info in fashionai.dataset_info['keypoint_info'].values()}
    assert len(colors) == 24


def test_categories_of_fashionai():
    assert {name: len(ids) for name, ids in fashionai.CATEGORY_LANDMARKS.items()} == {
        'blouse': 13, 'outwear': 14, 'dress': 15, 'skirt': 4, 'trousers': 7}
    assert 2 not in fashionai.CATEGORY_LANDMARKS['outwear']  # center_front
    for category, pair in fashionai.NORM_PAIRS.items():
        names = {fashionai.LANDMARKS[i] for i in pair}
        part = 'waistband' if category in ('skirt', 'trousers') else 'armpit'
        assert names == {f'{part}_left', f'{part}_right'}
        assert set(pair) <= set(fashionai.CATEGORY_LANDMARKS[category])
