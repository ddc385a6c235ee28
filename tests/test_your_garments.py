"""docs/your_garments.md as a reader follows it: its files are copied and its commands run, on drawn pictures."""

import argparse
import json
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config, DictAction
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.datasets import CocoDataset
from mmpose.registry import DATASETS, METRICS, MODELS

from pcloss_mmpose.metainfo.fashionai import LANDMARKS
from pcloss_mmpose.synthetic import generate_sample

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / 'docs' / 'your_garments.md').read_text()
CONFIG = 'data/waistcoats/waistcoats_pcloss.py'
FILES = dict(re.findall(r'\*\*`([^`]+)`\*\*[^\n]*\n\n```\w+\n(.*?)```', PAGE, re.DOTALL))
LABELS = json.loads(FILES['data/waistcoats/train.json'])
NAMES = LABELS['categories'][0]['keypoints']

#: FashionAI's landmark on a drawn blouse that stands for each of the page's.
DRAWN = ('neckline_left', 'neckline_right', 'center_front', 'shoulder_left', 'shoulder_right', 'armpit_left',
         'armpit_right', 'top_hem_left', 'top_hem_right')


def blocks(language):
    return re.findall(rf'^```{language}\n(.*?)```', PAGE, re.DOTALL | re.MULTILINE)


def commands(tool):
    """Every command of the page that runs this tool."""
    lines = ''.join(blocks('bash')).replace('\\\n', '').splitlines()
    return [line for line in lines if line.startswith(f'python tools/{tool}.py ')]


def write_labels(root, split, count, seed):
    """Drawn blouses with nine of their landmarks, under names of the page's own, in boxes with a margin."""
    ids = [LANDMARKS.index(name) for name in DRAWN]
    content = dict(images=[], annotations=[], categories=LABELS['categories'])
    for number in range(1, count + 1):
        sample = generate_sample('blouse', (480, 640), seed, number)
        name = f'{split}_{number}.jpg'
        cv2.imwrite(str(root / 'images' / name), sample.image)
        points = sample.keypoints[ids]
        low, high = np.maximum(points.min(axis=0) - 40, 0), np.minimum(points.max(axis=0) + 40, [479, 639])
        content['images'].append(dict(id=number, file_name=name, width=480, height=640))
        content['annotations'].append(dict(
            id=number, image_id=number, category_id=1, iscrowd=0, num_keypoints=len(ids),
            bbox=[*low.tolist(), *(high - low).tolist()],
            keypoints=np.column_stack([points, sample.visibility[ids] + 1]).ravel().tolist()))
    (root / f'{split}.json').write_text(json.dumps(content))


@pytest.fixture(scope='module')
def clone(tmp_path_factory):
    """The page's files in what looks like a clone of the repository, with six pictures to train, three to test."""
    folder = tmp_path_factory.mktemp('clone')
    for name in ('configs', 'tools'):
        (folder / name).symlink_to(ROOT / name)
    (folder / 'data' / 'waistcoats' / 'images').mkdir(parents=True)
    for path, text in FILES.items():
        if path.endswith('.py'):
            (folder / path).write_text(text)
    write_labels(folder / 'data' / 'waistcoats', 'train', 6, seed=1)
    write_labels(folder / 'data' / 'waistcoats', 'val', 3, seed=2)
    return folder


@pytest.fixture(scope='module')
def trained(clone):
    """The page's train and test commands, two iterations of two pictures long: the folder that they wrote to."""
    few = ('--cfg-options train_cfg.max_iters=2 train_cfg.val_interval=2 train_dataloader.batch_size=2 '
           'default_hooks.logger.interval=1')
    environment = dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='',
                       PATH=f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}')
    script = '\n'.join(['set -e', f'{commands("train")[0]} {few}', commands('test')[0]])
    done = subprocess.run(['bash', '-c', script], cwd=clone, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return clone / 'work_dirs' / 'waistcoats_pcloss'


@pytest.fixture
def config(clone):
    """Reads the page's config, or a changed text of it."""
    init_default_scope('mmpose')

    def read(text=None):
        path = clone / CONFIG
        if text is not None:
            path = path.with_name('changed.py')
            path.write_text(text)
        return Config.fromfile(path)

    return read


def test_the_commands_train_test_and_draw(trained):
    training, = trained.glob('*/vis_data/scalars.json')
    *steps, validation = map(json.loads, training.read_text().splitlines())
    assert [step['step'] for step in steps] == [1, 2]
    assert all(math.isfinite(step['loss_pc']) and step['loss_pc'] > 0 for step in steps)
    assert (trained / 'iter_2.pth').exists()

    tested, = trained.glob('*/*.json')
    figures = json.loads(tested.read_text())
    assert {f'NE/{name}' for name in NAMES} | {'NE/waistcoat'} == {key for key in figures if key.startswith('NE/')}
    assert figures['NE'] == pytest.approx(validation['NE'])

    drawn = sorted(trained.glob('*/pictures/*.jpg'))
    assert [path.name for path in drawn] == [f'val_{number}_0.jpg' for number in (1, 2, 3)]


def test_new_photographs(trained, monkeypatch):
    folder = trained.parents[1]
    monkeypatch.chdir(folder)
    shutil.copy(folder / 'data/waistcoats/images/val_1.jpg', 'photo.jpg')
    (trained / 'iter_600.pth').symlink_to(trained / 'iter_2.pth')
    code, = (block for block in blocks('python') if 'inference_topdown' in block)
    results = {}
    exec(code, results)
    assert list(results['found']) == NAMES
    points = np.array(list(results['found'].values()))
    offset = np.abs(points - (240, 320))  # from the centre of the box that was given
    assert (offset <= 1.25 * 520 / 2).all()  # the square crop round it, which two iterations of training do not narrow

    dataset = DATASETS.build(results['model'].cfg.test_dataloader.dataset)  # finds the same in the same box
    label = dict(dataset.get_data_info(0), bbox=np.float32([[90, 60, 390, 580]]))
    with torch.no_grad():
        tested, = results['model'].test_step(pseudo_collate([dataset.pipeline(label)]))
    np.testing.assert_allclose(points, tested.pred_instances.keypoints[0], atol=1e-3)


def test_the_example_label_and_the_metainfo_tell_the_same(tmp_path, config):
    (tmp_path / 'train.json').write_text(FILES['data/waistcoats/train.json'])
    metainfo = config().train_dataloader.dataset.metainfo
    dataset = CocoDataset(ann_file='train.json', data_root=str(tmp_path), metainfo=metainfo)
    assert list(dataset.metainfo['keypoint_name2id']) == NAMES
    label = dataset[0]
    assert label['num_keypoints'] == label['keypoints_visible'].sum() == 8
    np.testing.assert_array_equal(label['bbox'], [[90, 60, 390, 580]])
    pairs = {frozenset(NAMES[index] for index in pair) for pair in dataset.metainfo['flip_pairs']}
    assert pairs == {frozenset((f'left_{what}', f'right_{what}')) for what in ('neck', 'shoulder', 'armhole', 'hem')}


def test_the_halves_are_as_the_page_says(config):
    """Four of each side and the button: five, in both."""
    pc_loss = MODELS.build(config().model.head.pc_loss)
    halves = [[NAMES[index] for index in group] for group in pc_loss.groups]
    assert [len(half) for half in halves] == [5, 5]
    assert set(halves[0]) & set(halves[1]) == {'top_button'}


def test_the_gpu_model_takes_a_step(config):
    removed, added = (re.findall(rf'^{re.escape(sign)}(.*)$', ''.join(blocks('diff')), re.MULTILINE) for sign in '-+')
    text = FILES[CONFIG]
    assert removed[0] in text
    read = config(text.replace(removed[0], added[0]))
    read.model.backbone.init_cfg = None  # no download here
    model, dataset = MODELS.build(read.model), DATASETS.build(read.train_dataloader.dataset)
    data = model.data_preprocessor(pseudo_collate([dataset[0], dataset[1]]), training=True)
    losses = model(**data, mode='loss')
    losses['loss_pc'].backward()
    assert type(model.backbone).__name__ == 'ResNet'
    assert losses['loss_pc'] > 0 and torch.isfinite(model.backbone.conv1.weight.grad).all()


def test_the_schedule_and_size_of_the_paper(config):
    text = FILES[CONFIG]
    for before, after in (('adam_600', 'adam_100k'), ('coco_json_160x160', 'coco_json_512x512')):
        assert f'`{before}.py`' in PAGE and f'`{after}.py`' in PAGE and before in text
        text = text.replace(before, after)
    read = config(text)
    assert read.train_cfg.max_iters == 100000
    assert DATASETS.build(read.train_dataloader.dataset)[0]['inputs'].shape == (3, 512, 512)
    assert DATASETS.build(read.val_dataloader.dataset)[0]['inputs'].shape == (3, 512, 512)


def test_the_same_training_without_pcloss(config):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    options = parser.parse_known_args(shlex.split(commands('train')[1]))[0].cfg_options
    read = config()
    read.merge_from_dict(options)
    assert MODELS.build(read.model).head.pc_loss is None


def test_the_error_in_a_length_of_the_garment(config):
    addition, = (block for block in blocks('python') if block.startswith('val_evaluator'))
    read = config(FILES[CONFIG] + addition)
    dataset = DATASETS.build(read.val_dataloader.dataset)
    metric = METRICS.build(read.val_evaluator)
    metric.dataset_meta = dataset.metainfo
    samples = [dataset[index]['data_samples'].to_dict() for index in range(len(dataset))]
    expected = []
    for sample in samples:
        points = sample['gt_instances']['keypoints']
        sample['pred_instances'] = dict(keypoints=points + [6, 0])
        armholes = points[0, [NAMES.index('left_armhole'), NAMES.index('right_armhole')]]
        visible = np.reshape(sample['raw_ann_info']['keypoints'], (-1, 3))[:, 2] == 2
        expected += [600 / np.linalg.norm(armholes[0] - armholes[1])] * visible.sum()
    metric.process(None, samples)
    assert metric.evaluate(len(samples))['NE'] == pytest.approx(np.mean(expected))
