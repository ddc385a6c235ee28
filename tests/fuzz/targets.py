"""What reads other people's files, and what may come of it: a result that is right, or one clear line."""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import json
import math
import os
import re
import warnings
from pathlib import Path
from typing import Callable, Iterable, Iterator, Mapping, NamedTuple, Sequence

import numpy as np
from hypothesis import strategies as st
from mmengine.config import Config
from mmpose.registry import DATASETS
from PIL import Image

from pcloss_mmpose.configs import package_folder
from pcloss_mmpose.datasets import DeepFashionAttributeDataset, FashionAIDataset, FLDDataset
from pcloss_mmpose.datasets.checks import Split, check_split, describe
from pcloss_mmpose.datasets.checks.coco import coco_faults
from pcloss_mmpose.datasets.formats.fashionai import HEADER
from pcloss_mmpose.errors import PclossError
from pcloss_mmpose.inference import find_items
from pcloss_mmpose.metainfo import landmark_names
from pcloss_mmpose.metainfo.load import load_metainfo

from . import structures
from .structures import IMAGES, SIZE

LONGEST_MESSAGE = 1000
LARGEST = 100_000
_METAINFO = Config.fromfile(package_folder('mmpose') / 'configs/_base_/datasets/coco.py').dataset_info.to_dict()
PERSON = tuple(landmark_names(load_metainfo(_METAINFO)))


class Refused(Exception):
    """The input was refused, and this is what the user reads."""


class Target(NamedTuple):
    """One kind of input."""

    drawn: st.SearchStrategy  #: inputs
    healthy: Mapping[str, bytes]  #: one that is read
    read: Callable[[str], None]  #: reads what lies in a folder and asserts that it is right; raises what refuses it
    mutable: Sequence[str]  #: which files are changed
    share: int = 10  #: of the inputs, next to the others


def make_folder(folder: Path) -> None:
    """The images that inputs name, and the folders of their files."""
    for name in ('Anno', 'Eval'):
        (folder / name).mkdir(exist_ok=True)
    for name in IMAGES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (SIZE, SIZE)).save(folder / name)


def is_clean(target: Target, files: Mapping[str, bytes], folder: Path) -> bool:
    """Read an input: whether it is clean, and not refused; any exception is a fault."""
    for name, content in files.items():
        # Emptied and filled again, a file would be waited for.
        with open(os.open(folder / name, os.O_WRONLY | os.O_CREAT), 'wb') as file:
            file.write(content)
            file.truncate()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter('ignore')
            target.read(str(folder))
    except (Refused, PclossError) as error:
        assert_line(str(error))
        return False
    return True


def assert_line(text: str) -> None:
    assert text.splitlines() == [text], f'several lines: {text!r:.500}'
    assert len(text) <= LONGEST_MESSAGE, f'{len(text)} characters: {text!r:.500}'


def assert_numbers(values: Iterable[float]) -> None:
    assert all(math.isfinite(value) and abs(value) <= LARGEST for value in values), values


def assert_name(name: str, root: str) -> None:
    """It is one that a file can have, below the root."""
    os.fsencode(name)
    assert name and len(name) <= 4096 and not re.search('[\x00-\x1f\x7f-\x9f]', name) and '://' not in name, name
    path = os.path.realpath(os.path.join(root, name.replace('\\', '/')))
    assert f'{path}/'.startswith(os.path.realpath(root) + os.sep), f'{name!r} leads out'


def text_of(path: str) -> str:
    return Path(path).read_bytes().decode('utf-8-sig')


def lines_of(path: str) -> list[str]:
    """The lines that are not blank."""
    return [line.strip() for line in re.split('\r\n|\r|\n', text_of(path)) if line.strip()]


# ---- the readers


@functools.lru_cache(None)
def _dataset(kind: type, root: str, **options):
    return kind(data_root=root, lazy_init=True, serialize_data=False, pipeline=[], **options)


def _infos(dataset) -> list[dict]:
    """Data info of every row, read anew."""
    dataset._fully_initialized = False
    dataset.full_init()
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    for info in infos:
        annotation = info['raw_ann_info']
        assert_numbers(annotation['keypoints'])
        assert_numbers(info['keypoints'].ravel())
        assert set(annotation['keypoints'][2::3]) <= {0, 1, 2}
        assert_name(annotation['image_name'], dataset.data_root)
        if 'bbox' in info:
            assert_numbers(info['bbox'][0])
            assert (info['bbox'][0, 2:] > info['bbox'][0, :2]).all()
    assert len({info['raw_ann_info']['image_name'] for info in infos}) == len(infos)
    return infos


def read_fashionai(root: str) -> None:
    infos = _infos(_dataset(FashionAIDataset, root, ann_file='train.csv', test_mode=True))
    lines = lines_of(f'{root}/train.csv')
    if any('"' in line or '\\' in line for line in lines):
        return
    rows: dict[str, list[str]] = {}
    for line in lines:
        name, category, *cells = (cell.strip() for cell in line.split(','))
        if not {name, category} & set(HEADER):
            rows.setdefault(name, [category, *cells])
    assert len(infos) == len(rows)
    for info, (category, *cells) in zip(infos, rows.values()):
        assert info['raw_ann_info']['category'] == category
        points = np.array([[float(value) for value in cell.split('_')] for cell in cells or ['-1_-1_-1'] * 24])
        points[points[:, 2] < 0, :2] = 0
        expected = (points + [0, 0, 1]).astype(np.float32)
        np.testing.assert_array_equal(info['raw_ann_info']['keypoints'], expected.ravel())


def _rows(path: str) -> dict[str, list[str]]:
    """The cells of each image's first row."""
    rows: dict[str, list[str]] = {}
    for line in lines_of(path)[2:]:
        name, *cells = re.split('[ \t]+', line)
        rows.setdefault(name, cells)
    return rows


def read_benchmark(root: str, kind: type) -> None:
    infos = _infos(_dataset(kind, root, ann_file='Anno/list_landmarks.txt', split='train'))
    landmarks, boxes, splits = (_rows(f'{root}/{name}') for name in (
        'Anno/list_landmarks.txt', 'Anno/list_bbox.txt', 'Eval/list_eval_partition.txt'))
    names = [name for name in landmarks if splits[name] == ['train']]
    if any('\\' in name for name in landmarks):
        return
    assert [info['raw_ann_info']['image_name'] for info in infos] == names
    for info, name in zip(infos, names):
        np.testing.assert_array_equal(info['bbox'][0], np.float32(boxes[name]))
        assert set(info['raw_ann_info']['keypoints']) <= {0, 1, 2, *map(np.float32, landmarks[name])}


# ---- COCO


def _assert_coco(path: str, root: str, infos: Sequence[Mapping],
                 lost: Callable[[list], bool] = lambda points: False) -> None:
    """All labelled annotations are there, but for those of ``lost`` landmarks, with numbers that an image has."""
    content = json.loads(Path(path).read_bytes())
    labelled = [each for each in content['annotations']
                if not each.get('iscrowd') and any(each.get('keypoints', ())[2::3])]
    ids = {info['id'] for info in infos}
    assert len(ids) == len(infos) and ids <= {each['id'] for each in labelled}
    assert all(each['id'] in ids or lost(each['keypoints']) for each in labelled)
    names = {image['id']: image['file_name'] for image in content['images']}
    for info in infos:
        assert_numbers((*info['keypoints'].ravel(), *info['keypoints_visible'].ravel(), *info['bbox'].ravel()))
        assert set(info['raw_ann_info']['keypoints'][2::3]) <= {0, 1, 2}
        assert (info['bbox'][0, 2:] > info['bbox'][0, :2]).all() and math.isfinite(info['area'])
        assert math.isfinite(info['num_keypoints'])
        assert_name(names[info['img_id']], root)
        assert info['img_path'] == os.path.join(root, names[info['img_id']])


def read_coco(root: str) -> None:
    """The check's faults of the file; without any, MMPose's own reading."""
    path = f'{root}/coco.json'
    faults = list(coco_faults(path, PERSON, root))
    for _, text, *_ in faults:
        assert_line(text)
    if any(fault[2:] != (False, ) for fault in faults):
        raise Refused('problems')
    infos = _coco_dataset(root).load_data_list()
    _assert_coco(path, root, infos, lost=lambda points: max(points[::3] + points[1::3]) <= 0)


@functools.lru_cache(None)
def _coco_dataset(root: str):
    return DATASETS.build(dict(_coco_config(root), lazy_init=True, pipeline=[]))


def _coco_config(root: str) -> dict:
    return dict(type='CocoDataset', metainfo=_METAINFO, data_root=root, ann_file='coco.json', data_prefix=dict(img=''))


def _check(root: str, **config) -> Iterator:
    report = check_split(Split('val', dict(_coco_config(root), **config)))
    shown = list(describe(report))
    for line in shown:
        assert_line(line.strip())
    if any(finding.is_problem for finding in report.findings):
        assert any(line.startswith('  problem: ') for line in shown)
        raise Refused('problems')
    return report


def read_check(root: str) -> None:
    """All that ``pcloss check`` does with a COCO file."""
    report = _check(root)
    infos = [report.dataset.get_data_info(index) for index in range(len(report.dataset))]
    _assert_coco(f'{root}/coco.json', root, infos)


def read_detections(root: str) -> None:
    """The same with detected boxes on good annotations."""
    report = _check(root, test_mode=True, bbox_file=f'{root}/boxes.json')
    for index in range(len(report.dataset)):
        info = report.dataset.get_data_info(index)
        assert_numbers(info['bbox'].ravel())
        assert np.isfinite(info['bbox_score']).all()
    found = json.loads(Path(f'{root}/boxes.json').read_bytes())
    assert len(report.dataset) == sum(each['category_id'] == 1 for each in found)


# ---- predict's inputs


def _items(root: str, name: str) -> list:
    items = find_items([f'{root}/{name}'])
    for item in items:
        assert item.image.startswith(f'{root}/')
        assert_name(item.image[len(root) + 1:], root)
        assert_numbers(item.box or ())
        assert item.box is None or item.box[0] < item.box[2] and item.box[1] < item.box[3]
        json.dumps(item, allow_nan=False)
        assert item.key.splitlines() == [item.key]
    assert len({item.key for item in items}) == len(items)
    return items


def read_listing(root: str) -> None:
    assert [item.image.replace('\\', '/') for item in _items(root, 'list.txt')] == [
        f'{root}/{line}'.replace('\\', '/') for line in lines_of(f'{root}/list.txt')]


def read_table(root: str) -> None:
    items = _items(root, 'list.csv')
    text = text_of(f'{root}/list.csv')
    if '"' in text:
        return
    header, *rows = csv.reader(lines_of(f'{root}/list.csv'))
    assert len(items) == len(rows)
    columns = [column.strip().lower() for column in header]
    for item, row in zip(items, rows):
        cells = [cell.strip() for cell in row]
        if item.box:
            assert item.box == tuple(float(cells[columns.index(column)]) for column in ('x1', 'y1', 'x2', 'y2'))
        assert item.image.replace('\\', '/')[len(root) + 1:] in [cell.replace('\\', '/') for cell in cells]


def read_entries(root: str) -> None:
    items = _items(root, 'list.json')
    content = json.loads(text_of(f'{root}/list.json'))
    if isinstance(content, dict):
        content = content['annotations']
    assert len(items) == len(content)
    for item, entry in zip(items, content):
        if 'box' in entry and item.image_id is None:
            assert item.box == (entry['box'] and tuple(entry['box']))


def read_coco_items(root: str) -> None:
    items = _items(root, 'coco.json')
    content = json.loads(text_of(f'{root}/coco.json'))
    if isinstance(content, list):
        return
    names = {image['id']: image['file_name'] for image in content['images']}
    assert len(items) == len(content['annotations'])
    for item, each in zip(items, content['annotations']):
        x, y, width, height = each['bbox']
        assert item.box == (x, y, x + width, y + height)
        assert item.image.replace('\\', '/') == f"{root}/{names[each['image_id']]}".replace('\\', '/')


# ---- all of them


def _lines(*lines: str) -> bytes:
    return '\n'.join((*lines, '')).encode()


def _benchmark(variation: str) -> dict[str, bytes]:
    return {
        'Anno/list_landmarks.txt': _lines(
            '3', 'image_name clothes_type' + ' variation_type' * bool(variation) + ' landmark_visibility_1',
            f'a.png       1 {variation} 0 5 6  1 7 8  0 9 10  0 11 12  2 0 0  0 15 16 ',
            f'deep/b.png  2 {variation} 0 11 12 0 21 22 0 31 32 1 41 42',
            f'e.png       3 {variation}' + ' 0 11 12' * 8),
        'Anno/list_bbox.txt': _lines('3', 'image_name x_1 y_1 x_2 y_2', 'a.png 001 002 030 040 ',
                                     'deep/b.png 1 2 50 60', 'e.png 1 2 60 60'),
        'Eval/list_eval_partition.txt': _lines('3', 'image_name evaluation_status', 'a.png train', 'deep/b.png val',
                                               'e.png train')}


_CELLS = ','.join(['10_20_1', '30.5_40_0', *['-1_-1_-1'] * 22])
_COCO = json.dumps(dict(
    images=[dict(id=k, file_name=name, width=SIZE, height=SIZE) for k, name in enumerate(IMAGES)],
    annotations=[dict(id=k + 1, image_id=k, category_id=1, iscrowd=0, area=900, bbox=[8, 8, 30, 30], num_keypoints=17,
                      keypoints=[10 + k, 20, 2] * 17) for k in range(3)],
    categories=[dict(id=1, name='person')]), indent=0).encode()
_BOXES = json.dumps([dict(image_id=k, category_id=1, bbox=[5, 6, 20, 30.5], score=0.5 + k / 10) for k in range(3)],
                    indent=0).encode()
_TABLE = _lines('image,x1,y1,x2,y2,category', 'a.png,1,2,30,40.5,dress', 'deep/b.png,,,,,', 'c d.png,1,2,30,40,skirt')
_ENTRIES = json.dumps([dict(image=name, box=[1, 2, 30, 40.5], category='dress') for name in IMAGES], indent=0).encode()


def _target(drawn: st.SearchStrategy, healthy: Mapping[str, bytes], read: Callable[[str], None], share: int,
            mutable: Sequence[str] = ()) -> Target:
    return Target(drawn, healthy, read, mutable or tuple(healthy), share)


TARGETS = {
    'fashionai': _target(structures.fashionai(), {'train.csv': _lines(
        ','.join(HEADER), f'a.png,dress,{_CELLS}', f'deep/b.png,blouse,{_CELLS}')}, read_fashionai, 14),
    'deepfashion': _target(structures.benchmark(variation=False), _benchmark(''),
                           functools.partial(read_benchmark, kind=DeepFashionAttributeDataset), 6),
    'fld': _target(structures.benchmark(variation=True), _benchmark('2'),
                   functools.partial(read_benchmark, kind=FLDDataset), 6),
    'coco faults': _target(structures.coco(PERSON, 'coco.json'), {'coco.json': _COCO}, read_coco, 10),
    'check': _target(structures.coco(PERSON, 'coco.json'), {'coco.json': _COCO}, read_check, 1),
    'check of boxes': _target(
        structures.detections().map(lambda files: {'coco.json': _COCO, **files}),
        {'coco.json': _COCO, 'boxes.json': _BOXES}, read_detections, 1, ('boxes.json', )),
    'predict .txt': _target(structures.listing(), {'list.txt': _lines(*IMAGES)}, read_listing, 12),
    'predict .csv': _target(structures.table(), {'list.csv': _TABLE}, read_table, 17),
    'predict .json': _target(structures.entries(), {'list.json': _ENTRIES}, read_entries, 17),
    'predict COCO': _target(structures.coco(('neck', ), 'coco.json'), {'coco.json': _COCO}, read_coco_items, 16),
}
