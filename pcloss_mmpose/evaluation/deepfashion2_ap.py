"""DeepFashion2's own measure, AP by OKS over its 13 categories, and the file of results that its organisers score."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmpose.registry import METRICS

from ..datasets.formats.deepfashion2 import read_items
from ..errors import InputError
from ..files import write_at_once
from ..metainfo.deepfashion2 import ATTRIBUTES, LANDMARKS, MOST, SHARED_LANDMARKS, SLICES, from_shared
from .oks_ap import Found, Truths, middle, oks_ap


def own_landmarks(values: np.ndarray, category_id: int) -> np.ndarray:
    """Those of a category in a file's order, of (294, n), or of (81, n) shared ones.

    Raises:
        InputError: There are neither 294 nor 81.
    """
    if len(values) == len(LANDMARKS):
        return values[SLICES[category_id - 1]]
    if len(values) == len(SHARED_LANDMARKS):
        return from_shared(values, category_id)
    raise InputError(f'DeepFashion2AP: {len(values)} landmarks; DeepFashion2 has {len(LANDMARKS)}, or '
                     f'{len(SHARED_LANDMARKS)} that its categories share')


def results_file(found: Found) -> Iterator[str]:
    """The content of a file of results as the benchmark's evaluation takes it, in pieces.

    A list of ``image_id``, ``category_id``, ``keypoints`` (x, y, 1 of all 294) and ``score``. The landmarks of other
    categories lie in the :func:`~.oks_ap.middle` of the own ones.
    """
    for row, (image, category_id, points, score) in enumerate(zip(
            found.images.tolist(), found.categories.tolist(), found.landmarks, found.scores.tolist())):
        own = SLICES[category_id - 1]
        points = points[:own.stop - own.start]
        other, *rest = (f'{x!r}, {y!r}, 1' for x, y in (middle(points).tolist(), *points.tolist()))
        keypoints = ', '.join([other] * own.start + rest + [other] * (len(LANDMARKS) - own.stop))
        entry = f'"image_id": {image}, "category_id": {category_id}, "keypoints": [{keypoints}], "score": {score!r}'
        yield (',' if row else '[') + '\n{' + entry + '}'
    yield '\n]\n'


class Kept:
    """What is kept of a sample: nothing that MMEngine looks into when it collects the results.

    Args:
        item: Path of its image, and its own number.
        found: Of this one item, as in :class:`Found`.
        truth: As in :class:`Truths`; None where truths come from files.
    """

    __slots__ = ('item', 'found', 'truth')

    def __init__(self, item: tuple[str, int], found: Sequence, truth: Sequence | None) -> None:
        self.item, self.found, self.truth = item, found, truth


@METRICS.register_module()
class DeepFashion2AP(BaseMetric):
    """AP of DeepFashion2's benchmark: by OKS with its sigmas, the mean over its 13 categories; as fractions of 1.

    The keys are those of :func:`~pcloss_mmpose.evaluation.oks_ap.oks_ap`. ``AP`` counts visible and occluded landmarks,
    as published figures do, ``visible/AP`` the visible ones. Set ``save_best='AP', rule='greater'`` for it.

    For models of 294 landmarks or of the 81 shared ones. The score of a prediction is that of its box times the mean
    over those of its category's landmarks. An item that occurs twice, as where several processes share the data, counts
    once.

    Args:
        ann_file: The folder of annotations of the whole split, such as ``data/deepfashion2/validation/annos``, whose
            items are all to be found. It is needed where the boxes come from a file of detections. None: the items of
            the samples themselves are to be found.
        subsets: Give the figures by scale, occlusion, zoom and viewpoint too, which takes twice as long.
        out_file: A .json to write, that the benchmark's own evaluation takes. What is there is replaced.
        collect_device: ``'cpu'`` or ``'gpu'``, where several processes collect their results.
        prefix: Put before the keys, with a slash.

    Raises:
        InputError: ``out_file`` does not end in .json or its folder does not exist, a sample is not one of
            DeepFashion2's or has no annotation, images of several splits have the same number, the model has another
            number of landmarks, or as ``oks_ap`` says.
        FileFormatError: The annotations are faulty.
    """

    default_prefix = ''

    def __init__(self,
                 ann_file: str | None = None,
                 subsets: bool = True,
                 out_file: str | None = None,
                 collect_device: str = 'cpu',
                 prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.subsets, self.out_file = subsets, None if out_file is None else Path(out_file)
        if self.out_file and self.out_file.suffix != '.json':
            raise InputError(f"out_file must end in .json, got '{out_file}'")
        if self.out_file and not self.out_file.absolute().parent.is_dir():
            raise InputError(f"out_file: there is no folder '{self.out_file.absolute().parent}'; make it first")
        self.ann_file, self.items = ann_file, None if ann_file is None else read_items(ann_file)

    def process(self, data_batch, data_samples: Sequence[dict]) -> None:
        """Keep the item of each sample, and its truth where there is no ``ann_file``."""
        self.results.extend(map(self._kept, data_samples))

    def _kept(self, sample: Mapping[str, Any]) -> Kept:
        raw = sample.get('raw_ann_info')
        category_id = sample.get('category_id', (raw or {}).get('category_id'))
        if category_id not in range(1, len(SLICES) + 1):
            raise InputError(f"DeepFashion2AP: {sample.get('img_path')} has the category_id {category_id!r} instead of "
                             f"1 to {len(SLICES)}; it is for a DeepFashion2Dataset, with 'category_id' among the "
                             'meta_keys of PackPoseInputs')
        found = sample['pred_instances']
        box_scores = found.get('bbox_scores', sample['gt_instances'].get('bbox_scores', [1.]))
        own = own_landmarks(np.column_stack([found['keypoints'][0][:, :2], found['keypoint_scores'][0]]), category_id)
        image, score = int(sample['img_id']), float(box_scores[0] * own[:, 2].mean())
        return Kept((str(sample.get('img_path')), int(sample['id'])), (image, category_id, _padded(own[:, :2]), score),
                    self._truth(sample) if self.items is None else None)

    def _truth(self, sample: Mapping[str, Any]) -> tuple:
        raw = sample.get('raw_ann_info')
        if not raw:
            raise InputError(f"DeepFashion2AP: {sample.get('img_path')} has no annotation, as where boxes come from a "
                             'file of detections; set ann_file to the folder of the annotations')
        x, y, width, height = raw['bbox']
        landmarks = own_landmarks(np.reshape(raw['keypoints'], (-1, 3)), raw['category_id'])
        attributes = raw.get('attributes', {})  # COCO JSON has none
        return (int(sample['img_id']), raw['category_id'], (x, y, x + width, y + height), _padded(landmarks),
                [attributes.get(attribute, 0) for attribute in ATTRIBUTES])

    def compute_metrics(self, results: list[Kept]) -> dict[str, float]:
        """Figures of the collected items of all processes, see the class; writes the file of results."""
        if not results:
            raise InputError('DeepFashion2AP: nothing was predicted: the data set is empty')
        items = list({kept.item: kept for kept in results}.values())
        paths: dict[int, str] = {}
        for kept in items:
            path, image = kept.item[0], kept.found[0]
            if paths.setdefault(image, path) != path:
                raise InputError(f'DeepFashion2AP: {paths[image]} and {path} have the same number; test one split at a '
                                 'time')
        found = Found(*map(np.array, zip(*(kept.found for kept in items))))
        if self.items is None:
            truths = Truths(*map(np.array, zip(*(kept.truth for kept in items))))
        else:
            truths = Truths(*(getattr(self.items, column) for column in Truths._fields))
            others = np.setdiff1d(found.images, self.items.files)
            if len(others):
                raise InputError(f'DeepFashion2AP: {len(others):,} images were tested of which {self.ann_file} has no '
                                 f'annotation, such as {others[0]:06d}.jpg; set ann_file to the folder of their split')
        figures = oks_ap(truths, found, self.subsets)
        if self.out_file:
            write_at_once(self.out_file, results_file(found))
            print_log(f'DeepFashion2: {len(items):,} results in {self.out_file}', logger='current')
        return figures


def _padded(own: np.ndarray) -> np.ndarray:
    """(39, n), 0 after the last."""
    padded = np.zeros((MOST, own.shape[1]))
    padded[:len(own)] = own
    return padded
