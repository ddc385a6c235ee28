"""The predictions of a test as a file of data: JSON lines, which any program reads and which run nothing.

The first line has ``dataset``, ``landmarks`` (K names), ``flip_pairs`` (the indices of a left and a right landmark
each), ``skeleton_links`` (the indices of two landmarks each, between which the outline goes), ``classes`` (COCO's
categories, if any) and ``images``, the number of lines that follow, one for each garment:

- ``img_path``, ``id`` and ``img_id``;
- ``raw_ann_info``: the annotation as it was read, without outlines;
- ``gt_instances``: ``keypoints`` (1, K, 2), ``keypoints_visible`` (1, K) and ``bboxes`` (1, 4), x1 y1 x2 y2;
- ``pred_instances``: ``keypoints`` (1, K, 2) and ``keypoint_scores`` (1, K). All are in pixels of the image.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmpose.registry import METRICS

from ..errors import FileFormatError, InputError
from ..metainfo import landmark_names, left_right_pairs

PLACE = ('img_path', 'id', 'img_id')
RAW = ('id', 'image_id', 'category', 'category_id', 'keypoints', 'bbox', 'area')
INSTANCES = dict(
    gt_instances=('keypoints', 'keypoints_visible', 'bboxes'), pred_instances=('keypoints', 'keypoint_scores'))


@METRICS.register_module()
class DumpPredictions(BaseMetric):
    """Writes the predictions of a test, see the module; measures nothing.

    Args:
        out_file: Name of the file, ending in .jsonl.
        collect_device: ``'cpu'`` or ``'gpu'``, where several processes collect their results.

    Raises:
        InputError: The name has another ending.
    """

    def __init__(self, out_file: str, collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device)
        if not str(out_file).endswith('.jsonl'):
            raise InputError(f'{out_file}: the name of a file of predictions must end in .jsonl')
        self.out_file = out_file

    def process(self, data_batch, data_samples: Sequence[dict]) -> None:
        """Keep what is written."""
        self.results.extend(map(record, data_samples))

    def compute_metrics(self, results: list[dict]) -> dict:
        """Write it, of all processes."""
        write_predictions(Path(self.out_file), results, self.dataset_meta)
        print_log(f'{self.out_file}: predictions of {len(results)} garments', logger='current')
        return {}


@contextlib.contextmanager
def dumped_predictions(path: str) -> Iterator[None]:
    """Every test writes its predictions to a file.

    Raises:
        InputError: As :class:`DumpPredictions` says, or a test has an evaluator for each of several data sets.
    """
    test, metric = Runner.test, DumpPredictions(path)

    def test_and_dump(runner: Runner):
        loop = runner.test_loop
        if type(loop.evaluator) is not Evaluator:
            raise InputError(f'{path}: {type(loop.evaluator).__name__} measures several data sets, of which only '
                             'MMEngine writes one file: name it .pkl')
        metric.dataset_meta = loop.dataloader.dataset.metainfo
        loop.evaluator.metrics.append(metric)
        return test(runner)

    Runner.test = test_and_dump
    try:
        yield
    finally:
        Runner.test = test


def record(sample: Mapping[str, Any]) -> dict[str, Any]:
    """What is written of a sample as metrics are given it, in Python's own types."""
    raw = sample.get('raw_ann_info')
    return {
        **{key: _plain(sample[key]) for key in PLACE if key in sample},
        **({'raw_ann_info': {key: _plain(raw[key]) for key in RAW if key in raw}} if isinstance(raw, Mapping) else {}),
        **{part: {key: _plain(sample[part][key]) for key in keys if key in sample[part]}
           for part, keys in INSTANCES.items()}}


def write_predictions(path: Path, records: Sequence[Mapping], metainfo: Mapping) -> None:
    """Write records of :func:`record`, and what a parsed metainfo says of them; all or nothing."""
    first = dict(
        dataset=metainfo.get('dataset_name'), landmarks=landmark_names(metainfo), images=len(records),
        flip_pairs=left_right_pairs(metainfo), skeleton_links=list(map(list, metainfo.get('skeleton_links') or ())),
        classes=[dict(id=each['id'], name=each.get('name', '')) for each in metainfo.get('CLASSES') or ()
                 if isinstance(each, Mapping)])
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f'{path.name}.part')
    with new.open('w', encoding='utf-8') as file:
        file.writelines(json.dumps(each) + '\n' for each in (first, *records))
    os.replace(new, path)


def read_predictions(path: Path) -> tuple[list[dict], dict]:
    """Samples as metrics take them, and what a metric asks of a parsed metainfo.

    Raises:
        FileFormatError: A line is not what :func:`write_predictions` writes, or some are missing.
        OSError: There is no such file.
    """
    with path.open('rb') as file:
        lines = (_json(path, number, line) for number, line in enumerate(file, 1))
        first = next(lines, {})
        names = first.get('landmarks')
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise FileFormatError.at(str(path), 'no names of landmarks', 'Test again with --dump.', 1, 'landmarks')
        pairs = {field: first.get(field, []) for field in ('flip_pairs', 'skeleton_links')}  # earlier versions: none
        for field, value in pairs.items():
            if not isinstance(value, list) or not all(_is_pair(pair, len(names)) for pair in value):
                raise FileFormatError.at(str(path), 'no pairs of landmarks', 'Test again with --dump.', 1, field)
        samples = [_sample(path, number, content, len(names)) for number, content in enumerate(lines, 2)]
    if len(samples) != first.get('images'):
        raise FileFormatError.at(str(path), f'{len(samples)} garments, and not {first.get("images")} as the first line '
                                 'says', 'Test again with --dump.')
    classes = [each for each in first.get('classes') or () if isinstance(each, dict) and 'id' in each]
    return samples, dict(dataset_name=str(first.get('dataset')), keypoint_id2name=dict(enumerate(names)),
                         keypoint_name2id={name: k for k, name in enumerate(names)}, CLASSES=classes, **pairs)


def _json(path: Path, number: int, line: bytes) -> dict:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FileFormatError.at(str(path), f'no JSON ({error})', 'Test again with --dump.', number) from error
    if not isinstance(content, dict):
        raise FileFormatError.at(str(path), f'{type(content).__name__} instead of an object', line=number)
    return content


def _is_pair(pair: Any, landmarks: int) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(k in range(landmarks) for k in pair)


def _sample(path: Path, number: int, content: dict, landmarks: int) -> dict:
    shapes = {('gt_instances', 'keypoints'): (1, landmarks, 2), ('gt_instances', 'bboxes'): (1, 4),
              ('pred_instances', 'keypoints'): (1, landmarks, 2)}
    sample = dict(content)
    for part in INSTANCES:
        try:
            sample[part] = {key: np.array(value, dtype=float) for key, value in content[part].items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FileFormatError.at(str(path), f'no numbers ({type(error).__name__}: {error})', line=number,
                                     field=part) from error
    for (part, key), shape in shapes.items():
        found = sample[part].get(key, np.empty(0)).shape
        if found != shape:
            raise FileFormatError.at(str(path), f'an array {found} instead of {shape}', line=number,
                                     field=f'{part}.{key}')
    if not isinstance(content.get('img_path'), str):
        raise FileFormatError.at(str(path), 'no path of the image', line=number, field='img_path')
    if not isinstance(content.get('raw_ann_info', {}), dict):
        raise FileFormatError.at(str(path), 'no annotation', line=number, field='raw_ann_info')
    return sample


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, 'tolist') else value
