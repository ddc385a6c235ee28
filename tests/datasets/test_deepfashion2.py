"""DeepFashion2's folders as they are unpacked: rows, faults, the cache, detections and boxes."""

import contextlib
import json
import os

import numpy as np
import pytest
from mmdet.registry import DATASETS as DETECTION_DATASETS
from mmpose.registry import DATASETS

from pcloss_mmpose.comparison.fingerprint import decisive
from pcloss_mmpose.datasets import DeepFashion2Dataset, DeepFashion2SharedDataset, conversion
from pcloss_mmpose.datasets.checks.releases import RELEASES
from pcloss_mmpose.datasets.checks.split import check_splits
from pcloss_mmpose.datasets.formats import deepfashion2
from pcloss_mmpose.datasets.formats.coco import check_coco
from pcloss_mmpose.datasets.formats.deepfashion2 import parse_folder, read_items
from pcloss_mmpose.errors import FileFormatError, InputError
from pcloss_mmpose.metainfo.deepfashion2 import LANDMARKS, PARTS, SHARED_LANDMARKS
from pcloss_mmpose.models.losses import pair_variance

SKIRT = [10, 20, 2, 30, 21, 2, 50, 20, 1, 8, 50, 2, 5, 90, 0, 30, 92, 2, 55, 90, 2, 52, 50, 2]


def skirt(**changes):
    return {'category_id': 9, 'category_name': 'skirt', 'style': 0, 'bounding_box': [5, 18, 57, 94],
            'landmarks': SKIRT, 'segmentation': [[5, 18, 57, 18, 57, 94]], 'scale': 2, 'occlusion': 1, 'zoom_in': 3,
            'viewpoint': 2, **changes}


def shorts(visibility=2):
    return skirt(category_id=7, landmarks=[value for n in range(10) for value in (n + 1, n + 2, visibility)])


@pytest.fixture
def root(tmp_path):
    """Writes annotations, by the number of the image and the split, and gives their root."""
    def write(files, split='train'):
        folder = tmp_path / split / 'annos'
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            name = f'{name:06d}.json' if isinstance(name, int) else name
            text = content if isinstance(content, (str, bytes)) else json.dumps(content)
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path
    return write


def dataset(root, kind=DeepFashion2Dataset, **options):
    return kind(**{'ann_file': 'train/annos', 'data_root': str(root), 'data_prefix': dict(img='train/image'),
                   **options})


def infos(data):
    return [data.get_data_info(row) for row in range(len(data))]


def test_data_info_worked_by_hand(root):
    first = dict(source='user', pair_id=7, item1=skirt(), item2=shorts())
    data = dataset(root({12: dict(source='shop', pair_id=1, item1=skirt(bounding_box=[1.5, 2, 3, 4])), 3: first}))
    garments = infos(data)
    assert [(info['id'], info['img_id'], info['category_id']) for info in garments] == [
        (0, 3, 9), (1, 3, 7), (2, 12, 9)]  # in the order of the files' names
    info = garments[0]
    assert info['img_path'] == f'{root({})}/train/image/000003.jpg'
    start = LANDMARKS.index('skirt_left_waist')
    expected = np.zeros((294, 2), np.float32)
    expected[start:start + 8] = [[10, 20], [30, 21], [50, 20], [8, 50], [0, 0], [30, 92], [55, 90], [52, 50]]
    np.testing.assert_array_equal(info['keypoints'][0], expected)
    assert np.flatnonzero(info['keypoints_visible'][0]).tolist() == [start + k for k in (0, 1, 2, 3, 5, 6, 7)]
    assert info['bbox'].tolist() == [[5, 18, 57, 94]] and info['bbox_score'].tolist() == [1]
    raw = info['raw_ann_info']
    assert raw['keypoints'][3 * start + 2:3 * (start + 8):3] == [2, 2, 1, 2, 0, 2, 2, 2] and raw['num_keypoints'] == 7
    assert (raw['category'], raw['bbox'], raw['area'], raw['image_id']) == ('skirt', [5, 18, 52, 76], 52 * 76, 3)
    assert raw['attributes'] == dict(scale=2, occlusion=1, zoom_in=3, viewpoint=2)
    assert garments[2]['bbox'].tolist() == [[1.5, 2, 3, 4]]
    assert sum(garments[1]['raw_ann_info']['keypoints'][2::3]) == 20  # ten visible landmarks


def test_shared_landmarks_stand_where_their_part_does(root):
    info, = infos(dataset(root({1: dict(item1=skirt())}), DeepFashion2SharedDataset))
    assert info['keypoints'].shape == (1, 81, 2) and info['keypoints_visible'].sum() == 7
    for name, place in (('waist', [30, 21]), ('right_skirt_hem', [55, 90]), ('crotch', [0, 0])):
        assert info['keypoints'][0, SHARED_LANDMARKS.index(name)].tolist() == place


def test_items_keep_the_order_of_the_file(root):
    """Of more than nine, as the file has them, and not as their names would be sorted."""
    files = {1: {f'item{n}': skirt() if n == 9 else shorts() for n in range(1, 12)}, 2: dict(item1=skirt())}
    garments = infos(dataset(root(files)))
    assert [info['id'] for info in garments] == list(range(12))
    assert [info['id'] for info in garments if info['category_id'] == 9] == [8, 11]
    assert read_items(f'{root({})}/train/annos').place(9) == '000001.json, item10'


@pytest.mark.parametrize('kind', [DeepFashion2Dataset, DeepFashion2SharedDataset])
def test_variances_are_those_of_the_rows(root, monkeypatch, kind):
    """Which are read in parts, and without a loop."""
    monkeypatch.setattr(pair_variance, 'ROWS', 3)
    boxes = [[n, 2 * n, 60 + 3 * n, 90 + n] for n in range(5)]
    files = {n: dict(item1=skirt(bounding_box=box), item2=shorts()) for n, box in enumerate(boxes, 1)}
    data = dataset(root(files), kind)
    points, known = map(np.concatenate, zip(*pair_variance.box_fractions(data)))
    for info, own, is_known in zip(infos(data), points, known):
        (x1, y1, x2, y2), = info['bbox']
        expected = (info['keypoints'][0] - [(x1 + x2) / 2, (y1 + y2) / 2]) / [x2 - x1, y2 - y1]
        assert (is_known == info['keypoints_visible'][0]).all()
        np.testing.assert_allclose(own[is_known], expected[is_known], rtol=1e-5)
    assert len(points) == 10


def test_attributes_may_be_missing(root):
    item = {key: value for key, value in skirt().items() if key not in ('scale', 'viewpoint')}
    info, = infos(dataset(root({1: dict(item1=item)})))
    assert info['raw_ann_info']['attributes'] == dict(scale=0, occlusion=1, zoom_in=3, viewpoint=0)


def test_items_without_landmarks_do_not_train_and_are_tested(root):
    files = {1: dict(item1=skirt(), item2=shorts(0)), 2: dict(source='shop', pair_id=3)}
    assert [info['id'] for info in infos(dataset(root(files)))] == [0]
    assert [info['id'] for info in infos(dataset(root(files), test_mode=True))] == [0, 1]


def test_items_that_do_not_train_are_counted(root, capsys):
    """Those that are left out for their box are none of them."""
    box = dict(bounding_box=[5, 5, 5, 5])
    with pytest.warns(UserWarning, match='2 items with such a box are left out'):
        dataset(root({1: dict(item1=skirt(), item2=shorts(0), item3=dict(shorts(0), **box), item4=skirt(**box))}))
    output = capsys.readouterr()
    assert '1 of 4 items have no labelled landmark and are left out of training' in output.out + output.err


def test_items_without_a_box_are_left_out_with_a_warning(root):
    files = {4: dict(item1=skirt(bounding_box=[5, 18, 5, 94]), item2=shorts())}
    with pytest.warns(UserWarning, match='000004.json, item1: its bounding_box has no area; 1 items'):
        data = dataset(root(files))
    assert [info['id'] for info in infos(data)] == [1]


@pytest.mark.parametrize(('content', 'words'), [
    (b'\xff\xfe', '000001.json: not UTF-8'),
    ('{"item1": ', '000001.json: no JSON'),
    ('[' * 100_000, '000001.json: no JSON that can be read: its brackets are nested too deep'),
    ('[]', r'000001.json: expected an object, found \[\]'),
    ('{"item1": 1, "item1": 2}', "000001.json: 'item1' stands in it twice"),
    (dict(item1=3), '000001.json, field item1: expected an object, found 3'),
    (dict(Item1=skirt()), '000001.json, field Item1: neither source, nor pair_id, nor item1'),
    (dict(item0=skirt()), '000001.json, field item0: neither'),
    (dict(item1٣=skirt()), '000001.json, field item1٣: neither'),
    ({'item' + '9' * 20: skirt()}, 'field item9{20}: neither'),
    (dict(item2=skirt(category_id=14)), '000001.json, field item2: category_id must be 1 to 13, got 14'),
    (dict(item1=skirt(category_id=True)), 'category_id must be 1 to 13, got True'),
    (dict(item1=skirt(category_id='9')), "category_id must be 1 to 13, got '9'"),
    (dict(item1=skirt(landmarks=SKIRT[3:])), 'landmarks must be 24 numbers, got 21'),
    (dict(item1=skirt(landmarks=None)), 'landmarks must be 24 numbers, got None'),
    (dict(item1=skirt(landmarks=['1', *SKIRT[1:]])), "landmarks must be 24 numbers, got '1' among them"),
    (dict(item1=skirt(landmarks=[True, *SKIRT[1:]])), 'landmarks must be 24 numbers, got True among them'),
    (dict(item1=skirt(landmarks=[1e6, *SKIRT[1:]])), 'landmarks has a number that is not finite, or beyond 100,000'),
    (dict(item1=skirt(landmarks=[float('nan'), *SKIRT[1:]])), 'landmarks has a number that is not finite'),
    (dict(item1=skirt(landmarks=[*SKIRT[:2], 3, *SKIRT[3:]])), 'the visibility must be 0, 1 or 2, got 3'),
    (dict(item1=skirt(bounding_box=[1, 2, 3])), 'bounding_box must be 4 numbers, got 3'),
    (dict(item1=skirt(bounding_box=[1, 2, 3, float('inf')])), 'bounding_box has a number that is not finite'),
    (dict(item1=skirt(occlusion=4)), 'occlusion must be 1 to 3, got 4'),
    (dict(item1=skirt(scale=0)), 'scale must be 1 to 3, got 0'),
])
def test_a_fault_names_its_file_and_item(root, content, words):
    with pytest.raises(FileFormatError, match=words):
        dataset(root({1: content, 2: dict(item1=skirt())}))


def test_all_faults_are_counted_and_listed(root):
    folder = root({1: dict(item1=skirt(scale=9), item2=shorts()), 2: '', 3: dict(item1=skirt())}) / 'train/annos'
    with pytest.raises(FileFormatError, match='scale must be.* So are 1 other files or items; `pcloss check` lists'):
        read_items(str(folder))
    items, faults = parse_folder(str(folder))
    assert items.images.tolist() == [1, 3] and items.numbers.tolist() == [2, 1] and items.files.tolist() == [1, 2, 3]
    assert [(os.path.basename(fault.path), fault.item) for fault in faults] == [('000001.json', 'item1'),
                                                                                ('000002.json', '')]


def test_files_are_read_in_parts(root, monkeypatch):
    monkeypatch.setattr(deepfashion2, 'AT_ONCE', 2)
    folder = root({n: dict(item1=skirt(bounding_box=[n, 0, 9, 9])) for n in range(1, 6)}) / 'train/annos'
    items = read_items(str(folder))
    assert items.files.tolist() == items.boxes[:, 0].tolist() == [1, 2, 3, 4, 5]


def test_a_file_that_cannot_be_read_is_named(root):
    folder = root({1: dict(item1=skirt())}) / 'train/annos'
    (folder / '000002.json').mkdir()
    with pytest.raises(FileFormatError, match='000002.json: cannot be read'):
        read_items(str(folder))


@pytest.mark.parametrize(('name', 'words'), [
    ('1.json', '1.json: its name is not the number of an image'), ('000000.json', 'not the number of an image')])
def test_files_are_named_by_numbers(root, name, words):
    with pytest.raises(FileFormatError, match=words):
        dataset(root({1: dict(item1=skirt()), name: dict(item1=skirt())}))


def test_a_folder_is_asked_for(root, tmp_path):
    root({1: dict(item1=skirt())})
    with pytest.raises(FileFormatError, match='validation/annos: no such folder. DEEPFASHION2_ROOT'):
        dataset(tmp_path, ann_file='validation/annos')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileFormatError, match='empty: no annotation in it'):
        dataset(tmp_path, ann_file='empty')
    with pytest.raises(InputError, match="needs data_prefix=dict.img='train/image'"):
        DeepFashion2Dataset('train/annos', data_root=str(tmp_path))


def test_the_cache_is_used_until_an_annotation_changes(root):
    folder = root({1: dict(item1=skirt()), 2: dict(item1=shorts())}) / 'train/annos'
    cache = folder.with_name('annos.cache.npz')
    first = read_items(str(folder))
    assert cache.is_file()
    stat = (folder / '000002.json').stat()
    text = (folder / '000002.json').read_text()
    (folder / '000002.json').write_text(text.replace('[1, 2, 2,', '[7, 2, 2,'))  # of the same size
    os.utime(folder / '000002.json', ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert read_items(str(folder)).landmarks[1, 0].tolist() == [1, 2, 2]  # nothing tells of it: the cache was used
    os.utime(folder / '000002.json', ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert read_items(str(folder)).landmarks[1, 0].tolist() == [7, 2, 2]
    (folder / '000002.json').write_text(text.replace('[1, 2, 2,', '[17, 2, 2,'))  # of another size, at the same time
    os.utime(folder / '000002.json', ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert read_items(str(folder)).landmarks[1, 0].tolist() == [17, 2, 2]
    (folder / '000002.json').unlink()
    assert read_items(str(folder)).images.tolist() == [1]
    cache.write_bytes(cache.read_bytes()[:100])
    again = read_items(str(folder))
    assert again.images.tolist() == [1]
    for name in first._fields[1:]:
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name)[:1])


def test_a_folder_that_cannot_be_written_is_read(root, monkeypatch):
    folder = root({1: dict(item1=skirt())}) / 'train/annos'
    folder.with_name('annos.cache.npz').mkdir()  # where the cache would be
    assert read_items(str(folder)).images.tolist() == [1]


def test_a_coco_json_is_read_by_mmpose_with_this_metainfo(tmp_path):
    keypoints = [0] * 3 * 294
    keypoints[:3] = [4, 5, 2]
    (tmp_path / 'a.json').write_text(json.dumps(dict(
        images=[dict(id=1, file_name='000001.jpg', width=9, height=9)], categories=[dict(id=1, name='a')],
        annotations=[dict(id=1, image_id=1, category_id=1, bbox=[0, 0, 8, 8], area=64, iscrowd=0, num_keypoints=1,
                          keypoints=keypoints)])))
    data = DATASETS.build(dict(type='DeepFashion2Dataset', ann_file=str(tmp_path / 'a.json'), data_prefix=dict(img='')))
    assert type(data).__module__.startswith('mmpose.') and len(data) == 1
    assert data.metainfo['sigmas'].shape == (294, ) and data.metainfo['keypoint_id2name'][1] == LANDMARKS[1]
    with pytest.raises(FileFormatError, match='a file; ann_file is the folder of the annotations'):
        DeepFashion2SharedDataset(str(tmp_path / 'a.json'), data_prefix=dict(img=''))
    own = dict(from_file='configs/_base_/datasets/deepfashion2.py')
    assert DeepFashion2Dataset(str(tmp_path / 'a.json'), metainfo=own).metainfo['keypoint_id2name'][0] == 'sss_kpt1'


BOX = dict(image_id=3, category_id=7, bbox=[1, 2, 30, 40], score=0.5)


@pytest.fixture
def detected(root):
    """Writes a file of detections beside two annotated images, and gives the data set's arguments."""
    def write(boxes):
        folder = root({3: dict(item1=skirt()), 5: dict(source='shop', pair_id=1)})
        (folder / 'boxes.json').write_text(boxes if isinstance(boxes, str) else json.dumps(boxes))
        return dict(root=folder, bbox_file='boxes.json', test_mode=True)
    return write


def test_detections_are_rows_without_an_annotation(detected):
    boxes = [BOX, dict(BOX, image_id=5, category_id=9, score=0.25)]
    garments = infos(dataset(**detected(boxes)))
    assert [(info['id'], info['img_id'], info['category_id']) for info in garments] == [(0, 3, 7), (1, 5, 9)]
    assert garments[0]['bbox'].tolist() == [[1, 2, 31, 42]] and garments[1]['bbox_score'].tolist() == [0.25]
    assert not any(info['keypoints_visible'].any() or 'raw_ann_info' in info for info in garments)
    kept = infos(dataset(**detected(boxes), filter_cfg=dict(bbox_score_thr=0.25)))
    assert [info['id'] for info in kept] == [0]


@pytest.mark.parametrize(('boxes', 'words'), [
    ('[', 'boxes.json: no JSON'), ([], 'boxes.json: expected a list of boxes'), ({}, 'expected a list of boxes'),
    ([BOX, 3], r'boxes.json, field \[1\]: expected an object, found 3'),
    ([dict(BOX, image_id=4)], r'field \[0\]: image_id 4 is none of the images that .*train/annos annotates'),
    ([dict(BOX, category_id=0)], 'category_id must be 1 to 13, got 0'),
    ([dict(BOX, bbox=[1, 2, 0, 4])], 'bbox .x y width height. has no area'),
    ([dict(BOX, bbox=[1, 2, 3])], 'bbox must be 4 numbers, got 3'),
    ([dict(BOX, score=float('nan'))], 'score must be a finite number, got nan'),
    ([dict(BOX, score=10**400)], 'score must be a finite number, got 1000'),
])
def test_faulty_detections_name_their_place(detected, boxes, words):
    with pytest.raises(FileFormatError, match=words):
        dataset(**detected(boxes))


@pytest.mark.parametrize(('options', 'words'), [
    (dict(filter_cfg=dict(bbox_score_thr=0.3)), 'filter_cfg goes with bbox_file'),
    (dict(bbox_file='boxes.json', test_mode=True, filter_cfg=dict(min_size=3)), 'filter_cfg takes bbox_score_thr only'),
    (dict(data_mode='bottomup'), "data_mode must be 'topdown'"),
])
def test_arguments_that_do_not_fit(root, options, words):
    with pytest.raises(InputError, match=words):
        dataset(root({1: dict(item1=skirt())}), **options)


def test_boxes_for_a_detector_worked_by_hand(root):
    folder = root({2: dict(item1=skirt(), item2=shorts()), 4: dict(source='shop', pair_id=1),
                   9: dict(item1=skirt(bounding_box=[3, 3, 3, 9]))})
    config = dict(type='mmdet.DeepFashion2BoxDataset', data_root=str(folder), ann_file='train/annos',
                  data_prefix=dict(img='train/image'), filter_cfg=dict(filter_empty_gt=True), pipeline=[])
    with pytest.warns(UserWarning, match='000009.json, item1: its bounding_box has no area'):
        train, test = (DETECTION_DATASETS.build(dict(config, test_mode=test)) for test in (False, True))
    row = train.get_data_info(0)
    assert row['img_path'].endswith('train/image/000002.jpg') and len(train) == 1
    assert row['instances'] == [dict(bbox=[5, 18, 57, 94], bbox_label=label, ignore_flag=0) for label in (8, 6)]
    assert [test.get_data_info(k)['img_id'] for k in range(len(test))] == [2, 4, 9]
    assert train.metainfo['classes'][8] == 'skirt'


def test_a_conversion_knows_its_own_files(root, tmp_path):
    """Rows share images, and other rows than the first of an image have its size too."""
    folder = root({2: dict(item1=skirt(), item2=shorts()), 4: dict(item1=shorts())})
    reader, path = dataset(folder, test_mode=True), tmp_path / 'train.json'
    conversion.write_coco(path, reader, [(90, 100), (90, 100), (70, 120)], str(folder))
    assert [image['id'] for image in json.loads(path.read_text())['images']] == [2, 4]
    assert conversion.is_written(path, reader, str(folder))
    path.write_text(path.read_text().replace('"image_id": 4', '"image_id": 2'))
    assert not conversion.is_written(path, reader, str(folder))
    path.write_text('{"images": [{"id": 2, "width": 90, "height": 100}]}')
    assert not conversion.is_written(path, reader, str(folder))


def test_a_json_of_images_with_several_garments_is_compared_with_its_source(root, tmp_path):
    folder = root({2: dict(item1=skirt(), item2=shorts()), 4: dict(item1=shorts())})
    reader, sizes, path = dataset(folder, test_mode=True), [(90, 100)] * 3, tmp_path / 'train.json'
    content = json.loads(conversion.coco_text(reader, sizes, str(folder)))

    def check():
        path.write_text(json.dumps(content))
        check_coco(str(path), conversion.rows_of(reader), sizes, str(folder), reader.first_image)

    check()
    content['annotations'][1]['image_id'] = 4
    with pytest.raises(FileFormatError, match='train.json, image 2: image is 4, in the raw files 2'):
        check()
    content['annotations'][1]['image_id'] = 2
    content['images'].append(dict(content['images'][0], id=7))
    with pytest.raises(FileFormatError, match='3 images, but the raw files have 2'):
        check()


def test_a_comparison_sees_that_an_annotation_has_changed(root):
    config = dict(train_dataloader=dict(dataset=dict(
        type='DeepFashion2SharedDataset', data_root=str(root({1: dict(item1=skirt())})), ann_file='train/annos')))
    key = f'content of {root({})}/train/annos'
    before, again = decisive(config), decisive(config)
    root({1: dict(item1=skirt(bounding_box=[5, 18, 57, 95]))})
    assert before == again and decisive(config)[key] != before[key]


def test_a_check_lists_all_faults(root, tmp_path):
    """Those of the training's annotations and of the validation's; what is sound in a faulty split is not looked at."""
    folder = root({1: dict(item1=skirt(scale=9), item2=shorts(), item3=skirt(category_id=0)), 2: '{'})
    root({1: dict(item1=skirt())}, 'validation')
    train, validation = check_splits(RELEASES['deepfashion2'](str(folder)), None, 0, no_progress)
    texts = [finding.text for finding in train.findings if finding.is_problem]
    assert [text.partition(f'{folder}/train/annos/')[2][:28] for text in texts] == [
        '000001.json, field item1: sc', '000001.json, field item3: ca', '000002.json: no JSON (Expect']
    assert all('other files or items' not in text for text in texts)
    assert [finding.text for finding in validation.findings if finding.is_problem] == [
        f'{folder}/validation/image: no such folder, and 1 images should be in it']
    more = sum('_left_' in name for name in LANDMARKS) - 6
    assert validation.pairs.startswith('flip pairs: short_sleeve_top_left_neck/short_sleeve_top_right_neck, ')
    assert validation.pairs.count('/') == 6 and f', and {more} more; without a pair: ' in validation.pairs


def test_a_check_trains_without_items_that_have_no_landmark(root):
    """And tests on them, as the configs do."""
    files = {1: dict(item1=skirt(), item2=shorts(0))}
    root(files), root(files, 'validation')
    splits = RELEASES['deepfashion2'](str(root({})))
    assert [len(DATASETS.build(split.config)) for split in splits] == [1, 2]


def no_progress(name):
    return contextlib.nullcontext(lambda items, what: items)


def test_every_category_has_its_parts_at_their_shared_place(root):
    """Point n of each category lies at x = n; the parts of most categories are not in the order of the shared ids."""
    folder = root({1: {
        f'item{number}': skirt(category_id=number, landmarks=[
            value for n in range(1, len(parts) + 1) for value in (n, 5, 2)])
        for number, parts in enumerate(PARTS.values(), 1)}})
    for info, parts in zip(infos(dataset(folder, DeepFashion2SharedDataset)), PARTS.values()):
        found = info['keypoints'][0, [SHARED_LANDMARKS.index(part) for part in parts], 0]
        assert found.tolist() == list(range(1, len(parts) + 1)) and info['keypoints_visible'].sum() == len(parts)
    for info, (category, parts) in zip(infos(dataset(folder)), PARTS.items()):
        found = info['keypoints'][0, [LANDMARKS.index(f'{category}_{part}') for part in parts], 0]
        assert found.tolist() == list(range(1, len(parts) + 1)) and info['keypoints_visible'].sum() == len(parts)
