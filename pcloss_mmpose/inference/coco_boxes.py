"""Detected boxes in COCO's form of results, as MMPose and our data sets read them for ``bbox_file``."""

from __future__ import annotations

import json
import os.path as osp
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from ..errors import FileFormatError, InputError
from ..text import brief, is_below, is_name, name_fault, root_fault

if TYPE_CHECKING:
    from .detector import Detector

MOST = 100  # boxes an image: COCO's AP counts no more


def read_annotations(path: str) -> dict:
    """The content of a COCO annotation file, whose images have ids and names. Annotations it need not have.

    Raises:
        FileFormatError: It is none.
        InputError: There is no such file.
    """
    if not osp.isfile(path):
        raise InputError(f'{path}: no such file: COCO results need a COCO annotation file, of whose images they are')
    try:
        with open(path, encoding='utf-8') as file:
            content = json.load(file)
    except (ValueError, RecursionError) as error:
        raise FileFormatError.at(path, f'not JSON ({error})', 'COCO results need a COCO annotation file.') from None
    images = content.get('images') if isinstance(content, dict) else None
    if not isinstance(images, list) or not images:
        raise FileFormatError.at(path, 'no list of images', 'COCO results need a COCO annotation file.', field='images')
    for number, image in enumerate(images, 1):
        if not isinstance(image, dict) or not isinstance(image.get('id'), int) or not isinstance(
                image.get('file_name'), str):
            raise FileFormatError.at(f'{path}, image {number}', 'it lacks an integer as id, or a file_name')
    if len({image['id'] for image in images}) < len(images):
        raise FileFormatError.at(path, 'two images have one id', field='images')
    return content


def image_paths(content: Mapping, root: str) -> dict[int, str]:
    """The path of each image of an annotation file, by its id.

    Raises:
        InputError: Some are not there, or lie elsewhere than below the root.
    """
    for image in content['images']:
        name, place = image['file_name'], f'image {brief(image["id"])}'
        if not is_name(name):
            raise InputError(f'{place}: {name_fault(name)}')
        if not is_below(name, root):
            raise InputError(f"{place}: {root_fault(name, root)}: --root names the images' folder, '/' any folder")
    paths = {image['id']: osp.join(root, image['file_name']) for image in content['images']}
    missing = [path for path in paths.values() if '://' not in path and not osp.isfile(path)]
    if missing:
        raise InputError(f'{len(missing):,} of {len(paths):,} images are not there, such as {missing[0]}: --root names '
                         'the folder of the images')
    return paths


def category_ids(content: Mapping, names: Sequence[str], path: str) -> dict[str, int]:
    """The id of each of a detector's classes among the categories of an annotation file.

    Raises:
        InputError: The file has no category of one of the names.
    """
    ids = {category['name']: category['id'] for category in content.get('categories') or ()
           if isinstance(category, dict) and {'name', 'id'} <= category.keys()}
    unknown = [name for name in names if name not in ids]
    if unknown:
        known = f'its categories are {", ".join(map(str, ids))}' if ids else 'it has no categories'
        raise InputError(f"{path} has no category '{unknown[0]}', which is a class of the detector: {known}")
    return {name: ids[name] for name in names}


def box_results(detector: Detector, ids: Mapping[str, int], image_id: int, path: str) -> list[dict] | None:
    """The best :data:`MOST` boxes on an image as COCO results; None if it cannot be read.

    Args:
        ids: ``category_id`` of each class that the detector takes, by its name.
    """
    found = detector.boxes(path, decimals=3)
    return found and [
        dict(image_id=image_id, category_id=ids[detector.names[label]],
             bbox=[x1, y1, round(x2 - x1, 3), round(y2 - y1, 3)], score=round(float(score), 6))
        for (x1, y1, x2, y2), score, label in zip(found.corners[:MOST].tolist(), found.scores, found.labels)]


def has_boxes(content: Mapping[str, Any]) -> bool:
    """Whether an annotation file has boxes to compare with."""
    annotations = content.get('annotations')
    return bool(annotations) and all(
        isinstance(each, dict) and {'image_id', 'category_id', 'bbox'} <= each.keys() for each in annotations)
