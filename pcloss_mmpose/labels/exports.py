"""What is used of a labelling tool's export, and COCO keypoint JSON, as CVAT and COCO Annotator write it."""

from __future__ import annotations

import math
from typing import Any, Mapping, NamedTuple, Sequence

from ..errors import FileFormatError
from ..text import LARGEST_COORDINATE, brief, is_name, name_fault

Point = Sequence[float]  # x and y in pixels, and COCO's v: 1 occluded, 2 visible


class Garment(NamedTuple):
    """One labelled garment."""

    image: str  #: as the tool names it
    size: tuple[int, int]  #: width and height of the image that was labelled, in pixels
    category: str
    points: dict[str, Point]  #: by the landmark's name; only what is labelled
    box: tuple[float, float, float, float] | None  #: x, y, width and height in pixels
    file: str  #: where it stands
    place: str  #: the same, to the entry


class Export(NamedTuple):
    """What is used of a file."""

    garments: list[Garment]
    landmarks: dict[str, list[str]]  #: of each category, in the tool's order
    links: list[tuple[str, str]]  #: lines of the skeletons
    notes: list[str]  #: what is left out


def read_coco(path: str, content: Mapping) -> Export:
    """COCO's form, in which each category may list its own landmarks."""
    images = _by_id(path, content, 'images')
    categories = _by_id(path, content, 'categories')
    landmarks = {key: _names(f'{path}, category {brief(key)}', category) for key, category in categories.items()}
    if content.get('info', {}) and 'Label Studio' in str(content['info']):
        raise FileFormatError.at(path, "COCO of Label Studio, where a garment's landmarks have no category and no box",
                                 "Export 'JSON' instead.")
    garments, bare, crowds = [], 0, 0
    for number, annotation in enumerate(_list(path, content, 'annotations')):
        place = f'{path}, annotations[{number}] (id {brief(annotation.get("id"))})'
        category = _lookup(place, annotation, 'category_id', categories)
        image = _lookup(place, annotation, 'image_id', images)
        points = _points(place, annotation.get('keypoints') or [], landmarks[annotation['category_id']])
        if annotation.get('iscrowd'):
            crowds += 1
        elif not points:
            bare += 1
        else:
            garments.append(Garment(
                _name(f'{path}, image {brief(image["id"])}', image.get('file_name'), 'file_name'),
                _size(f'{path}, image {brief(image["id"])}', image.get('width'), image.get('height')),
                category['name'], points, _box(place, annotation.get('bbox')), path, place))
    used = {garment.category for garment in garments}
    notes = [f'{path}: {count:,} annotations {why} are left out' for count, why in (
        (bare, 'without a labelled landmark'), (crowds, 'of crowds (iscrowd)')) if count]
    own = {key: category for key, category in categories.items() if category['name'] in used}
    if len(own) > len(used):
        raise FileFormatError.at(path, 'two categories have the same name', 'Rename one.', field='categories')
    links = [link for key, category in own.items()
             for link in _links(f'{path}, category {brief(key)}', category.get('skeleton') or [], landmarks[key])]
    return Export(garments, {category['name']: landmarks[key] for key, category in own.items()}, links, notes)


def _by_id(path: str, content: Mapping, name: str) -> dict[Any, dict]:
    """The entries of a list by their id; FileFormatError where two have the same, or one has none."""
    found: dict[Any, dict] = {}
    for number, entry in enumerate(_list(path, content, name)):
        key = entry.get('id')
        if isinstance(key, bool) or not isinstance(key, (int, str)) or key in found:
            raise FileFormatError.at(f'{path}, {name}[{number}]', f'{brief(key)} is no id of its own', field='id')
        found[key] = entry
    return found


def _list(path: str, content: Mapping, name: str) -> list[dict]:
    entries = content.get(name)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise FileFormatError.at(path, 'should be a list of objects', field=name)
    return entries


def _lookup(place: str, annotation: Mapping, field: str, entries: Mapping) -> dict:
    key = annotation.get(field)
    if isinstance(key, (list, dict)) or key not in entries:
        raise FileFormatError.at(place, f'{brief(key)} is not in the file', field=field)
    return entries[key]


def _names(place: str, category: Mapping) -> list[str]:
    _name(place, category.get('name'), 'name')
    names = category.get('keypoints') or []
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise FileFormatError.at(place, f'should be a list of names, and is {brief(names)}', field='keypoints')
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise FileFormatError.at(place, f'two landmarks are called {brief(twice[0])}', 'Rename one.', field='keypoints')
    return names


def _name(place: str, value: Any, field: str) -> str:
    if not isinstance(value, str) or not is_name(value):
        fault = name_fault(value) if isinstance(value, str) else f'{brief(value)} is no name'
        raise FileFormatError.at(place, fault, field=field)
    return value


def _size(place: str, *sides: Any) -> tuple[int, int]:
    if not all(isinstance(side, (int, float)) and not isinstance(side, bool) and 0 < side <= LARGEST_COORDINATE
               and side == int(side) for side in sides):
        raise FileFormatError.at(place, f'the image is {" x ".join(map(brief, sides))}, which is no size in pixels',
                                 field='width and height')
    return int(sides[0]), int(sides[1])


def _points(place: str, flat: Any, names: Sequence[str]) -> dict[str, Point]:
    if flat and not names:
        raise FileFormatError.at(place, "it has landmarks, and its category lists none: nothing says what they are",
                                 "Add their names to the category's keypoints.", field='keypoints')
    if not isinstance(flat, list) or len(flat) not in (0, 3 * len(names)):
        count = len(flat) if isinstance(flat, list) else brief(flat)
        raise FileFormatError.at(place, f'{count} numbers, where the {len(names)} landmarks of its category need '
                                 f'{3 * len(names)}', field='keypoints')
    points = {}
    for name, *point in zip(names, flat[::3], flat[1::3], flat[2::3]):
        if point[2] not in (0, 1, 2) or not are_coordinates(point[:2]):
            raise FileFormatError.at(place, f'{name} is {brief(point)}, and not x, y in pixels and v of 0, 1 or 2',
                                     field='keypoints')
        if point[2]:
            points[name] = point
    return points


def _box(place: str, box: Any) -> tuple[float, float, float, float] | None:
    if box in (None, []):
        return None
    if not isinstance(box, list) or len(box) != 4 or not are_coordinates(box) or min(box[2:]) <= 0:
        raise FileFormatError.at(place, f'{brief(box)} is not x, y, width and height in pixels', field='bbox')
    return tuple(box)


def _links(place: str, pairs: Any, names: Sequence[str]) -> list[tuple[str, str]]:
    """COCO counts the ends of a line from 1."""
    if not isinstance(pairs, list) or not all(
            isinstance(pair, list) and len(pair) == 2 and all(end in range(1, len(names) + 1) for end in pair)
            for pair in pairs):
        raise FileFormatError.at(place, f'{brief(pairs)} are not pairs of landmarks, counted from 1', field='skeleton')
    return [(names[first - 1], names[second - 1]) for first, second in pairs]


def are_coordinates(values: Sequence[Any]) -> bool:
    """Whether all are finite numbers that a place in an image can have."""
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
               and abs(value) <= LARGEST_COORDINATE for value in values)
