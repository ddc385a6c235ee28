"""What the pictures are drawn with: outlines, cloth, light and shadow."""

from __future__ import annotations

import numpy as np
import pytest

from pcloss_mmpose.synthetic.canvas import Canvas
from pcloss_mmpose.synthetic.outlines import line, ring
from pcloss_mmpose.synthetic.textures import cloth_tile, lay, shifted

SQUARE = np.array([[64., 64.], [192., 64.], [192., 192.], [64., 192.]])
DIAMOND = np.array([[128., 64.], [192., 128.], [128., 192.], [64., 128.]])


@pytest.fixture
def canvas():
    """A grey picture in even light; one unit is a pixel."""
    canvas = Canvas((256, 256), np.random.default_rng(0))
    canvas.image[:] = 100
    canvas.light[:] = 1
    return canvas


def test_a_bend_is_the_height_of_the_bow_to_the_left_of_the_way():
    """On the screen, where y grows downwards: above a way to the right, outside of a clockwise ring."""
    start, end = np.array([0., 0.]), np.array([10., 0.])
    np.testing.assert_allclose(line(start, end, 0.1)[[0, 5, 10]], [[0, 0], [5, -1], [10, 0]])
    around = ring(*(part for corner in SQUARE for part in (corner, 0.25)))
    np.testing.assert_allclose([around.min(axis=0), around.max(axis=0)], [[32, 32], [224, 224]])


def test_light_is_uneven_but_not_harsh():
    for seed in range(20):
        light = Canvas((96, 64), np.random.default_rng(seed)).light
        assert light.shape == (64, 96) and 0.69 < light.min() < 0.8 and 1.2 < light.max() < 1.31
        assert np.abs(np.diff(light, axis=1)).max() < 0.1


def test_cloth_is_lit_and_darker_at_its_rim(canvas):
    canvas.light[:, 128:] = 1.2
    canvas.cloth(DIAMOND, np.full((32, 32, 3), 100, np.uint8), 30, 0, rim=0.4)
    np.testing.assert_allclose(canvas.image[128, [100, 150], 0], [100, 120], atol=1)
    assert 75 < canvas.image[97, 97, 0] < 92  # a pixel inside of the edge, where half of what is around is cloth
    assert (canvas.image[:, :60] == 100).all() and canvas.image[90, 90, 0] >= 99


def test_a_shadow_lies_around_and_below_and_not_far_away(canvas):
    canvas.shadow(SQUARE, 0.5)
    assert canvas.image[128, 128, 0] == 50 and 50 < canvas.image[128, 195, 0] < 100
    assert canvas.image[195, 128, 0] < canvas.image[61, 128, 0]
    assert (canvas.image[:50] == 100).all()


@pytest.mark.parametrize(('side', 'width'), [(256, 4), (1024, 16)])
def test_strokes_are_in_units_of_the_picture(side, width):
    canvas = Canvas((side, side), np.random.default_rng(0))
    canvas.stroke(np.array([[0, side / 2], [side, side / 2]]), np.full(3, 255), 4)
    assert abs((canvas.image[:, side // 2, 0] > 127).sum() - width) <= 1


@pytest.mark.parametrize(('level', 'directions'), [(30, {1}), (128, {-1, 1}), (220, {-1})])
def test_a_shifted_color_goes_away_from_the_nearer_end(level, directions):
    colors = [shifted(np.full(3, level), np.random.default_rng(seed), 30) for seed in range(60)]
    shifts = np.mean(colors, axis=1) - level
    assert set(np.sign(shifts)) == directions and 26 < np.abs(shifts).mean() < 34


def test_a_tile_repeats_with_its_period_and_turns():
    tile = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    straight = lay(tile, (192, 128), 64, 0)
    np.testing.assert_array_equal(straight[:, :128], straight[:, 64:])
    np.testing.assert_array_equal(straight[:64], straight[64:])
    np.testing.assert_array_equal(straight[:64:2, :64:2], tile)  # twice as large
    # About the picture's first pixel: its row is the tile's first column.
    np.testing.assert_array_equal(lay(tile, (32, 32), 32, 90), np.roll(np.rot90(tile), 1, axis=0))


def test_cloth_is_plain_striped_or_patterned():
    tiles = [cloth_tile(np.array([90., 120., 150.]), np.random.default_rng(seed)) for seed in range(400)]
    plain = np.array([np.ptp(tile, axis=(0, 1)).max() == 0 for tile in tiles])
    striped = np.array([np.ptp(tile, axis=1).max() == 0 for tile in tiles]) & ~plain
    assert 0.28 < plain.mean() < 0.4 and 0.14 < striped.mean() < 0.26
    assert all(np.median(tile.astype(int).reshape(-1, 3), axis=0).tolist() == [90, 120, 150]
               for tile in np.array(tiles)[plain])
