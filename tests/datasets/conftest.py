"""Writers of small raw files in the official layouts, and where real rows are kept, if they are."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

from pcloss_mmpose.datasets.fashionai_files import HEADER

LANDMARK_COLUMNS = ' '.join(f'landmark_{v}_{k}' for k in range(1, 9)
                            for v in ('visibility', 'location_x', 'location_y'))


def fashionai_row(name, category, points=None):
    """One CSV row; ``points`` maps landmark ids to cells, all others are not defined."""
    return ','.join([name, category] + [(points or {}).get(k, '-1_-1_-1') for k in range(24)])


def write_fashionai(path, rows, header=True):
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
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize(size, Image.BICUBIC).save(path, quality=95)
    return str(path)


@pytest.fixture(autouse=True)
def mmpose_scope():
    """Pipelines name their transforms as they do under a Runner."""
    init_default_scope('mmpose')


@pytest.fixture(scope='session')
def raw():
    """The writers, as one namespace."""
    return SimpleNamespace(
        fashionai_row=fashionai_row, fashionai=write_fashionai, listing=write_listing, benchmark=write_benchmark,
        image=write_image)


@pytest.fixture(scope='session')
def shared_data():
    """Folder of real rows and photographs; the test is skipped where it is absent."""
    default = Path(__file__).resolve().parents[3] / 'shared' / 'data'
    folder = Path(os.environ.get('PCLOSS_SHARED_DATA', default))
    if not folder.is_dir():
        pytest.skip('no real data here; PCLOSS_SHARED_DATA names their folder')
    return folder
