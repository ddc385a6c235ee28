from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from pcloss_mmpose.metainfo.deepfashion2 import CATEGORIES, PARTS
from pcloss_mmpose.synthetic import deepfashion2 as module
from pcloss_mmpose.synthetic import draw_deepfashion2, occluders, write_deepfashion2

SIZE = (160, 200)
LOWER = {'shorts', 'trousers', 'skirt'}


def items_of(annotation: dict) -> list[dict]:
    return [annotation[key] for key in annotation if key.startswith('item')]


def landmarks_of(item: dict) -> tuple[list[str], np.ndarray]:
    """Names, and (K, 3) x, y, visibility."""
    return list(PARTS[CATEGORIES[item['category_id'] - 1]]), np.array(item['landmarks']).reshape(-1, 3)


@pytest.fixture(scope='module')
def drawings():
    return [draw_deepfashion2(CATEGORIES, SIZE, seed=0, index=index) for index in range(8 * 13)]


@pytest.fixture(scope='module')
def items(drawings):
    return [item for drawing in drawings for item in items_of(drawing.annotation)]


def test_fields_of_a_file(drawings):
    for index, drawing in enumerate(drawings):
        annotation = json.loads(json.dumps(drawing.annotation))
        count = len(items_of(annotation))
        assert list(annotation) == ['source', 'pair_id', 'item1', 'item2'][:2 + count]
        assert annotation['source'] == 'user' and annotation['pair_id'] == index + 1
        assert drawing.image.shape == (200, 160, 3) and drawing.image.dtype == np.uint8
        assert annotation['item1']['category_id'] == index % 13 + 1
        for item in items_of(annotation):
            assert set(item) == {
                'category_id', 'category_name', 'style', 'bounding_box', 'landmarks', 'segmentation', 'scale',
                'occlusion', 'zoom_in', 'viewpoint', 'drawn_by'}
            assert item['category_name'] == CATEGORIES[item['category_id'] - 1].replace('_', ' ')
            assert item['style'] == 0 and item['viewpoint'] in (1, 2)
            names, landmarks = landmarks_of(item)
            assert len(landmarks) == len(names)
            numbers = [*item['landmarks'], *item['bounding_box'], *sum(item['segmentation'], [])]
            assert all(type(number) is int for number in numbers)


def test_landmarks_lie_on_the_cloth_and_boxes_around_both(items):
    for item in items:
        names, landmarks = landmarks_of(item)
        low, high = np.array(item['bounding_box']).reshape(2, 2)
        assert (low >= 0).all() and (high < SIZE).all() and (low < high).all()
        mask = np.zeros((200, 160), np.uint8)
        for polygon in item['segmentation']:
            points = np.array(polygon).reshape(-1, 2)
            assert (points >= low).all() and (points <= high).all()
            cv2.fillPoly(mask, [points], 1)
        near = cv2.dilate(mask, np.ones((5, 5)))
        for name, (x, y, visibility) in zip(names, landmarks):
            if visibility == 0:
                assert x == y == 0
                continue
            assert low[0] <= x <= high[0] and low[1] <= y <= high[1]
            if name != 'neck_back':  # behind the opening
                assert near[y, x], name


def test_the_box_is_tight(items):
    for item in items:
        points = np.concatenate([np.array(polygon).reshape(-1, 2) for polygon in item['segmentation']])
        names, landmarks = landmarks_of(item)
        points = np.concatenate([points, landmarks[landmarks[:, 2] > 0, :2]])
        assert item['bounding_box'] == [*points.min(axis=0), *points.max(axis=0)]


def test_attributes_follow_their_rules(items):
    seen = {'scale': set(), 'occlusion': set(), 'zoom_in': set()}
    for item in items:
        x1, y1, x2, y2 = item['bounding_box']
        share = (x2 - x1) * (y2 - y1) / (160 * 200)
        assert item['scale'] == (1 if share < 0.15 else 2 if share < 0.45 else 3)
        visibility = landmarks_of(item)[1][:, 2]
        occluded = np.mean(visibility[visibility > 0] == 1)
        assert item['occlusion'] == (1 if occluded < 0.2 else 2 if occluded < 0.5 else 3)
        if item['zoom_in'] == 3:
            assert np.mean(visibility == 0) >= 0.35
        for name in seen:
            seen[name].add(item[name])
    assert all(values == {1, 2, 3} for values in seen.values())
    unlabelled = [np.mean(landmarks_of(item)[1][:, 2] == 0) for item in items if item['zoom_in'] == 1]
    assert 0.005 < np.mean(unlabelled) < 0.05


def test_some_pictures_show_a_top_and_what_is_worn_below_it(monkeypatch):
    pullover, pullovers, annotations = occluders._pullover, [], []
    monkeypatch.setattr(occluders, '_pullover', lambda *arguments: pullovers.append(1) or pullover(*arguments))
    for index in range(130):
        annotations.append(draw_deepfashion2(CATEGORIES, 32, 5, index).annotation)
        assert not (pullovers and 'item2' in annotations[-1])  # its own top is enough
        pullovers.clear()
    pairs = [items_of(annotation) for annotation in annotations if 'item2' in annotation]
    assert 0.3 < len(pairs) / len(annotations) < 0.5
    hidden = []
    for pair in pairs:
        by_kind = {CATEGORIES[item['category_id'] - 1] in LOWER: item for item in pair}
        assert set(by_kind) == {False, True} and by_kind[False]['category_id'] <= 6
        names, landmarks = landmarks_of(by_kind[True])
        hidden += [landmarks[names.index(name), 2] for name in ('left_waist', 'waist', 'right_waist')]
        assert by_kind[True]['bounding_box'][3] > by_kind[False]['bounding_box'][1]
    assert np.mean(np.array(hidden) == 1) > 0.6  # by the top


def test_what_is_marked_as_occluded_is_drawn_over(monkeypatch):
    """The same pictures without occluders: landmarks that they hid look otherwise, and the others as before."""
    drawn = {}
    sample_hidden = module.sample_hidden
    for kind in ('with', 'without'):
        if kind == 'without':
            monkeypatch.setattr(module, 'sample_hidden', lambda *arguments: sample_hidden(*arguments) & False)
        drawn[kind] = [draw_deepfashion2(CATEGORIES, 256, 3, index) for index in range(39)]
    changed, unchanged = [], []
    for covered, bare in zip(drawn['with'], drawn['without']):
        for item, other in zip(items_of(covered.annotation), items_of(bare.annotation)):
            after, before = (landmarks_of(each)[1] for each in (item, other))
            np.testing.assert_array_equal(after[:, :2], before[:, :2])
            assert (after[before[:, 2] != 2, 2] == before[before[:, 2] != 2, 2]).all()
            for x, y, visibility in after[before[:, 2] == 2]:
                patch = slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2)
                difference = covered.image[patch].astype(float) - bare.image[patch]
                (unchanged if visibility == 2 else changed).append(np.abs(difference.mean(axis=(0, 1))).max())
    assert len(changed) > 50
    # cloth may by chance match what it covers; the light of an occluder reaches a few pixels
    assert np.mean(np.array(changed) > 4) > 0.93 and np.mean(np.array(unchanged) < 4) > 0.95


def test_a_wearers_neck_hides_the_back_of_a_neckline(items):
    seen = {1: [], 2: []}
    for item in items:
        names, landmarks = landmarks_of(item)
        if names[0] == 'neck_back':
            seen[item['viewpoint']].append(landmarks[0, 2])
    assert 2 not in seen[2] and np.mean(np.array(seen[1]) == 2) > 0.7


def files_of(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_files_do_not_depend_on_how_many_are_asked_for(tmp_path):
    counts = []
    folder = write_deepfashion2(tmp_path / 'few', 'train', 3, size=48, progress=counts.append)
    assert folder == tmp_path / 'few' / 'train' and counts == [1, 2, 3]
    few = files_of(folder)
    assert sorted(few) == [f'{kind}/{number:06d}.{ending}' for kind, ending in (('annos', 'json'), ('image', 'jpg'))
                           for number in (1, 2, 3)]
    many = files_of(write_deepfashion2(tmp_path / 'many', 'train', 5, size=48))
    assert few.items() <= many.items()
    assert cv2.imread(str(folder / 'image' / '000001.jpg')).shape == (48, 48, 3)
    assert json.loads(few['annos/000002.json'])['item1']['category_name'] == 'long sleeve top'
    for other in (dict(seed=1), dict(split='validation'), dict(difficulty='ordinary')):
        others = files_of(write_deepfashion2(**{**dict(root=tmp_path / 'other', split='train', num_images=3, size=48),
                                                **other}))
        assert all(others[name] != few[name] for name in few)


def test_an_earlier_set_is_replaced_as_a_whole(tmp_path):
    write_deepfashion2(tmp_path, 'train', 4, size=48)
    folder = write_deepfashion2(tmp_path, 'train', 2, size=48, categories=['skirt'])
    files = files_of(folder)
    assert len(files) == 4
    assert json.loads(files['annos/000002.json'])['item1']['category_name'] == 'skirt'


REAL = {'source': 'user', 'pair_id': 1, 'item1': {'category_id': 9, 'style': 0}}


@pytest.mark.parametrize('name, content', [
    ('annos/000004.json', json.dumps(REAL)), ('annos/000001.json', '{'), ('annos/list.txt', ''),
    ('image/000007.jpg', 'a photograph')])
def test_real_data_are_not_written_over(tmp_path, name, content):
    write_deepfashion2(tmp_path, 'train', 2, size=48)
    path = tmp_path / 'train' / name
    path.write_text(content)
    before = files_of(tmp_path)
    with pytest.raises(ValueError, match=rf'{path.name}: not a generated'):
        write_deepfashion2(tmp_path, 'train', 2, size=48, seed=1)
    assert files_of(tmp_path) == before


@pytest.mark.parametrize('arguments, message', [
    (dict(num_images=0), 'num_images must be at least 1, got 0'),
    (dict(size=31), 'size must be at least 32 pixels, got 31'),
    (dict(categories=['blouse']), r"unknown category \['blouse'\]; choose from short_sleeve_top"),
    (dict(categories=[]), 'none given'),
    (dict(split='../train'), 'split must be'),
    (dict(seed=-1), 'seed'),
    (dict(difficulty='easy'), "unknown difficulty 'easy'; choose from ordinary, hard"),
])
def test_bad_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        write_deepfashion2(**{**dict(root=tmp_path / 'new', split='train', num_images=2, size=64), **arguments})
    assert not (tmp_path / 'new').exists()


@pytest.mark.parametrize('arguments', [dict(categories=['coat']), dict(seed=-1), dict(index=-1), dict(size=8),
                                       dict(difficulty='')])
def test_bad_drawing_arguments(arguments):
    with pytest.raises(ValueError):
        draw_deepfashion2(**{**dict(categories=['skirt'], size=64, seed=0, index=0), **arguments})
