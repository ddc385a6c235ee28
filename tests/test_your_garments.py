"""docs/your_garments.md as a reader follows it: its file is copied and its commands run, on drawn pictures."""

import contextlib
import importlib.util
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
from mmpose.registry import DATASETS, METRICS, MODELS

from pcloss_mmpose.cli import main
from pcloss_mmpose.metainfo.fashionai import LANDMARKS
from pcloss_mmpose.synthetic import generate_sample

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / 'docs' / 'your_garments.md').read_text()
CONFIG = 'data/shop/shop_pcloss.py'
FILES = dict(re.findall(r'\*\*`([^`]+)`\*\*[^\n]*\n\n```\w+\n(.*?)```', PAGE, re.DOTALL))

#: FashionAI's landmarks on a drawn garment that stand for the page's.
WAISTCOAT = dict(
    left_neck='neckline_left', right_neck='neckline_right', top_button='center_front', left_shoulder='shoulder_left',
    right_shoulder='shoulder_right', left_armhole='armpit_left', right_armhole='armpit_right', left_hem='top_hem_left',
    right_hem='top_hem_right')
SKIRT = dict(left_waistband='waistband_left', right_waistband='waistband_right', left_hem='hemline_left',
             right_hem='hemline_right')
NAMES = list(dict.fromkeys([*WAISTCOAT, *SKIRT]))
PIECES, SIZE = 10, (480, 640)


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


def draw(folder, category, landmarks, seed):
    """Two photographs of each piece: the name, box and points (K, 3) with COCO's v of each."""
    ids = [LANDMARKS.index(name) for name in landmarks.values()]
    for number in range(2 * PIECES):
        sample = generate_sample(category, SIZE, seed, number)
        name = f'{seed:02d}{number // 2:02d}_{"front" if number % 2 else "back"}.jpg'
        cv2.imwrite(str(folder / name), sample.image)
        points = sample.keypoints[ids]
        low, high = np.maximum(points.min(axis=0) - 40, 0), np.minimum(points.max(axis=0) + 40, np.subtract(SIZE, 1))
        yield name, [*low.tolist(), *(high - low).tolist()], np.column_stack([points, sample.visibility[ids] + 1])


def cvat(folder):
    """CVAT's export of the waistcoats."""
    content = dict(images=[], annotations=[], categories=[
        dict(id=1, name='waistcoat', supercategory='', keypoints=list(WAISTCOAT), skeleton=[[1, 3], [1, 4], [8, 9]])])
    for number, (name, box, points) in enumerate(draw(folder, 'blouse', WAISTCOAT, 1), 1):
        content['images'].append(dict(id=number, file_name=name, width=SIZE[0], height=SIZE[1]))
        content['annotations'].append(dict(
            id=number, image_id=number, category_id=1, iscrowd=0, num_keypoints=9, bbox=box, area=1.,
            segmentation=[], attributes=dict(occluded=False), keypoints=points.ravel().tolist()))
    return content


def studio(folder):
    """Label Studio's export of the skirts."""
    tasks = []
    for number, (name, box, points) in enumerate(draw(folder, 'skirt', SKIRT, 2), 1):
        percent = 100 / np.array(SIZE)
        place, size = percent * box[:2], percent * box[2:]
        shared = dict(original_width=SIZE[0], original_height=SIZE[1], to_name='image')
        result = [dict(shared, id='box', type='rectanglelabels', value=dict(
            x=place[0], y=place[1], width=size[0], height=size[1], rotation=0, rectanglelabels=['skirt']))]
        result += [dict(shared, id=label, type='keypointlabels', parentID='box', value=dict(
            x=x, y=y, width=0.5, keypointlabels=[label])) for label, (x, y) in zip(SKIRT, percent * points[:, :2])]
        tasks.append(dict(id=number, data=dict(image=f'/data/upload/3/0011aabb-{name}'),
                          annotations=[dict(was_cancelled=False, result=result)]))
    return tasks


@pytest.fixture(scope='module', autouse=True)
def one_thread():
    """More threads wait for each other where other tests run at the same time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """The page's files outside a clone, and 40 photographs that two tools labelled."""
    folder = tmp_path_factory.mktemp('project')
    link, = re.findall(r'^    ln -s "\$\((pcloss .*)\)" configs$', PAGE, re.MULTILINE)
    (folder / 'configs').symlink_to(run(link, folder).strip())
    images = folder / 'data' / 'shop' / 'images'
    images.mkdir(parents=True)
    for path, text in FILES.items():
        (folder / path).write_text(text)
    (folder / 'waistcoats.json').write_text(json.dumps(cvat(images)))
    (folder / 'skirts.json').write_text(json.dumps(studio(images)))
    command, = commands('labels')
    printed = run(command, folder)
    assert 'metainfo.py: 11 landmarks, waistcoat 9, skirt 4' in printed
    return folder


@pytest.fixture(scope='module')
def trained(project):
    """The page's trainings and tests, two iterations of two pictures long: the folder of each, with PCLoss first."""
    few = ('--cfg-options', 'train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'train_dataloader.batch_size=2',
           'default_hooks.logger.interval=1')
    folders = [project / 'work_dirs' / name for name in ('shop_pcloss', 'without')]
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


def test_a_piece_is_in_one_set(project):
    sets = [{image['file_name'].split('_')[0] for image in json.loads((project / f'data/shop/{part}.json').read_text())[
        'images']} for part in ('train', 'val', 'test')]
    assert sum(map(len, sets)) == len(set.union(*sets)) == 2 * PIECES


def test_looking_before_training(project):
    command, = commands('check')
    assert run(command, project).endswith('fit to train\n')
    command, = commands('browse')
    run(command, project, '--count', '2', '--crops', '1')
    assert cv2.imread(str(project / 'sheet.png')).shape[0] > 100
    command, = commands('calibrate')
    printed = run(command, project, '--iterations', '4', '--cfg-options', 'train_dataloader.batch_size=2')
    assert re.search(r'loss_weight=\d', printed)


def test_the_commands_train_and_test(trained):
    for folder, losses in zip(trained, ({'loss', 'loss_kpt', 'loss_pc'}, {'loss', 'loss_kpt'})):
        training, = folder.glob('*/vis_data/scalars.json')
        *steps, _ = map(json.loads, training.read_text().splitlines())
        assert [step['step'] for step in steps] == [1, 2]
        for step in steps:
            assert {key for key in step if key.startswith('loss')} == losses
            assert all(math.isfinite(step[key]) and step[key] > 0 for key in losses)
            assert ('pc_share' in step) == ('loss_pc' in losses)
        found = figures(folder)
        expected = {f'NE/{name}' for name in (*NAMES, 'waistcoat', 'skirt')}
        assert expected == {key for key in found if key.startswith('NE/')}
        assert found['NE_skipped'] == 0


def test_the_shorter_training_and_the_checkpoints_on_the_way(config):
    """What the page advises fits the config: the schedule ends with the training."""
    options = dict(option.split('=') for option in re.search(r'`--cfg-options ([^`]+)`', PAGE).group(1).split())
    assert options == {'train_cfg.max_iters': '300', 'train_cfg.val_interval': '300', 'param_scheduler.1.end': '300'}
    read = config()
    assert read.param_scheduler[1].end == read.train_cfg.max_iters == read.train_cfg.val_interval == 600
    assert 'default_hooks.checkpoint.interval=200' in commands('train')[0]
    assert 'interval' in read.default_hooks.checkpoint


def test_the_comparison(project):
    command, = commands('compare')
    few = ('--seeds', '1', '--losses', 'config', '--cfg-options', 'train_cfg.max_iters=2', 'param_scheduler.1.end=51',
           'train_dataloader.batch_size=2')
    listed = run(command, project, *few, '--list')
    assert 'config' in listed
    for number in range(2):
        run(command, project, *few, '--run', str(number))
    assert 'NE' in run(command, project, *few, '--report')


def test_the_report_compares_the_two(trained, project):
    command, = commands('report')
    run(command, project)
    page = (project / 'report.html').read_text()
    tested = json.loads((project / 'data/shop/test.json').read_text())['images']
    assert tested and all(image['file_name'] in page for image in tested)
    assert all(f"{figures(folder)['NE']:.2f}" in page for folder in trained)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_new_photographs(trained, project, config):
    (project / 'photos').mkdir()
    for name, photograph in (('a', '0100_front'), ('b', '0200_front')):
        shutil.copy(project / f'data/shop/images/{photograph}.jpg', project / f'photos/{name}.jpg')
    table, = blocks('csv')
    (project / 'photos.csv').write_text(table)
    command, = commands('predict')
    run(command, project, '--workers', '0')
    found = lines(project / 'found' / 'predictions.jsonl')
    assert [(record['image'], record['box'], list(record['landmarks'])) for record in found] == [
        ('photos/a.jpg', [90, 60, 390, 580], list(WAISTCOAT)),
        ('photos/b.jpg', [0, 0, 480, 640], list(SKIRT))]
    assert len(list((project / 'found' / 'pictures').rglob('*.png'))) == 2

    model = init_model(config(), str(trained[0] / 'iter_600.pth'), device='cpu')
    dataset = DATASETS.build(config().test_dataloader.dataset)  # finds the same in the same boxes
    for record in found:
        label = dict(dataset.get_data_info(0), bbox=np.float32([record['box']]),
                     img_path=str(project / record['image']))
        with torch.no_grad():
            tested, = model.test_step(pseudo_collate([dataset.pipeline(label)]))
        points = np.array(list(record['landmarks'].values()))[:, :2]
        ids = [NAMES.index(name) for name in record['landmarks']]
        np.testing.assert_allclose(points, tested.pred_instances.keypoints[0][ids], atol=0.01)  # they are rounded


@pytest.fixture(scope='module')
def exported(trained, project):
    """The ONNX file."""
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    command, = commands('export')
    run(command, project)
    return project / 'shop.onnx'


def test_the_export(exported):
    import onnx
    metadata = {entry.key: entry.value for entry in onnx.load(str(exported)).metadata_props}
    assert json.loads(metadata['landmarks']) == NAMES


def test_the_folder_to_pass_on_finds_the_same(exported, project):
    pytest.importorskip('safetensors')
    command, = commands('publish')
    run(command, project)
    folder, = (project / 'published').iterdir()
    assert {'README.md', 'config.py', 'model.onnx', 'model.safetensors', 'picture.jpg'} == {
        path.name for path in folder.iterdir()}
    for model, out in (('data/shop/shop_pcloss.py work_dirs/shop_pcloss/iter_600.pth', 'own'), (str(folder), 'shared')):
        run(f'pcloss predict {model} data/shop/test.json --root data/shop/images -o {out}', project, '--workers', '0')
    own, shared = (lines(project / out / 'predictions.jsonl') for out in ('own', 'shared'))
    assert own and [record['landmarks'] for record in own] == [record['landmarks'] for record in shared]


@pytest.fixture(scope='module')
def service(exported):
    """A client of the service."""
    pytest.importorskip('fastapi')
    testing = pytest.importorskip('fastapi.testclient')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MODEL', str(exported))
        patch.syspath_prepend(str(ROOT / 'examples'))
        spec = importlib.util.spec_from_file_location('service', ROOT / 'examples' / 'service.py')
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return testing.TestClient(module.app)


def test_the_service_answers_as_predict_does(service, trained, project):
    photograph = project / 'data/shop/images/0100_front.jpg'
    box = [90, 60, 390, 580]
    (project / 'one.csv').write_text(f'image,x1,y1,x2,y2\n{photograph},{",".join(map(str, box))}\n')
    run('pcloss predict data/shop/shop_pcloss.py work_dirs/shop_pcloss/iter_600.pth one.csv -o one --root /', project,
        '--workers', '0', '--all-landmarks')
    record, = lines(project / 'one' / 'predictions.jsonl')
    path, = re.findall(r"curl --data-binary @photos/a.jpg 'localhost:8000(.*)'", PAGE)
    answer = service.post(path, content=photograph.read_bytes())
    assert answer.status_code == 200
    found = answer.json()['landmarks']
    assert list(found) == list(record['landmarks']) == NAMES
    for name in NAMES:
        assert found[name][:2] == pytest.approx(record['landmarks'][name][:2], abs=0.3)  # two ways to the same crop
    whole = service.post('/landmarks', content=photograph.read_bytes()).json()
    assert whole['landmarks'] != found
    assert whole == service.post('/landmarks?box=0,0,480,640', content=photograph.read_bytes()).json()


@pytest.mark.parametrize('path, content, code, message', [
    ('/landmarks', b'x', 400, 'the body is not an image'), ('/landmarks', b'', 400, 'the body is not an image'),
    ('/landmarks?box=1,2,3', None, 400, 'box=1,2,3: write'),
    ('/landmarks?box=9,2,3,4', None, 400, 'box=9,2,3,4: write'),
    ('/landmarks?box=a,2,3,nan', None, 400, 'write the left upper'), ('/landmarks', bytes(20_000_001), 413, 'bytes')])
def test_what_the_service_refuses(service, project, path, content, code, message):
    photograph = (project / 'data/shop/images/0100_front.jpg').read_bytes()
    answer = service.post(path, content=photograph if content is None else content)
    assert answer.status_code == code and message in answer.json()['detail']


def test_the_halves_are_as_the_page_says(project, config):
    """Both have the button, and each one side of five pairs."""
    pc_loss = MODELS.build(config().model.head.pc_loss)
    halves = [[NAMES[index] for index in group] for group in pc_loss.groups]
    assert set(halves[0]) & set(halves[1]) == {'top_button'} and [len(half) for half in halves] == [6, 6]
    assert config().num_landmarks == len(NAMES) == 11


def test_the_gpu_model_takes_a_step(project, config):
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


def test_the_schedule_and_size_of_the_paper(project, config):
    text = FILES[CONFIG]
    for before, after in (('adam_600', 'adam_100k'), ('coco_json_160x160', 'coco_json_512x512')):
        assert f'`{before}.py`' in PAGE and f'`{after}.py`' in PAGE and before in text
        text = text.replace(before, after)
    read = config(text)
    assert read.train_cfg.max_iters == 100000
    assert DATASETS.build(read.train_dataloader.dataset)[0]['inputs'].shape == (3, 512, 512)
    assert DATASETS.build(read.val_dataloader.dataset)[0]['inputs'].shape == (3, 512, 512)


def test_the_error_in_a_length_of_the_garment(project, config):
    addition, = (block for block in blocks('python') if block.startswith('val_evaluator'))
    read = config(FILES[CONFIG] + addition)
    dataset = DATASETS.build(read.val_dataloader.dataset)
    metric = METRICS.build(read.val_evaluator)
    metric.dataset_meta = dataset.metainfo
    samples = [dataset[index]['data_samples'].to_dict() for index in range(len(dataset))]
    ends = {1: ('left_armhole', 'right_armhole'), 2: ('left_waistband', 'right_waistband')}
    expected = []
    for sample in samples:
        points = sample['gt_instances']['keypoints']
        sample['pred_instances'] = dict(keypoints=points + [6, 0])
        first, second = points[0, [NAMES.index(name) for name in ends[sample['raw_ann_info']['category_id']]]]
        visible = np.reshape(sample['raw_ann_info']['keypoints'], (-1, 3))[:, 2] == 2
        expected += [600 / np.linalg.norm(first - second)] * visible.sum()
    metric.process(None, samples)
    assert metric.evaluate(len(samples))['NE'] == pytest.approx(np.mean(expected))
