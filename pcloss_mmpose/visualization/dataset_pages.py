"""Pages with images of a data set: as they are annotated, and as they train."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, Mapping, Sequence

import cv2
import numpy as np
from mmengine.dataset import BaseDataset
from mmpose.registry import DATASETS

from ..datasets.checks import Report, row_box, spread
from ..errors import InputError
from ..images import read_image
from ..metainfo import raw_category, raw_visibility
from .landmarks import draw_grid, draw_heatmaps, draw_landmarks

COLUMNS, ROWS = 4, 6  # of the page: at least so many columns, at most so many rows
IMAGES = 200  # of each split, to choose the page's from
BOX_COLOR = (255, 0, 255)


def draw_annotation(info: Mapping[str, Any], colors: np.ndarray) -> np.ndarray:
    """The image of a data info with its box and landmarks, (H, W, 3) uint8, BGR; ``colors`` (K, 3) are RGB.

    Raises:
        BrokenImageError: It cannot be read.
    """
    image = read_image(info['img_path'])
    box = row_box(info)
    if box is not None:
        x1, y1, x2, y2 = (int(value) for value in box.round())
        cv2.rectangle(image, (x1, y1), (x2, y2), BOX_COLOR, max(1, max(image.shape[:2]) // 200))
    known = np.asarray(info['keypoints_visible'])[0]
    known = known.reshape(len(known), -1)[:, 0]  # a converter of landmarks makes a second column
    states = raw_visibility(info.get('raw_ann_info'))
    visible = 2 * (known > 0) if states is None or len(states) != len(known) else states
    return draw_landmarks(image, np.asarray(info['keypoints'])[0, :, :2], visible, colors)


def draw_annotations(reports: Sequence[Report]) -> np.ndarray | None:
    """Some of the decoded images of a check, a category a column; None where nothing annotated was decoded."""
    rows: dict[str, list[tuple[Mapping, np.ndarray]]] = {}
    for report in reports:
        paths, metainfo = list(report.opened), report.dataset.metainfo if report.dataset else {}
        for path in (paths[index] for index in spread(len(paths), IMAGES)):
            for info in map(report.dataset.get_data_info, report.opened[path]):
                if 'raw_ann_info' in info:  # a detector's box has no landmarks
                    category = raw_category(info['raw_ann_info'], metainfo) or ''
                    rows.setdefault(category, []).append((info, metainfo['keypoint_colors']))
    if not rows:
        return None
    times = -(-COLUMNS // len(rows))  # a few categories take several columns each
    titles = list(rows) * times
    columns = []
    for number, title in enumerate(titles):
        chosen = [rows[title][index] for index in spread(len(rows[title]), times * ROWS)]
        columns.append([draw_annotation(*row) for row in chosen[number // len(rows)::times]])
    blank = np.full((8, 8, 3), 255, np.uint8)
    return draw_grid(list(zip_longest(*columns, fillvalue=blank)), titles)


def build_training_data(config: Mapping[str, Any], loader: str) -> BaseDataset:
    """A data set of a config, whose samples have landmarks in the crop and, where the codec makes them, heatmaps.

    Args:
        config: MMEngine's config of a top-down model.
        loader: 'train', 'val' or 'test'.

    Raises:
        InputError: The config has no such data set, or its pipeline is not that of a top-down model.
    """
    options = (config.get(f'{loader}_dataloader') or {}).get('dataset') or {}
    pipeline = options.get('pipeline') or [{}]
    if pipeline[-1].get('type') not in ('PackPoseInputs', 'PackCrop'):
        raise InputError(f"the {loader} data set, {options.get('type', 'which is missing')}, has no pipeline that ends "
                         'in PackPoseInputs')
    pipeline[-1]['pack_transformed'] = True
    if not any(step['type'] == 'GenerateTarget' for step in pipeline):
        decoder = config.get('model', {}).get('head', {}).get('decoder')
        if decoder is None:
            raise InputError('the model has no head with a decoder, which would make the targets')
        pipeline.insert(-1, dict(type='GenerateTarget', encoder=decoder))
    return DATASETS.build(options)


def draw_crops(dataset: BaseDataset, count: int, crops: int) -> np.ndarray:
    """A row for each image: as it is annotated, so many of its crops, and the heatmaps of the last one, BGR.

    The images are spread evenly over a data set of :func:`build_training_data`.
    """
    colors = dataset.metainfo['keypoint_colors']
    rows = []
    for index in np.unique(np.linspace(0, len(dataset) - 1, count).round().astype(int)).tolist():
        panels = [draw_crop(dataset[index], colors) for _ in range(crops)]
        heatmaps = [panels[-1][1]] if panels[-1][1] is not None else []
        rows.append([draw_annotation(dataset.get_data_info(index), colors), *(crop for crop, _ in panels), *heatmaps])
    titles = ['annotation', *(f'crop {number}' for number in range(1, crops + 1))] + ['heatmaps'] * bool(heatmaps)
    return draw_grid(rows, titles)


def draw_crop(sample: Mapping[str, Any], colors: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """A packed sample's crop with the landmarks that train, and the crop under its heatmaps if it has any, BGR."""
    crop = sample['inputs'].numpy().transpose(1, 2, 0)
    packed = sample['data_samples']
    points = packed.gt_instances.transformed_keypoints[0, :, :2]
    weights = np.asarray(packed.gt_instance_labels.keypoint_weights)
    weights = weights.reshape(-1, len(points))[0]  # of the first level, where there are several
    fields = packed.get('gt_fields')
    heatmaps = fields.get('heatmaps') if fields is not None else None
    overlay = None if heatmaps is None else draw_heatmaps(crop, heatmaps.numpy().reshape(-1, *heatmaps.shape[-2:]))
    return draw_landmarks(crop, points, 2 * (weights > 0), colors), overlay
