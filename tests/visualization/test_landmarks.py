import numpy as np
import pytest

from pcloss_mmpose.visualization import draw_grid, draw_landmarks

BLUE, BLUE_IN_RGB = (255, 0, 0), (0, 0, 255)


def test_discs_rings_and_lines_are_where_they_should_be():
    image = np.zeros((200, 300, 3), np.uint8)
    keypoints = np.array([[50., 40.], [150., 100.], [250., 160.]])
    truth = keypoints + [0, 40]
    drawn = draw_landmarks(image, keypoints, np.array([2, 1, 0]), np.array([BLUE_IN_RGB] * 3), truth)
    assert tuple(drawn[40, 50]) == BLUE  # visible: a disc
    assert tuple(drawn[100, 150]) == (255, 255, 255)  # occluded: a ring around white
    assert (drawn[104, 146:155] == BLUE).all(-1).any() or (drawn[100, 140:150] == BLUE).all(-1).any()
    assert drawn[60, 50].all() and drawn[120, 150].all()  # half way to the truth
    assert not drawn[150:, 240:].any()  # not annotated: nothing
    assert not image.any()


def test_nan_is_not_drawn_and_the_line_to_a_far_off_prediction_is():
    image = np.zeros((50, 50, 3), np.uint8)
    truth = np.full((2, 2), 25.)
    lost, far = np.array([[np.nan, np.nan]] * 2), np.array([[1e12, 25.]] * 2)
    assert not draw_landmarks(image, lost, np.array([2, 1]), np.array([BLUE_IN_RGB] * 2), truth).any()
    drawn = draw_landmarks(image, far, np.array([2, 1]), np.array([BLUE_IN_RGB] * 2), truth)
    assert drawn[25, 26:].all() and not drawn[:20].any()


def test_grid_keeps_the_images_shape():
    wide = np.full((50, 100, 3), 10, np.uint8)
    grid = draw_grid([[wide, wide]], ['a', 'b'], cell=104)
    assert grid.shape == (28 + 104, 208, 3)
    assert (grid[28 + 27:28 + 77, 2:102] == 10).all()  # 100 x 50, in the middle of its cell
    assert (grid[28:28 + 26] == 255).all()


@pytest.mark.parametrize('rows', [[], [[np.zeros((4, 4, 3), np.uint8)]]])
def test_grid_needs_full_rows(rows):
    with pytest.raises(ValueError, match='2 images in each'):
        draw_grid(rows, ['a', 'b'])
