from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest

from pcloss_mmpose.synthetic import generate, generate_sample, write_fashionai
from pcloss_mmpose.synthetic.generate import CATEGORIES

HEADER = (
    'image_id,image_category,neckline_left,neckline_right,center_front,shoulder_left,shoulder_right,armpit_left,'
    'armpit_right,waistline_left,waistline_right,cuff_left_in,cuff_left_out,cuff_right_in,cuff_right_out,'
    'top_hem_left,top_hem_right,waistband_left,waistband_right,hemline_left,hemline_right,crotch,bottom_left_in,'
    'bottom_left_out,bottom_right_in,bottom_right_out')
DEFINED = {  # the official layout, written out
    'blouse': {0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14},
    'outwear': {0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14},
    'dress': {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 17, 18},
    'skirt': {15, 16, 17, 18},
    'trousers': {15, 16, 19, 20, 21, 22, 23},
}


def test_a_sample_is_named_by_seed_and_index():
    one, same = (generate_sample('dress', 96, seed=3, index=5) for _ in range(2))
    np.testing.assert_array_equal(one.image, same.image)
    np.testing.assert_array_equal(one.keypoints, same.keypoints)
    np.testing.assert_array_equal(one.visibility, same.visibility)
    for other in (generate_sample('dress', 96, 4, 5), generate_sample('dress', 96, 3, 6)):
        assert (other.keypoints != one.keypoints).any()


@pytest.mark.parametrize('size, shape', [(64, (64, 64, 3)), ((80, 120), (120, 80, 3)), ((301, 45), (45, 301, 3)),
                                         (32, (32, 32, 3))])
def test_any_size(size, shape):
    for category in CATEGORIES:
        sample = generate_sample(category, size, 0, 1)
        assert sample.image.shape == shape and sample.image.dtype == np.uint8
        x, y = sample.keypoints[sample.visibility >= 0].T
        assert x.min() >= 0 and x.max() < shape[1] and y.min() >= 0 and y.max() < shape[0]


def test_some_garments_are_folded_or_crossed(monkeypatch):
    crossed = []
    cross_limbs = generate.cross_limbs
    monkeypatch.setattr(generate, 'cross_limbs', lambda *arguments: crossed.append(1) or cross_limbs(*arguments))
    for index in range(120):
        generate_sample('trousers', 32, 0, index)
    assert 0.08 < len(crossed) / 120 < 0.22


def test_csv_cell_by_cell(tmp_path):
    path = write_fashionai(tmp_path, 'train', 10, size=(90, 70), seed=1)
    assert path == tmp_path / 'Annotations' / 'train.csv'
    lines = path.read_bytes().decode().split('\n')
    assert lines[0] == HEADER and lines[-1] == '' and len(lines) == 12
    seen = []
    for index, line in enumerate(lines[1:-1]):
        image_id, category, *cells = line.split(',')
        assert image_id == f'Images/{category}/train_{index:06d}.jpg'
        assert cv2.imread(str(tmp_path / image_id)).shape == (70, 90, 3)
        assert len(cells) == 24
        for landmark, cell in enumerate(cells):
            if landmark not in DEFINED[category]:
                assert cell == '-1_-1_-1'
                continue
            x, y, visibility = map(int, cell.split('_'))
            assert 0 <= x < 90 and 0 <= y < 70 and visibility in (0, 1)
        seen.append(category)
    assert seen == list(CATEGORIES) * 2


def test_pictures_do_not_depend_on_how_many_are_asked_for(tmp_path):
    few = write_fashionai(tmp_path / 'few', 'train', 2, size=48)
    many = write_fashionai(tmp_path / 'many', 'train', 6, size=48)
    rows = few.read_text().splitlines()
    assert rows == many.read_text().splitlines()[:3]
    for row in rows[1:]:
        image_id = row.split(',')[0]
        assert (tmp_path / 'few' / image_id).read_bytes() == (tmp_path / 'many' / image_id).read_bytes()


def test_the_pictures_are_those_of_the_samples_and_each_is_another(tmp_path, monkeypatch):
    samples = []
    monkeypatch.setattr(generate, 'generate_sample', lambda *arguments: samples.append(
        generate_sample(*arguments)) or samples[-1])
    write_fashionai(tmp_path, 'train', 6, size=96, categories=['dress'])
    for index, sample in enumerate(samples):
        written = cv2.imread(str(tmp_path / 'Images' / 'dress' / f'train_{index:06d}.jpg'))
        lost = cv2.cvtColor(written, cv2.COLOR_BGR2GRAY) - cv2.cvtColor(sample.image, cv2.COLOR_BGR2GRAY).astype(int)
        assert 0 < np.abs(lost).mean() < 2.5  # by a JPEG of good quality: the noise is strong
    assert len({sample.keypoints.tobytes() for sample in samples}) == 6


def test_an_interrupted_run_leaves_no_csv_of_other_pictures(tmp_path):
    path = write_fashionai(tmp_path, 'train', 2, size=48, seed=0)

    def stop(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_fashionai(tmp_path, 'train', 2, size=48, seed=1, progress=stop)
    assert not path.exists()


def test_splits_of_one_seed_differ(tmp_path):
    train, val = (write_fashionai(tmp_path, split, 5, size=48).read_text() for split in ('train', 'val'))
    for ours, theirs in zip(train.splitlines()[1:], val.splitlines()[1:]):
        assert ours.split(',')[2:] != theirs.split(',')[2:]


def test_categories_and_progress(tmp_path):
    counts = []
    path = write_fashionai(tmp_path, 'val', 3, size=48, categories=['skirt'], progress=counts.append)
    assert [line.split(',')[1] for line in path.read_text().splitlines()[1:]] == ['skirt'] * 3
    assert counts == [1, 2, 3]


def test_a_generated_set_is_written_over(tmp_path):
    write_fashionai(tmp_path, 'train', 3, size=48, seed=0)
    path = write_fashionai(tmp_path, 'train', 2, size=48, seed=1)
    assert len(path.read_text().splitlines()) == 3


def test_real_annotations_are_not_written_over(tmp_path):
    path = tmp_path / 'Annotations' / 'train.csv'
    path.parent.mkdir()
    text = HEADER + '\nImages/skirt/263c1a3715ac7c5b6e1da16970f510be.jpg,skirt' + ',-1_-1_-1' * 24 + '\n'
    path.write_text(text)
    with pytest.raises(ValueError, match=r'train\.csv, line 2: not a generated picture'):
        write_fashionai(tmp_path, 'train', 2, size=48)
    assert path.read_text() == text and not (tmp_path / 'Images').exists()


def test_an_ordinary_picture_shows_a_larger_garment(tmp_path):
    """The diagonal of the landmarks over the side of the picture, in a CSV of each difficulty."""
    small = {}
    for difficulty in ('ordinary', 'hard'):
        rows = list(csv.DictReader(write_fashionai(
            tmp_path / difficulty, 'val', 40, size=64, difficulty=difficulty).open()))
        points = [np.array([list(map(int, row[name].split('_')))[:2] for name in HEADER.split(',')[2:]
                            if not row[name].startswith('-1')]) for row in rows]
        small[difficulty] = np.mean([np.linalg.norm(np.ptp(each, axis=0)) < 0.75 * 64 for each in points])
    assert small['ordinary'] < 0.1 and small['hard'] > 0.2


@pytest.mark.parametrize('arguments, message', [
    (dict(num_images=0), 'num_images must be at least 1, got 0'),
    (dict(size=31), 'size must be at least 32 pixels, got 31'),
    (dict(size=(64, 16)), r'size must be at least 32 pixels, got \(64, 16\)'),
    (dict(categories=['coat']), r"unknown category \['coat'\]; choose from blouse"),
    (dict(categories=[]), 'none given'),
    (dict(split='../train'), 'split must be'),
    (dict(seed=-1), 'seed'),
    (dict(difficulty='easy'), "unknown difficulty 'easy'; choose from ordinary, hard"),
])
def test_bad_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        write_fashionai(**{**dict(root=tmp_path / 'new', split='train', num_images=2, size=64), **arguments})
    assert not (tmp_path / 'new').exists()


@pytest.mark.parametrize('arguments', [dict(category='coat'), dict(seed=-1), dict(index=-1), dict(size=8),
                                       dict(difficulty='')])
def test_bad_sample_arguments(arguments):
    with pytest.raises(ValueError):
        generate_sample(**{**dict(category='skirt', size=64, seed=0, index=0), **arguments})
