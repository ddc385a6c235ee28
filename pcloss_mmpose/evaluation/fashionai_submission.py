"""The file of results that FashionAI's organisers score: the columns of its annotations, with predictions in them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmpose.registry import METRICS

from ..datasets.formats.fashionai import HEADER
from ..errors import InputError
from ..files import at_once
from ..metainfo.fashionai import CATEGORY_LANDMARKS, LANDMARKS

NOT_DEFINED = '-1_-1_-1'


def submission_row(name: str, category: str, points: np.ndarray) -> list[str]:
    """One line of the file.

    Args:
        name: ``image_id``, as in the test file.
        category: One of FashionAI's five; the landmarks that it lacks are ``-1_-1_-1``.
        points: (24, 2) predicted x, y in pixels of the original image. They are rounded to whole pixels, as the
            annotations are, and those left of or above the image are put on its edge, where they are nearer to
            every true place. Visibility is 1: it is not scored.

    Returns:
        26 cells: name, category, and ``x_y_v`` of each landmark.

    Raises:
        InputError: A landmark of the category is not finite.
    """
    own = CATEGORY_LANDMARKS[category]
    if not np.isfinite(points[list(own)]).all():
        raise InputError(f'{name}: a predicted landmark is not finite: a diverged model')
    cells = [NOT_DEFINED] * len(LANDMARKS)
    for k in own:
        x, y = np.maximum(np.rint(points[k]), 0).astype(int)
        cells[k] = f'{x}_{y}_1'
    return [name, category, *cells]


@METRICS.register_module()
class FashionAISubmission(BaseMetric):
    """Writes what a model finds on FashionAI's test images, in place of a measure: their annotations are not needed.

    For a ``test_dataloader`` with a :class:`~pcloss_mmpose.datasets.FashionAIDataset`. Result: ``submission_images``,
    the number of lines.

    Args:
        out_file: The CSV to write, with header, in the order of the test set. What is there is replaced.

    Raises:
        InputError: ``out_file`` does not end in .csv, its folder does not exist, or a sample is not one of FashionAI's.
    """

    def __init__(self, out_file: str, collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device)
        self.out_file = Path(out_file)
        if self.out_file.suffix != '.csv':
            raise InputError(f"out_file must end in .csv, got '{out_file}'")
        if not self.out_file.absolute().parent.is_dir():
            raise InputError(f"out_file: there is no folder '{self.out_file.absolute().parent}'; make it first")

    def process(self, data_batch, data_samples: Sequence[dict]) -> None:
        """Keep the line of each sample."""
        for sample in data_samples:
            raw = sample.get('raw_ann_info') or {}
            name, category = raw.get('image_name'), raw.get('category')
            points = np.asarray(sample['pred_instances']['keypoints'])[0, :, :2]
            if name is None or category not in CATEGORY_LANDMARKS or len(points) != len(LANDMARKS):
                raise InputError('FashionAISubmission needs the samples of a FashionAIDataset and 24 landmarks; '
                                 f"{sample.get('img_path')} has {len(points)} landmarks and the category {category!r}")
            self.results.append(submission_row(name, category, points))

    def compute_metrics(self, results: list[list[str]]) -> dict[str, float]:
        """Write the lines of all processes."""
        with at_once(self.out_file) as part, part.open('w', newline='', encoding='utf-8') as file:
            csv.writer(file, lineterminator='\n').writerows([HEADER, *results])
        print_log(f'FashionAI submission: {len(results)} lines in {self.out_file}', logger='current')
        return dict(submission_images=float(len(results)))
