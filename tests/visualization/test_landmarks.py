"""What is drawn, where, and how large. Colors in the tests are pure, so that a pixel tells what lies there."""

import numpy as np
import pytest

from pcloss_mmpose.metainfo import load_metainfo
from pcloss_mmpose.visualization import Look, draw_grid, draw_landmarks, draw_scored
from pcloss_mmpose.visualization.landmarks import BOX_COLOR, sizes

BLUE, BLUE_IN_RGB = (255, 0, 0), (0, 0, 255)
GREEN = (0, 255, 0)
GREY = 120
NAMES = ['left_cuff', 'right_cuff', 'collar']
LONE = Look(NAMES, np.array([BLUE_IN_RGB] * 3), np.zeros((0, 2), int), np.zeros((0, 3)))
LOOK = LONE._replace(lines=np.array([(0, 1)]), line_colors=np.array([GREEN]))


def ground(height=200, width=300, value=GREY):
    return np.full((height, width, 3), value, np.uint8)


def is_blue(drawn):
    """Whether pixels are more blue than red: small rings have no pixel of their pure color."""
    return drawn[..., 0].astype(int) - drawn[..., 2] > 60


def test_filled_hollow_and_left_out_points_and_lines_to_the_truth():
    image = ground()
    keypoints = np.array([[50., 40.], [150., 100.], [250., 160.]])
    truth = keypoints + [0, 40]
    drawn = draw_landmarks(image, keypoints, np.array([2, 1, 0]), LONE, truth)
    assert tuple(drawn[40, 50]) == BLUE
    assert tuple(drawn[100, 150]) == (255, 255, 255) and is_blue(drawn[100, 140:150]).any()
    assert (drawn[60, 50] > 200).all() and (drawn[120, 150] > 200).all()  # half way to the truth
    assert (drawn[80, 50] > 200).all()  # the truth itself
    assert (drawn[150:, 240:] == GREY).all()
    assert (image == GREY).all()


@pytest.mark.parametrize('value', [0, 255])
def test_points_and_light_lines_show_on_black_and_on_white(value):
    """A white line has a dark casing, and a point of the garment's own color a white and a dark one."""
    own = LOOK._replace(colors=np.full((3, 3), value), line_colors=np.full((1, 3), 255))
    drawn = draw_landmarks(ground(400, 400, value), np.array([[100., 200.], [300., 200.], [200., 50.]]),
                           np.array([2, 2, 2]), own).astype(int)
    for part in (drawn[190:211, 200], drawn[40:61, 200]):
        assert np.abs(part - value).max() > 100


def test_the_outline_connects_what_is_drawn_and_is_thin_where_a_place_is_uncertain():
    keypoints = np.array([[50., 100.], [250., 100.], [150., 30.]])
    widths = []
    for visible in ([2, 2, 2], [2, 1, 2], [2, 0, 2]):
        drawn = draw_landmarks(ground(), keypoints, np.array(visible), LOOK)
        widths.append(int((drawn[:, 150] != GREY).any(-1)[60:140].sum()))
    assert widths[0] > widths[1] > widths[2] == 0


def test_nan_is_not_drawn_and_the_line_to_a_far_off_prediction_is():
    image, truth = ground(50, 50), np.full((3, 2), 25.)
    lost, far = np.full((3, 2), np.nan), np.array([[1e12, 25.]] * 3)
    assert (draw_landmarks(image, lost, np.array([2, 1, 2]), LOOK, truth) == GREY).all()
    drawn = draw_landmarks(image, far, np.array([2, 1, 2]), LONE, truth)
    assert (drawn[25, 26:] != GREY).any(-1).all() and (drawn[:20] == GREY).all()
    unknown = draw_landmarks(image, truth, np.array([2, 1, 2]), LONE, np.full((3, 2), np.nan))
    assert (unknown == draw_landmarks(image, truth, np.array([2, 1, 2]), LONE)).all()


def test_a_box_is_drawn_where_it_lies_unless_it_is_the_whole_image():
    none = np.zeros(3)
    drawn = draw_landmarks(ground(), np.zeros((3, 2)), none, LONE, box=[20, 30, 120, 150])
    assert tuple(drawn[30, 70]) == tuple(drawn[150, 70]) == tuple(drawn[90, 20]) == tuple(drawn[90, 120]) == BOX_COLOR
    assert (draw_landmarks(ground(), np.zeros((3, 2)), none, LONE, box=[0, 0, 300, 200]) == GREY).all()


@pytest.mark.parametrize('names', [False, True])
def test_a_picture_ten_times_as_large_looks_the_same(names):
    """Points, lines and names cover about the same part of it; of a fixed size they would cover a tenth or less."""
    keypoints, visible = np.array([[60., 100.], [250., 100.], [150., 30.]]), np.array([2, 1, 2])
    parts = []
    for times in (3, 30):
        drawn = draw_landmarks(ground(200 * times, 300 * times), keypoints * times, visible, LOOK, names=names)
        parts.append((drawn != GREY).any(-1).mean())
    assert 0.6 < parts[0] / parts[1] < 1.7 and parts[0] > 0.002


def test_sizes_of_small_pictures_stay_legible_and_those_of_a_small_box_fit_the_box():
    assert sizes((60, 40)) == (3, 1, 10)
    small, whole = sizes((3000, 4000), [100, 100, 500, 300]), sizes((3000, 4000))
    assert whole.radius == pytest.approx(4 * small.radius) and whole.font == pytest.approx(4 * small.font, abs=4)
    assert sizes((3000, 4000), [0, 0, 4000, 3000]) == whole


def test_an_image_that_is_resized_has_its_landmarks_where_they_were():
    image = ground(50, 100)
    image[20:30, 60:70] = 255  # its middle: 64.5, 24.5
    drawn = draw_landmarks(image, np.array([[64.5, 24.5]] * 3), np.array([0, 2, 0]), LONE, longer=400)
    assert drawn.shape == (200, 400, 3)
    ys, xs = np.nonzero((drawn == BLUE).all(-1))
    assert (xs.mean(), ys.mean()) == pytest.approx((64.5 * 4 + 1.5, 24.5 * 4 + 1.5), abs=0.6)


def test_names_change_the_picture_beside_each_point_in_the_image_and_nowhere_else():
    keypoints = np.array([[60., 100.], [250., 100.], [900., 30.]])
    plain, named = (draw_landmarks(ground(), keypoints, np.array([2, 2, 2]), LONE, names=names)
                    for names in (False, True))
    changed = (plain != named).any(-1)
    halves = changed[:, :150], changed[:, 150:]
    assert all(80 < half.sum() < 1500 for half in halves)
    assert not changed[:60].any() and not changed[140:].any()
    hidden = draw_landmarks(ground(), keypoints, np.array([0, 0, 2]), LONE, names=True)
    assert (hidden == GREY).all()


def test_a_prediction_is_hollow_below_the_score_and_filled_from_it_on():
    """The legend says so, and only where there is a hollow point."""
    keypoints = np.array([[60., 100.], [150., 100.], [240., 100.]])
    drawn = draw_scored(ground(), keypoints, np.array([0.29, 0.3, 7.]), LONE)
    assert [tuple(drawn[100, x]) for x in (60, 150, 240)] == [(255, 255, 255), BLUE, BLUE]
    other = draw_scored(ground(), keypoints, np.array([0.29, 0.3, 7.]), LONE, hollow_below=0.2)
    assert tuple(other[100, 60]) == BLUE
    assert len(drawn) > 200 == len(other)  # all have one color, so that there is nothing else to explain


def test_a_small_prediction_gets_room_for_names():
    keypoints = np.array([[30., 50.], [60., 50.], [45., 20.]])
    drawn = draw_scored(ground(100, 100), keypoints, np.ones(3), LONE, names=True)
    assert drawn.shape[1] == 640 and tuple(drawn[int(50.5 * 6.4), int(30.5 * 6.4)]) == BLUE


def test_grid_keeps_the_images_shape():
    wide = np.full((50, 100, 3), 10, np.uint8)
    grid = draw_grid([[wide, wide]], ['a', 'b'], cell=104)
    assert grid.shape == (28 + 104, 208, 3)
    assert (grid[28 + 27:28 + 77, 2:102] == 10).all()  # 100 x 50, in the middle of its cell
    assert (grid[28:28 + 26] == 255).all()


def test_titles_stay_above_their_columns():
    grid = draw_grid([[ground()] * 3], ['W' * 200, '', 'ц'])
    header = (grid[:28] < 128).any(-1).any(0)
    assert header[:256].any() and not header[248:512].any() and header[512:].any()


@pytest.mark.parametrize('rows', [[], [[np.zeros((4, 4, 3), np.uint8)]]])
def test_grid_needs_full_rows(rows):
    with pytest.raises(ValueError, match='2 images in each'):
        draw_grid(rows, ['a', 'b'])


@pytest.mark.parametrize('name', ['FashionAIDataset', 'CocoDataset', 'configs/_base_/datasets/wflw.py'])
def test_every_metainfo_has_a_look(name):
    metainfo = load_metainfo(name)
    look = Look.of(metainfo)
    count = len(metainfo['keypoint_id2name'])
    assert len(look.names) == len(look.colors) == count and look.lines.shape == (len(look.line_colors), 2)
    points = np.random.default_rng(0).uniform(0, 300, (count, 2))
    assert (draw_scored(ground(), points, np.ones(count), look)[:200] != GREY).any()
