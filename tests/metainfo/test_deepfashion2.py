"""DeepFashion2's landmarks: the benchmark's order and sigmas, pairs, and the 81 that categories share."""

import numpy as np
import pytest

from pcloss_mmpose.metainfo.deepfashion2 import (
    CATEGORIES,
    LANDMARKS,
    MOST,
    PARTS,
    SHARED_LANDMARKS,
    SIGMAS,
    SLICES,
    TO_SHARED,
    dataset_info,
    from_shared,
    shared_dataset_info,
    shared_sigmas,
)
from pcloss_mmpose.metainfo.load import parse

#: Pairs of numbers within a category, read off the benchmark's figure; those of short sleeve outwear off its results.
PAIRS = {
    'short_sleeve_top': '2-6 3-5 7-25 8-24 9-23 10-22 11-21 12-20 13-19 14-18 15-17',
    'long_sleeve_top': '2-6 3-5 7-33 8-32 9-31 10-30 11-29 12-28 13-27 14-26 15-25 16-24 17-23 18-22 19-21',
    'short_sleeve_outwear': '2-6 3-5 4-26 7-25 8-24 9-23 10-22 11-21 12-20 13-19 14-18 15-17 16-29 27-30 28-31',
    'long_sleeve_outwear': '2-6 3-5 4-34 7-33 8-32 9-31 10-30 11-29 12-28 13-27 14-26 15-25 16-24 17-23 18-22 19-21 '
                           '20-37 35-38 36-39',
    'vest': '2-6 3-5 7-15 8-14 9-13 10-12',
    'sling': '2-6 3-5 7-15 8-14 9-13 10-12',
    'shorts': '1-3 4-10 5-9 6-8',
    'trousers': '1-3 4-14 5-13 6-12 7-11 8-10',
    'skirt': '1-3 4-8 5-7',
    'short_sleeve_dress': '2-6 3-5 7-29 8-28 9-27 10-26 11-25 12-24 13-23 14-22 15-21 16-20 17-19',
    'long_sleeve_dress': '2-6 3-5 7-37 8-36 9-35 10-34 11-33 12-32 13-31 14-30 15-29 16-28 17-27 18-26 19-25 20-24 '
                         '21-23',
    'vest_dress': '2-6 3-5 7-19 8-18 9-17 10-16 11-15 12-14',
    'sling_dress': '2-6 3-5 7-19 8-18 9-17 10-16 11-15 12-14',
}


def number(category, n):
    """Id of the landmark that the benchmark calls n in a category."""
    return SLICES[CATEGORIES.index(category)].start + n - 1


def test_the_categories_begin_where_the_benchmark_has_them():
    """By its converter to COCO JSON."""
    starts = [0, 25, 58, 89, 128, 143, 158, 168, 182, 190, 219, 256, 275]
    assert [own.start for own in SLICES] == starts and [own.stop for own in SLICES] == [*starts[1:], 294]
    assert MOST == 39 and len(LANDMARKS) == len(set(LANDMARKS)) == 294


@pytest.mark.parametrize('category', CATEGORIES)
def test_pairs_are_those_of_the_figure(category):
    info = parse(dataset_info)
    expected = {frozenset(number(category, int(n)) for n in pair.split('-')) for pair in PAIRS[category].split()}
    own = set(range(294)[SLICES[CATEGORIES.index(category)]])
    assert {frozenset(pair) for pair in info['flip_pairs'] if set(pair) & own} == expected
    assert {LANDMARKS[k].replace('left', 'right') for pair in expected for k in pair} == {
        LANDMARKS[k] for pair in expected for k in pair if 'right' in LANDMARKS[k]}


def test_the_landmarks_of_a_pair_have_one_sigma():
    """The benchmark's own, all but one pair: an error of the pairs or of the order would show."""
    unequal = {LANDMARKS[k] for pair in parse(dataset_info)['flip_pairs'] for k in pair
               if SIGMAS[pair[0]] != SIGMAS[pair[1]]}
    assert unequal == {f'long_sleeve_dress_{side}_long_sleeve_inner_1' for side in ('left', 'right')}
    assert SIGMAS[[0, 57, 58, 127, 293]].tolist() == [0.012, 0.0286, 0.0074, 0.0573, 0.0173]
    assert SIGMAS.min() == 0.0074 and SIGMAS.max() == 0.0726


@pytest.mark.parametrize(('category', 'n', 'part'), [
    ('short_sleeve_top', 1, 'neck_back'), ('short_sleeve_top', 9, 'left_cuff_outer'),
    ('short_sleeve_top', 12, 'left_armpit'), ('short_sleeve_top', 16, 'top_hem'),
    ('short_sleeve_top', 25, 'right_shoulder'),
    ('long_sleeve_top', 13, 'left_long_sleeve_inner_3'), ('long_sleeve_top', 16, 'left_armpit'),
    ('long_sleeve_outwear', 4, 'left_front_top'), ('long_sleeve_outwear', 20, 'left_front_hem'),
    ('long_sleeve_outwear', 35, 'right_front_1'), ('long_sleeve_outwear', 39, 'left_front_2'),
    ('short_sleeve_outwear', 2, 'left_neck'), ('short_sleeve_outwear', 26, 'right_front_top'),
    ('vest', 7, 'left_shoulder_edge'), ('sling', 15, 'right_strap'), ('shorts', 7, 'crotch'),
    ('trousers', 8, 'left_trousers_inner'), ('trousers', 12, 'right_leg_hem_outer'), ('skirt', 6, 'skirt_hem'),
    ('long_sleeve_dress', 22, 'dress_hem'), ('sling_dress', 8, 'left_dress_side_1')])
def test_names_by_the_figure(category, n, part):
    assert LANDMARKS[number(category, n)] == f'{category}_{part}'


def test_81_landmarks_are_shared():
    assert len(SHARED_LANDMARKS) == 81 and set(TO_SHARED) == set(range(81))
    for own in SLICES:  # else two landmarks of one garment would be one
        assert len(set(TO_SHARED[own])) == own.stop - own.start
    info, shared = parse(dataset_info), parse(shared_dataset_info)
    flip, shared_flip = np.array(info['flip_indices']), np.array(shared['flip_indices'])
    np.testing.assert_array_equal(TO_SHARED[flip], shared_flip[TO_SHARED])  # a flip before or after is the same
    assert len(shared['flip_pairs']) == 2 * 37


@pytest.mark.parametrize(('first', 'second', 'is_one'), [
    ('short_sleeve_top_left_cuff_outer', 'long_sleeve_dress_left_cuff_outer', True),  # a cuff, whatever the sleeve
    ('shorts_left_leg_hem_inner', 'trousers_left_leg_hem_inner', True),
    ('vest_left_shoulder_edge', 'vest_dress_left_shoulder_edge', True),
    ('short_sleeve_top_top_hem', 'skirt_skirt_hem', False),
    ('vest_left_shoulder_edge', 'sling_left_strap', False),
    ('shorts_left_shorts_side', 'trousers_left_trousers_outer_1', False),
    ('short_sleeve_top_left_short_sleeve_outer', 'long_sleeve_top_left_long_sleeve_outer_1', False),
    ('short_sleeve_dress_left_dress_side_1', 'short_sleeve_top_left_top_side_1', False)])
def test_what_is_one_landmark(first, second, is_one):
    assert (TO_SHARED[LANDMARKS.index(first)] == TO_SHARED[LANDMARKS.index(second)]) == is_one


def test_there_and_back():
    rng = np.random.default_rng(0)
    for category_id, (category, own) in enumerate(zip(CATEGORIES, SLICES), 1):
        points = rng.random((2, len(PARTS[category]), 3))
        shared = np.full((2, 81, 3), np.nan)
        shared[:, TO_SHARED[own]] = points
        np.testing.assert_array_equal(from_shared(shared, category_id), points)


def test_shared_sigmas_by_hand():
    """left_strap of sling and sling dress: the root of the mean of 0.0369^2 and 0.0173^2."""
    sigma = shared_sigmas()[SHARED_LANDMARKS.index('left_strap')]
    assert sigma == pytest.approx(((0.0369**2 + 0.0173**2) / 2)**0.5)


def test_the_outline_of_every_category_is_one_piece():
    info = parse(dataset_info)
    for own in SLICES:
        reached, links = {own.start}, [set(link) for link in info['skeleton_links']]
        while True:
            more = {k for link in links if link & reached for k in link} - reached
            if not more:
                break
            reached |= more
        assert reached == set(range(own.start, own.stop))


def test_no_shared_link_goes_past_a_landmark():
    """Every link between two landmarks of a category is one of its own outline."""
    own = {frozenset(LANDMARKS[k] for k in link) for link in parse(dataset_info)['skeleton_links']}
    shared = [[SHARED_LANDMARKS[k] for k in link] for link in parse(shared_dataset_info)['skeleton_links']]
    for category, parts in PARTS.items():
        for first, second in shared:
            if {first, second} <= set(parts):
                assert frozenset((f'{category}_{first}', f'{category}_{second}')) in own, category
    assert ['left_shoulder', 'left_short_sleeve_outer'] in shared and ['neck_back', 'left_neck'] in shared
    assert ['left_neck', 'left_top_side_1'] not in shared  # which only a sling has
