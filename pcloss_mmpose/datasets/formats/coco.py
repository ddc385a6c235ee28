"""COCO keypoint annotations from a reader's rows, for other tools and for MMPose's ``CocoDataset``.

A row is what :class:`~pcloss_mmpose.datasets.base.GarmentDataset` gives as data info. Images and annotations are
numbered from 1: pycocotools' evaluation takes a match with annotation 0 for no match.
"""

from __future__ import annotations

import contextlib
import io
import os.path as osp
import pprint
from typing import Iterable, Mapping, Sequence

import numpy as np
from pycocotools.coco import COCO

from ...errors import FileFormatError
from ...metainfo import coco_box, landmark_names

Size = Sequence[int]  # width and height in pixels


def to_coco(rows: Iterable[Mapping], sizes: Sequence[Size], metainfo: Mapping, root: str, first_image: int = 0) -> dict:
    """The content of a COCO keypoint file.

    An annotation has COCO's keys, ``category`` (the name) and, where the raw files have them, ``variation`` or
    ``attributes``. Where the raw files have no box, it is the whole image.

    Args:
        rows: The reader's rows.
        sizes: The size of each row's image.
        metainfo: The reader's, parsed, with ``CLASSES``.
        root: The folder that ``file_name`` is to be relative to.
        first_image: The lowest number that an image can have in the rows.
    """
    landmarks = landmark_names(metainfo)
    skeleton = [[first + 1, second + 1] for first, second in metainfo['skeleton_links']]  # COCO counts from 1 here
    images, annotations = {}, []
    for info, size in zip(rows, sizes):
        number = info['img_id'] + 1 - first_image
        name = osp.relpath(info['img_path'], root)
        images[number] = dict(id=number, file_name=name, width=size[0], height=size[1])
        annotation = dict(info['raw_ann_info'], id=info['id'] + 1, image_id=number, **_box(info, size))
        for key in ('keypoints', 'bbox'):
            annotation[key] = [int(value) if value.is_integer() else value for value in annotation[key]]
        del annotation['image_name']
        annotations.append(annotation)
    return dict(
        info=dict(description=metainfo['dataset_name']),
        images=list(images.values()),
        annotations=annotations,
        categories=[dict(category, keypoints=landmarks, skeleton=skeleton) for category in metainfo['CLASSES']])


def check_coco(path: str, rows: Iterable[Mapping], sizes: Sequence[Size], root: str, first_image: int = 0) -> None:
    """Read a COCO file back and compare it with the rows that it was made of.

    Args:
        path: The file.
        rows: As for :func:`to_coco`.
        sizes: Alike.
        root: Alike.
        first_image: Alike.

    Raises:
        FileFormatError: The number of images, or a file's name, size, landmarks, visibility, box or category differs.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # COCO reports its progress
        coco = COCO(path)
    if len(coco.anns) != len(sizes):
        raise FileFormatError.at(path, f'{len(coco.imgs)} images and {len(coco.anns)} annotations, but the raw files '
                                 f'have {len(sizes)}')
    images = set()
    for info, size in zip(rows, sizes):
        number = info['img_id'] + 1 - first_image
        images.add(number)
        if number not in coco.imgs or info['id'] + 1 not in coco.anns:
            raise FileFormatError.at(path, f'{len(coco.imgs)} images and {len(coco.anns)} annotations, and no image '
                                     f"{number} or no annotation {info['id'] + 1} among them")
        image, annotation = coco.imgs[number], coco.anns[info['id'] + 1]
        raw = info['raw_ann_info']
        for what, found, expected in (
                ('image', annotation['image_id'], number),
                ('file_name', osp.normpath(osp.join(root, image['file_name'])), osp.normpath(info['img_path'])),
                ('size', [image['width'], image['height']], list(size)),
                ('keypoints', annotation['keypoints'], raw['keypoints']),
                ('bbox', annotation['bbox'], _box(info, size)['bbox']),
                ('category', coco.cats[annotation['category_id']]['name'], raw['category'])):
            if found != expected:
                raise FileFormatError.at(f'{path}, image {image["id"]}',
                                         f'{what} is {found}, in the raw files {expected}')
    if len(coco.imgs) != len(images):
        raise FileFormatError.at(path, f'{len(coco.imgs)} images, but the raw files have {len(images)}')


def metainfo_source(dataset_info: Mapping) -> str:
    """Text of a Python file that MMPose reads by ``metainfo=dict(from_file=<its absolute path>)``."""
    return f'dataset_info = {pprint.pformat(dict(dataset_info), width=100, sort_dicts=False)}\n'


def _box(info: Mapping, size: Size) -> dict:
    """COCO's ``bbox`` and ``area`` of a row: its own box, or the whole image."""
    box = info['bbox'] if 'bbox' in info else np.array([[0, 0, *size]], dtype=np.float32)
    return coco_box(box)
