"""COCO keypoint annotations from a reader's rows, for other tools and for MMPose's ``CocoDataset``.

Images and annotations are numbered from 1, one more than the reader's ``id``: pycocotools' evaluation takes a match
with annotation 0 for no match.
"""

from __future__ import annotations

import contextlib
import io
import os.path as osp
import pprint
from typing import Iterable, Mapping, Sequence

import numpy as np
from PIL import Image
from xtcocotools.coco import COCO

from ...errors import BrokenImageError
from ...metainfo import coco_box, landmark_names
from ..base import GarmentDataset

Size = Sequence[int]

_ORIENTATION = 0x0112  # EXIF; 5 to 8 swap width and height
_SWAPPED = (5, 6, 7, 8)


def image_size(path: str) -> tuple[int, int]:
    """Width and height in pixels of an image as it is loaded, upright, from its header.

    Raises:
        BrokenImageError: There is no such file, or it has no image's header. A truncated image is not found.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            return (height, width) if image.getexif().get(_ORIENTATION) in _SWAPPED else (width, height)
    except FileNotFoundError:
        raise BrokenImageError(path, 'no such file') from None
    except Exception as error:  # decoders raise what they like
        raise BrokenImageError(path, f'no readable image ({type(error).__name__})') from error


def image_sizes(paths: Iterable[str]) -> tuple[list[tuple[int, int]], list[BrokenImageError]]:
    """:func:`image_size` of every image that can be read, and an error for every other one."""
    sizes, broken = [], []
    for path in paths:
        try:
            sizes.append(image_size(path))
        except BrokenImageError as error:
            broken.append(error)
    return sizes, broken


def to_coco(dataset: GarmentDataset, sizes: Sequence[Size], root: str) -> dict:
    """A reader's rows as the content of a COCO keypoint file.

    An annotation has COCO's keys, ``category`` (the name) and, on FLD, ``variation``. Where the raw files have no box,
    it is the whole image.

    Args:
        dataset: The reader.
        sizes: Width and height of each row's image, in pixels.
        root: The folder that ``file_name`` is to be relative to.
    """
    metainfo = dataset.metainfo
    landmarks = landmark_names(metainfo)
    skeleton = [[first + 1, second + 1] for first, second in metainfo['skeleton_links']]  # COCO counts from 1 here
    images, annotations = [], []
    for index, size in enumerate(sizes):
        info = dataset.get_data_info(index)
        number = info['id'] + 1
        name = osp.relpath(info['img_path'], root)
        images.append(dict(id=number, file_name=name, width=size[0], height=size[1]))
        annotation = dict(info['raw_ann_info'], id=number, image_id=number, **_box(info, size))
        for key in ('keypoints', 'bbox'):
            annotation[key] = [int(value) if value.is_integer() else value for value in annotation[key]]
        del annotation['image_name']
        annotations.append(annotation)
    return dict(
        info=dict(description=metainfo['dataset_name']),
        images=images,
        annotations=annotations,
        categories=[dict(category, keypoints=landmarks, skeleton=skeleton) for category in metainfo['CLASSES']])


def check_coco(path: str, dataset: GarmentDataset, sizes: Sequence[Size], root: str) -> None:
    """Read a COCO file back and compare it with what the reader gives, row by row.

    Arguments but the first are those of :func:`to_coco`.

    Raises:
        ValueError: The number of images, or a file's name, size, landmarks, visibility, box or category differs.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # COCO reports its progress
        coco = COCO(path)
    if not len(coco.imgs) == len(coco.anns) == len(dataset):
        raise ValueError(f'{path}: {len(coco.imgs)} images and {len(coco.anns)} annotations, '
                         f'but the raw files have {len(dataset)}')
    for index, size in enumerate(sizes):
        info = dataset.get_data_info(index)
        image, (annotation, ) = coco.imgs[info['id'] + 1], coco.imgToAnns[info['id'] + 1]
        raw = info['raw_ann_info']
        for what, found, expected in (
                ('file_name', osp.normpath(osp.join(root, image['file_name'])), osp.normpath(info['img_path'])),
                ('size', [image['width'], image['height']], list(size)),
                ('keypoints', annotation['keypoints'], raw['keypoints']),
                ('bbox', annotation['bbox'], _box(info, size)['bbox']),
                ('category', coco.cats[annotation['category_id']]['name'], raw['category'])):
            if found != expected:
                raise ValueError(f'{path}, image {image["id"]}: {what} is {found}, in the raw files {expected}')


def metainfo_source(dataset_info: Mapping) -> str:
    """Text of a Python file that MMPose reads by ``metainfo=dict(from_file=<its absolute path>)``."""
    return f'dataset_info = {pprint.pformat(dict(dataset_info), width=100, sort_dicts=False)}\n'


def _box(info: dict, size: Size) -> dict:
    """COCO's ``bbox`` and ``area`` of a row: its own box, or the whole image."""
    box = info['bbox'] if 'bbox' in info else np.array([[0, 0, *size]], dtype=np.float32)
    return coco_box(box)
