"""COCO JSON of raw files: which files a layout gives, and how each is written and compared with its source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Iterator, Sequence

from ..errors import InputError
from ..files import at_once
from .base import GarmentDataset
from .deepfashion import DeepFashionAttributeDataset, FLDDataset
from .deepfashion2 import DeepFashion2Dataset
from .fashionai import FashionAIDataset
from .formats.coco import Size, check_coco, to_coco
from .formats.deepfashion import SPLITS, read_partition
from .formats.fashionai import train_files

READERS = {'fashionai': FashionAIDataset, 'deepfashion': DeepFashionAttributeDataset,
           'deepfashion2': DeepFashion2Dataset, 'fld': FLDDataset}
DEEPFASHION2_SPLITS = ('train', 'validation')


def read_parts(layout: str, root: str, csvs: Sequence[str] | None = None, each: bool = False
               ) -> dict[str, GarmentDataset]:
    """A reader for each JSON to be written, by the name of the JSON.

    Args:
        layout: A key of :data:`READERS`.
        root: The folder of the raw files.
        csvs: FashionAI's files, relative to the root; None for those of :func:`train_files`.
        each: FashionAI: a part for each CSV, of its name, instead of the paper's train and val.

    Raises:
        FileFormatError: A raw file is missing or faulty.
        InputError: No split of DeepFashion2 is there.
    """
    reader, csvs = READERS[layout], list(csvs or train_files())
    if layout == 'fashionai':
        if each:
            return {Path(csv).stem: reader(csv, data_root=root) for csv in csvs}
        return {subset: reader(csvs, data_root=root, subset=subset) for subset in ('train', 'val')}
    if layout == 'deepfashion2':
        there = [split for split in DEEPFASHION2_SPLITS if (Path(root) / split / 'annos').is_dir()]
        if not there:
            raise InputError(f'{root}: neither train/annos nor validation/annos is in it')
        return {split: reader(ann_file=f'{split}/annos', data_root=root, data_prefix=dict(img=f'{split}/image'),
                              test_mode=True) for split in there}  # which leaves out no item without landmarks
    _, splits = read_partition(reader(data_root=root, lazy_init=True).partition_file)
    return {split: reader(data_root=root, split=split) for split in SPLITS if split in splits}


def rows_of(part: GarmentDataset) -> Iterator[dict]:
    """The data infos of a reader, in order."""
    return (part.get_data_info(index) for index in range(len(part)))


def coco_text(part: GarmentDataset, sizes: Sequence[Size], root: str) -> str:
    """The COCO JSON of a part, whose images have these sizes."""
    return json.dumps(to_coco(rows_of(part), sizes, part.metainfo, root, part.first_image))


def is_written(path: Path, part: GarmentDataset, root: str) -> bool:
    """Whether a file is what :func:`write_coco` writes of this part, but for the sizes of the images."""
    try:
        text = path.read_text(encoding='utf-8')
        of_images = {image['id']: (image['width'], image['height']) for image in json.loads(text)['images']}
        sizes = [of_images[row['img_id'] + 1 - part.first_image] for row in rows_of(part)]
    except (ValueError, TypeError, LookupError, RecursionError):  # of any other file
        return False
    return text == coco_text(part, sizes, root)


def write_coco(path: Path, part: GarmentDataset, sizes: Sequence[Size], root: str) -> None:
    """Write a part as COCO JSON under a passing name, read it back, and give it its name.

    Raises:
        FileFormatError: What was read back is not what the reader has.
    """
    with at_once(path) as unchecked:
        unchecked.write_text(coco_text(part, sizes, root), encoding='utf-8')
        check_coco(str(unchecked), rows_of(part), sizes, root, part.first_image)
