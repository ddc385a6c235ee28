from __future__ import annotations

import numpy as np
import pytest

from pcloss_mmpose.synthetic.outlines import garment
from pcloss_mmpose.synthetic.render import render, self_covered
from pcloss_mmpose.synthetic.shapes import CATEGORIES, INDEX, load_models, place, sample_hidden, sample_shape

SIZE = (256, 256)


def difference_at(one: np.ndarray, other: np.ndarray, point: np.ndarray) -> float:
    """Largest change of a 3x3 patch's grey level."""
    x, y = point.astype(int)
    patch = slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2)
    return float(np.abs(one[patch].astype(float) - other[patch]).mean(axis=(0, 1)).max())


@pytest.mark.parametrize('category', CATEGORIES)
def test_hidden_landmarks_are_drawn_over_and_the_others_left_alone(category):
    changed, unchanged = [], []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        shape = place(sample_shape(category, rng), (0.9, 0.1), SIZE, rng)
        hidden = sample_hidden(category, rng)
        bare, before = render(category, shape, np.zeros(24, bool), SIZE, np.random.default_rng(seed))
        image, after = render(category, shape, hidden, SIZE, np.random.default_rng(seed))
        defined = np.isfinite(shape[:, 0])
        assert (after[hidden & defined] == 0).all()
        assert (after[~defined] == -1).all() and (before[~defined] == -1).all()
        assert (after[defined] <= before[defined]).all()
        for index in np.flatnonzero(defined & (before == 1)):
            (unchanged if after[index] == 1 else changed).append(difference_at(bare, image, shape[index]))
    # cloth of the garment's own kind may by chance match what it covers; the light of an occluder reaches a few pixels
    assert np.mean(np.array(changed) > 4) > 0.97
    assert np.mean(np.array(unchanged) < 4) > 0.97


def test_a_leg_hides_the_bottom_of_the_other():
    shape = np.full((24, 2), np.nan)
    for name, point in dict(waistband_left=(100, 40), waistband_right=(160, 40), crotch=(130, 100),
                            bottom_left_out=(120, 230), bottom_left_in=(150, 230), bottom_right_in=(105, 225),
                            bottom_right_out=(139, 240)).items():
        shape[INDEX[name]] = point
    for seed in range(4):
        cut = garment('trousers', shape, np.random.default_rng(seed))
        front = 'left' if INDEX['bottom_left_in'] in cut.parts[-1].landmarks else 'right'
        covered = set(np.flatnonzero(self_covered(cut, shape)))
        # at its lower end the left leg spans x 120..150 and the right one, ten pixels longer, 105..139
        assert covered == ({INDEX['bottom_left_out']} if front == 'right' else set())


@pytest.mark.parametrize('category', CATEGORIES)
def test_every_landmark_is_a_corner_of_the_cut(category):
    """What a person would point to is where an outline or a collar's front turns."""
    rng = np.random.default_rng(0)
    model = load_models()[category]
    shape = place(sample_shape(category, rng), model.extent, SIZE, rng)
    outlines = np.concatenate([part.outline for part in garment(category, shape, rng).parts])
    for index in model.landmarks:
        assert np.linalg.norm(outlines - shape[index], axis=1).min() < 1e-6
