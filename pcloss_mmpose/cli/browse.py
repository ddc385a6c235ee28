"""See what a config trains on: a sheet of pictures with their annotations, augmented crops and heatmaps.

    python tools/browse_dataset.py CONFIG -o sheet.png
    python tools/browse_dataset.py CONFIG -o sheet.png --loader val --count 20 --crops 1

Each row is a picture: as it is annotated (rings are occluded landmarks), then crops as the pipeline draws them, with
the landmarks that train, then the heatmaps of the last crop, the largest of all landmarks at each pixel.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Mapping

import cv2
import mmpose_tool  # first: it makes the package and MMPose importable
import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS

from pcloss_mmpose.datasets.checks import row_visibility
from pcloss_mmpose.visualization import draw_landmarks, heatmap_overlay, picture_grid, read_picture

SIDE = 512  # to which larger pictures are reduced before their landmarks are drawn


def annotated(info: Mapping[str, Any], colors: np.ndarray) -> np.ndarray:
    """The picture of a data info with its landmarks, BGR.

    Raises:
        ValueError: It cannot be read.
    """
    image = read_picture(info['img_path'])
    if image is None:
        raise ValueError(f"{info['img_path']}: not a picture that OpenCV can read")
    points = np.asarray(info['keypoints'])[0, :, :2]
    zoom = min(1., SIDE / max(image.shape[:2]))
    image = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    return draw_landmarks(image, points * zoom, row_visibility(info), colors)


def crop_panels(sample: Mapping[str, Any], colors: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """A packed sample's crop with the landmarks that train, and the crop under its heatmaps if it has any, BGR."""
    crop = sample['inputs'].numpy().transpose(1, 2, 0)
    packed = sample['data_samples']
    points = packed.gt_instances.transformed_keypoints[0, :, :2]
    weights = np.asarray(packed.gt_instance_labels.keypoint_weights)
    weights = weights.reshape(-1, len(points))[0]  # of the first level, where there are several
    fields = packed.get('gt_fields')
    heatmaps = fields.get('heatmaps') if fields is not None else None
    overlay = None if heatmaps is None else heatmap_overlay(crop, heatmaps.numpy().reshape(-1, *heatmaps.shape[-2:]))
    return draw_landmarks(crop, points, 2 * (weights > 0), colors), overlay


def sheet(dataset, count: int, crops: int) -> np.ndarray:
    """Rows of pictures, spread evenly over the data set."""
    colors = dataset.metainfo['keypoint_colors']
    rows = []
    for index in np.unique(np.linspace(0, len(dataset) - 1, count).round().astype(int)):
        panels = [crop_panels(dataset[int(index)], colors) for _ in range(crops)]
        heatmaps = [panels[-1][1]] if panels[-1][1] is not None else []
        rows.append([annotated(dataset.get_data_info(int(index)), colors), *(crop for crop, _ in panels), *heatmaps])
    titles = ['annotation', *(f'crop {number}' for number in range(1, crops + 1))] + ['heatmaps'] * bool(heatmaps)
    return picture_grid(rows, titles)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('-o', '--out', type=Path, default=Path('sheet.png'), help='default: %(default)s')
    parser.add_argument('--loader', choices=('train', 'val', 'test'), default='train', help='default: %(default)s')
    parser.add_argument('--count', type=int, default=8, help='pictures (default: %(default)s)')
    parser.add_argument('--crops', type=int, default=3, help='of each picture (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of the augmentation (default: %(default)s)')
    args = parser.parse_args()
    for name in ('count', 'crops'):
        if getattr(args, name) < 1:
            parser.error(f'--{name} must be at least 1, got {getattr(args, name)}')
    mmpose_tool.check_out_file(parser, args.out, ('.png', '.jpg'))
    with mmpose_tool.readable_errors():
        config = Config.fromfile(args.config)
        init_default_scope(config.get('default_scope', 'mmpose'))
        options = config[f'{args.loader}_dataloader'].dataset
        if 'pipeline' not in options or options.pipeline[-1]['type'] != 'PackPoseInputs':
            raise ValueError(f'the {args.loader} data set, {options.type}, has no pipeline that ends in PackPoseInputs')
        options.pipeline[-1]['pack_transformed'] = True
        if not any(step['type'] == 'GenerateTarget' for step in options.pipeline):
            options.pipeline.insert(-1, dict(type='GenerateTarget', encoder=config.model.head.decoder))
        dataset = DATASETS.build(options)
        np.random.seed(args.seed)
        picture = sheet(dataset, args.count, args.crops)
    cv2.imwrite(str(args.out), picture)
    print(f'{args.out}: {min(args.count, len(dataset))} of {len(dataset)} pictures of the {args.loader} data')


if __name__ == '__main__':
    main()
