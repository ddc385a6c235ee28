"""Labels stay in the picture, and apart from each other where there is room."""

import numpy as np
import pytest

from pcloss_mmpose.visualization.placing import place_labels

PICTURE = 400, 300


def boxes(points, sizes, gap=8.):
    sizes = np.array(sizes, dtype=float)
    corners = place_labels(np.array(points, dtype=float), sizes, PICTURE, gap)
    return np.concatenate([corners, corners + sizes], axis=1)


def common(one, other):
    """The area that two boxes have in common."""
    return np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod()


def test_a_lone_label_is_right_of_its_point():
    assert boxes([(100, 100)], [(60, 20)]).tolist() == [[108, 90, 168, 110]]


@pytest.mark.parametrize('point', [(0, 0), (399, 0), (0, 299), (399, 299), (399, 150), (200, 0)])
def test_labels_at_the_edge_stay_in_the_picture_and_off_their_point(point):
    (x1, y1, x2, y2), = boxes([point], [(90, 20)])
    assert 0 <= x1 < x2 <= 400 and 0 <= y1 < y2 <= 300
    assert not (x1 < point[0] < x2 and y1 < point[1] < y2)


def test_labels_of_neighbours_do_not_cover_each_other_or_the_points():
    points = [(200, 150), (212, 150), (200, 162), (190, 140), (215, 165)]
    placed = boxes(points, [(70, 16)] * 5)
    for n, box in enumerate(placed):
        assert all(common(box, other) == 0 for other in placed[n + 1:])
        assert all(common(box, np.array([x - 4, y - 4, x + 4, y + 4])) == 0 for x, y in points)


def test_on_one_spot_they_cover_less_than_if_all_had_the_first_place():
    placed = boxes([(200, 150)] * 20, [(70, 16)] * 20)
    assert sum(common(placed[i], placed[j]) for i in range(20) for j in range(i)) < 0.05 * 190 * 70 * 16


@pytest.mark.parametrize('count', [0, 1])
def test_few_points(count):
    assert boxes([(5, 5)] * count, np.full((count, 2), 10)).shape == (count, 4) if count else place_labels(
        np.zeros((0, 2)), np.zeros((0, 2)), PICTURE, 8.).shape == (0, 2)


def test_a_label_larger_than_the_picture_begins_at_its_edge():
    assert boxes([(200, 150)], [(900, 20)])[0, 0] == 0
