from __future__ import annotations

import numpy as np
import pytest

from pcloss_mmpose.metainfo.fashionai import CATEGORY_LANDMARKS
from pcloss_mmpose.synthetic.shapes import (
    CATEGORIES,
    INDEX,
    cross_limbs,
    is_plausible,
    left_right_pairs,
    load_models,
    place,
    sample_hidden,
    sample_shape,
)


@pytest.mark.parametrize('category', CATEGORIES)
def test_sampled_shapes_follow_the_stored_model(category):
    model = load_models()[category]
    rng = np.random.default_rng(0)
    shapes = np.stack([sample_shape(category, rng) for _ in range(600)])[:, list(model.landmarks)]
    spread = np.sqrt((model.modes**2).sum(axis=0))
    np.testing.assert_allclose(shapes.mean(axis=0), model.mean, atol=0.02)
    # clipped scores and rejected shapes narrow the spread a little
    assert (shapes.std(axis=0) < 1.1 * spread + 0.003).all()
    assert (shapes.std(axis=0) > 0.7 * spread - 0.003).all()


@pytest.mark.parametrize('category', CATEGORIES)
def test_sampled_shapes_keep_to_two_deviations_and_can_be_cut(category):
    model = load_models()[category]
    rng = np.random.default_rng(0)
    shapes = [sample_shape(category, rng) for _ in range(300)]
    assert all(map(is_plausible, shapes))
    deviations = np.stack([shape[list(model.landmarks)] - model.mean for shape in shapes]).reshape(300, -1)
    scores = np.linalg.lstsq(model.modes.reshape(len(model.modes), -1).T, deviations.T, rcond=None)[0]
    assert 1.95 < np.abs(scores).max() < 2.001


@pytest.mark.parametrize('category', CATEGORIES)
def test_landmarks_are_hidden_at_the_stored_rates(category):
    model = load_models()[category]
    rng = np.random.default_rng(0)
    hidden = np.stack([sample_hidden(category, rng) for _ in range(3000)])
    np.testing.assert_allclose(hidden[:, list(model.landmarks)].mean(axis=0), model.occluded, atol=0.03)
    both = [hidden[:, list(pair)].all(axis=1).mean() for pair in left_right_pairs(category)]
    np.testing.assert_allclose(both, model.pair_occluded, atol=0.03)
    undefined = sorted(set(range(24)) - set(CATEGORY_LANDMARKS[category]))
    assert not hidden[:, undefined].any()


def test_pairs_go_by_name():
    assert left_right_pairs('trousers') == ((15, 16), (20, 22), (21, 23))


def test_left_is_the_viewers_left():
    for category, model in load_models().items():
        x = dict(zip(model.landmarks, model.mean[:, 0]))
        assert all(x[left] < x[right] for left, right in left_right_pairs(category)), category


def upright_trousers() -> np.ndarray:
    shape = np.full((24, 2), np.nan)
    shape[15:17] = [-0.2, -0.4], [0.2, -0.4]
    shape[19] = 0, 0
    shape[20:24] = [-0.1, 0.4], [-0.25, 0.4], [0.1, 0.4], [0.25, 0.4]
    return shape


@pytest.mark.parametrize('landmark, position, plausible', [
    ('crotch', (0, 0.1), True),
    ('crotch', (0, 0.38), False),  # no legs left
    ('crotch', (0, -0.35), False),  # inside the waistband
    ('waistband_left', (0.18, -0.4), False),  # sides swapped
    ('bottom_left_in', (-0.24, 0.4), False),  # a leg with no width
])
def test_shapes_that_cannot_be_cut_are_told_apart(landmark, position, plausible):
    shape = upright_trousers()
    shape[INDEX[landmark]] = position
    assert is_plausible(shape) == plausible


def test_twisted_sleeve_is_not_plausible():
    shape = np.full((24, 2), np.nan)
    for name, point in dict(shoulder_right=(0.2, -0.3), armpit_right=(0.2, -0.1), cuff_right_in=(0.3, 0.2),
                            cuff_right_out=(0.4, 0.2)).items():
        shape[INDEX[name]] = point
    assert is_plausible(shape)
    inner, outer = INDEX['cuff_right_in'], INDEX['cuff_right_out']
    shape[[inner, outer]] = shape[[outer, inner]]
    assert not is_plausible(shape)


def test_crossing_brings_the_legs_together_and_moves_nothing_else():
    shape = upright_trousers()
    crossed = cross_limbs(shape, np.random.default_rng(0))

    def gap(points):
        return points[[22, 23], 0].mean() - points[[20, 21], 0].mean()

    assert gap(crossed) < 0.5 * gap(shape)
    np.testing.assert_array_equal(crossed[:20], shape[:20])
    np.testing.assert_array_equal(crossed[:, 1], shape[:, 1])


def test_folding_brings_the_cuffs_before_the_body():
    """To the middle, below the armpits; the forearms lie level, so that the inner end of each cuff is the upper one."""
    mean = load_models()['blouse'].mean
    shape = np.full((24, 2), np.nan)
    shape[list(load_models()['blouse'].landmarks)] = mean
    for seed in range(20):
        folded = cross_limbs(shape, np.random.default_rng(seed))
        below_armpits = folded[[INDEX['armpit_left'], INDEX['armpit_right']], 1].mean()
        for side in ('left', 'right'):
            ends = [INDEX[f'cuff_{side}_{end}'] for end in ('in', 'out')]
            inner, outer = folded[ends]
            assert abs((inner + outer)[0] / 2 - mean[:, 0].mean()) < 0.15
            assert 0.11 < (inner + outer)[1] / 2 - below_armpits < 0.27
            assert inner[1] < outer[1]
            assert np.linalg.norm(inner - outer) == pytest.approx(np.linalg.norm(np.subtract(*shape[ends])))


def test_placing_varies_the_turn_the_size_and_the_place():
    shape = upright_trousers()
    placed = np.stack([place(shape, (0.9, 0.1), (512, 512), np.random.default_rng(seed)) for seed in range(300)])
    across = placed[:, INDEX['waistband_right']] - placed[:, INDEX['waistband_left']]
    turns = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    assert abs(turns.mean()) < 1 and 4 < turns.std() < 6 and 12 < np.abs(turns).max() < 15
    scales = np.linalg.norm(across, axis=1) / 0.4 / 512
    assert 0.85 < scales.mean() < 0.92 and 0.07 < scales.std() < 0.12
    middles = (np.nanmin(placed, axis=1) + np.nanmax(placed, axis=1)) / 2
    assert (np.abs(middles.mean(axis=0) - 256) < 10).all() and (middles.std(axis=0) > 15).all()


@pytest.mark.parametrize('size', [(256, 256), (64, 400), (400, 64)])
def test_placing_turns_scales_and_moves_without_bending(size):
    shape = upright_trousers()
    defined = np.isfinite(shape[:, 0])
    for seed in range(20):
        placed = place(shape, (0.9, 0.3), size, np.random.default_rng(seed))
        assert (placed[defined] >= 0).all() and (placed[defined] <= np.subtract(size, 1)).all()
        assert np.isnan(placed[~defined]).all()
        # a similarity keeps the ratios of all distances, up to rounding to whole pixels
        def distances(points):
            return np.linalg.norm(points[defined][:, None] - points[defined][None], axis=-1)
        scale = distances(placed).max() / distances(shape).max()
        np.testing.assert_allclose(distances(placed), scale * distances(shape), atol=3)
