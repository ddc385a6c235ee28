"""Label Studio's JSON: tasks whose results are rectangles and points, in percent of the image.

A garment is a rectangle with a category; its landmarks are the points that were dragged onto it, or that lie in it.
Label Studio's COCO export is another thing: it puts the points of a picture into one annotation of a category of their
own.
"""

from __future__ import annotations

from typing import Any, Iterator, Mapping, NamedTuple, Sequence

from ..errors import FileFormatError
from ..text import IMAGE_SUFFIXES, LARGEST_COORDINATE, brief, is_name
from .exports import Export, Garment, are_coordinates

VISIBLE = 2  # points have no other state there


class Region(NamedTuple):
    """A rectangle or a point, in pixels."""

    key: Any
    parent: Any
    label: str
    size: tuple[int, int]  # of the image
    numbers: tuple[float, ...]  # x, y, width, height or x, y
    place: str


def read_tasks(path: str, tasks: Sequence[Any]) -> Export:
    """The garments of all tasks that are labelled.

    Raises:
        FileFormatError: A task is faulty, or a point belongs to no rectangle, or to several; the message names it.
    """
    garments, unlabelled, several = [], 0, 0
    for number, task in enumerate(tasks):
        place = f'{path}, tasks[{number}]'
        if not isinstance(task, dict) or not isinstance(task.get('data'), dict):
            raise FileFormatError.at(place, "no task of Label Studio with 'data'", "Export 'JSON', not 'JSON-MIN'.")
        place = f'{path}, task {brief(task.get("id", number))}'
        done = [each for each in task.get('annotations') or []
                if isinstance(each, dict) and not each.get('was_cancelled')]
        several += len(done) > 1
        found = list(_garments(path, place, task['data'], done[-1].get('result') or [])) if done else []
        unlabelled += not found
        garments += found
    landmarks: dict[str, dict[str, None]] = {}
    for garment in garments:
        landmarks.setdefault(garment.category, {}).update(dict.fromkeys(garment.points))
    notes = [f'{path}: {count:,} {what}' for count, what in (
        (unlabelled, 'tasks without a labelled garment are left out'),
        (several, 'tasks were labelled several times: the last one counts')) if count]
    return Export(garments, {category: list(names) for category, names in landmarks.items()}, [], notes)


def _garments(path: str, place: str, data: Mapping, result: Any) -> Iterator[Garment]:
    if not isinstance(result, list) or not all(isinstance(each, dict) for each in result):
        raise FileFormatError.at(place, 'should be a list of objects', field='result')
    boxes = {region.key: region for region in _regions(place, result, 'rectanglelabels', ('x', 'y', 'width', 'height'))}
    points: dict[Any, dict[str, Sequence[float]]] = {key: {} for key in boxes}
    for point in _regions(place, result, 'keypointlabels', ('x', 'y')):
        own = points[_owner(point, boxes)]
        if point.label in own:
            raise FileFormatError.at(point.place, f"a garment has '{point.label}' twice", 'Remove one.')
        own[point.label] = (*point.numbers, VISIBLE)
    if any(points.values()):
        image = _image(place, data)
        for key, box in boxes.items():
            if points[key]:
                yield Garment(image, box.size, box.label, points[key], box.numbers, path, box.place)


def _regions(place: str, result: Sequence[Mapping], kind: str, fields: Sequence[str]) -> Iterator[Region]:
    for region in result:
        if region.get('type') != kind:
            continue
        key = region.get('id')
        here, value = f'{place}, region {brief(key)}', region.get('value')
        if not isinstance(value, dict):
            raise FileFormatError.at(here, f'{brief(value)} instead of an object', field='value')
        percent, labels = [value.get(name) for name in fields], value.get(kind)
        size = [region.get(f'original_{side}') for side in ('width', 'height')]
        if not are_coordinates(percent):
            raise FileFormatError.at(here, f'{brief(percent)} are no numbers', field=', '.join(fields))
        if value.get('rotation'):
            raise FileFormatError.at(here, 'the rectangle is turned', 'Draw it upright.', field='rotation')
        if region.get('image_rotation'):
            raise FileFormatError.at(here, 'the image was turned while it was labelled',
                                     'Turn the image file, and label that.', field='image_rotation')
        if not all(isinstance(side, int) and 0 < side <= LARGEST_COORDINATE for side in size):
            raise FileFormatError.at(here, f'{brief(size)} is no size in pixels',
                                     field='original_width, original_height')
        if not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str):
            raise FileFormatError.at(here, f'{brief(labels)} is not one label', field=kind)
        sides = size * (len(fields) // 2)
        yield Region(key, region.get('parentID'), labels[0], (size[0], size[1]),
                     tuple(part * side / 100 for part, side in zip(percent, sides)), here)


def _owner(point: Region, boxes: Mapping[Any, Region]) -> Any:
    """Key of the rectangle that a point belongs to."""
    if point.parent in boxes:
        return point.parent
    x, y = point.numbers
    around = [key for key, box in boxes.items() if box.numbers[0] <= x <= box.numbers[0] + box.numbers[2]
              and box.numbers[1] <= y <= box.numbers[1] + box.numbers[3]]
    if len(around) != 1:
        raise FileFormatError.at(
            point.place, f"'{point.label}' lies in {len(around) or 'no'} rectangle{'s' if around else ''}",
            'Draw a rectangle around each garment, and drag the points of overlapping ones onto theirs in the list of '
            'regions.')
    return around[0]


def _image(place: str, data: Mapping) -> str:
    names = [value for value in data.values()
             if isinstance(value, str) and value.split('?')[0].lower().endswith(IMAGE_SUFFIXES)]
    if len(names) != 1 or not is_name(names[0]):
        raise FileFormatError.at(place, f'{brief(dict(data))} does not name one image', field='data')
    return names[0].split('?')[0]
