"""Memory is bounded by the size of a file, whatever its cells hold, and no message grows with them."""

import json
import tracemalloc

import pytest

from pcloss_mmpose.datasets.checks.coco import coco_faults
from pcloss_mmpose.datasets.formats.deepfashion import read_boxes, read_landmarks, read_partition
from pcloss_mmpose.datasets.formats.fashionai import read_csv
from pcloss_mmpose.errors import FileFormatError
from pcloss_mmpose.inference import find_items

SIZE = 10_000_000
MULTIPLE = 8  #: of the file: its bytes, its text (4 bytes a character where one is an emoji) and a copy of that


def peak_of(read, path):
    """Bytes at the most, and what the user reads, if it is refused."""
    tracemalloc.start()
    try:
        read(str(path))
        message = ''
    except FileFormatError as error:
        message = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak, message


def check(path):
    (_, message, *_), *_ = coco_faults(path, ['neck'], '/')
    raise FileFormatError(message)


def items(path):
    return find_items([path])


def coco(**values):
    return json.dumps(dict(
        images=[dict(dict(id=1, file_name='a.png', width=64, height=64), **values)],
        annotations=[dict(id=1, image_id=1, category_id=1, bbox=[1, 2, 3, 4], keypoints=[1, 2, 2])],
        categories=[dict(id=1, name='x')]))


LONG = 'x' * SIZE
NO_LANDMARKS = ',-1_-1_-1' * 23


@pytest.mark.parametrize(('read', 'name', 'text'), [
    (items, 'a.txt', lambda: LONG),
    (items, 'a.txt', lambda: f'👕{LONG}'),
    (items, 'a.csv', lambda: f'image,category\na.jpg,{LONG}'),
    (items, 'a.csv', lambda: f'{LONG},category\n'),
    (items, 'a.csv', lambda: 'image\n"' + 'a\n' * (SIZE // 2)),
    (items, 'a.json', lambda: json.dumps([dict(image=LONG)])),
    (items, 'a.json', lambda: json.dumps([dict(image='a.jpg', category=[LONG])])),
    (items, 'a.json', lambda: '[' * SIZE),
    (items, 'a.json', lambda: '{"a":' * (SIZE // 5)),
    (items, 'a.json', lambda: '9' * SIZE),
    (items, 'a.json', lambda: coco(id=LONG)),
    (check, 'a.json', lambda: coco(file_name=LONG)),
    (check, 'a.json', lambda: coco(width=LONG)),
    (check, 'a.json', lambda: '{"images":' * (SIZE // 10)),
    (read_csv, 'a.csv', lambda: f'{LONG},dress,10_20_1{NO_LANDMARKS}'),
    (read_csv, 'a.csv', lambda: f'a.jpg,{LONG},10_20_1{NO_LANDMARKS}'),
    (read_csv, 'a.csv', lambda: f'a.jpg,dress,{LONG}{NO_LANDMARKS}'),
    (read_csv, 'a.csv', lambda: f'"{LONG}'),
    (read_landmarks, 'a.txt', lambda: f'1\nimage_name clothes_type\na.jpg 2 {LONG}'),
    (read_landmarks, 'a.txt', lambda: '1\nimage_name clothes_type\na.jpg ' + '2 ' * (SIZE // 2)),
    (read_landmarks, 'a.txt', lambda: f'1\nimage_name {LONG}\na.jpg 2'),
    (read_boxes, 'a.txt', lambda: f'1\nimage_name x_1 y_1 x_2 y_2\n{LONG} 1 2 3 4'),
    (read_partition, 'a.txt', lambda: f'1\nimage_name evaluation_status\na.jpg {LONG}'),
    (read_partition, 'a.txt', lambda: LONG),
], ids=range(24))
def test_a_huge_cell(tmp_path, read, name, text):
    path = tmp_path / name
    path.write_text(text(), encoding='utf-8')
    size = path.stat().st_size
    assert size > 0.99 * SIZE
    peak, message = peak_of(read, path)
    assert message and len(message) <= 1000 and len(message.splitlines()) == 1
    assert peak < MULTIPLE * size


@pytest.mark.parametrize(('read', 'name', 'head', 'line', 'multiple'), [
    (items, 'a.txt', '', 'photos/{:044}.jpg', 12),
    (items, 'a.csv', 'image', 'photos/{:044}.jpg', 20),
    (read_csv, 'a.csv', '', 'Images/blouse/{:032}.jpg,dress,10_20_1' + NO_LANDMARKS, 8),
    (read_boxes, 'a.txt', '{count}\nimage_name x_1 y_1 x_2 y_2', 'img/{:032}.jpg 001 002 030 040', 12),
    (read_csv, 'a.csv', '', 'a', 40),  # two bytes a line
])
def test_many_rows(tmp_path, read, name, head, line, multiple):
    count = SIZE // 10 // len(line.format(0) + '\n')
    lines = [*filter(None, [head.format(count=count)]), *map(line.format, range(count))]
    path = tmp_path / name
    path.write_text('\n'.join(lines))
    peak, _ = peak_of(read, path)
    assert peak < multiple * path.stat().st_size
