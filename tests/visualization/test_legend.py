"""The legend says what is drawn, and no more."""

import numpy as np
import pytest

from pcloss_mmpose.metainfo import load_metainfo
from pcloss_mmpose.visualization import Look, entries, with_legend

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)  # RGB
NAMES = ['left_cuff', 'right_cuff', 'collar', 'left_hem', 'right_hem']
LOOK = Look(NAMES, np.array([RED, GREEN, BLUE, RED, GREEN]), np.zeros((0, 2), int), np.zeros((0, 3)))


@pytest.mark.parametrize(('states', 'options', 'texts'), [
    ([[2, 2, 2, 2, 2]], {}, ['left', 'right', 'middle']),
    ([[2, 0, 0, 1, 0]], {}, ['left', 'uncertain']),
    ([[2, 0, 0, 0, 0], [0, 2, 0, 0, 0]], {}, ['left', 'right']),
    ([[0, 0, 2, 0, 0]], {}, []),  # a color alone says nothing
    ([[0, 2, 0, 0, 0]], dict(truth=True, box=True), ['right', 'true place', 'box']),
])
def test_what_is_drawn_is_explained(states, options, texts):
    assert [entry.text for entry in entries(LOOK, np.array(states), 'uncertain', **options)] == texts


def test_colors_that_both_sides_have_are_not_explained():
    """COCO's eyes and ears are blue on both sides; shoulders and below are green on the left, orange on the right."""
    look = Look.of(load_metainfo('CocoDataset'))
    left, right = entries(look, [np.full(17, 2)], 'uncertain')
    assert (left.text, left.colors) == ('left', ((0, 255, 0), ))
    assert (right.text, right.colors) == ('right', ((0, 128, 255), ))  # BGR
    same = LOOK._replace(colors=np.array([RED] * 5))
    assert entries(same, [np.full(5, 2)], 'uncertain') == []


def test_names_without_sides_have_no_legend_of_sides():
    look = Look.of(load_metainfo('configs/_base_/datasets/wflw.py'))
    assert entries(look, [np.full(98, 2)], 'uncertain') == []


def test_it_is_below_the_picture_which_stays_as_it_is():
    picture = np.random.default_rng(0).integers(0, 255, (120, 400, 3), np.uint8)
    whole = with_legend(picture, entries(LOOK, [np.array([2, 1, 0, 0, 0])], 'uncertain', truth=True))
    assert (whole[:120, :400] == picture).all()
    strip = whole[120:]
    assert 10 < len(strip) < 40 and strip.shape[1] == 400
    for color in (RED, GREEN):
        assert (strip == color[::-1]).all(-1).any()
    assert not (strip == BLUE[::-1]).all(-1).any()
    assert (with_legend(picture, []) == picture).all()


@pytest.mark.parametrize('width', [1, 60, 170, 2000])
def test_no_entry_is_cut_off(width):
    """On a narrow picture the entries go below each other, and the strip is at least wide enough for one."""
    legend = entries(LOOK, [np.array([2, 2, 2, 1, 0])], 'score below 0.3', truth=True, box=True)
    whole = with_legend(np.zeros((50, width, 3), np.uint8), legend)
    strip = whole[50:]
    dark = (strip < 200).any(-1)
    assert not dark[:, -3:].any() and not dark[:1].any() and not dark[-1:].any()
    rows = np.flatnonzero(np.diff(dark.any(1).astype(int)) == 1)
    assert len(rows) == 1 if width == 2000 else len(rows) > 1
    assert whole.shape[1] == max(width, 160)
