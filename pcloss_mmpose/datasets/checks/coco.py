"""Faults of a COCO keypoint file that MMPose answers with a bare KeyError, or passes over without a word."""

from __future__ import annotations

import os.path as osp
import sys
from collections import Counter
from itertools import zip_longest
from numbers import Real
from typing import Collection, Iterator, Mapping, NamedTuple, Sequence

import mmengine.fileio as fileio
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from ...text import LARGEST_COORDINATE, brief, is_below, is_name, name_fault, root_fault

#: The lists of a file, and what each of their entries must have.
LISTS = {
    'images': {'id': int, 'file_name': str, 'width': Real, 'height': Real},
    'annotations': {'id': int, 'image_id': int, 'category_id': int},
    'categories': {'id': int, 'name': str},
}
#: What an annotation may lack, but must not have in another form.
OPTIONAL = {'annotations': {'bbox': list, 'keypoints': list, 'area': Real, 'num_keypoints': Real}}
_TYPES = {int: 'an integer', Real: 'a number', str: 'a string', list: 'a list'}

#: Kind of the faults with which there is no reading on.
UNREADABLE = 'parts that cannot be read'


def reads_coco(dataset: BaseCocoStyleDataset) -> bool:
    """Whether MMPose's own reader of COCO annotations is at work: not a subclass's, and not that of detections."""
    return not dataset.bbox_file and all(getattr(type(dataset), name) is getattr(BaseCocoStyleDataset, name)
               for name in ('load_data_list', '_load_annotations', 'parse_data_info'))


def coco_faults(path: str, landmarks: Sequence[str], root: str) -> Iterator[tuple]:
    """What is wrong with a COCO keypoint file: kind and line of each fault, and False behind those that are mere notes.

    Args:
        path: The file.
        landmarks: Names of the landmarks, in the order that each annotation should have them in.
        root: The folder that file_name starts from, and no image lies outside of.
    """
    try:
        content = fileio.load(path, file_format='json')
    except (OSError, ValueError, RecursionError) as error:
        advice = ': save it as UTF-8 without BOM' if 'BOM' in str(error) else ''
        yield UNREADABLE, f'{path}: cannot be read as JSON ({error}){advice}'
        return
    unreadable = [f'{path}{text}' for text in [*_form_faults(content)] or _name_faults(content, root)]
    yield from ((UNREADABLE, text) for text in unreadable)
    if unreadable:
        return
    ids = {name: Counter(entry['id'] for entry in content[name]) for name in LISTS}
    for name, counts in ids.items():
        for key, count in counts.items():
            if count > 1:
                yield 'repeated ids', f'{path}: {count} {name} have the id {brief(key)}: MMPose reads the last one only'
    for category in content['categories']:
        fault = _names_fault(category.get('keypoints'), landmarks)
        if fault:
            yield fault[0], f"{path}, category {brief(category['id'])}: {fault[1]}", fault[2]
    sizes = {image['id']: (image['width'], image['height']) for image in content['images']}
    for number, size in sizes.items():
        if not _is_size(size):
            shown = ' x '.join(map(brief, size))
            yield 'sizes of images', (f'{path}, image {brief(number)}: it is {shown} there: MMPose clips boxes to that '
                                      'and leaves its rows out; write its width and height in pixels')
    without = sum('keypoints' not in annotation for annotation in content['annotations'])
    if without:
        text = f'{without:,} annotations have no keypoints, such as mere boxes, and are left out'
        yield 'annotations without keypoints', f'{path}: {text}', False
    for annotation in content['annotations']:
        fault = _annotation_fault(annotation, sizes, ids['categories'], 3 * len(landmarks))
        if fault:
            yield fault[0], f"{path}, annotation {brief(annotation['id'])}: {fault[1]}"


class Labels(NamedTuple):
    """What a COCO file that :func:`coco_faults` can read has for a training."""

    sizes: dict[str, tuple[int, int]]  #: width and height of each image as the file has them, by path
    ids: set[int]  #: of the annotations to train on: no crowds, a labelled landmark, and an image with a size


def read_labels(path: str, folder: str) -> Labels:
    """Read the labels of a COCO file whose images lie in ``folder``."""
    content = fileio.load(path, file_format='json')
    usable = {image['id'] for image in content['images'] if _is_size((image['width'], image['height']))}
    return Labels(
        sizes={osp.join(folder, image['file_name']): (image['width'], image['height']) for image in content['images']},
        ids={annotation['id'] for annotation in content['annotations']
             if not annotation.get('iscrowd') and any(annotation.get('keypoints', ())[2::3])
             and annotation['image_id'] in usable})


def why_empty(path: str) -> str:
    """Why no annotation of a COCO file is a row."""
    annotations = fileio.load(path, file_format='json')['annotations']
    crowds = sum(bool(annotation.get('iscrowd')) for annotation in annotations)
    bare = sum(not any(annotation.get('keypoints', ())[2::3]) for annotation in annotations)
    return f'of its {len(annotations):,} annotations, {crowds:,} are crowds and {bare:,} have no labelled landmark'


def _form_faults(content: object) -> Iterator[str]:
    """Where a file has not the form of :data:`LISTS`: what comes after its path."""
    for name, types in LISTS.items():
        entries = content.get(name) if isinstance(content, dict) else None
        if not entries or not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            yield f": '{name}' should be a list of objects, one at least"
            return
        for number, entry in enumerate(entries):
            lacking = [key for key in types if key not in entry]
            faults = [f"no {', '.join(lacking)}"] if lacking else [
                f'{key} should be {_TYPES[kind]}, and is {brief(entry[key])}'
                for key, kind in {**types, **OPTIONAL.get(name, {})}.items()
                if key in entry and (not isinstance(entry[key], kind) or isinstance(entry[key], bool))]
            if faults:
                yield f", {name}[{number}] (id {brief(entry.get('id'))}): {', '.join(faults)}"


def _name_faults(content: dict, root: str) -> Iterator[str]:
    """Images whose names no file can have, or that lie outside of ``root``."""
    for number, image in enumerate(content['images']):
        name, place = image['file_name'], f", images[{number}] (id {brief(image['id'])})"
        if not is_name(name):
            yield f'{place}: {name_fault(name)}'
        elif not is_below(name, root):
            yield (f'{place}: file_name {root_fault(name, root)}: only what data_prefix=dict(img=...) names is read; '
                   "'/' is every folder")


def _names_fault(listed: object, landmarks: Sequence[str]) -> tuple[str, str, bool] | None:
    """Kind and text of the first difference between a category's landmarks and the metainfo's; whether it is a problem.

    It is one where a name of the metainfo's stands in another place; other words for the same landmarks are none.
    """
    if not isinstance(listed, list) or not listed:  # COCO's other tasks have no names
        return None
    differences = [(k, name, expected) for k, (name, expected)
                   in enumerate(zip_longest(listed, landmarks, fillvalue='nothing')) if name != expected]
    if not differences:
        return None
    moved = [difference for difference in differences if difference[1] in landmarks]
    k, name, expected = (moved or differences)[0]
    kind = 'orders of landmarks' if moved else 'names of landmarks'
    name = brief(name).strip("'")
    return kind, f'keypoints[{k}] is {name}, and {expected} in the metainfo', bool(moved)


def _annotation_fault(annotation: dict, sizes: Mapping[int, Sequence[float]], categories: Collection[int],
                      numbers: int) -> tuple[str, str] | None:
    """Kind and text of the first fault; ``sizes`` are those of the images, by id."""
    if annotation['image_id'] not in sizes:
        return 'annotations without image', f"no image has the id {brief(annotation['image_id'])}"
    if annotation['category_id'] not in categories:
        return 'annotations without category', f"no category has the id {brief(annotation['category_id'])}"
    if 'keypoints' not in annotation:
        return None
    keypoints, box = annotation['keypoints'], annotation.get('bbox')
    if not _are_numbers(keypoints, numbers):
        kind = 'unfit keypoints' if len(keypoints) == numbers else UNREADABLE
        return kind, f'keypoints should be {numbers} numbers, x, y, v of {numbers // 3} landmarks'
    if not set(keypoints[2::3]) <= {0, 1, 2}:
        return 'unknown visibilities', f'a visibility in keypoints is none of 0, 1, 2: {brief(keypoints[2::3])}'
    far = [value for value in keypoints if abs(value) > LARGEST_COORDINATE]
    if far:
        return 'coordinates', f'{brief(far[0])} in keypoints lies beyond {LARGEST_COORDINATE:,} pixels'
    if box is not None and not _are_numbers(box, 4):
        return 'unfit boxes', f'bbox {brief(box)} is no x, y, width, height with an area'
    # MMPose leaves out crowds and what has no landmark in any case: official files have empty boxes there.
    if annotation.get('iscrowd') or not any(keypoints[2::3]):
        return None
    if annotation.get('num_keypoints') == 0:
        return 'wrong num_keypoints', 'num_keypoints is 0, yet landmarks are labelled: MMPose leaves the row out'
    if not _are_numbers([annotation.get('num_keypoints', 1)], 1):
        return 'wrong num_keypoints', 'num_keypoints is no finite number'
    if not 0 <= annotation.get('area', 0) <= LARGEST_COORDINATE**2:
        return 'areas', f"area {brief(annotation['area'])} is none that a garment can have, in pixels"
    if box is None:
        return 'annotations without box', 'it has no bbox: MMPose leaves the row out'
    if not min(box[2:]) > 0:
        return 'empty boxes', f'bbox {brief(box)} is no x, y, width, height with an area: MMPose leaves the row out'
    if max(map(abs, box)) > LARGEST_COORDINATE:
        return 'coordinates', f'bbox {brief(box)} goes beyond {LARGEST_COORDINATE:,} pixels'
    size = sizes[annotation['image_id']]
    inside = all(min(start + length, side - 1) > max(start, 0)
                 for start, length, side in zip(box[:2], box[2:], size))
    if _is_size(size) and not inside:
        return 'boxes outside the image', (f'bbox {brief(box)} (x, y, width, height) lies outside its image of '
                                           f'{size[0]} x {size[1]}: MMPose leaves the row out')
    return None


def _is_size(size: Sequence[float]) -> bool:
    return all(0 < side <= LARGEST_COORDINATE for side in size)


def _are_numbers(values: object, count: int) -> bool:
    return (isinstance(values, list) and len(values) == count
            and all(isinstance(value, (int, float)) and abs(value) <= sys.float_info.max for value in values))
