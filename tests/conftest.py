"""Shared by all tests. Nothing heavy is imported here: where tests run in several processes, one only leads them."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from packaging.version import Version

import pcloss_mmpose  # noqa: F401  (before any test imports MMPose's parts, which fail without it under mmcv-lite)


def pytest_collection_modifyitems(items):
    """Leave out what MMPose itself cannot do."""
    if Version(version('mmpose')) < Version('1.3.2'):
        reason = "MMPose's MSPNHead trains from 1.3.2 on"
        for item in items:
            if 'MSPN' in item.name:
                item.add_marker(pytest.mark.skip(reason=reason))


class MemoryKeeper:
    """Gives memory back when the tests have gathered some: freed models stay with the C library, in pieces."""

    statm = Path('/proc/self/statm')  # on Linux alone
    step = 256 * 2**20

    def __init__(self) -> None:
        self.after_collection = 0

    def resident(self) -> int:
        """Bytes of this process that are in memory."""
        return int(self.statm.read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    def pytest_collection_finish(self):
        gc.collect()
        gc.freeze()  # what was imported: with it, every later collection takes 0.3 s
        self.after_collection = self.resident()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self):
        if self.resident() - self.after_collection > self.step:
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)
            self.after_collection = self.resident()


def pytest_configure(config):
    if MemoryKeeper.statm.exists() and hasattr(ctypes.CDLL(None), 'malloc_trim'):
        config.pluginmanager.register(MemoryKeeper())


@pytest.fixture(autouse=True)
def mmengine_as_at_its_start():
    """Components are found as under MMPose's Runner, and no logger writes to what an earlier test has closed."""
    if 'mmengine' in sys.modules:
        from mmengine.logging import MMLogger
        from mmengine.registry import init_default_scope
        MMLogger._instance_dict.clear()
        init_default_scope('mmpose')


TINY_CONFIG = """
_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
custom_imports = dict(imports=['pcloss_mmpose'], allow_failed_imports=False)
codec = dict(type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=1)
model = dict(
    backbone=dict(depth=18, init_cfg=None),
    head=dict(
        type='PCHeatmapHead', in_channels=512, deconv_out_channels=(16, 16, 16), decoder=codec,
        integral=dict(alpha=10.),
        pc_loss=dict(type='PCLoss', topk=8, partition='left_right', metainfo='CocoDataset', loss_weight=1e-3)),
    test_cfg=dict(flip_test=False))
pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=(64, 64)),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs', pack_transformed=True),
]
loader = dict(
    batch_size=2,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root={root!r}, data_prefix=dict(img=''), bbox_file=None, pipeline=pipeline))
train_dataloader = dict(loader, dataset=dict(loader['dataset'], ann_file='train.json'))
val_dataloader = dict(loader, batch_size=1, dataset=dict(loader['dataset'], ann_file='val.json'))
test_dataloader = val_dataloader
val_evaluator = [dict(type='EPE'), dict(type='PCKAccuracy', thr=0.5, norm_item='bbox'), dict(type='NormalizedError')]
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=1, val_interval=1)
param_scheduler = []
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(save_best='EPE', rule='less'))
randomness = dict(seed=0)
"""


def write_tiny_coco(root: Path, split: str, num_images: int, seed: int) -> None:
    """Write ``<split>.json`` and its pictures: noise of 64 x 64 pixels, one person of 17 random keypoints in each."""
    import cv2
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    images, annotations = [], []
    for index in range(num_images):
        name = f'{split}_{index}.png'
        cv2.imwrite(str(root / name), rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
        keypoints = np.column_stack([rng.uniform(8, 56, (17, 2)), np.full(17, 2)])
        images.append(dict(id=index, file_name=name, width=64, height=64))
        annotations.append(dict(
            id=index, image_id=index, category_id=1, iscrowd=0, area=2304, bbox=[8, 8, 48, 48],
            num_keypoints=17, keypoints=keypoints.ravel().tolist()))
    categories = [dict(id=1, name='person')]
    (root / f'{split}.json').write_text(
        json.dumps(dict(images=images, annotations=annotations, categories=categories)))


@pytest.fixture(scope='session')
def tiny_coco():
    """The writer of small COCO data."""
    return write_tiny_coco


@pytest.fixture(scope='session')
def tiny_config(tmp_path_factory) -> Path:
    """One of MMPose's stock configs with PCLoss, made tiny: ResNet-18 at 64 x 64, 4 images to train, 5 to evaluate."""
    root = tmp_path_factory.mktemp('tiny')
    write_tiny_coco(root, 'train', 4, seed=0)
    write_tiny_coco(root, 'val', 5, seed=1)
    config = root / 'tiny.py'
    config.write_text(TINY_CONFIG.format(root=str(root)))
    return config


LANDMARK_COLUMNS = ' '.join(f'landmark_{v}_{k}' for k in range(1, 9)
                            for v in ('visibility', 'location_x', 'location_y'))


def fashionai_row(name, category, points=None):
    """One CSV row; ``points`` maps landmark ids to cells, all others are not defined."""
    return ','.join([name, category] + [(points or {}).get(k, '-1_-1_-1') for k in range(24)])


def write_fashionai(path, rows, header=True):
    from pcloss_mmpose.datasets.formats.fashionai import HEADER
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(([','.join(HEADER)] if header else []) + list(rows)) + '\n')
    return str(path)


def write_listing(path, columns, rows):
    """A file of DeepFashion's: count, columns, rows padded with blanks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{len(rows)}\n{columns}\n' + ''.join(row.ljust(60) + '\n' for row in rows))


def write_benchmark(root, landmarks, boxes=None, splits=None, anno='Anno', variation=False):
    """The three files of a benchmark.

    ``landmarks``: {name: 'type visibility x y ...'}; by default every box is 10 20 110 220 and every split is train.
    """
    columns = 'image_name clothes_type ' + 'variation_type ' * variation + LANDMARK_COLUMNS
    write_listing(root / anno / 'list_landmarks.txt', columns, [f'{n}  {rest}' for n, rest in landmarks.items()])
    boxes = boxes if boxes is not None else dict.fromkeys(landmarks, '010 020 110 220')
    write_listing(root / anno / 'list_bbox.txt', 'image_name x_1 y_1 x_2 y_2',
                  [f'{n}  {rest}' for n, rest in boxes.items()])
    splits = splits if splits is not None else dict.fromkeys(landmarks, 'train')
    write_listing(root / 'Eval' / 'list_eval_partition.txt', 'image_name evaluation_status',
                  [f'{n}  {rest}' for n, rest in splits.items()])
    return str(root)


def write_image(path, size=(40, 30), seed=0):
    """A smooth JPEG of ``size`` (w, h)."""
    from PIL import Image
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize(size, Image.BICUBIC).save(path, quality=95)
    return str(path)


@pytest.fixture(scope='session')
def raw():
    """The writers, as one namespace."""
    return SimpleNamespace(
        fashionai_row=fashionai_row, fashionai=write_fashionai, listing=write_listing, benchmark=write_benchmark,
        image=write_image)


@pytest.fixture(scope='session')
def shared_data():
    """Folder of real rows and photographs; the test is skipped where it is absent."""
    default = Path(__file__).resolve().parents[2] / 'shared' / 'data'
    folder = Path(os.environ.get('PCLOSS_SHARED_DATA', default))
    if not folder.is_dir():
        pytest.skip('no real data here; PCLOSS_SHARED_DATA names their folder')
    return folder
