import cv2
import pytest


def test_both_sets_are_drawn(call, tmp_path):
    done = call('generate', tmp_path, '--train', 2, '--val', 1, '--size', 64, 48)
    assert done.code == 0 and f'2 images: {tmp_path}/Annotations/train.csv' in done.out
    for split, lines in (('train', 3), ('val', 2)):
        assert len((tmp_path / 'Annotations' / f'{split}.csv').read_text().splitlines()) == lines
    assert cv2.imread(str(tmp_path / 'Images' / 'blouse' / 'train_000000.jpg')).shape == (48, 64, 3)


@pytest.mark.parametrize('ending', ['train_000001.jpg', 'train.csv'])
def test_a_set_that_was_cut_off_has_no_list_and_no_half_image(call, tmp_path, no_name, ending):
    arguments = 'generate', tmp_path, '--train', 2, '--val', 1, '--size', 64
    assert call(*arguments).code == 0
    no_name(ending)
    done = call(*arguments, '--seed', 1)
    assert done.code == 2 and f'{ending}: No space left on device' in done.err
    assert not (tmp_path / 'Annotations' / 'train.csv').exists() and not list(tmp_path.rglob('*.part'))
    assert all(cv2.imread(str(path)).shape == (64, 64, 3) for path in tmp_path.rglob('*.jpg'))


@pytest.mark.parametrize('arguments, message', [
    (['--train', '0'], 'argument --train: must be at least 1, got 0'),
    (['--val', 'x'], "argument --val: 'x' is not a whole number"),
    (['--seed', '-1'], 'argument --seed: must be at least 0, got -1'),
    (['--size', '16'], 'size must be at least 32 pixels, got 16'),
    (['--size', '64', '64', '3'], '--size takes one or two numbers, got 3'),
    (['--categories', 'coat'], "unknown category ['coat']"),
    (['--difficulty', 'easy'], "unknown difficulty 'easy'; choose from ordinary, hard"),
])
def test_bad_arguments(call, tmp_path, arguments, message):
    done = call('generate', tmp_path / 'new', *arguments)
    assert done.code == 2 and message in done.err
    assert not (tmp_path / 'new').exists()


def test_both_sets_in_the_layout_of_deepfashion2(call, tmp_path):
    done = call('generate', tmp_path, '--layout', 'deepfashion2', '--train', 2, '--val', 1, '--size', 64, 48)
    assert done.code == 0 and f'2 images: {tmp_path}/train' in done.out
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*.*')) == [
        'train/annos/000001.json', 'train/annos/000002.json', 'train/image/000001.jpg', 'train/image/000002.jpg',
        'validation/annos/000001.json', 'validation/image/000001.jpg']
    assert cv2.imread(str(tmp_path / 'train' / 'image' / '000001.jpg')).shape == (48, 64, 3)


@pytest.mark.parametrize('layout, category, of_the_layout', [
    ('deepfashion2', 'blouse', 'choose from short_sleeve_top, '), ('fashionai', 'vest', 'choose from blouse, ')])
def test_categories_are_those_of_the_layout(call, tmp_path, layout, category, of_the_layout):
    done = call('generate', tmp_path / 'new', '--layout', layout, '--categories', category)
    assert done.code == 2 and f"unknown category ['{category}']; {of_the_layout}" in done.err
    assert not (tmp_path / 'new').exists()


def test_nothing_is_drawn_where_one_of_deepfashion2s_sets_is_real(call, tmp_path):
    path = tmp_path / 'validation' / 'annos' / '000001.json'
    path.parent.mkdir(parents=True)
    path.write_text('{"source": "user", "pair_id": 1, "item1": {"category_id": 9}}')
    done = call('generate', tmp_path, '--layout', 'deepfashion2', '--train', 1, '--val', 1)
    assert done.code == 2 and '000001.json: not a generated annotation' in done.err
    assert [item.name for item in tmp_path.rglob('*.*')] == ['000001.json']


def test_nothing_is_drawn_where_one_of_the_sets_is_real(call, tmp_path):
    path = tmp_path / 'Annotations' / 'val.csv'
    path.parent.mkdir()
    path.write_text('image_id,image_category\nImages/skirt/263c1a3715ac.jpg,skirt\n')
    done = call('generate', tmp_path, '--train', 1, '--val', 1)
    assert done.code == 2 and 'val.csv, line 2: not a generated picture' in done.err
    assert [item.name for item in tmp_path.rglob('*')] == ['Annotations', 'val.csv']
