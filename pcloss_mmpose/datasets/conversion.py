"""COCO JSON of raw files: which files a layout gives, and how each is written and compared with its source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Iterator, Sequence

from .base import GarmentDataset
from .deepfashion import DeepFashionAttributeDataset, FLDDataset
from .fashionai import FashionAIDataset
from .formats.coco import Size, check_coco, to_coco
from .formats.deepfashion import SPLITS, read_partition
from .formats.fashionai import train_files

READERS = {'fashionai': FashionAIDataset, 'deepfashion': DeepFashionAttributeDataset, 'fld': FLDDataset}


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
    """
    reader, csvs = READERS[layout], list(csvs or train_files())
    if layout == 'fashionai':
        if each:
            return {Path(csv).stem: reader(csv, data_root=root) for csv in csvs}
        return {subset: reader(csvs, data_root=root, subset=subset) for subset in ('train', 'val')}
    _, splits = read_partition(reader(data_root=root, lazy_init=True).partition_file)
    return {split: reader(data_root=root, split=split) for split in SPLITS if split in splits}


def rows_of(part: GarmentDataset) -> Iterator[dict]:
    """The data infos of a reader, in order."""
    return (part.get_data_info(index) for index in range(len(part)))


def write_coco(path: Path, part: GarmentDataset, sizes: Sequence[Size], root: str) -> None:
    """Write a part as COCO JSON under a passing name, read it back, and give it its name.

    Raises:
        FileFormatError: What was read back is not what the reader has.
    """
    unchecked = path.with_suffix('.json.part')
    try:
        unchecked.write_text(json.dumps(to_coco(rows_of(part), sizes, part.metainfo, root)))
        check_coco(str(unchecked), rows_of(part), sizes, root)
        unchecked.replace(path)
    finally:
        unchecked.unlink(missing_ok=True)
