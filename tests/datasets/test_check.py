"""Checks of data sets: each damage gives its line, and healthy data gives none."""

import contextlib
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from pcloss_mmpose.datasets.checks.pairs import describe_pairs
from pcloss_mmpose.datasets.checks.releases import RELEASES, ROWS, Split, config_splits
from pcloss_mmpose.datasets.checks.rows import BOX_SLACK, LANDMARK_SLACK, outside
from pcloss_mmpose.datasets.checks.split import check_split, check_splits, missing_images, spread
from pcloss_mmpose.metainfo import deepfashion2, load_metainfo

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
LOWER = '2 0 5 6 0 30 6 1 5 25 2 999 999'  # the last landmark is cut off: it has no position
COCO_NAMES = ('nose', *(f'{side}_{part}'
                        for part in ('eye', 'ear', 'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
                        for side in ('left', 'right')))
NAMES = ['img/a.jpg', 'img/b.jpg', 'img/c.jpg']


def problems(split, **options):
    return [finding.text for finding in check_split(split, **options).findings if finding.is_problem]


def notes(split):
    return [finding.text for finding in check_split(split).findings if not finding.is_problem]


# ---- parts


@pytest.mark.parametrize(('number', 'sample'), [(10, 5), (10, 9), (7, 3), (1000, 200), (6, 1)])
@pytest.mark.parametrize('seed', [0, 1])
def test_spread_takes_one_of_each_equal_part(number, sample, seed):
    taken = spread(number, sample, seed)
    assert len(set(taken)) == sample
    for part, index in enumerate(taken):
        assert part * number // sample <= index <= (part + 1) * number / sample


def test_spread_of_all():
    assert spread(3, None) == spread(3, 3) == spread(3, 200) == [0, 1, 2]
    assert spread(0, 5) == []
    assert spread(1000, 10, seed=0) != spread(1000, 10, seed=1)


@pytest.mark.parametrize(('point', 'landmark_is_out', 'corner_is_out'), [
    ((0, 0), False, False),
    ((39, 29), False, False),  # the last pixel
    ((40, 30), False, False),  # width and height
    ((41, 30), True, False),  # a corner behind the last pixel, counted from 1
    ((40, 32), True, True),
    ((42, 0), True, True),
    ((-1, 0), False, False),
    ((0, -1.5), True, False),
    ((-2.5, 0), True, True),
    ((np.nan, 5), True, True),
])
def test_outside_an_image_of_40_by_30(point, landmark_is_out, corner_is_out):
    points = np.array([point, (1, 1)])
    assert outside(points, 40, 30, LANDMARK_SLACK).tolist() == [landmark_is_out, False]
    assert outside(points, 40, 30, BOX_SLACK).tolist() == [corner_is_out, False]


def test_a_missing_folder_is_named_once(tmp_path):
    (tmp_path / 'there').mkdir()
    paths = [f'{tmp_path}/{name}' for name in ('there/a.jpg', 'there/s\\a.jpg', 'gone/x/a.jpg', 'gone/y/a.jpg',
                                                'there/lost/a.jpg')]
    assert [finding.text for finding in missing_images(paths)] == [
        f'{tmp_path}/gone: no such folder, and 2 images should be in it',
        f'{tmp_path}/there/lost: no such folder, and 1 images should be in it',
        f'{tmp_path}/there/a.jpg: no such file',
        f'{tmp_path}/there/s\\a.jpg: no such file. The path has backslashes, as Windows writes them: write slashes']


# ---- raw files


@pytest.fixture
def benchmark(raw, tmp_path):
    """Writes three images of 40 x 30 with their files, and gives the training split of them."""

    def write(**files):
        for name in NAMES:
            raw.image(tmp_path / name)
        raw.benchmark(tmp_path, **{
            'landmarks': dict.fromkeys(NAMES, LOWER), 'boxes': dict.fromkeys(NAMES, '001 001 040 030'), **files})
        return Split('train', dict(type='DeepFashionAttributeDataset', data_root=str(tmp_path), split='train'))

    return write


def test_healthy_files_give_no_line(benchmark):
    report = check_split(benchmark())
    assert report.findings == []
    assert (len(report.dataset), len(report.images), len(report.opened)) == (3, 3, 3)


def test_what_is_looped_over_is_reported(benchmark):
    seen = []
    check_split(benchmark(), sample=2, track=lambda items, what: seen.append((what, len(items))) or items)
    assert seen == [('rows', 3), ('image files', 3), ('images decoded', 2)]


@pytest.mark.parametrize(('files', 'line'), [
    ({'boxes': {'img/b.jpg': '10 5 60 20'}}, r'img/b\.jpg: box 10 5 60 20 \(x1 y1 x2 y2\) leaves the image'),
    ({'boxes': {'img/b.jpg': '-9 5 30 20'}}, r'img/b\.jpg: box -9 5 30 20 .* leaves'),
    ({'landmarks': {'img/a.jpg': '2 0 5 6 0 30 6 0 5 31 2 0 0'}},
     r'img/a\.jpg: left_hem at 5 31 is outside the image of 40 x 30'),
    ({'landmarks': {'img/a.jpg': '2 1 -7 6 0 30 6 0 5 25 2 0 0'}}, r'img/a\.jpg: left_waistline at -7 6 is outside'),
    ({'splits': dict.fromkeys(NAMES, 'val')}, r"list_eval_partition\.txt, field evaluation_status: no image of "),
    ({'landmarks': {'img/c.jpg': '2 0 5'}}, r'list_landmarks\.txt, line 5: 3 columns|line 5: \d columns'),
])
def test_faults_in_rows(benchmark, files, line):
    for key, default in (('landmarks', LOWER), ('boxes', '001 001 040 030')):
        if key in files:
            files = {**files, key: {**dict.fromkeys(NAMES, default), **files[key]}}
    found = problems(benchmark(**files))
    assert len(found) == 1 and re.search(line, found[0])


def damage_truncate(root):
    image = root / NAMES[1]
    image.write_bytes(image.read_bytes()[:-100])


def damage_count(root):
    path = root / 'Anno' / 'list_bbox.txt'
    path.write_text(path.read_text().replace('3\n', '4\n', 1))


@pytest.mark.parametrize(('damage', 'lines'), [
    (lambda root: (root / NAMES[2]).unlink(), [r'img/c\.jpg: no such file']),
    (damage_truncate, [r'img/b\.jpg: OSError: image file is truncated']),
    (lambda root: (root / NAMES[0]).write_text('no picture'), [r'img/a\.jpg: no image that Pillow can read']),
    (lambda root: (root / 'img').rename(root / 'Img'), [r'img: no such folder, and 3 images should be in it']),
    (damage_count, [r'list_bbox\.txt, line 1, field count: it says 4 rows, and 3 follow']),
    (lambda root: [(root / name).unlink() for name in ('Anno/list_bbox.txt', 'Eval/list_eval_partition.txt')],
     [r'Anno/list_bbox\.txt: no such file', r'Eval/list_eval_partition\.txt: no such file']),
])
def test_damaged_copies(benchmark, tmp_path, damage, lines):
    split = benchmark()
    damage(tmp_path)
    found = problems(split)
    assert len(found) == len(lines)
    for text, line in zip(found, lines):
        assert re.search(line, text)


def test_the_newer_folder_of_annotations_is_no_missing_file(raw, benchmark, tmp_path):
    split = benchmark()
    (tmp_path / 'Anno').rename(tmp_path / 'Anno_coarse')
    assert problems(split) == []


def test_a_sample_decodes_no_more_than_asked_for_and_misses_no_missing_file(benchmark, tmp_path):
    split = benchmark()
    (tmp_path / NAMES[2]).unlink()
    report = check_split(split, sample=1)
    assert len(report.opened) == 1
    assert [finding.text for finding in report.findings] == [f'{tmp_path}/{NAMES[2]}: no such file']


def test_another_count_is_a_note(benchmark):
    split = benchmark()
    assert notes(Split('train', split.config, {ROWS: 3, 'lower': 3})) == []
    assert notes(Split('train', split.config, {ROWS: 209222, 'lower': 4})) == [
        'train: 3 rows, 209,222 in the official release', 'train: 3 rows of lower, 4 in the official release']


def test_rows_of_fashionai_are_counted_after_repeats_are_dropped(raw, tmp_path):
    raw.image(tmp_path / 'a.jpg')
    csv = raw.fashionai(tmp_path / 'train.csv', [raw.fashionai_row('a.jpg', 'skirt', {15: '40_30_1'})] * 2)
    config = dict(type='FashionAIDataset', ann_file=csv)
    repeated, = notes(Split('train', config, {ROWS: 1, 'skirt': 1}))
    assert '1 rows repeat an image' in repeated
    assert notes(Split('train', config, {ROWS: 9}, 'the paper'))[1:] == ['train: 1 rows, 9 in the paper']
    assert problems(Split('train', config)) == []  # a coordinate that equals the width


def test_own_data_needs_no_test_split(benchmark):
    split = benchmark()
    report = check_split(Split('test', dict(split.config, split='test')))
    assert report.dataset is None
    assert [(finding.is_problem, 'no row of' in finding.text) for finding in report.findings] == [(False, True)]


# ---- COCO


@pytest.fixture
def coco(tiny_coco, tmp_path):
    """Writes three persons in images of 64 x 64, their annotations changed by a function, and gives their split."""

    def write(change=lambda content: None, **config):
        tiny_coco(tmp_path, 'train', 3, seed=0)
        path = tmp_path / 'train.json'
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
        return Split('train', dict(
            type='CocoDataset', data_root=str(tmp_path), ann_file='train.json', data_prefix=dict(img=''), **config))

    return write


def set_annotation(**values):
    return lambda content: content['annotations'][1].update(values)


def set_image(**values):
    return lambda content: content['images'][1].update(values)


def set_category(**values):
    return lambda content: content['categories'][0].update(values)


def test_healthy_coco_gives_no_line(coco):
    assert check_split(coco()).findings == []


@pytest.mark.parametrize(('change', 'line'), [
    (lambda content: content.pop('images'), r"train\.json: 'images' should be a list of objects"),
    (lambda content: content['categories'].clear(), r"train\.json: 'categories' should be a list of objects, one at"),
    (lambda content: content['images'][1].pop('height'), r'images\[1\] \(id 1\): no height'),
    (lambda content: content['annotations'][1].pop('bbox'), r'annotation 1: it has no bbox: MMPose leaves the row'),
    (set_image(width=None), r'train\.json, images\[1\] \(id 1\): width should be a number, and is None'),
    (set_image(height='480'), r"images\[1\] \(id 1\): height should be a number, and is '480'"),
    (set_image(file_name=None), r'images\[1\] \(id 1\): file_name should be a string, and is None'),
    (set_image(file_name='a\x00.png'), r"images\[1\] \(id 1\): the image name holds control characters: 'a\\x00.png'"),
    (set_image(file_name='../a.png'), r"images\[1\] \(id 1\): file_name '../a.png' is not below .*: only what data_"),
    (set_image(file_name='/etc/a.png'), r"images\[1\] \(id 1\): file_name '/etc/a.png' is not below "),
    (set_annotation(area=math.nan), r'annotation 1: area nan is none that a garment can have'),
    (set_annotation(area=None), r'annotations\[1\] \(id 1\): area should be a number, and is None'),
    (set_annotation(num_keypoints=math.nan), r'annotation 1: num_keypoints is no finite number'),
    (set_image(id=True), r'images\[1\] \(id True\): id should be an integer, and is True'),
    (set_image(id=[1]), r'images\[1\] \(id \[1\]\): id should be an integer, and is \[1\]'),
    (set_annotation(id=[1]), r'annotations\[1\] \(id \[1\]\): id should be an integer, and is \[1\]'),
    (set_annotation(image_id=[1], category_id='1'), r'annotations\[1\] \(id 1\): image_id should be an integer, and is '
     r"\[1\], category_id should be an integer, and is '1'"),
    (set_annotation(bbox=None), r'annotations\[1\] \(id 1\): bbox should be a list, and is None'),
    (lambda content: content['images'].append(dict(content['images'][2], id=3, width=None)), r'images\[3\] .*: width'),
    (set_category(name=None), r'categories\[0\] \(id 1\): name should be a string, and is None'),
    (set_category(id=[1]), r'categories\[0\] \(id \[1\]\): id should be an integer, and is \[1\]'),
    (set_annotation(image_id=77), r'annotation 1: no image has the id 77'),
    (set_annotation(category_id=2), r'annotation 1: no category has the id 2'),
    (set_annotation(id=2), r'train\.json: 2 annotations have the id 2: MMPose reads the last one only'),
    (lambda content: content['images'].append(content['images'][1]), r'train\.json: 2 images have the id 1'),
    (set_annotation(keypoints=[1, 2, 2] * 16), r'annotation 1: keypoints should be 51 numbers, x, y, v of 17'),
    (set_annotation(keypoints=[0, 0, 2] * 18), r'annotation 1: keypoints should be 51 numbers, x, y, v of 17'),
    (set_annotation(keypoints=None), r'annotations\[1\] \(id 1\): keypoints should be a list, and is None'),
    (set_annotation(keypoints=[1, 2, 3] * 17), r'annotation 1: a visibility in keypoints is none of 0, 1, 2'),
    (set_annotation(bbox=[8, 8, 0, 5]), r'annotation 1: bbox \[8, 8, 0, 5\] is no x, y, width, height with an area'),
    (set_annotation(bbox=[8, 8, 5]), r'annotation 1: bbox \[8, 8, 5\] is no'),
    (set_annotation(keypoints=[0] * 51, bbox=[8, 8, '5', 5]), r"annotation 1: bbox \[8, 8, '5', 5\] is no x, y, width"),
    (set_annotation(num_keypoints=0), r'annotation 1: num_keypoints is 0, yet landmarks are labelled'),
    (set_annotation(bbox=[8, 8, 90, 20]), r'train_1\.png: box 8 8 98 28 .* leaves the image of 64 x 64'),
    (set_annotation(keypoints=[1, 2, 2] * 16 + [70, 3, 2]), r'train_1\.png: right_ankle at 70 3 is outside'),
    (set_image(width=0, height=0), r'train\.json, image 1: it is 0 x 0 there: MMPose clips boxes to that and leaves'),
    (set_annotation(bbox=[70, 8, 20, 20]), r'annotation 1: bbox \[70, 8, 20, 20\] .* lies outside its image of 64'),
    (set_annotation(bbox=[63, 8, 1, 20]), r'annotation 1: bbox \[63, 8, 1, 20\] .* lies outside'),  # clipped to 63
    (set_annotation(bbox=[-30, 8, 30, 20]), r'annotation 1: bbox .* lies outside'),
    (set_annotation(keypoints=[0, 0, 2] + [0] * 48, num_keypoints=1, bbox=[0, 0, 9, 9]),
     r'annotation 1: MMPose leaves the row out; no x or y of its landmarks is above 0'),
    (set_annotation(keypoints=[30, 30, 2] * 16 + [0, 0, 2]), r'right_ankle is labelled at 0 0 in 1 of 3 rows: where'),
    (set_image(width=128), r'train_1\.png: 64 x 64 as it is loaded, and 128 x 64 in .*train\.json'),
])
def test_coco_faults(coco, change, line):
    found = problems(coco(change))
    assert len(found) == 1 and re.search(line, found[0])


@pytest.mark.parametrize(('change', 'line'), [
    (set_image(height=math.nan), r'image 1: it is 64 x nan there'),
    (set_image(width=math.inf), r'image 1: it is inf x 64 there'),
    (set_image(width=10**400), r'image 1: it is 10+\.\.\.0+ x 64 there'),
    (set_annotation(keypoints=[1, 2, 2] * 16 + [3, math.nan, 2]), r'annotation 1: keypoints should be 51 numbers'),
    (set_annotation(keypoints=[1, 2, 2] * 16 + [3, 10**400, 2]), r'annotation 1: keypoints should be 51 numbers'),
    (set_annotation(keypoints=[1, 2, 2] * 16 + [3, -100001, 2]), r'annotation 1: -100001 in keypoints lies beyond'),
    (set_annotation(bbox=[8, 8, 1e30, 5]), r'annotation 1: bbox \[8, 8, 1e\+30, 5\] goes beyond 100,000 pixels'),
])
def test_numbers_that_no_image_has(coco, change, line):
    found = problems(coco(change))  # in the file, and where the row can be read beside its image too
    assert re.search(line, found[0]) and len(found) <= 2


def test_absolute_names_below_the_images_folder(coco, tmp_path):
    """As some tools write them, and MMPose reads them; a folder of images that holds all allows all."""
    split = coco(set_image(file_name=str(tmp_path / 'train_1.png')))
    assert problems(split) == []
    split.config['data_prefix'] = dict(img='elsewhere')
    assert 'is not below' in problems(split)[0]
    split.config['data_prefix'] = dict(img='/')
    assert not any('is not below' in text for text in problems(split))


def test_a_landmark_far_from_its_box_is_named(coco):
    near, far = ([30, 30, 2] * 16 + [x, 3, 2] for x in (61, 62))
    assert problems(coco(set_annotation(keypoints=near, bbox=[1, 1, 40, 40]))) == []  # 20 pixels of 40
    text, = problems(coco(set_annotation(keypoints=far, bbox=[1, 1, 40, 40])))
    assert text.endswith('train_1.png: right_ankle at 62 3 is 21 pixels away from the box 1 1 41 41 (x1 y1 x2 y2)')
    beyond = [30, 30, 2] * 16 + [99, 3, 2]
    text, = problems(coco(set_annotation(keypoints=beyond, bbox=[1, 1, 40, 40])))  # said once
    assert text.endswith('right_ankle at 99 3 is outside the image of 64 x 64')


def scale_labels(scale):
    """All landmarks and boxes times a number."""

    def change(content):
        for annotation in content['annotations']:
            keypoints = np.array(annotation['keypoints'], dtype=float).reshape(-1, 3)
            keypoints[:, :2] *= scale
            box = [scale * value for value in annotation['bbox']]
            annotation.update(keypoints=keypoints.ravel().tolist(), bbox=box)

    return change


@pytest.mark.parametrize(('scale', 'side', 'unit'), [
    (1 / 64, 64, 'fractions'), (1 / 8, 64, None), (1, 64, None), (1, 199, None), (1, 200, 'percent'), (2, 200, None)])
def test_units(coco, tmp_path, scale, side, unit):
    def change(content):
        scale_labels(scale)(content)
        for image in content['images']:
            image.update(width=side, height=side)

    split = coco(change)
    for image in tmp_path.glob('*.png'):
        Image.new('RGB', (side, side)).save(image)
    texts = problems(split)
    assert len(texts) == (unit is not None)
    assert unit is None or f'the labels seem to be {unit} of the image; write pixels' in texts[0]
    few = problems(Split('train', dict(split.config, indices=2)))  # too few images to take them for percent
    assert len(few) == (unit == 'fractions')


def test_a_few_landmarks_in_the_corner_are_a_note(benchmark):
    corner = '2 0 0 0 0 30 6 1 5 25 2 999 999'  # left_waistline
    report = check_split(benchmark(landmarks={**dict.fromkeys(NAMES, LOWER), NAMES[0]: corner}))
    finding, = report.findings
    assert finding == ('landmarks at 0 0', 'left_waistline is labelled at 0 0 in 1 of 3 rows', False)
    report = check_split(benchmark(landmarks={**dict.fromkeys(NAMES[:2], corner), NAMES[2]: LOWER}))
    assert [(finding.text, finding.is_problem) for finding in report.findings] == [
        ('left_waistline is labelled at 0 0 in 2 of 3 rows: where it is not labelled, write v = 0', True)]


def test_rectangles_beside_landmarks_are_a_note(coco, tmp_path):
    boxes = [dict(id=100 + k, image_id=k, category_id=1, bbox=[1, 1, 9, 9]) for k in range(2)]
    report = check_split(coco(lambda content: content['annotations'].extend(boxes)))
    assert [(finding.text, finding.is_problem) for finding in report.findings] == [
        (f'{tmp_path}/train.json: 2 annotations have no keypoints, such as mere boxes, and are left out', False)]
    assert len(report.dataset) == 3


def test_rows_that_a_config_leaves_out_are_not_lost(coco):
    assert problems(coco(sample_interval=2)) == []


def test_pairs_that_a_metainfo_lacks_are_asked_for(coco):
    def metainfo(names, pairs):
        return dict(
            dataset_name='own', skeleton_info={}, joint_weights=[1.] * 17, sigmas=[0.05] * 17,
            keypoint_info={k: dict(name=name, id=k, color=[0, 0, 0], type='', swap=pairs.get(name, ''))
                           for k, name in enumerate(names)})

    names = ['LeftNeck', 'rightneck', 'hemleft', 'hemright', *(f'k{k}' for k in range(13))]
    pairs = dict(LeftNeck='rightneck', rightneck='LeftNeck')
    report = check_split(coco(metainfo=metainfo(names, pairs)))
    text, = (finding.text for finding in report.findings if finding.kind == 'flip pairs')
    assert text.startswith("metainfo of 'own': are hemleft/hemright pairs of left and right? A flip does not swap them")
    assert report.pairs.startswith('flip pairs: LeftNeck/rightneck; without a pair: hemleft, hemright, k0, ')
    text, = problems(coco(metainfo=metainfo(names, {})))
    assert 'are LeftNeck/rightneck, hemleft/hemright pairs' in text
    pairs.update(hemleft='hemright', hemright='hemleft')
    assert problems(coco(metainfo=metainfo(names, pairs))) == []


def test_images_of_training_among_those_of_validation_are_noted(coco):
    train = coco()
    splits = [train, Split('val', dict(train.config, test_mode=True)),
              Split('test', dict(train.config, test_mode=True, indices=2))]
    reports = list(check_splits(splits, None, 0, lambda name: contextlib.nullcontext(lambda items, what: items)))
    assert [[finding.text for finding in report.findings] for report in reports] == [
        [], ['val: 3 of its 3 images are in train too, so that its figures say little about new images'],
        ['test: 2 of its 2 images are in train too, so that its figures say little about new images']]
    assert [bool(report.pairs) for report in reports] == [True, False, False]
    twice = [train, Split('train', dict(train.config, sample_interval=2))]  # a set may train two times
    assert not any(report.findings for report in check_splits(
        twice, None, 0, lambda name: contextlib.nullcontext(lambda items, what: items)))


@pytest.mark.parametrize('values', [
    dict(iscrowd=1, bbox=[8, 8, 0, 0]),
    dict(keypoints=[0] * 51, num_keypoints=0, bbox=[8, 8, 0, 0]),
])
def test_what_mmpose_leaves_out_by_intent_is_no_fault(coco, values):
    report = check_split(coco(set_annotation(**values)))
    assert report.findings == [] and len(report.dataset) == 2


@pytest.mark.parametrize('names', [COCO_NAMES, ()])
def test_a_category_with_the_metainfos_landmarks_gives_no_line(coco, names):
    assert check_split(coco(set_category(keypoints=list(names)))).findings == []


@pytest.mark.parametrize(('names', 'line', 'is_problem'), [
    (COCO_NAMES[::-1], 'keypoints[0] is right_ankle, and nose in the metainfo', True),
    ((*COCO_NAMES[:-2], *COCO_NAMES[:-3:-1]), 'keypoints[15] is right_ankle, and left_ankle in the metainfo', True),
    (COCO_NAMES[:7] + COCO_NAMES[8:], 'keypoints[7] is right_elbow, and left_elbow in the metainfo', True),
    (('Nose', *COCO_NAMES[:0:-1]), 'keypoints[1] is right_ankle, and left_eye in the metainfo', True),
    (('Nose', *COCO_NAMES[1:]), 'keypoints[0] is Nose, and nose in the metainfo', False),
    (COCO_NAMES[:16], 'keypoints[16] is nothing, and right_ankle in the metainfo', False),
])
def test_landmarks_in_another_order_are_a_problem_and_other_names_a_note(coco, tmp_path, names, line, is_problem):
    finding, = check_split(coco(set_category(keypoints=list(names)))).findings
    assert finding.text == f'{tmp_path}/train.json, category 1: {line}'
    assert finding.is_problem == is_problem


def test_a_note_hides_no_failure_of_the_reader(coco, tmp_path):
    def change(content):
        content['categories'][0]['keypoints'] = ['Nose']
        for annotation in content['annotations']:
            annotation.update(iscrowd=1)

    text, = problems(coco(change))
    assert text.startswith(f'{tmp_path}/train.json: no row is left')


def test_no_json(coco, tmp_path):
    split = coco()
    (tmp_path / 'train.json').write_text('{"images": [')
    text, = problems(split)
    assert 'train.json: cannot be read as JSON' in text


def test_nothing_left(coco):
    text, = problems(coco(lambda content: [annotation.update(iscrowd=1) for annotation in content['annotations']]))
    assert text.endswith('train.json: no row is left: of its 3 annotations, 3 are crowds and 0 have no labelled '
                         'landmark')


def test_detected_boxes(coco, tmp_path):
    detections = tmp_path / 'boxes.json'
    split = coco(bbox_file=str(detections), test_mode=True)
    assert problems(split) == [f'{detections}: no such file (docs/datasets.md shows what belongs where)']
    detections.write_text(json.dumps([dict(image_id=i, category_id=1, bbox=[0, 0, 50 + 20 * i, 60], score=1.)
                                      for i in range(3)]))
    assert problems(split) == [f'{tmp_path}/train_{i}.png: box 0 0 {50 + 20 * i} 60 (x1 y1 x2 y2) leaves the image '
                               'of 64 x 64' for i in (1, 2)]


@pytest.mark.parametrize(('boxes', 'fault'), [
    ('[{"image_id": 0', 'JSONDecodeError: Expecting'),
    ('[{"image_id": 0, "category_id": 2}]', 'no row is left'),
])
def test_faults_of_detected_boxes_name_the_files(coco, tmp_path, boxes, fault):
    path = tmp_path / 'boxes.json'
    path.write_text(boxes)
    text, = problems(coco(bbox_file=str(path), test_mode=True))
    assert text.startswith(f'{tmp_path}/train.json or {path}: {fault}')


def box(**values):
    return dict(dict(image_id=0, category_id=1, bbox=[8, 8, 48, 48], score=0.5), **values)


@pytest.mark.parametrize(('boxes', 'line'), [
    ({'annotations': []}, ': it should be a list of objects with image_id, category_id, bbox and score'),
    ([1], ': it should be a list of objects'),
    ([dict(image_id=0, category_id=1)],
     ': 1 of 1 boxes have no bbox and no score; the first is [0], image_id 0'),
    ([box(), dict(image_id=1, bbox=[8, 8, 48, 48], score=0.5)], ': 1 of 2 boxes have no category_id; the first is [1]'),
    ([box(), box(image_id=9), box(image_id='0')],
     ': 2 of 3 boxes are on images that the annotations do not have; the first is [1], image_id 9, bbox '
     '[8, 8, 48, 48], score 0.5'),
    ([box(), box(image_id=[0])], ': 1 of 2 boxes are on images that the annotations do not have; the first is [1]'),
    ([box(), box(bbox=[0, 0, 9])], ': 1 of 2 boxes are not four finite numbers; the first is [1], image_id 0, bbox '),
    ([box(), box(bbox=[0, float('nan'), 9, 9])], ': 1 of 2 boxes are not four finite numbers; the first is [1]'),
    ([box(), box(bbox=[0, 10 ** 400, 9, 9])], ': 1 of 2 boxes are not four finite numbers; the first is [1]'),
    ([box(), box(bbox=[0, 0, 9, 1e30])], ': 1 of 2 boxes go beyond 100,000 pixels; the first is [1]'),
    ([box(), box(score=1e300)], ': 1 of 2 boxes have a score that is no finite number; the first is [1]'),
    ([box(), box(score=float('inf'))], ': 1 of 2 boxes have a score that is no finite number; the first is [1]'),
    ([box(), box(score='0.5')], ': 1 of 2 boxes have a score that is no finite number; the first is [1]'),
])
def test_unfit_detected_boxes(coco, tmp_path, boxes, line):
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(boxes))
    found = problems(coco(bbox_file=str(path), test_mode=True), sample=1)
    assert found[0].startswith(f'{path}{line}')
    assert not [text for text in found if 'Error' in text]


def test_boxes_without_area_are_found_on_all_images(coco, tmp_path):
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps([box(), box(image_id=1, bbox=[8, 8, 0, 48]), box(image_id=2, bbox=[8, 8, 9, -1])]))
    found = problems(coco(bbox_file=str(path), test_mode=True), sample=1)
    assert found[0] == (f'{path}: 2 of 3 boxes have no area; the first is [1], image_id 1, bbox [8, 8, 0, 48], score '
                        '0.5')


def test_how_good_detected_boxes_are(coco, tmp_path):
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps([box(), box(image_id=1), box(category_id=3)]))  # of three persons on three images
    split = coco(bbox_file=str(path), test_mode=True)
    assert check_split(split).findings and problems(split) == []
    lines = [
        f'{path}: 1 of 3 boxes have another category_id than 1: MMPose leaves them out',
        'train: 1 of 3 images have no box: nothing is predicted on them']
    assert notes(split) == [*lines, 'train: the boxes have an AP of 66.3']  # recalls up to 2/3: 67 of 101
    assert notes(Split('train', split.config, {ROWS: 104125})) == [
        *lines, 'train: the boxes have an AP of 66.3, 56.4 in the official release',
        'train: 2 rows, 104,125 in the official release']


def test_real_detected_boxes(shared_data):
    folder = shared_data / 'coco_mini'
    split = Split('val', dict(
        type='CocoDataset', data_root=str(folder), ann_file='test_coco.json', data_prefix=dict(img=''), test_mode=True,
        bbox_file=str(folder / 'test_coco_det_AP_H_56.json')))
    assert problems(split) == []
    assert notes(split) == ['val: the boxes have an AP of 78.9']


@pytest.mark.parametrize(('config', 'line'), [
    (dict(type='NoSuchDataset'), r'train: KeyError: .*NoSuchDataset is not in the'),
    (dict(type='FashionAIDataset', ann_file='a.csv', subset='trial'), r"train: unknown subset 'trial'"),
])
def test_configs_that_cannot_be_built(config, line):
    text, = problems(Split('train', config))
    assert re.match(line, text) and '\n' not in text


def test_photographs_turned_by_exif_do_not_fit_their_labels(coco, tmp_path):
    """What phones do: the labels were drawn on the image as stored, the loader turns it upright."""
    split = coco(set_image(width=64, height=48))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (64, 48)).save(tmp_path / 'train_1.png', exif=exif)
    assert '48 x 64 as it is loaded, and 64 x 48 in' in problems(split)[0]


# ---- splits


def test_config_splits_open_wrappers_and_leave_out_what_is_there_already():
    def data(**values):
        return dict(type='CocoDataset', data_mode='topdown', pipeline=[dict(type='LoadImage')], **values)

    config = Config(dict(
        train_dataloader=dict(dataset=dict(type='CombinedDataset', datasets=[
            data(ann_file='a'), dict(type='RepeatDataset', times=2, dataset=data(ann_file='b'))])),
        val_dataloader=dict(dataset=data(ann_file='c')),
        test_dataloader=dict(dataset=dict(data(ann_file='c'), pipeline=[])),
        model=dict(type='TopdownPoseEstimator')))
    assert config_splits(config) == [
        Split(name, dict(type='CocoDataset', ann_file=ann_file))
        for name, ann_file in (('train', 'a'), ('train', 'b'), ('val', 'c'))]
    assert config_splits(Config(dict(train_dataloader=None))) == []


@pytest.mark.parametrize(('name', 'config'), [
    ('fashionai', CONFIGS / '_base_/datasets/fashionai_512x512.py'),
    ('deepfashion', CONFIGS / '_base_/datasets/deepfashion_512x512.py'),
    ('fld', CONFIGS / '_base_/datasets/fld_512x512.py'),
    ('coco', CONFIGS / 'coco/spb/td-hm_res50_8xb64-210e_coco-256x192.py'),
])
def test_releases_are_what_the_configs_train_and_test_on(name, config, monkeypatch):
    """COCO's config reads the detected boxes only, not the annotated persons of val."""
    monkeypatch.delenv(f'{name.upper()}_ROOT', raising=False)

    def files(split):
        wanted = ('type', 'ann_file', 'data_prefix', 'bbox_file', 'subset', 'split')
        return {key: split.config[key] for key in wanted if key in split.config}

    ours = {split.name: files(split) for split in RELEASES[name](f'data/{name}')}
    if name == 'coco':
        ours['val'] = ours.pop('val, detected boxes')
    assert ours == {split.name: files(split) for split in config_splits(Config.fromfile(config))}


# ---- real data


def test_real_photographs_are_fit_to_train(shared_data):
    train, val, test = RELEASES['deepfashion'](str(shared_data / 'robot_garments'))
    assert problems(train, sample=None) == problems(val, sample=None) == problems(test) == []
    assert notes(train) == ['train: 72 rows, 209,222 in the official release']


def test_real_persons_are_fit_to_train(shared_data, tmp_path):
    source = shared_data / 'coco_mini'
    for folder in ('annotations', 'person_detection_results', 'train2017', 'val2017'):
        (tmp_path / folder).mkdir()
    for part in ('train2017', 'val2017'):
        (tmp_path / 'annotations' / f'person_keypoints_{part}.json').symlink_to(source / 'test_coco.json')
        for image in source.glob('*.jpg'):
            (tmp_path / part / image.name).symlink_to(image)
    (tmp_path / 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json').symlink_to(
        source / 'test_coco_det_AP_H_56.json')
    reports = [check_split(split) for split in RELEASES['coco'](str(tmp_path))]
    assert [(len(report.dataset), len(report.opened)) for report in reports] == [(12, 4), (12, 4), (118, 4)]
    assert [finding.text for report in reports for finding in report.findings] == [
        'train: 12 rows, 149,813 in the official release', 'val: 12 rows, 6,352 in the official release',
        'val, detected boxes: the boxes have an AP of 78.9, 56.4 in the official release',
        'val, detected boxes: 118 rows, 104,125 in the official release']


def test_of_hundreds_of_pairs_a_few_are_shown():
    text = describe_pairs(load_metainfo(deepfashion2.dataset_info))
    assert text.startswith('flip pairs: short_sleeve_top_left_neck/short_sleeve_top_right_neck, ')
    assert text.count('/') == 6 and ', and 125 more; without a pair: ' in text and text.endswith(', and 26 more')
    all_shown = describe_pairs(load_metainfo('FashionAIDataset'))
    assert all_shown.count('/') == 11 and 'more' not in all_shown
