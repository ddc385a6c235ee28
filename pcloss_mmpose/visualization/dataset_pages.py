"""Pages with images of a data set: as they are annotated, and as they train."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np
from mmengine.dataset import BaseDataset
from mmpose.registry import DATASETS

from ..datasets.checks import Report, row_box, spread
from ..errors import InputError
from ..images import read_image
from ..metainfo import raw_category, raw_visibility
from .grid import MARGIN, draw_grid
from .landmarks import Look, draw_heatmaps, draw_landmarks, is_whole
from .legend import Entry, entries

COLUMNS, ROWS = 4, 6  # of the page: at least so many columns, at most so many rows
IMAGES = 200  # of each split, to choose the page's from
CELL, CELL_WITH_NAMES = 256, 512  # sides in pixels


class Panel(NamedTuple):
    """A picture of a page, and what the legend has to explain of it."""

    picture: np.ndarray  #: (H, W, 3) uint8, BGR
    look: Look
    states: np.ndarray  #: (K,) of each landmark: 0 not drawn, 1 hollow, 2 filled
    box: bool = False  #: whether a box is drawn


def draw_annotation(info: Mapping[str, Any], look: Look, names: bool = False, cell: int = CELL) -> Panel:
    """The image of a data info with its box and landmarks, made for a cell of a page.

    Raises:
        BrokenImageError: It cannot be read.
    """
    image = read_image(info['img_path'])
    known = np.asarray(info['keypoints_visible'])[0]
    known = known.reshape(len(known), -1)[:, 0]  # a converter of landmarks makes a second column
    states = raw_visibility(info.get('raw_ann_info'))
    visible = 2 * (known > 0) if states is None or len(states) != len(known) else states
    box, points = row_box(info), np.asarray(info['keypoints'])[0, :, :2]
    drawn = draw_landmarks(image, points, visible, look, None, box, names, cell - 2 * MARGIN)
    return Panel(drawn, look, visible, box is not None and not is_whole(box, image.shape))


def draw_annotations(reports: Sequence[Report], names: bool = False) -> np.ndarray | None:
    """Some of the decoded images of a check, a category a column; None where nothing annotated was decoded."""
    rows: dict[str, list[tuple[Mapping, Look]]] = {}
    for report in reports:
        if not report.dataset:
            continue
        paths, metainfo = list(report.opened), report.dataset.metainfo
        look = Look.of(metainfo)
        for path in (paths[index] for index in spread(len(paths), IMAGES)):
            for info in map(report.dataset.get_data_info, report.opened[path]):
                if 'raw_ann_info' in info:  # a detector's box has no landmarks
                    category = raw_category(info['raw_ann_info'], metainfo) or ''
                    rows.setdefault(category, []).append((info, look))
    if not rows:
        return None
    cell = cell_side(names)
    times = -(-COLUMNS // len(rows))  # a few categories take several columns each
    titles = list(rows) * times
    columns, panels = [], []
    for number, title in enumerate(titles):
        chosen = [rows[title][index] for index in spread(len(rows[title]), times * ROWS)]
        columns.append([draw_annotation(*row, names, cell) for row in chosen[number // len(rows)::times]])
        panels += columns[-1]
    blank = np.full((8, 8, 3), 255, np.uint8)
    pictures = [[panel.picture if panel else blank for panel in row] for row in zip_longest(*columns)]
    return draw_grid(pictures, titles, cell, legend_of(panels))


def cell_side(names: bool) -> int:
    return CELL_WITH_NAMES if names else CELL


def legend_of(panels: Sequence[Panel]) -> list[Entry]:
    """The legend of annotated pictures, which may be of several data sets."""
    groups: dict[tuple[str, ...], list[Panel]] = {}
    for panel in panels:
        groups.setdefault(tuple(panel.look.names), []).append(panel)
    box = any(panel.box for panel in panels)
    found = dict.fromkeys(entry for group in groups.values() for entry in entries(
        group[0].look, [panel.states for panel in group], 'occluded', box=box))
    return sorted(found, key=lambda entry: entry.mark != 'filled')


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


def draw_crops(dataset: BaseDataset, count: int, crops: int, names: bool = False) -> np.ndarray:
    """A row for each image: as it is annotated, so many of its crops, and the heatmaps of the last one, BGR.

    The images are spread evenly over a data set of :func:`build_training_data`; ``names`` are those of the landmarks.
    """
    look, cell = Look.of(dataset.metainfo), cell_side(names)
    rows, panels = [], []
    for index in np.unique(np.linspace(0, len(dataset) - 1, count).round().astype(int)).tolist():
        annotation = draw_annotation(dataset.get_data_info(index), look, names, cell)
        drawn = [draw_crop(dataset[index], look, names, cell) for _ in range(crops)]
        heatmaps = [drawn[-1][1]] if drawn[-1][1] is not None else []
        rows.append([annotation.picture, *(crop.picture for crop, _ in drawn), *heatmaps])
        panels += [annotation, *(crop for crop, _ in drawn)]
    titles = ['annotation', *(f'crop {number}' for number in range(1, crops + 1))] + ['heatmaps'] * bool(heatmaps)
    return draw_grid(rows, titles, cell, legend_of(panels))


def draw_crop(sample: Mapping[str, Any], look: Look, names: bool = False, cell: int = CELL
              ) -> tuple[Panel, np.ndarray | None]:
    """A packed sample's crop with the landmarks that train, and the crop under its heatmaps if it has any, BGR."""
    crop = sample['inputs'].numpy().transpose(1, 2, 0)
    packed = sample['data_samples']
    points = packed.gt_instances.transformed_keypoints[0, :, :2]
    weights = np.asarray(packed.gt_instance_labels.keypoint_weights)
    states = 2 * (weights.reshape(-1, len(points))[0] > 0)  # of the first level, where there are several
    fields = packed.get('gt_fields')
    heatmaps = fields.get('heatmaps') if fields is not None else None
    overlay = None if heatmaps is None else draw_heatmaps(crop, heatmaps.numpy().reshape(-1, *heatmaps.shape[-2:]))
    drawn = draw_landmarks(crop, points, states, look, names=names, longer=cell - 2 * MARGIN)
    return Panel(drawn, look, states), overlay
