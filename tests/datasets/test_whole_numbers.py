"""The quick way through a file gives what the careful one does, and leaves to it what it does not know."""

import re

import numpy as np
import pytest

from pcloss_mmpose.datasets import DeepFashionAttributeDataset, FashionAIDataset
from pcloss_mmpose.datasets.formats import whole_numbers as module
from pcloss_mmpose.datasets.formats.whole_numbers import parts, whole_numbers
from pcloss_mmpose.errors import FileFormatError


def test_worked_by_hand():
    found = whole_numbers(['1_-20,300', '007,-4_0'], b'_,')
    assert found.values.tolist() == [1, -20, 300, 7, -4, 0]
    assert found.lengths.tolist() == [1, 3, 3, 3, 2, 1]
    assert found.separators.tobytes() == b'_,\n,_\n'
    blanks = whole_numbers(['1   2 3', '4'], b' ')
    assert blanks.values.tolist() == [1, 2, 3, 4] and blanks.separators.tobytes() == b'  \n\n'
    assert whole_numbers(['999999999 -999999999'], b' ').values.tolist() == [999999999, -999999999]


@pytest.mark.parametrize('row', [
    '1.5', '1 x', '1 -', '1 --2', '1 2-3', '1 2-', '+1', '1 1234567890', '1,,2', ',1', '1,', '1\t2', '1 ', '', '١',
    '1e3', '1\xa02', '/', ':', '1\x00'])
def test_all_else_is_left_to_the_careful_way(row):
    assert whole_numbers(['1 2', row, '3'], b' ,') is None


def test_against_numpy():
    """Rows of random characters: either None, or what NumPy reads where a regular expression lets it."""
    rng = np.random.default_rng(0)
    whole = re.compile(r' *-?[0-9]{1,9}(?: +-?[0-9]{1,9})*').fullmatch
    parsed = 0
    for _ in range(2000):
        row = ''.join(rng.choice(list('0123456789--    .'), rng.integers(1, 12), p=[.06] * 10 + [.06, .06] + [.06] * 4
                                 + [.04]))
        found = whole_numbers([row, '7'], b' ')
        assert (found is not None) == bool(whole(row)), row
        if found:
            parsed += 1
            assert found.values.tolist() == [*np.fromstring(row, sep=' '), 7]
    assert parsed > 300


def test_long_rows_are_not_spread_out_in_memory():
    assert whole_numbers(['1 ' * 500_001 + '1'], b' ') is None


def test_parts_cover_all_rows(monkeypatch):
    monkeypatch.setattr(module, 'ROWS', 3)
    assert [list(range(7)[part]) for part in parts(7)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(parts(0)) == []


CELLS = ['12_345_1', '0_7_0', '-1_-1_-1', '-3_512_1']


@pytest.mark.parametrize('rows', [1, 2, 512])
def test_fashionai_with_decimals_or_without(raw, tmp_path, monkeypatch, rows):
    """A decimal point takes its part of the file the careful way, and the numbers stay the same."""
    monkeypatch.setattr(module, 'ROWS', rows)
    plain = [raw.fashionai_row(f'{n}.jpg', 'dress', dict(enumerate(CELLS[n % 4:] + CELLS[:n % 4]))) for n in range(5)]
    dotted = [row.replace('12_345_1', '12._345.0_1') if n > 2 else row for n, row in enumerate(plain)]
    first, second = (FashionAIDataset(raw.fashionai(tmp_path / f'{name}.csv', lines)).data_list.landmarks
                     for name, lines in (('plain', plain), ('dotted', dotted)))
    np.testing.assert_array_equal(first, second)
    assert first[0, :4].tolist() == [[12, 345, 2], [0, 7, 1], [0, 0, 0], [-3, 512, 2]]


@pytest.mark.parametrize('cell', ['1_2_-0', '1_2_01', '1_2_00', '1_2_-01', '1_2_2', '1__2', '1_2_3_1', '1_2,1_1_2_1'])
@pytest.mark.parametrize('rows', [1, 512])
def test_fashionai_takes_no_other_visibility_or_layout(raw, tmp_path, monkeypatch, cell, rows):
    monkeypatch.setattr(module, 'ROWS', rows)
    lines = [raw.fashionai_row(f'{n}.jpg', 'dress', {5: cell} if n == 1 else {}) for n in range(3)]
    if ',' in cell:  # in the place of two cells: as many numbers, commas and underscores as in any other row
        lines[1] = lines[1].replace(cell + ',-1_-1_-1', cell)
    with pytest.raises(FileFormatError, match='line 3, field armpit_left: '):
        FashionAIDataset(raw.fashionai(tmp_path / 'train.csv', lines))


@pytest.mark.parametrize('rows', [1, 2, 512])
def test_deepfashion_with_decimals_or_without(raw, tmp_path, monkeypatch, rows):
    monkeypatch.setattr(module, 'ROWS', rows)
    lower, full = '2 0 011 12 1  21 -22 2 31 32 0 41 42', '3' + ' 0 5 006' * 8
    values = []
    for name, change in (('plain', lambda row: row), ('dotted', lambda row: row.replace('31', '31.0'))):
        root = raw.benchmark(tmp_path / name, {'a.jpg': full, 'b.jpg': change(lower), 'c.jpg': lower, 'd.jpg': full})
        values.append(DeepFashionAttributeDataset(data_root=root).data_list.landmarks)
    np.testing.assert_array_equal(*values)
    assert values[0][1, 4:].tolist() == [[11, 12, 2], [21, -22, 1], [0, 0, 0], [41, 42, 2]]
    assert not values[0][1, :4].any() and (values[0][3] == [5, 6, 2]).all()
