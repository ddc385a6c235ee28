"""docs/your_garments.md as a reader follows it: its files are copied and its commands run, on drawn pictures."""

import contextlib
import io
import json
import math
import re
import shlex
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.apis import init_model
from mmpose.datasets import CocoDataset
from mmpose.registry import DATASETS, METRICS, MODELS

from pcloss_mmpose.cli import main
from pcloss_mmpose.evaluation.predictions import read_predictions
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


def commands(name):
    """Every command of the page with this name."""
    lines = ''.join(blocks('bash')).replace('\\\n', '').splitlines()
    return [line for line in lines if line.startswith(f'pcloss {name} ')]


def run(command, folder, *more):
    """Run one of the page's commands in this process and in the folder: what it prints."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
        patch.chdir(folder)
        patch.setattr('sys.argv', sys.argv)  # MMPose's scripts are given their own
        patch.setenv('LOCAL_RANK', '0')
        patch.setattr('mmengine.config.config.FormatCode', lambda text, **style: (text, True))  # seconds, for the looks
        main([*shlex.split(command)[1:], *more])
    return printed.getvalue()


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


@pytest.fixture(scope='module', autouse=True)
def one_thread():
    """More threads wait for each other where other tests run at the same time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """The page's files outside a clone, with six pictures to train and three to test."""
    folder = tmp_path_factory.mktemp('project')
    link, = re.findall(r'^    ln -s "\$\((pcloss .*)\)" configs$', PAGE, re.MULTILINE)
    (folder / 'configs').symlink_to(run(link, folder).strip())
    (folder / 'data' / 'waistcoats' / 'images').mkdir(parents=True)
    for path, text in FILES.items():
        if path.endswith('.py'):
            (folder / path).write_text(text)
    write_labels(folder / 'data' / 'waistcoats', 'train', 6, seed=1)
    write_labels(folder / 'data' / 'waistcoats', 'val', 3, seed=2)
    return folder


@pytest.fixture(scope='module')
def trained(project):
    """The page's trainings and tests, two iterations of two pictures long: the folder of each, with PCLoss first."""
    few = ('--cfg-options', 'train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'train_dataloader.batch_size=2',
           'default_hooks.logger.interval=1')
    folders = [project / 'work_dirs' / name for name in ('waistcoats_pcloss', 'without')]
    for folder, train, test in zip(folders, commands('train'), commands('test')):
        run(train, project, *few, f'visualizer.name={folder.name}')  # of one name, MMEngine has one in a process
        (folder / 'iter_600.pth').symlink_to('iter_2.pth')
        run(test, project)
    return folders


@pytest.fixture
def config(project):
    """Reads the page's config, or a changed text of it."""
    init_default_scope('mmpose')

    def read(text=None):
        path = project / CONFIG
        if text is not None:
            path = path.with_name('changed.py')
            path.write_text(text)
        return Config.fromfile(path)

    return read


def figures(folder):
    """What a test wrote."""
    path, = folder.glob('*/*.json')
    return json.loads(path.read_text())


def test_the_check_finds_nothing(project):
    command, = commands('check')
    assert run(command, project).endswith('fit to train\n')


def test_the_commands_train_and_test(trained):
    for folder, losses in zip(trained, ({'loss', 'loss_kpt', 'loss_pc'}, {'loss', 'loss_kpt'})):
        training, = folder.glob('*/vis_data/scalars.json')
        *steps, validation = map(json.loads, training.read_text().splitlines())
        assert [step['step'] for step in steps] == [1, 2]
        for step in steps:
            assert {key for key in step if key.startswith('loss')} == losses
            assert all(math.isfinite(step[key]) and step[key] > 0 for key in losses)
            assert ('pc_share' in step) == ('loss_pc' in losses)
        found = figures(folder)
        assert {f'NE/{name}' for name in NAMES} | {'NE/waistcoat'} == {key for key in found if key.startswith('NE/')}
        assert found['NE_skipped'] == 0
        assert found['NE'] == pytest.approx(validation['NE'])


def test_the_report_compares_the_two(trained, project):
    command, = commands('report')
    run(command, project)
    page = (project / 'report.html').read_text()
    assert all(f'val_{number}.jpg' in page for number in (1, 2, 3))
    row = re.search(r'all landmarks</th>(.*?)</tr>', page, re.DOTALL).group(1)
    ours, base = (figures(folder)['NE'] for folder in trained)
    assert re.findall(r'[-+]?\d+\.\d+', row) == [f'{base:.2f}', f'{ours:.2f}', f'{100 * (ours / base - 1):+.1f}']


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_new_photographs(trained, project, config):
    (project / 'photos').mkdir()
    for number, name in enumerate('ab', 1):
        shutil.copy(project / f'data/waistcoats/images/val_{number}.jpg', project / f'photos/{name}.jpg')
    table, = blocks('csv')
    (project / 'photos.csv').write_text(table)
    run(commands('predict')[0], project, '--workers', '0')
    found = lines(project / 'found' / 'predictions.jsonl')
    assert [(record['image'], record['box']) for record in found] == [
        ('photos/a.jpg', [90, 60, 390, 580]), ('photos/b.jpg', [0, 0, 480, 640])]
    assert len(list((project / 'found' / 'pictures').rglob('*.png'))) == 2

    model = init_model(config(), str(trained[0] / 'iter_600.pth'), device='cpu')
    dataset = DATASETS.build(config().test_dataloader.dataset)  # finds the same in the same boxes
    for index, record in enumerate(found):
        assert list(record['landmarks']) == NAMES
        label = dict(dataset.get_data_info(index), bbox=np.float32([record['box']]))
        with torch.no_grad():
            tested, = model.test_step(pseudo_collate([dataset.pipeline(label)]))
        points = np.array(list(record['landmarks'].values()))[:, :2]
        np.testing.assert_allclose(points, tested.pred_instances.keypoints[0], atol=0.01)  # they are rounded


def test_the_labelled_file_gives_what_the_test_found(trained, project):
    run(commands('predict')[1], project, '--workers', '0')
    found = lines(project / 'found_val' / 'predictions.jsonl')
    tested, _ = read_predictions(trained[0] / 'predictions.jsonl')
    assert len(found) == len(tested) == 3
    for record, sample in zip(found, tested):
        assert record['category'] == 'waistcoat' and list(record['landmarks']) == NAMES
        points = np.array(list(record['landmarks'].values()))[:, :2]
        np.testing.assert_allclose(points, sample['pred_instances']['keypoints'][0], atol=0.01)


def test_the_export(trained, project):
    onnx = pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    command, = commands('export')
    run(command, project)
    metadata = {entry.key: entry.value for entry in onnx.load(str(project / 'waistcoats.onnx')).metadata_props}
    assert json.loads(metadata['landmarks']) == NAMES


def test_the_example_label_fits_the_metainfo(tmp_path, config):
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
