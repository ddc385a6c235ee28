"""Exports of tools for labelling, as those tools write them, made into files that MMPose trains on."""

import copy
import json

import cv2
import numpy as np
import pytest
from mmpose.datasets import CocoDataset

from pcloss_mmpose.labels.parts import part_of
from pcloss_mmpose.metainfo import load_metainfo

SIZE = (48, 64)
VIEWS = [f'{piece:03d}_{view}.jpg' for piece in range(20) for view in 'ab']

#: CVAT's form: a label for the grouped rectangles without landmarks, and skeletons with different ones.
WAISTCOAT, SKIRT = ['left_neck', 'right_neck', 'left_hem', 'right_hem'], ['left_waist', 'left_hem', 'right_waist',
                                                                           'right_hem']


def cvat(names=VIEWS):
    categories = [dict(id=1, name='box', supercategory='', keypoints=[], skeleton=[]),
                  dict(id=2, name='waistcoat', supercategory='', keypoints=WAISTCOAT, skeleton=[[1, 3]]),
                  dict(id=3, name='skirt', supercategory='', keypoints=SKIRT, skeleton=[])]
    # Waistcoats have a box that was drawn, skirts that of their landmarks.
    garments = [dict(category_id=2, bbox=[5, 2, 40, 60], keypoints=[10, 8, 2, 30, 9, 2, 12.5, 48, 1, 0, 0, 0]),
                dict(category_id=3, bbox=[8, 20, 38, 40], keypoints=[10, 20, 2, 8, 60, 2, 36, 21, 1, 46, 59, 2])]
    return dict(
        info=dict(contributor='', date_created=''), licenses=[], categories=categories,
        images=[dict(id=number, file_name=name, width=SIZE[0], height=SIZE[1], license=0)
                for number, name in enumerate(names, 1)],
        annotations=[dict(garments[number % 2], id=number, image_id=number, segmentation=[], area=1., iscrowd=0,
                          num_keypoints=3, attributes=dict(occluded=False)) for number, _ in enumerate(names, 1)])


def region(key, kind, label, parent=None, **value):
    return dict(id=key, type=kind, from_name='x', to_name='image', original_width=SIZE[0], original_height=SIZE[1],
                parentID=parent, value={**value, kind: [label]})


def studio():
    """Label Studio's JSON: two overlapping waistcoats, in percent of the image; a point of each."""
    result = [region('a', 'rectanglelabels', 'waistcoat', x=0, y=0, width=50, height=50, rotation=0),
              region('b', 'rectanglelabels', 'waistcoat', x=25, y=25, width=50, height=50, rotation=0),
              region('p', 'keypointlabels', 'left_neck', x=12.5, y=25, width=1),  # in the first alone
              region('q', 'keypointlabels', 'left_neck', 'b', x=40, y=40, width=1),  # in both, dragged onto the second
              region('r', 'choices', 'good')]
    return [dict(id=7, data=dict(image='/data/upload/1/0a1b2c3d-studio.jpg', shop='x'),
                 annotations=[dict(result=result[:1]), dict(result=result), dict(was_cancelled=True, result=[])]),
            dict(id=8, data=dict(image='/data/upload/1/none.jpg'), annotations=[])]


@pytest.fixture
def folder(tmp_path):
    """Photographs in two folders, and both exports."""
    for name in [f'front/{view}' for view in VIEWS] + ['studio.jpg']:
        path = tmp_path / 'photos' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    (tmp_path / 'cvat.json').write_text(json.dumps(cvat()))
    (tmp_path / 'studio.json').write_text(json.dumps(studio()))
    return tmp_path


def labels(call, folder, *arguments, exports=('cvat.json', 'studio.json'), out='set'):
    return call('labels', *(folder / name for name in exports), '--images', folder / 'photos', '--out', folder / out,
                *arguments)


def read(folder, out='set'):
    """The annotations of all parts by image, and the images of each part."""
    parts = {path.stem: json.loads(path.read_text()) for path in (folder / out).glob('*.json')}
    names = {part: {image['id']: image['file_name'] for image in content['images']} for part, content in parts.items()}
    found = {}
    for part, content in parts.items():
        for annotation in content['annotations']:
            found.setdefault(names[part][annotation['image_id']], []).append(annotation)
    return found, {part: set(each.values()) for part, each in names.items()}


def test_two_tools_and_two_kinds_become_one_set(folder, call):
    done = labels(call, folder)
    assert done.code == 0, done.err
    garments, parts = read(folder)
    assert len(garments) == 41 and sum(map(len, parts.values())) == 41  # no image in two parts
    # Landmarks by name: four of the waistcoat, then those of the skirt that it lacks.
    waistcoat, skirt = (next(rows[0] for name, rows in garments.items() if name.startswith('front') and
                             rows[0]['category_id'] == number) for number in (1, 2))
    assert waistcoat['keypoints'] == [10, 8, 2, 30, 9, 2, 12.5, 48, 1, *[0] * 9] and waistcoat['num_keypoints'] == 3
    assert skirt['keypoints'] == [*[0] * 6, 8, 60, 2, 46, 59, 2, 10, 20, 2, 36, 21, 1]
    # A drawn box stays. That of the landmarks, 38 x 40, becomes 4 wider on each side, up to the edges of 48 x 64.
    assert waistcoat['bbox'] == [5, 2, 40, 60] and skirt['bbox'] == [4, 16, 44, 48]
    assert '20 of 42 boxes were no wider than the landmarks, and are 10 % wider' in done.out
    # Percent of 48 x 64; the upload's prefix is no part of the file's name.
    assert [(row['bbox'], row['keypoints'][:3]) for row in garments['studio.jpg']] == [
        ([0, 0, 24, 32], [6, 16, 2]), ([12, 16, 24, 32], [19.2, 25.6, 2])]
    assert '1 tasks without a labelled garment are left out' in done.err
    assert '1 tasks were labelled several times: the last one counts' in done.err

    metainfo = load_metainfo(str(folder / 'set' / 'metainfo.py'))
    assert metainfo['skeleton_links'] == [(0, 2), (1, 3)]  # the tool's, and its mirror image
    assert dict(metainfo['categories']) == dict(waistcoat=(0, 1, 2, 3), skirt=(4, 2, 5, 3))
    dataset = CocoDataset(data_root=str(folder), ann_file='set/train.json', data_prefix=dict(img='photos'),
                          metainfo=dict(from_file=str(folder / 'set' / 'metainfo.py')))
    assert len(dataset) == sum(len(garments[name]) for name in parts['train'])


def test_the_same_command_again_and_another_one(folder, call):
    assert labels(call, folder).code == 0
    before = (folder / 'set' / 'train.json').read_text()
    assert labels(call, folder).code == 0
    other = labels(call, folder, '--widen', 20)
    assert other.code == 2 and 'is there already, and is not what would be written' in other.err
    assert (folder / 'set' / 'train.json').read_text() == before


def test_images_of_a_piece_stay_together_and_more_images_move_none(folder, call):
    done = labels(call, folder, '--piece', '/([0-9]+)_', out='all')
    assert done.code == 0 and '--piece does not match 1 of 41 images, such as studio.jpg' in done.err
    _, parts = read(folder, 'all')
    pieces = [{name.split('_')[0] for name in names} for names in parts.values()]
    assert sum(map(len, pieces)) == len(set.union(*pieces)) == 21
    (folder / 'cvat.json').write_text(json.dumps(cvat(VIEWS[:30])))
    assert labels(call, folder, '--piece', '/([0-9]+)_', out='few').code == 0
    _, few = read(folder, 'few')
    assert all(few[part] <= parts[part] for part in few) and sum(map(len, few.values())) == 31


def test_parts_have_their_shares():
    parts = [part_of(f'{number}.jpg', (70, 20, 10)) for number in range(4000)]
    assert [parts.count(part) / 40 for part in ('train', 'val', 'test')] == pytest.approx([70, 20, 10], abs=2)


def test_two_numbers_make_no_test_set(folder, call):
    assert labels(call, folder, '--split', 60, 40).code == 0
    assert sorted(path.name for path in (folder / 'set').iterdir()) == ['metainfo.py', 'train.json', 'val.json']


def change(content, path, value):
    content = copy.deepcopy(content)
    *way, last = path
    place = content
    for step in way:
        place = place[step]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value
    return content


FIRST = ('annotations', 0)
REGION = (0, 'annotations', 1, 'result')  # of the last one that counts


@pytest.mark.parametrize('content, message', [
    (change(cvat(), ('info', 'contributor'), 'Label Studio'), "COCO of Label Studio, where a garment's landmarks"),
    (change(cvat(), ('annotations',), KeyError), 'neither COCO keypoint JSON nor the JSON of Label Studio'),
    (change(cvat(), ('images',), {}), 'field images: should be a list of objects'),
    (change(cvat(), ('images', 1, 'id'), 1), 'images[1], field id: 1 is no id of its own'),
    (change(cvat(), ('images', 0, 'width'), 0), 'image 1, field width and height: the image is 0 x 64'),
    (change(cvat(), ('images', 0, 'width'), 64), 'was labelled on an image of 64 x 64, and front/000_a.jpg is 48 x 64'),
    (change(cvat(), ('images', 0, 'file_name'), 'gone.jpg'), "there is no image 'gone.jpg' below"),
    (change(cvat(), ('categories', 1, 'keypoints'), ['left_neck'] * 4), "two landmarks are called 'left_neck'"),
    (change(cvat(), ('categories', 1, 'keypoints'), []), 'and its category lists none'),
    (change(cvat(), ('categories', 1, 'keypoints', 0), 'Left-Hem'), "'Left-Hem' and 'left_hem' mean the same"),
    (change(cvat(), ('categories', 1, 'keypoints', 1), 'neck'), 'half a flip pair'),
    (change(cvat(), ('categories', 1, 'name'), 'skirt'), 'two categories have the same name'),
    (change(cvat(), ('categories', 1, 'skeleton'), [[0, 1]]), 'are not pairs of landmarks, counted from 1'),
    (change(cvat(), (*FIRST, 'category_id'), 9), '(id 1), field category_id: 9 is not in the file'),
    (change(cvat(), (*FIRST, 'keypoints'), [1, 2, 2]), '3 numbers, where the 4 landmarks of its category need 12'),
    (change(cvat(), (*FIRST, 'keypoints', 2), 3), 'left_waist is [10, 20, 3], and not x, y in pixels and v of'),
    (change(cvat(), (*FIRST, 'keypoints', 0), float('nan')), 'left_waist is [nan, 20, 2]'),
    (change(cvat(), (*FIRST, 'bbox'), [1, 1, 0, 4]), '[1, 1, 0, 4] is not x, y, width and height'),
    (change(studio(), (0, 'data'), KeyError), "Export 'JSON', not 'JSON-MIN'"),
    (change(studio(), (0, 'data', 'image'), 'x'), 'does not name one image'),
    (change(studio(), (*REGION, 0, 'value', 'rotation'), 5), 'the rectangle is turned'),
    (change(studio(), (*REGION, 1, 'image_rotation'), 90), 'the image was turned while it was labelled'),
    (change(studio(), (*REGION, 0, 'value', 'x'), None), 'field x, y, width, height: [None, 0, 50, 50] are no numbers'),
    (change(studio(), (*REGION, 0, 'original_width'), 0), 'is no size in pixels'),
    (change(studio(), (*REGION, 2, 'value', 'keypointlabels'), []), '[] is not one label'),
    (change(studio(), (*REGION, 2, 'value', 'x'), 90), "task 7, region 'p': 'left_neck' lies in no rectangle"),
    (change(studio(), (*REGION, 3, 'parentID'), None), "region 'q': 'left_neck' lies in 2 rectangles"),
    (change(studio(), (*REGION, 3, 'parentID'), 'a'), "a garment has 'left_neck' twice"),
])
def test_faults(folder, call, content, message):
    (folder / 'cvat.json').write_text(json.dumps(content))
    done = labels(call, folder, exports=['cvat.json'])
    assert done.code == 2 and message in done.err and done.err.count('\n') == 1
    assert not (folder / 'set').exists()


@pytest.mark.parametrize('arguments, message', [
    (['--split', 70, 20], '--split takes the percent of train, val, test, 100 together'),
    (['--split', 100], 'argument --split: must be at most 99'),
    (['--split', 98, 1, 1, '--piece', 'front|studio'], 'images falls into'),
    (['--piece', '('], "'(' is no regular expression"),
    (['--piece', 'x{9}'], 'matches no image'),
])
def test_bad_arguments(folder, call, arguments, message):
    done = labels(call, folder, *arguments)
    assert done.code == 2 and message in done.err and not (folder / 'set').exists()


def test_an_image_that_may_be_another_or_is_labelled_twice(folder, call):
    (folder / 'photos' / 'back').mkdir()
    (folder / 'photos' / 'back' / VIEWS[0]).write_bytes((folder / 'photos' / 'front' / VIEWS[0]).read_bytes())
    done = labels(call, folder)
    assert done.code == 2 and f"'{VIEWS[0]}' may be any of back/{VIEWS[0]}, front/{VIEWS[0]}" in done.err
    content = cvat()
    for image in content['images']:
        image['file_name'] = f'front/{image["file_name"]}'
    for name in ('cvat.json', 'again.json'):
        (folder / name).write_text(json.dumps(content))
    assert labels(call, folder).code == 0  # the path tells them apart
    done = labels(call, folder, exports=['cvat.json', 'again.json'], out='twice')
    assert done.code == 2 and 'front/000_a.jpg is labelled here and in' in done.err


def test_a_broken_image(folder, call):
    (folder / 'photos' / 'studio.jpg').write_bytes(b'x')
    done = labels(call, folder)
    assert done.code == 2 and '1 of 41 images cannot be read, such as ' in done.err and 'studio.jpg' in done.err
    assert not (folder / 'set').exists()


def test_what_is_left_out_is_said(folder, call):
    content = cvat()
    content['annotations'][0]['iscrowd'] = 1
    content['annotations'][1]['keypoints'] = [0] * 12
    (folder / 'cvat.json').write_text(json.dumps(content))
    done = labels(call, folder)
    assert '1 annotations without a labelled landmark are left out' in done.err
    assert '1 annotations of crowds (iscrowd) are left out' in done.err
    garments, _ = read(folder)
    assert len(garments) == 39
