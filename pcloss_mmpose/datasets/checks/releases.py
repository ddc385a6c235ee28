"""The data sets that an official release, or a config, trains and tests on: fragments of configs, with row counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Callable, Iterator, Mapping

import mmengine.fileio as fileio
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from ..formats.deepfashion import SPLITS
from ..formats.fashionai import PAPER_IMAGES, VAL_IMAGES
from .fashionai_release import chosen_files, found_release
from .report import Finding


def _nothing(dataset: BaseCocoStyleDataset) -> Iterator[Finding]:
    yield from ()


@dataclass(frozen=True)
class Split:
    """One data set to be built.

    Attributes:
        name: 'train', 'val' and so on.
        config: For MMPose's DATASETS.
        counts: Official numbers of rows, by what is counted: :data:`ROWS` for the whole split, or the name of a
            category. Empty where there is nothing to compare with.
        source: Where those numbers are from.
        remarks: What else there is to say of the data set, once it is read.
    """

    name: str
    config: Mapping[str, Any]
    counts: Mapping[str, int] = field(default_factory=dict)
    source: str = 'the official release'
    remarks: Callable[[BaseCocoStyleDataset], Iterator[Finding]] = _nothing


#: Key of :attr:`Split.counts`.
ROWS = 'rows'

DEEPFASHION_ROWS = {'train': 209222, 'val': 40000, 'test': 40000}
FLD_ROWS = {'train': 83033, 'val': 19992, 'test': 19992}

#: Persons with keypoints, as MMPose trains and validates on them, and boxes of the detector (person AP 56.4): what
#: HRNet's and SimplePose's public logs report for these files.
COCO_ROWS = {'train': 149813, 'val': 6352, 'val, detected boxes': 104125}


def _fashionai(root: str) -> list[Split]:
    config = dict(type='FashionAIDataset', data_root=root, ann_file=chosen_files(root))
    counts = {'train': {ROWS: PAPER_IMAGES['train']}, 'val': {ROWS: PAPER_IMAGES['val'], **VAL_IMAGES}}
    return [Split(subset, dict(config, subset=subset), counts[subset], 'the paper', partial(found_release, root))
            for subset in counts]


def _deepfashion(root: str) -> list[Split]:
    config = dict(type='DeepFashionAttributeDataset', data_root=root)
    return [Split(split, dict(config, split=split), {ROWS: DEEPFASHION_ROWS[split]}) for split in SPLITS]


def _fld(root: str) -> list[Split]:
    config = dict(type='FLDDataset', data_root=root)
    return [Split(split, dict(config, split=split), {ROWS: FLD_ROWS[split]}) for split in SPLITS]


def _deepfashion2(root: str) -> list[Split]:
    return [Split(split, dict(type='DeepFashion2Dataset', data_root=root, ann_file=f'{split}/annos',
                              data_prefix=dict(img=f'{split}/image'), test_mode=split != 'train'))
            for split in ('train', 'validation')]


def _coco(root: str) -> list[Split]:
    train, val = (
        dict(type='CocoDataset', data_root=root, ann_file=f'annotations/person_keypoints_{split}2017.json',
             data_prefix=dict(img=f'{split}2017/')) for split in ('train', 'val'))
    # MMPose joins the root to every path but this one.
    boxes = fileio.join_path(root, 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json')
    configs = train, val, dict(val, bbox_file=boxes, test_mode=True)
    return [Split(name, config, {ROWS: rows}) for config, (name, rows) in zip(configs, COCO_ROWS.items())]


#: The splits of each official release, given its root.
RELEASES: dict[str, Callable[[str], list[Split]]] = {
    'fashionai': _fashionai, 'deepfashion': _deepfashion, 'deepfashion2': _deepfashion2, 'fld': _fld, 'coco': _coco}


def config_splits(config: Mapping[str, Any]) -> list[Split]:
    """What a config of MMPose trains, validates and tests on; wrappers such as ``CombinedDataset`` are opened.

    A data set that an earlier split has already, but for its pipeline, is left out.
    """
    splits: list[Split] = []
    for name in ('train', 'val', 'test'):
        loader = config.get(f'{name}_dataloader') or {}
        for leaf in leaves(loader.get('dataset') or {}):
            if leaf not in [split.config for split in splits]:
                splits.append(Split(name, leaf))
    return splits


def leaves(config: Mapping[str, Any]) -> Iterator[dict]:
    """The data sets inside wrappers, without what does not decide their rows.

    What is read is the same for both modes of data; one row a garment is what can be checked.
    """
    inner = config.get('datasets') or ([config['dataset']] if 'dataset' in config else None)
    if inner is None:
        if config:
            yield {key: value for key, value in config.items() if key not in ('pipeline', 'data_mode')}
        return
    for part in inner:
        yield from leaves(part)
