"""DeepFashion2's annotations: a JSON an image -> arrays, kept in a cache beside their folder.

``annos/000001.json`` has ``source``, ``pair_id``, and ``item1``, ``item2`` and so on. Of an item are read
``category_id``, ``bounding_box`` (x1 y1 x2 y2), ``landmarks`` (x y v of each landmark of its category; v: 2 visible,
1 occluded, 0 not labelled), and ``scale``, ``occlusion``, ``zoom_in`` and ``viewpoint``, which may be missing.

N: items, F: files, A: attributes, M: the most landmarks that a category has (39)
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import os.path as osp
import re
from array import array
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterable, Iterator, NamedTuple, Sequence

import mmengine.fileio as fileio
import numpy as np
from mmengine.logging import print_log

from ...errors import FileFormatError, InputError
from ...files import write_whole
from ...metainfo.deepfashion2 import ATTRIBUTES, CATEGORIES, MOST, PARTS
from ...text import LARGEST_COORDINATE, brief, decode

NUMBERS = tuple(map(len, PARTS.values()))  # of landmarks, by category_id - 1
CACHE_VERSION = 1
FLT_MAX = float(np.finfo(np.float32).max)
READERS = 8  # threads: opening files takes longer than reading them, the more so on a network's
AT_ONCE = 4096  # files whose contents wait in memory
_is_annotation = re.compile(r'(?!000000)[0-9]{6}\.json').fullmatch
_is_item = re.compile(r'item[1-9][0-9]{0,5}').fullmatch


class Items(NamedTuple):
    """The items of a folder of annotations, in the order of the files' names."""

    files: np.ndarray  # (F,) int, numbers of all images, also of those without an item
    images: np.ndarray  # (N,) int, number of the item's image
    numbers: np.ndarray  # (N,) int, n of its name "item<n>"
    categories: np.ndarray  # (N,) int, from 1
    boxes: np.ndarray  # (N, 4) float32, x1 y1 x2 y2 in pixels
    landmarks: np.ndarray  # (N, M, 3) float32, x y v of the landmarks of the item's category; then zeros
    attributes: np.ndarray  # (N, A) int, in the order of ATTRIBUTES; 0 where nothing is said

    def place(self, row: int) -> str:
        """How an item is named to the reader of a message."""
        return f'{self.images[row]:06d}.json, item{self.numbers[row]}'


class Fault(NamedTuple):
    """What is wrong with one item, or with a file as a whole."""

    path: str
    item: str  # '' for the file
    problem: str

    def error(self, others: int = 0) -> FileFormatError:
        """To be raised; it says how many others there are."""
        advice = f'So are {others} other files or items; `pcloss check` lists them all.' if others else ''
        return FileFormatError.at(self.path, self.problem, advice, field=self.item)


def read_items(folder: str) -> Items:
    """All items of a folder of annotations.

    Args:
        folder: Its path, on any of MMEngine's file backends. What a local folder holds is kept in a file beside it, of
            its name with ``.cache.npz``, for as long as no annotation's size or time of change is another.

    Raises:
        FileFormatError: An annotation is faulty; the message names the file, the item and the field.
    """
    state = _state(folder)
    cache = f'{folder.rstrip("/")}.cache.npz'
    items = _cached(cache, state) if state else None
    if items is None:
        items, faults = parse_folder(folder)
        if faults:
            raise faults[0].error(len(faults) - 1)
        if state:
            _keep(cache, state, items)
    return items


def parse_folder(folder: str) -> tuple[Items, list[Fault]]:
    """The items of a folder without faults, and all faults.

    Raises:
        FileFormatError: There is no such folder, or no annotation in it.
    """
    names = annotation_names(folder)
    table, faults = _Table(), []
    with ThreadPoolExecutor(READERS) as pool:
        for path, content in zip((osp.join(folder, name) for name in names), _contents(pool, folder, names)):
            faults += table.add(path, content)
    return table.items(), faults


def annotation_names(folder: str) -> list[str]:
    """The names of the annotations in a folder, sorted.

    Raises:
        FileFormatError: There is no such folder, no annotation in it, or a JSON whose name is no image's number.
    """
    if '://' in folder:
        names = sorted(fileio.list_dir_or_file(folder, list_dir=False, suffix='.json'))
    elif osp.isdir(folder):
        names = sorted(entry for entry in os.listdir(folder) if entry.endswith('.json') and entry[0] != '.')
    else:
        problem = 'a file; ann_file is the folder of the annotations' if osp.isfile(folder) else 'no such folder'
        raise FileFormatError.at(folder, problem, 'DEEPFASHION2_ROOT names the folder above train/ and validation/.')
    if not names:
        raise FileFormatError.at(folder, 'no annotation in it', 'It should hold 000001.json and so on.')
    wrong = next((name for name in names if not _is_annotation(name)), None)
    if wrong:
        raise FileFormatError.at(osp.join(folder, wrong), 'its name is not the number of an image',
                                 'It should be six digits, as in 000001.json.')
    return names


def _contents(pool: ThreadPoolExecutor, folder: str, names: Sequence[str]) -> Iterator[bytes | OSError]:
    """The files' contents in order, or why they cannot be read; no more than a part wait in memory."""
    for start in range(0, len(names), AT_ONCE):
        yield from pool.map(_content, (osp.join(folder, name) for name in names[start:start + AT_ONCE]))


def _content(path: str) -> bytes | OSError:
    try:
        if '://' in path:
            return fileio.get(path)
        with open(path, 'rb', buffering=0) as file:
            return file.read()
    except OSError as error:
        return error


class _Table:
    """Columns that grow by a file at a time."""

    def __init__(self) -> None:
        self.files, self.images, self.numbers, self.categories = (array('q') for _ in range(4))
        self.boxes, self.landmarks, self.attributes = array('f'), array('f'), array('b')

    def add(self, path: str, content: bytes | OSError) -> list[Fault]:
        """Take the good items of a file; what is wrong with the others."""
        image = int(osp.basename(path)[:-len('.json')])
        self.files.append(image)
        try:
            if isinstance(content, OSError):
                raise InputError(f'cannot be read ({content})')
            entries = _parse(path, content)
        except InputError as error:
            return [Fault(path, '', str(error))]
        faults = []
        for name, item in entries.items():
            if name in ('source', 'pair_id'):
                continue
            try:
                if not _is_item(name):
                    raise InputError('neither source, nor pair_id, nor item1, item2 and so on')
                self._add_item(item)
            except InputError as error:
                faults.append(Fault(path, name, str(error)))
                continue
            self.images.append(image)
            self.numbers.append(int(name[len('item'):]))
        return faults

    def _add_item(self, item: Any) -> None:
        if not isinstance(item, dict):
            raise InputError(f'expected an object, found {brief(item)}')
        category = item.get('category_id')
        if type(category) is not int or not 1 <= category <= len(CATEGORIES):
            raise InputError(f'category_id must be 1 to {len(CATEGORIES)}, got {brief(category)}')
        box = _numbers(item, 'bounding_box', 4)
        landmarks = _numbers(item, 'landmarks', 3 * NUMBERS[category - 1])
        wrong = set(landmarks[2::3]) - {0, 1, 2}
        if wrong:
            raise InputError(f'landmarks: the visibility must be 0, 1 or 2, got {brief(wrong.pop())}')
        levels = [item.get(name, 0) for name in ATTRIBUTES]
        for name, level in zip(ATTRIBUTES, levels):
            if type(level) is not int or not (1 <= level <= len(ATTRIBUTES[name]) or name not in item):
                raise InputError(f'{name} must be 1 to {len(ATTRIBUTES[name])}, got {brief(level)}')
        self.categories.append(category)
        self.boxes.extend(box)
        self.landmarks.extend(landmarks)
        self.attributes.extend(levels)

    def items(self) -> Items:
        categories = np.array(self.categories, dtype=np.int64)
        numbers = np.array(NUMBERS)[categories - 1]
        landmarks = np.zeros((len(categories), MOST, 3), dtype=np.float32)
        landmarks[np.arange(MOST) < numbers[:, None]] = np.array(self.landmarks, dtype=np.float32).reshape(-1, 3)
        landmarks[landmarks[..., 2] == 0] = 0  # what is not labelled has no position
        boxes = np.array(self.boxes, dtype=np.float32).reshape(-1, 4)
        attributes = np.array(self.attributes, dtype=np.int64).reshape(-1, len(ATTRIBUTES))
        return Items(*(np.array(column, dtype=np.int64) for column in (self.files, self.images, self.numbers)),
                     categories, boxes, landmarks, attributes)


def _parse(path: str, content: bytes) -> dict:
    try:
        entries = json.loads(decode(path, content), object_pairs_hook=_without_repeats)
    except FileFormatError:
        raise InputError('not UTF-8') from None
    except RecursionError:
        raise InputError('no JSON that can be read: its brackets are nested too deep') from None
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f'no JSON ({error})') from None
    if not isinstance(entries, dict):
        raise InputError(f'expected an object, found {brief(entries)}')
    return entries


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise InputError(f'{brief(next(name for name in names if names.count(name) > 1))} stands in it twice')
    return found


def _numbers(item: dict, field: str, count: int) -> Sequence[float]:
    """The numbers of a field."""
    values = item.get(field)
    if not isinstance(values, list) or len(values) != count:
        found = f'{len(values)}' if isinstance(values, list) else brief(values)
        raise InputError(f'{field} must be {count} numbers, got {found}')
    if not {int, float}.issuperset(map(type, values)):
        wrong = next(value for value in values if type(value) not in (int, float))
        raise InputError(f'{field} must be {count} numbers, got {brief(wrong)} among them')
    if not all(-LARGEST_COORDINATE <= value <= LARGEST_COORDINATE for value in values):  # NaN is neither
        raise InputError(f'{field} has a number that is not finite, or beyond {LARGEST_COORDINATE:,} pixels')
    return values


def _state(folder: str) -> str | None:
    """What changes when an annotation does; None for a folder on a storage, and where there is none."""
    if '://' in folder or not osp.isdir(folder):
        return None
    with os.scandir(folder) as entries:
        facts = sorted((entry.name, stat.st_size, stat.st_mtime_ns) for entry in entries
                       if entry.name.endswith('.json') for stat in [entry.stat()])
    return hashlib.sha256(repr((CACHE_VERSION, facts)).encode()).hexdigest()


def _cached(path: str, state: str) -> Items | None:
    """What an earlier start has kept; None if there is nothing, or it is of other annotations."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file['state']) != state:
                return None
            items = Items(**{name: file[name] for name in Items._fields})
    except Exception:  # no file, half of one, another program's: all are read anew
        return None
    return items if all(len(column) == len(items.images) for column in items[1:]) else None


def _keep(path: str, state: str, items: Items) -> None:
    content = io.BytesIO()
    np.savez(content, state=state, **items._asdict())
    try:
        write_whole(path, content.getvalue())
    except OSError as error:
        print_log(f'{path}: cannot be written ({error.strerror}), so that the annotations are read anew at every start',
                  logger='current')


def empty_boxes(boxes: np.ndarray) -> np.ndarray:
    """(N,) which boxes (N, 4) have no area."""
    return ~(boxes[:, 2:] > boxes[:, :2]).all(axis=1)


def read_detections(path: str, files: Iterable[int], folder: str) -> tuple[np.ndarray, ...]:
    """Boxes that a detector found: images (N,), categories (N,) from 1, boxes (N, 4) x1 y1 x2 y2, and scores (N,).

    Args:
        path: A JSON in COCO's form: a list of ``image_id``, ``category_id``, ``bbox`` (x y width height), ``score``.
        files: Numbers of the images that there are.
        folder: Of their annotations.

    Raises:
        FileFormatError: An entry is faulty; the message has its number.
    """
    try:
        found = json.loads(decode(path, fileio.get(path)))
    except OSError as error:
        raise FileFormatError.at(path, f'cannot be read ({error})', 'bbox_file is the JSON of a detector.') from None
    except RecursionError:
        raise FileFormatError.at(path, 'no JSON that can be read: its brackets are nested too deep') from None
    except FileFormatError:
        raise
    except ValueError as error:
        raise FileFormatError.at(path, f'no JSON ({error})') from None
    if not isinstance(found, list) or not found:
        raise FileFormatError.at(path, 'expected a list of boxes, with one at least')
    there = set(map(int, files))
    images, categories, boxes, scores = [], [], [], []
    for number, entry in enumerate(found):
        try:
            if not isinstance(entry, dict):
                raise InputError(f'expected an object, found {brief(entry)}')
            image, category, score = (entry.get(key) for key in ('image_id', 'category_id', 'score'))
            if type(image) is not int or image not in there:
                raise InputError(f'image_id {brief(image)} is none of the images that {folder} annotates')
            if type(category) is not int or not 1 <= category <= len(CATEGORIES):
                raise InputError(f'category_id must be 1 to {len(CATEGORIES)}, got {brief(category)}')
            if type(score) not in (int, float) or not -FLT_MAX <= score <= FLT_MAX:  # NaN is neither
                raise InputError(f'score must be a finite number, got {brief(score)}')
            x, y, width, height = _numbers(entry, 'bbox', 4)
            if not (width > 0 and height > 0):
                raise InputError(f'bbox (x y width height) has no area: {brief(entry["bbox"])}')
        except InputError as error:
            raise FileFormatError.at(path, str(error), field=f'[{number}]') from None
        images.append(image)
        categories.append(category)
        boxes.append((x, y, x + width, y + height))
        scores.append(score)
    return (np.array(images, dtype=np.int64), np.array(categories, dtype=np.int64),
            np.array(boxes, dtype=np.float32), np.array(scores, dtype=np.float32))
