"""Which release of FashionAI the check finds, on releases made small."""

import pytest

from pcloss_mmpose.datasets.checks import RELEASES, check_splits
from pcloss_mmpose.datasets.checks.fashionai_release import find_csvs
from pcloss_mmpose.datasets.formats import fashionai
from pcloss_mmpose.datasets.formats.fashionai import PAPER_IMAGES, TRAIN_FILES, VAL_IMAGES
from pcloss_mmpose.errors import InputError

WARM_UP, TRAIN = TRAIN_FILES


@pytest.fixture
def small(monkeypatch):
    """The competition has 3 + 4 rows; the paper trains on 6 and validates on 2 skirts and a dress, and tests on 5."""
    for counts, numbers in ((TRAIN_FILES, (3, 4)), (PAPER_IMAGES, (6, 3, 5)), (VAL_IMAGES, (0, 0, 1, 2, 0))):
        for key, number in zip(counts, numbers):
            monkeypatch.setitem(counts, key, number)
    monkeypatch.delenv('FASHIONAI_CSVS', raising=False)


@pytest.fixture
def write(raw, tmp_path, small):
    """Writes a CSV of skirts, the last one a dress, with their images; without landmarks for a test."""

    def write_csv(name, rows, header=True, test=False):
        path = tmp_path / name
        folder = path.parent.parent if path.parent.name == 'Annotations' else path.parent
        names = [f'Images/{path.stem}{index}.jpg' for index in range(rows)]
        categories = ['skirt'] * (rows - 1) + ['dress']
        for image in names:
            raw.image(folder / image)
        if test:
            path.write_text(''.join(f'{image},{category}\n' for image, category in zip(names, categories)))
        else:
            raw.fashionai(path, [raw.fashionai_row(*row, {15: '5_6_1'}) for row in zip(names, categories)], header)

    return write_csv


def notes(root):
    """The notes of both splits, which are all that there is to say."""
    reports = list(check_splits(RELEASES['fashionai'](str(root)), None, 0, lambda name: _NoBar()))
    assert not any(finding.is_problem for report in reports for finding in report.findings)
    return [finding.text for report in reports for finding in report.findings]


class _NoBar:

    def __enter__(self):
        return lambda items, what: items

    def __exit__(self, *_):
        pass


def test_the_competitions_archives_and_how_far_they_are_from_the_paper(write, tmp_path):
    write(WARM_UP, 3)
    write(TRAIN, 4)
    assert notes(tmp_path) == [
        "found: the competition's two archives, 3 + 4 rows. The paper's 6 train, 3 val, 5 test images need the set "
        'that was released again',
        'test: 0 rows without landmarks, 5 images in the paper; its tables and the configs measure on val',
        'train: 4 rows, 6 in the paper']


def test_the_real_archives_are_those_of_the_paper():
    assert sum(TRAIN_FILES.values()) == 44165
    assert sum(PAPER_IMAGES.values()) == 104088 and PAPER_IMAGES['val'] == sum(VAL_IMAGES.values()) == 10000
    assert sum(TRAIN_FILES.values()) - PAPER_IMAGES['val'] == 34165


def test_the_later_set_in_any_folder_with_and_without_header(write, tmp_path, monkeypatch):
    write('fashionAI_keypoints_train1/one.csv', 5, header=False)
    write('b/Annotations/two.csv', 4)
    write('test/test.csv', 5, test=True)
    monkeypatch.setenv('FASHIONAI_CSVS', 'fashionAI_keypoints_train1/one.csv, b/Annotations/two.csv')
    assert notes(tmp_path) == [
        'found: 9 images to train and validate on, as in the paper: the set that was released again',
        'not read: test/test.csv (5 rows without landmarks)']


def test_something_else(write, tmp_path, monkeypatch):
    write('own/own.csv', 4)
    write('test/test.csv', 1, test=True)
    (tmp_path / 'other.csv').write_text('a,b,c\n1,2,3\n')
    monkeypatch.setenv('FASHIONAI_CSVS', 'own/own.csv')
    assert notes(tmp_path) == [
        "no dress is left to train on: the paper's rule validates on the first 1, and the files have 1",
        "found: 4 rows of 4 images: neither the competition's two archives, 3 + 4 rows, nor the set that was released "
        "again. The paper's 6 train, 3 val, 5 test images need that",
        'not read: test/test.csv (1 rows without landmarks)',
        'test: 1 rows without landmarks, 5 images in the paper; its tables and the configs measure on val',
        'train: 1 rows, 6 in the paper']


def test_validation_is_compared_by_category(write, tmp_path, monkeypatch):
    monkeypatch.setitem(VAL_IMAGES, 'skirt', 3)
    write('own.csv', 3)
    write('more.csv', 2)
    monkeypatch.setitem(PAPER_IMAGES, 'val', 3)
    monkeypatch.setitem(VAL_IMAGES, 'skirt', 2)
    monkeypatch.setitem(VAL_IMAGES, 'dress', 4)
    monkeypatch.setenv('FASHIONAI_CSVS', 'own.csv,more.csv')
    assert [text for text in notes(tmp_path) if text.startswith('val')] == [
        'val: 4 rows, 3 in the paper', 'val: 2 rows of dress, 4 in the paper']


@pytest.mark.parametrize('linked', [False, True])
def test_csvs_that_nothing_names_are_offered_and_not_read(write, tmp_path, linked):
    write('elsewhere/b.csv', 2, header=False)
    write('elsewhere/a.csv', 3)
    write('elsewhere/test.csv', 4, test=True)
    write(WARM_UP, 3)
    root = tmp_path
    if linked:
        root = tmp_path / 'links'
        root.mkdir()
        (root / 'elsewhere').symlink_to(tmp_path / 'elsewhere')
    else:
        (tmp_path / 'elsewhere/test.csv').unlink()
    with pytest.raises(InputError) as caught:
        RELEASES['fashionai'](str(root))
    warm_up = f'no {WARM_UP} and ' * linked
    others = f', {WARM_UP} (3 rows)' * (not linked)
    more = f',{WARM_UP}' * (not linked)
    assert str(caught.value) == (
        f'{root}: {warm_up}no {TRAIN}, but there are other CSVs with landmarks: elsewhere/a.csv (3 rows), '
        f'elsewhere/b.csv (2 rows){others}. Name those to train and validate on, in their order: export '
        f'FASHIONAI_CSVS=elsewhere/a.csv,elsewhere/b.csv{more}')


def test_csvs_are_looked_for_in_local_folders_only():
    assert find_csvs('s3://bucket/fashionai') == []


def test_the_variable_may_have_blanks_and_nothing_between_commas(monkeypatch):
    monkeypatch.setenv('FASHIONAI_CSVS', ' a b.csv ,, c.csv,')
    assert fashionai.train_files() == ['a b.csv', 'c.csv']
    monkeypatch.setenv('FASHIONAI_CSVS', ' ,')
    assert fashionai.train_files() == list(TRAIN_FILES)
