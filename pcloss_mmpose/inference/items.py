"""What to predict on: images from files, folders, patterns, lists, and tables with boxes and categories.

Nothing heavy is imported for what lies on this machine, so that faults are found at once.
"""

from __future__ import annotations

import contextlib
import csv
import glob
import io
import json
import os
import os.path as osp
import re
import sys
from collections import Counter
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

from ..errors import FileFormatError, InputError
from ..text import (
    IMAGE_SUFFIXES,
    LARGEST_COORDINATE,
    brief,
    decode,
    is_below,
    is_name,
    name_fault,
    root_fault,
    slash_hint,
    with_slashes,
)

#: Columns of a CSV, keys of a JSON entry. FashionAI's own names are understood too.
IMAGE = ('image', 'image_id')
CATEGORY = ('category', 'image_category')
CORNERS = ('x1', 'y1', 'x2', 'y2')
#: What others call the sides of a box: taken for a box, they would be guesses; passed over, the whole image would be.
OTHER_BOXES = {'bbox', 'bndbox', 'xmin', 'ymin', 'xmax', 'ymax', 'x_1', 'y_1', 'x_2', 'y_2', 'x', 'y', 'w', 'h'}
BOX_ADVICE = 'A box is x1, y1, x2, y2: its left upper and its right lower corner, in pixels of the image.'
ROOT_ADVICE = ("A list names images below its own folder, or below --root: give their folder, '/' for any folder, or "
               "'https://' for any such address.")

_is_decimal = re.compile(r'[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?').fullmatch


class Item(NamedTuple):
    """One garment to predict on."""

    image: str  #: path
    box: tuple[float, float, float, float] | None = None  #: x1 y1 x2 y2 in pixels, None for the whole image
    category: str | None = None  #: name
    place: str = ''  #: where it is listed, for messages
    image_id: int | str | None = None  #: of a COCO file
    category_id: int | None = None  #: of a COCO file
    key: str = ''  #: all that decides the prediction, in words; two items never share it


def find_items(inputs: Sequence[str], root: str | None = None, category: str | None = None,
               leave_out: str | None = None) -> list[Item]:
    """The garments of all inputs, in their order.

    Args:
        inputs: Images; folders, with all that is below; patterns with ``*``, ``?`` or ``[``; ``.txt`` with one path in
            each line; ``.csv`` with the columns image and, where there are boxes and categories, x1, y1, x2, y2 and
            category; ``.json`` with a list of such entries (the box as ``box``, a list of four), or a COCO annotation
            file, of which every annotation is a garment, with landmarks or without. Images and lists may be on any
            storage that MMEngine reads, folders on any that it lists. A local path with backslashes is taken with
            slashes where only that file exists.
        root: What relative paths inside lists and tables start from, and no path in them leaves; by default the folder
            of their file. '/' allows every local path, 'https://' every address of that kind.
        category: Of the garments for which none is given.
        leave_out: A local folder whose images are not found by folders and patterns: that of the results.

    Raises:
        FileFormatError: A list or table is faulty; the message names file, line and field.
        InputError: An input does not exist, or there is no image at all.
    """
    found = [item for name in inputs for item in _items(name, root, leave_out)]
    if not found:
        raise InputError(f'no image in {", ".join(inputs)}')
    count: Counter = Counter()
    items = []
    for item in found:
        item = item._replace(category=item.category or category)
        words = [item.image, item.box and ','.join(f'{value:g}' for value in item.box), item.category]
        key = ' '.join(word for word in words if word)
        count[key] += 1
        items.append(item._replace(key=key if count[key] == 1 else f'{key} #{count[key]}'))
    return items


def _items(name: str, root: str | None, leave_out: str | None) -> Iterator[Item]:
    remote = _is_remote(name)
    suffix = osp.splitext(name.split('?')[0] if remote else name)[1].lower()
    if glob.has_magic(name) and not remote and not osp.exists(name):
        matches = _without(glob.glob(name, recursive=True), leave_out)
        if not matches:
            raise InputError(f'{name}: no image has such a name')
        yield from map(Item, matches)
    elif not remote and not osp.exists(name):
        raise InputError(f'{name}: there is no such file or folder (in the folder {os.getcwd()}){slash_hint(name)}')
    elif suffix in IMAGE_SUFFIXES:
        yield Item(name)
    elif suffix in _TABLES:
        start = osp.dirname(name) if root is None else root
        for item in _TABLES[suffix](name, _text(name)):
            if not is_name(item.image):
                raise FileFormatError.at(item.place, name_fault(item.image), field='image')
            if not is_below(item.image, start):
                raise FileFormatError.at(item.place, root_fault(item.image, start), ROOT_ADVICE, field='image')
            absolute = _is_remote(item.image) or osp.isabs(item.image) or not start
            path = item.image if absolute else osp.join(start, item.image)
            yield item._replace(image=path if _is_remote(path) else with_slashes(path, osp.exists))
    else:
        yield from map(Item, _without(_below(name), leave_out))


def _is_remote(name: str) -> bool:
    return '://' in name


def _without(paths: Sequence[str], leave_out: str | None) -> list[str]:
    """The images among the paths, sorted, but for those in a folder."""
    folder = leave_out and osp.join(osp.realpath(leave_out), '')
    return sorted(path for path in paths if path.lower().endswith(IMAGE_SUFFIXES)
                  and not (folder and osp.realpath(path).startswith(folder)))


def _below(name: str) -> list[str]:
    """Paths of the files in a folder and in those below it."""
    if osp.isdir(name):
        return glob.glob(osp.join(glob.escape(name), '**', '*'), recursive=True)
    if _is_remote(name):
        from mmengine.fileio import isdir, list_dir_or_file
        with contextlib.suppress(Exception):  # a storage that has no folders, or is not there, raises what it likes
            if isdir(name):
                return [osp.join(name, path) for path in list_dir_or_file(name, list_dir=False, recursive=True)]
    raise InputError(f'{name}: neither an image ({", ".join(IMAGE_SUFFIXES)}), nor a folder that can be listed, nor a '
                     '.txt, .csv or .json')


def _text(name: str) -> str:
    try:
        if _is_remote(name):
            from mmengine.fileio import get
            content = get(name)
        else:
            with open(name, 'rb') as file:
                content = file.read()
    except Exception as error:  # a storage raises what it likes
        raise InputError(f'{name}: cannot be read ({type(error).__name__}: {error})') from None
    return decode(name, content)


def _from_list(name: str, text: str) -> Iterator[Item]:
    return (Item(line.strip(), place=f'{name}, line {number}')
            for number, line in enumerate(text.split('\n'), 1) if line.strip())


def _from_csv(name: str, text: str) -> Iterator[Item]:
    (_, header), *rows = _csv_rows(name, text) or [(1, [])]
    columns = [column.strip().lower() for column in header]
    advice = ('The first line names the columns, separated by commas: image and, if there are, x1, y1, x2, y2 and '
              'category.')
    if not set(IMAGE) & set(columns):
        found = brief(', '.join(columns))[1:-1] or 'none'
        raise FileFormatError.at(name, f'no column image, there are {found}', advice, line=1)
    twice = [column for column in (*IMAGE, *CATEGORY, *CORNERS) if columns.count(column) > 1]
    if twice:
        raise FileFormatError.at(name, f'two columns {twice[0]}', advice, line=1)
    corners = set(CORNERS) & set(columns)
    if (corners or OTHER_BOXES & set(columns)) and not set(CORNERS) <= set(columns):
        found = ', '.join(sorted(corners | OTHER_BOXES & set(columns)))
        raise FileFormatError.at(name, f'columns {found}, but not all of x1, y1, x2 and y2', BOX_ADVICE, line=1)
    for number, row in rows:
        place = f'{name}, line {number}'
        if any(cell.strip() for cell in row[len(columns):]):
            raise FileFormatError.at(place, f'{len(row)} cells, and line 1 names {len(columns)} columns',
                                     'A cell that holds a comma needs quotes around it, and a number has a point.')
        cells = {column: cell.strip() for column, cell in zip(columns, row)}
        values = [cells.get(column, '') for column in CORNERS]
        if any(values) and not all(map(_is_decimal, values)):
            raise FileFormatError.at(place, f'{brief(", ".join(values))[1:-1]} are not four numbers', BOX_ADVICE,
                                     field='x1, y1, x2, y2')
        yield _item(cells, [float(value) for value in values] if any(values) else None, place)


def _csv_rows(name: str, text: str) -> list[tuple[int, list[str]]]:
    """The rows that hold anything, and the lines on which they begin: a quoted cell may go over several."""
    rows, start = csv.reader(io.StringIO(text), skipinitialspace=True, strict=True), 1
    numbered = []
    try:
        for row in rows:
            if row:
                numbered.append((start, row))
            start = rows.line_num + 1
    except csv.Error as error:
        raise FileFormatError.at(name, f'not CSV ({error})', 'A quote that opens a cell must close at its end.',
                                 line=start) from None
    return numbered


def _from_json(name: str, text: str) -> Iterator[Item]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError.at(name, f'not JSON ({error})') from None
    if isinstance(content, dict):
        return _from_coco(name, content)
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise FileFormatError.at(name, 'neither a list of entries nor a COCO file',
                                 'An entry is {"image": path, "box": [x1, y1, x2, y2], "category": name}.')
    return (_from_entry(entry, f'{name}, entry {number}') for number, entry in enumerate(content, 1))


def _from_entry(entry: Mapping, place: str) -> Item:
    strange = OTHER_BOXES.union(CORNERS) & set(entry)
    if strange and 'box' not in entry:
        raise FileFormatError.at(place, f'{", ".join(sorted(strange))}, but no box',
                                 'Write "box": [x1, y1, x2, y2].', field='box')
    return _item(entry, entry.get('box'), place)


def _from_coco(name: str, content: Mapping) -> Iterator[Item]:
    try:
        files = _by_id(name, content, 'images', 'file_name')
        categories = _by_id(name, content, 'categories', 'name') if 'categories' in content else {}
        annotations = list(content['annotations'])
    except (KeyError, TypeError, RecursionError) as error:
        raise FileFormatError.at(name, f'not a COCO annotation file ({type(error).__name__}: {error})') from None
    for number, annotation in enumerate(annotations, 1):
        place = f'{name}, annotation {number}'
        if (not isinstance(annotation, dict) or not _is_id(annotation.get('image_id'))
                or annotation['image_id'] not in files):
            raise FileFormatError.at(place, 'it belongs to no image of the file', field='image_id')
        box, category = annotation.get('bbox'), annotation.get('category_id')
        if category is not None and not _is_id(category):
            raise FileFormatError.at(place, f'{brief(category)} is not the id of a category', field='category_id')
        if categories and category is not None and category not in categories:
            raise FileFormatError.at(place, f'{brief(category)} is none of the file', field='category_id')
        if not _are_numbers(box):
            raise FileFormatError.at(place, f'{brief(box)} is not x, y, width, height', field='bbox')
        row = dict(image=files[annotation['image_id']], category=categories.get(category))
        item = _item(row, [box[0], box[1], box[0] + box[2], box[1] + box[3]], place)
        yield item._replace(image_id=annotation['image_id'], category_id=category)


def _by_id(name: str, content: Mapping, field: str, key: str) -> dict:
    """``key`` of the entries of a list in a COCO file, by their id."""
    values: dict = {}
    for entry in content[field]:
        if values.setdefault(entry['id'], entry[key]) != entry[key]:
            raise FileFormatError.at(name, f'two entries have the id {brief(entry["id"])}', field=field)
    return values


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(is_name(value)) or _is_number(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _are_numbers(box: Any) -> bool:
    return isinstance(box, (list, tuple)) and len(box) == 4 and all(map(_is_number, box))


def _item(row: Mapping, box: Sequence[float] | None, place: str) -> Item:
    image, category = (next((row[key] for key in keys if row.get(key)), None) for keys in (IMAGE, CATEGORY))
    if not isinstance(image, str):
        raise FileFormatError.at(place, 'no image is named', field='image')
    if category is not None and not (isinstance(category, str) and is_name(category)):
        raise FileFormatError.at(place, f'{brief(category)} is not the name of a category', field='category')
    if box is None:
        return Item(image, category=category, place=place)
    if not _are_numbers(box):
        raise FileFormatError.at(place, f'{brief(box)} is not a list of four numbers', BOX_ADVICE, field='box')
    if max(map(abs, box)) > LARGEST_COORDINATE:
        raise FileFormatError.at(place, f'the box {brief(list(box))} goes beyond {LARGEST_COORDINATE:,} pixels',
                                 BOX_ADVICE, field='box')
    x1, y1, x2, y2 = map(float, box)
    if not (x1 < x2 and y1 < y2):
        raise FileFormatError.at(place, f'the box {[x1, y1, x2, y2]} has no area', BOX_ADVICE, field='box')
    if x2 <= 1 and y2 <= 1:
        raise FileFormatError.at(place, f'the box {[x1, y1, x2, y2]} lies within a pixel', BOX_ADVICE, field='box')
    return Item(image, (x1, y1, x2, y2), category, place)


_TABLES = {'.txt': _from_list, '.csv': _from_csv, '.json': _from_json}
