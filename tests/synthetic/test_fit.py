from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from pcloss_mmpose.synthetic.shapes import CATEGORIES, load_models

REPOSITORY = Path(__file__).parents[2]
TOOL = REPOSITORY / 'tools' / 'fit_garment_shapes.py'
DATA = Path(os.environ.get('PCLOSS_SHARED_DATA', REPOSITORY.parent / 'shared' / 'data'))
ROWS = DATA / 'fashionai_rows' / 'train_rows.csv'


def skirt(width: int, height: int, visibility: tuple) -> np.ndarray:
    """A (24, 3) row: a rectangle at (100, 50), landmarks waistband left, right, hem left, right."""
    row = np.zeros((24, 3))
    row[15:19, 0] = 100, 100 + width, 100, 100 + width
    row[15:19, 1] = 50, 50, 50 + height, 50 + height
    row[15:19, 2] = visibility
    return row


def test_fit_worked_by_hand():
    fit = runpy.run_path(str(TOOL))['fit']
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


def test_a_file_without_landmarks_is_an_error(tmp_path, monkeypatch, capsys):
    path = tmp_path / 'test.csv'
    path.write_text('image_id,image_category\na.jpg,skirt\n')
    monkeypatch.setattr(sys, 'argv', [TOOL.name, str(path), '-o', str(tmp_path / 'out.json')])
    with pytest.raises(SystemExit):
        runpy.run_path(str(TOOL), run_name='__main__')
    assert 'test.csv has no landmarks' in capsys.readouterr().err


@pytest.mark.skipif(not ROWS.exists(), reason='needs the real annotation rows')
def test_the_stored_model_is_what_the_script_writes(tmp_path, monkeypatch):
    out = tmp_path / 'model.json'
    monkeypatch.setattr(sys, 'argv', [TOOL.name, str(ROWS), '-o', str(out)])
    runpy.run_path(str(TOOL), run_name='__main__')
    stored, fitted = load_models(), load_models(out)
    assert out.stat().st_size < 10_000
    for category in CATEGORIES:
        for one, other in zip(stored[category], fitted[category]):
            if np.ndim(one) == 3:  # a mode's sign is arbitrary, the covariance is not
                one, other = (np.tensordot(modes, modes, axes=(0, 0)) for modes in (one, other))
            np.testing.assert_allclose(one, other, atol=2e-3)
