"""Faults of a COCO keypoint file that MMPose answers with a bare KeyError, or passes over without a word."""

from __future__ import annotations

import math
import os.path as osp
from typing import Iterator

import mmengine.fileio as fileio
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

LISTS = {
    'images': ('id', 'file_name', 'width', 'height'),
    'annotations': ('id', 'image_id', 'category_id', 'bbox', 'keypoints'),
    'categories': ('id', 'name'),
}


def reads_coco(dataset: BaseCocoStyleDataset) -> bool:
    """Whether MMPose's own reader of COCO annotations is at work: not a subclass's, and not that of detections."""
    return not dataset.bbox_file and all(getattr(type(dataset), name) is getattr(BaseCocoStyleDataset, name)
               for name in ('load_data_list', '_load_annotations', 'parse_data_info'))


def coco_faults(path: str, num_keypoints: int) -> Iterator[tuple[str, str]]:
    """What is wrong with a COCO keypoint file, as pairs of kind and line.

    Args:
        path: The file.
        num_keypoints: How many landmarks each annotation should have.
    """
    try:
        content = fileio.load(path, file_format='json')
    except (OSError, ValueError) as error:
        yield 'unreadable files', f'{path}: cannot be read as JSON ({error})'
        return
    for name, keys in LISTS.items():
        entries = content.get(name) if isinstance(content, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            yield 'unreadable files', f"{path}: '{name}' should be a list of objects"
            return
        for number, entry in enumerate(entries):
            lacking = [key for key in keys if key not in entry]
            if lacking:
                yield 'incomplete entries', f"{path}, {name}[{number}] (id {entry.get('id')}): no {', '.join(lacking)}"
    images = {image.get('id') for image in content['images']}
    for annotation in content['annotations']:
        problem = _annotation_fault(annotation, images, 3 * num_keypoints)
        if problem:
            yield problem[0], f"{path}, annotation {annotation.get('id')}: {problem[1]}"


def coco_sizes(path: str, folder: str) -> dict[str, tuple[int, int]]:
    """Width and height of each image as a COCO file that :func:`coco_faults` can read has them, by path in ``folder``.
    """
    images = fileio.load(path, file_format='json')['images']
    return {osp.join(folder, image['file_name']): (image['width'], image['height']) for image in images}


def _annotation_fault(annotation: dict, images: set, numbers: int) -> tuple[str, str] | None:
    """Kind and text of the first fault."""
    if any(key not in annotation for key in LISTS['annotations']):
        return None  # said already
    if annotation['image_id'] not in images:
        return 'annotations without image', f"no image has the id {annotation['image_id']}"
    keypoints, box = annotation['keypoints'], annotation['bbox']
    if not _are_numbers(keypoints, numbers):
        return 'unfit keypoints', f'keypoints should be {numbers} numbers, x, y, v of {numbers // 3} landmarks'
    if not set(keypoints[2::3]) <= {0, 1, 2}:
        return 'unknown visibilities', f'a visibility in keypoints is none of 0, 1, 2: {keypoints[2::3]}'
    # MMPose leaves out crowds and what has no landmark in any case: official files have empty boxes there.
    if annotation.get('iscrowd') or not any(keypoints[2::3]):
        return None
    if annotation.get('num_keypoints') == 0:
        return 'wrong num_keypoints', 'num_keypoints is 0, yet landmarks are labelled: MMPose leaves the row out'
    if not _are_numbers(box, 4) or not min(box[2:]) > 0:
        return 'empty boxes', f'bbox {box} is no x, y, width, height with an area: MMPose leaves the row out'
    return None


def _are_numbers(values: object, count: int) -> bool:
    return (isinstance(values, list) and len(values) == count
            and all(isinstance(value, (int, float)) and math.isfinite(value) for value in values))
