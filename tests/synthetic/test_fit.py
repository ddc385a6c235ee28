from __future__ import annotations

import numpy as np
import pytest

from pcloss_mmpose.synthetic.fit import fit, main
from pcloss_mmpose.synthetic.shapes import CATEGORIES, load_models


def skirt(width: int, height: int, visibility: tuple) -> np.ndarray:
    """A (24, 3) row: a rectangle at (100, 50), landmarks waistband left, right, hem left, right."""
    row = np.zeros((24, 3))
    row[15:19, 0] = 100, 100 + width, 100, 100 + width
    row[15:19, 1] = 50, 50, 50 + height, 50 + height
    row[15:19, 2] = visibility
    return row


def test_fit_worked_by_hand():
    rows = np.stack([skirt(30, 40, (1, 1, 2, 2)), skirt(40, 30, (1, 2, 2, 2)), skirt(90, 10, (2, 2, 2, 0))])
    entry = fit(rows, 'skirt')
    # the third row lacks a landmark: it has no part in the shape, but in the rates
    assert entry['rows'] == 2
    assert entry['extent'] == [0.098, 0.0]  # both diagonals are 50 of 512
    assert entry['mean'] == [-0.35, -0.35, 0.35, -0.35, -0.35, 0.35, 0.35, 0.35]
    # the two shapes lie 0.05 to either side of the mean: standard deviation sqrt(2 * 0.05**2) in each coordinate
    mode, = entry['modes']
    wider_and_lower = np.array([-1, 1, 1, 1, -1, -1, 1, -1])
    np.testing.assert_allclose(np.array(mode) * np.sign(mode[2]), 0.071 * wider_and_lower)
    assert entry['occluded'] == [0.667, 0.333, 0.0, 0.0]
    assert entry['pair_occluded'] == [0.333, 0.0]


@pytest.mark.parametrize(('text', 'message'), [
    ('image_id,image_category\na.jpg,skirt\n', 'test.csv has no landmarks'),
    ('a.jpg,shirt\n', "test.csv, line 1, field image_category: unknown category 'shirt'"),
    (None, 'test.csv: no such file'),
])
def test_bad_files(tmp_path, capsys, text, message):
    path = tmp_path / 'test.csv'
    if text is not None:
        path.write_text(text)
    with pytest.raises(SystemExit) as stop:
        main([str(path), '-o', str(tmp_path / 'out.json')])
    assert stop.value.code == 2 and message in capsys.readouterr().err
    assert not (tmp_path / 'out.json').exists()


def test_the_stored_model_is_what_the_script_writes(shared_data, tmp_path):
    out = tmp_path / 'model.json'
    main([str(shared_data / 'fashionai_rows' / 'train_rows.csv'), '-o', str(out)])
    stored, fitted = load_models(), load_models(out)
    assert out.stat().st_size < 10_000
    for category in CATEGORIES:
        for one, other in zip(stored[category], fitted[category]):
            if np.ndim(one) == 3:  # a mode's sign is arbitrary, the covariance is not
                one, other = (np.tensordot(modes, modes, axes=(0, 0)) for modes in (one, other))
            np.testing.assert_allclose(one, other, atol=2e-3)
