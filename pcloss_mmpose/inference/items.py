"""What to predict on: pictures from files, folders, patterns, lists, and tables with boxes and categories."""

from __future__ import annotations

import csv
import glob
import json
import os.path as osp
from collections import Counter
from typing import Iterable, Iterator, Mapping, NamedTuple, Sequence

from mmengine.fileio import get_text, isdir, list_dir_or_file
from mmengine.utils import is_abs

from ..datasets.errors import DatasetFormatError

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
#: Columns of a CSV, keys of a JSON entry. FashionAI's own names are understood too.
IMAGE = ('image', 'image_id')
CATEGORY = ('category', 'image_category')
CORNERS = ('x1', 'y1', 'x2', 'y2')


class Item(NamedTuple):
    """One garment to predict on."""

    image: str  #: path
    box: tuple[float, float, float, float] | None = None  #: x1 y1 x2 y2 in pixels, None for the whole picture
    category: str | None = None  #: name
    image_id: int | str | None = None  #: of a COCO file
    category_id: int | None = None  #: of a COCO file
    key: str = ''  #: the path and, from a picture's second garment on, '#2' and so on: the same in every run


def find_items(inputs: Sequence[str], root: str | None = None, category: str | None = None) -> list[Item]:
    """The garments of all inputs, in their order.

    Args:
        inputs: Pictures; folders, with all that is below; patterns with ``*``, ``?`` or ``[``; ``.txt``, a path a line;
            ``.csv`` with the columns image and, where there are boxes and categories, x1, y1, x2, y2 and category;
            ``.json`` with a list of such entries (the box as ``box``, a list of four), or a COCO annotation file.
            All but patterns may be on any storage that MMEngine knows, such as ``s3://``.
        root: What relative paths inside lists and tables start from; by default the folder of their file.
        category: Of the garments for which none is given.

    Raises:
        DatasetFormatError: A list or table is faulty; the message names file, line and field.
        FileNotFoundError: An input does not exist, or there is no picture at all.
    """
    found = [item for name in inputs for item in _items(name, root)]
    if not found:
        raise FileNotFoundError(f'no picture in {", ".join(inputs)}')
    count: Counter = Counter()
    items = []
    for item in found:
        count[item.image] += 1
        number = count[item.image]
        items.append(item._replace(key=item.image if number == 1 else f'{item.image}#{number}',
                                   category=item.category or category))
    return items


def _items(name: str, root: str | None) -> Iterator[Item]:
    suffix = osp.splitext(name)[1].lower()
    if suffix in SUFFIXES and not glob.has_magic(name):
        yield Item(name)
    elif suffix in _TABLES:
        start = osp.dirname(name) if root is None else root
        try:
            text = get_text(name)
        except FileNotFoundError:
            raise FileNotFoundError(f'{name}: no such file') from None
        for item in _TABLES[suffix](name, text):
            yield item._replace(image=item.image if is_abs(item.image) or not start else osp.join(start, item.image))
    elif glob.has_magic(name):
        matches = sorted(path for path in glob.glob(name, recursive=True) if path.lower().endswith(SUFFIXES))
        if not matches:
            raise FileNotFoundError(f'{name}: no picture has such a name')
        yield from map(Item, matches)
    elif isdir(name):
        below = sorted(list_dir_or_file(name, list_dir=False, suffix=None, recursive=True))
        yield from (Item(osp.join(name, path)) for path in below if path.lower().endswith(SUFFIXES))
    else:
        raise FileNotFoundError(f'{name}: neither a picture ({", ".join(SUFFIXES)}) nor a folder, .txt, .csv or .json')


def _from_list(name: str, text: str) -> Iterator[Item]:
    return (Item(line.strip()) for line in text.splitlines() if line.strip())


def _from_csv(name: str, text: str) -> Iterator[Item]:
    rows = csv.DictReader(text.splitlines())
    columns = rows.fieldnames or []
    if not set(IMAGE) & set(columns):
        raise DatasetFormatError.at(
            name, f'no column image, there are {", ".join(columns) or "none"}',
            'The first line names the columns: image and, if there are, x1, y1, x2, y2 and category.', line=1)
    if set(CORNERS) & set(columns) and not set(CORNERS) <= set(columns):
        raise DatasetFormatError.at(name, 'a box needs all of x1, y1, x2 and y2', line=1)
    for row in rows:
        corners = [row.get(column) or '' for column in CORNERS]
        yield _item(row, corners if any(corners) else None, name, f'line {rows.line_num}')


def _from_json(name: str, text: str) -> Iterator[Item]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DatasetFormatError.at(name, f'not JSON ({error})') from None
    if isinstance(content, dict):
        return _from_coco(name, content)
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise DatasetFormatError.at(name, 'neither a list of entries nor a COCO file',
                                    'An entry is {"image": path, "box": [x1, y1, x2, y2], "category": name}.')
    return (_item(entry, entry.get('box'), name, f'entry {number}') for number, entry in enumerate(content, 1))


def _from_coco(name: str, content: Mapping) -> Iterator[Item]:
    try:
        files = {image['id']: image['file_name'] for image in content['images']}
        categories = {category['id']: category['name'] for category in content.get('categories', ())}
        garments = [(files[each['image_id']], each['bbox'], each['image_id'], each.get('category_id'))
                    for each in content['annotations']]
    except (KeyError, TypeError) as error:
        raise DatasetFormatError.at(name, f'not a COCO annotation file ({type(error).__name__}: {error})') from None
    for number, (image, box, image_id, category_id) in enumerate(garments, 1):
        corners = [*box[:2], *(start + side for start, side in zip(box[:2], box[2:]))]
        row = dict(image=image, category=categories.get(category_id))
        yield _item(row, corners, name, f'annotation {number}')._replace(image_id=image_id, category_id=category_id)


def _item(row: Mapping, box: Iterable | None, name: str, place: str) -> Item:
    image = next((row[key] for key in IMAGE if row.get(key)), None)
    if not isinstance(image, str):
        raise DatasetFormatError.at(f'{name}, {place}', 'no image is named', field='image')
    category = next((row[key] for key in CATEGORY if row.get(key)), None)
    if box is None:
        return Item(image, category=category)
    try:
        x1, y1, x2, y2 = (float(value) for value in box)
    except (TypeError, ValueError):
        raise DatasetFormatError.at(f'{name}, {place}', f'{list(box)} are not four numbers', field='box') from None
    if not (x1 < x2 and y1 < y2):
        raise DatasetFormatError.at(f'{name}, {place}', f'the box {[x1, y1, x2, y2]} has no area',
                                    'Give the left upper corner, then the right lower one, in pixels.', field='box')
    return Item(image, (x1, y1, x2, y2), category)


_TABLES = {'.txt': _from_list, '.csv': _from_csv, '.json': _from_json}
