"""Images a second of one worker's training pipeline, from the file to the batch, beside MMPose's transforms.

The worker is a DataLoader's, as in a training: what it makes has to be sent. Both sides crop square boxes to 512x512
with the same random draws. The peer's pipeline is MMPose's own for heatmaps: its TopdownAffine with padding 1, which
does not stretch square boxes, and GenerateTarget. Ours leaves the heatmaps to the training device (the row `targets`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import cv2
import numpy as np
from torch.utils.data import DataLoader, Dataset

from benchmarks.paired import Case
from pcloss_mmpose.configs import load_config

DATA = Path(__file__).parents[2] / 'configs/_base_/datasets/crop_512x512.py'
LANDMARKS, BATCH = 24, 5


class Source(NamedTuple):
    """Photographs: their size, the side of the square box about their centre, and how many a run reads."""

    name: str
    width: int
    height: int
    box: int
    count: int
    difference: float  #: from the peer's pixels, mean over all channels, of 255 levels, at most


SOURCES = (
    Source('512x512, whole (FashionAI)', 512, 512, 512, 40, 0.01),
    Source('300x300, boxes of 200 (DeepFashion)', 300, 300, 200, 40, 0.01),
    Source('960x720, boxes of 700', 960, 720, 700, 40, 0.01),
    Source('3000x4000, boxes of 2900', 3000, 4000, 2900, 10, 4.),
)


class Crops(Dataset):
    """Rows through a pipeline, with the same random draws in each pass."""

    def __init__(self, rows: list[dict], pipeline: Callable) -> None:
        self.rows, self.pipeline = rows, pipeline

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict:
        if index == 0:
            np.random.seed(0)
        return self.pipeline(dict(self.rows[index]))


def cases(device: str, scale: int = 1) -> Iterator[Case]:
    if scale > 1:
        return
    from mmengine.dataset import Compose, pseudo_collate
    from mmengine.registry import init_default_scope
    init_default_scope('mmpose')
    config = load_config(DATA)
    pipelines = [Compose(pipeline) for pipeline in (config.train_pipeline, stock_pipeline(config))]
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for source in SOURCES:
            rows = [data_info(source, Path(folder, f'{source.width}_{number}.jpg'), rng)
                    for number in range(source.count)]
            ours, peer = (DataLoader(Crops(rows, pipeline), batch_size=BATCH, num_workers=1, persistent_workers=True,
                                     collate_fn=pseudo_collate) for pipeline in pipelines)
            yield Case(source.name, lambda loader=ours: list(loader), lambda loader=peer: list(loader),
                       lambda a, b, source=source: check_same(a, b, source.difference), target=0.5,
                       count=source.count, rounds=15)


def stock_pipeline(config) -> list[dict]:
    """MMPose's transforms with the same crop and the same augmentation."""
    jitter = next(step for step in config.train_pipeline if step.type == 'RandomBox')
    return [
        dict(type='LoadImage'), dict(type='GetBBoxCenterScale', padding=1.0),
        dict(type='RandomFlip', direction='horizontal'), dict(jitter, type='RandomBBoxTransform'),
        dict(type='TopdownAffine', input_size=config.codec.input_size),
        dict(type='GenerateTarget', encoder=config.codec), dict(type='PackPoseInputs', pack_transformed=True)]


def data_info(source: Source, path: Path, rng: np.random.Generator) -> dict:
    """A photograph, written to the path, and what a data set says of it."""
    cv2.imwrite(str(path), photograph(source.width, source.height, rng), [cv2.IMWRITE_JPEG_QUALITY, 90])
    corner = np.array([source.width - source.box, source.height - source.box]) / 2
    return dict(
        id=0, img_id=0, img_path=str(path), bbox=np.float32([[*corner, *(corner + source.box)]]),
        bbox_score=np.ones(1, np.float32), flip_indices=list(range(LANDMARKS)),
        keypoints=(corner + source.box * rng.random((1, LANDMARKS, 2))).astype(np.float32),
        keypoints_visible=np.ones((1, LANDMARKS), np.float32))


def photograph(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Clouds of all sizes with equal contrast each, as photographs have it, (height, width, 3) uint8.

    As JPEG of quality 90, 1.5 to 2 bits a pixel.
    """
    image, cells = np.full((height, width, 3), 128, np.float32), 4
    while cells < max(width, height) / 2:
        size = (max(2, cells * width // max(width, height)), max(2, cells * height // max(width, height)))
        grey, color = (rng.normal(size=(*size[::-1], channels)).astype(np.float32) for channels in (1, 3))
        image += cv2.resize(10 * grey + 4 * color, (width, height), interpolation=cv2.INTER_CUBIC)
        cells *= 2
    return image.clip(0, 255).astype(np.uint8)


def check_same(ours: list[dict], stock: list[dict], difference: float) -> None:
    found = []
    for own, other in zip(ours, stock):
        for pair in zip(own['data_samples'], other['data_samples']):
            points, expected = (sample.gt_instances.transformed_keypoints for sample in pair)
            np.testing.assert_allclose(points, expected, rtol=0, atol=1e-3)
        found += [(a.float() - b.float()).abs().mean().item() for a, b in zip(own['inputs'], other['inputs'])]
    assert max(found) <= difference, f'the pixels differ by {max(found):.2f} levels'
