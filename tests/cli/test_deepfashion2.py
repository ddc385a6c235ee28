"""DeepFashion2 by its commands, from the files to the AP, on made-up garments; models of 294 landmarks and of 81."""

import contextlib
import importlib.util
import io
import json
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from mmengine.config import Config
from mmpose.apis import init_model
from mmpose.registry import DATASETS
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pcloss_mmpose.configs import find_config
from pcloss_mmpose.deploy.export import compare, load_samples
from pcloss_mmpose.metainfo import landmark_names
from pcloss_mmpose.metainfo.deepfashion2 import CATEGORIES, LANDMARKS, PARTS, SIGMAS, SLICES
from pcloss_mmpose.synthetic import write_deepfashion2

EXAMPLE = Path(__file__).resolve().parents[2] / 'examples' / 'onnx_predict.py'
CONFIGS = {294: 'rtmpose-s-pcloss_4xb256-100e_deepfashion2-256x192',
           81: 'rtmpose-s-pcloss_4xb256-100e_deepfashion2-81-256x192'}

#: RTMPose, narrow and at 64 x 64 pixels.
TINY = """
_base_ = {base!r}
codec = dict(type='SimCCLabel', input_size=(64, 64), sigma=(3., 3.), simcc_split_ratio=2.0, normalize=False,
             use_dark=False)
model = dict(
    data_preprocessor=dict(batch_augments=[dict(type='SimCCTargets', encoder=codec)]),
    backbone=dict(deepen_factor=0.167, widen_factor=0.125, init_cfg=None),
    head=dict(in_channels=128, input_size=(64, 64), in_featuremap_size=(2, 2), decoder=codec),
    test_cfg=dict(flip_test=False))
train_pipeline = _base_.train_pipeline
train_pipeline[4]['input_size'] = (64, 64)
val_pipeline = _base_.val_pipeline
val_pipeline[2]['input_size'] = (64, 64)
loader = dict(batch_size=8, num_workers=0, persistent_workers=False)
train_dataloader = dict(loader, batch_size=2, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(loader, dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=1, val_interval=1)
"""

#: The same backbone, and a regression, which can be told what to say.
TOLD = """
_base_ = {tiny!r}
told = dict(type='RegressionLabel', input_size=(64, 64))
model = dict(
    neck=dict(type='GlobalAveragePooling'),
    head=dict(_delete_=True, type='RegressionHead', in_channels=128, num_joints={landmarks}, decoder=told))
"""

#: A detector that finds something, whatever it sees.
DETECTOR = """
_base_ = {base!r}
model = dict(backbone=dict(init_cfg=None), test_cfg=dict(max_per_img=8))
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=(96, 96))
test_pipeline[2].update(size=(96, 96))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
"""


@pytest.fixture(scope='module', autouse=True)
def root(tmp_path_factory):
    """The official folders: an image to train on, and ten to test on, with more items."""
    root = tmp_path_factory.mktemp('deepfashion2')
    write_deepfashion2(root, 'train', 2, size=96)
    write_deepfashion2(root, 'validation', 10, size=96)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('DEEPFASHION2_ROOT', str(root))
        yield root


@pytest.fixture(scope='module')
def items(root):
    """Number of the image and item, of the validation files in their order."""
    return [(int(path.stem), item) for path in sorted((root / 'validation' / 'annos').glob('*.json'))
            for name, item in json.loads(path.read_text()).items() if name.startswith('item')]


@pytest.fixture(scope='module')
def configs(root, tmp_path_factory):
    """The tiny RTMPose by its number of landmarks."""
    folder = tmp_path_factory.mktemp('configs')
    for landmarks, name in CONFIGS.items():
        (folder / f'tiny{landmarks}.py').write_text(TINY.format(base=str(find_config(name))))
    return {landmarks: folder / f'tiny{landmarks}.py' for landmarks in CONFIGS}


@pytest.fixture(scope='module')
def models(configs, tmp_path_factory):
    """Config and checkpoint, by the number of landmarks, of a model that says the mean of the validation set, roughly:
    some garments are found well, others are not."""
    folder, made = tmp_path_factory.mktemp('models'), {}
    for landmarks, tiny in configs.items():
        config = folder / f'told{landmarks}.py'
        config.write_text(TOLD.format(tiny=str(tiny), landmarks=landmarks))
        torch.manual_seed(0)
        model = init_model(str(config), device='cpu')
        samples = [each['data_samples'] for each in DATASETS.build(Config.fromfile(config).val_dataloader.dataset)]
        corners = np.stack([each.input_center - each.input_scale / 2 for each in samples])[:, None]
        sizes = np.stack([each.input_scale for each in samples])[:, None]
        points = (np.concatenate([each.gt_instances.keypoints for each in samples]) - corners) / sizes
        known = np.concatenate([each.gt_instances.keypoints_visible for each in samples])[..., None] > 0
        mean = (points * known).sum(axis=0) / known.sum(axis=0).clip(1)
        mean += np.random.default_rng(0).normal(0, .02, mean.shape)
        with torch.no_grad():
            model.head.fc.weight.mul_(1e-2)
            model.head.fc.bias.copy_(torch.from_numpy(mean).ravel())
        made[landmarks] = config, folder / f'told{landmarks}.pth'
        torch.save(dict(state_dict=model.state_dict(), meta=dict(
            cfg=Config.fromfile(config).pretty_text, dataset_meta=model.dataset_meta)), made[landmarks][1])
    return made


@pytest.fixture(scope='module')
def boxes(items, tmp_path_factory):
    """The true boxes as a detector's, and one of another category."""
    found = [dict(image_id=image, category_id=item['category_id'], score=.9, bbox=[
        *item['bounding_box'][:2], *np.subtract(item['bounding_box'][2:], item['bounding_box'][:2]).tolist()])
        for image, item in items]
    other = next(number for number in range(1, 14) if number not in {item['category_id'] for _, item in items[:1]})
    path = tmp_path_factory.mktemp('boxes') / 'boxes.json'
    path.write_text(json.dumps([*found, dict(found[0], category_id=other, score=.3)]))
    return path


def names_of(landmarks, category):
    """The names of a category's landmarks in a model of 294 or of 81."""
    return [f'{category}_{part}' for part in PARTS[category]] if landmarks == 294 else list(PARTS[category])


def lines(folder):
    return [json.loads(line) for line in (folder / 'predictions.jsonl').read_text().splitlines()]


def test_the_files_are_checked_and_shown(configs, root, items, call, tmp_path):
    done = call('check', 'deepfashion2', root)
    assert done.code == 0 and f'validation: {len(items)} rows, 10 images, 10 decoded' in done.out, done.out
    for config in configs.values():
        done = call('check', config, '--picture', tmp_path / 'check.png')
        assert done.code == 0 and f'test: {len(items)} rows, 10 images' in done.out, done.out
        done = call('browse', config, '--loader', 'val', '--count', 2, '-o', tmp_path / 'sheet.png')
        assert done.out.endswith(f'sheet.png: 2 of {len(items)} garments of the val data\n'), done.err
        assert cv2.imread(str(tmp_path / 'check.png')) is not None is not cv2.imread(str(tmp_path / 'sheet.png'))


def logged(work_dir):
    """The figures of the first lines of a log that have a loss, and that have a test's."""
    log, = work_dir.glob('*/*.log')
    for what in ('(train)', '(val)'):
        line = next(line for line in log.read_text().splitlines() if what in line)
        yield {key: float(value) for key, value in re.findall(r'(\S+): ([-0-9.e]+)(?=  |$)', line)}


@pytest.mark.parametrize('landmarks', [294, 81])
def test_a_training_goes_through(configs, call, tmp_path, landmarks):
    """With the check before its first step, and the AP after its last one."""
    done = call('train', configs[landmarks], '--work-dir', tmp_path)
    assert done.code == 0, done.err
    trained, tested = logged(tmp_path)
    assert trained['loss_pc'] > 0 and 0 < trained['pc_share'] < 1
    assert {'AP', 'visible/AP', 'AP/skirt', 'NE'} <= tested.keys()
    assert not {key for key in tested if key.startswith('NE/')} - {f'NE/{category}' for category in CATEGORIES}
    assert list(tmp_path.glob('best_AP_*.pth'))


def coco_ap(items, results):
    """AP by pycocotools, of landmarks in the benchmark's own form; visible and occluded ones count."""
    annotations = []
    for number, (image, item) in enumerate(items, 1):
        keypoints = np.zeros((294, 3))
        keypoints[SLICES[item['category_id'] - 1]] = np.reshape(item['landmarks'], (-1, 3))
        x1, y1, x2, y2 = item['bounding_box']
        annotations.append(dict(
            id=number, image_id=image, category_id=item['category_id'], iscrowd=0, area=(x2 - x1) * (y2 - y1),
            bbox=[x1, y1, x2 - x1, y2 - y1], keypoints=keypoints.ravel().tolist(),
            num_keypoints=int((keypoints[:, 2] > 0).sum())))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = dict(images=[dict(id=image) for image, _ in items], annotations=annotations,
                             categories=[dict(id=number) for number in range(1, 14)])
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), 'keypoints')
        evaluation.params.kpt_oks_sigmas = SIGMAS
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[0]


@pytest.mark.parametrize('landmarks', [294, 81])
def test_the_ap_of_true_and_of_detected_boxes(models, items, boxes, call, tmp_path, monkeypatch, landmarks):
    def test(name):
        done = call('test', *models[landmarks], '--work-dir', tmp_path / name, '--out', tmp_path / f'{name}.json',
                    '--dump', tmp_path / name / 'predictions.jsonl',
                    '--cfg-options', f'test_evaluator.0.out_file={tmp_path / name}_results.json')
        assert done.code == 0, done.err
        return json.loads((tmp_path / f'{name}.json').read_text())

    figures = test('true')
    results = json.loads((tmp_path / 'true_results.json').read_text())
    assert len(results) == len(items) and figures['AP'] == pytest.approx(coco_ap(items, results), abs=1e-9)
    assert .05 < figures['AP'] < .95 and 0 < figures['NE'] < 50
    assert np.mean([figures[f'AP/{CATEGORIES[number - 1]}'] for number in {item['category_id'] for _, item in items}]
                   ) == pytest.approx(figures['AP'])

    monkeypatch.setenv('DEEPFASHION2_BOXES', str(boxes))
    detected = test('detected')
    assert len(json.loads((tmp_path / 'detected_results.json').read_text())) == len(items) + 1
    ours = {key: value for key, value in figures.items() if not key.startswith('NE')}
    assert detected == pytest.approx(ours)  # the box of no garment's category comes after all others

    done = call('report', tmp_path / 'true', '-o', tmp_path / 'report.html')
    assert done.code == 0 and f"NE {figures['NE']:.2f} %" in done.out, done.err
    done = call('report', tmp_path / 'detected', '-o', tmp_path / 'other.html')
    assert done.code == 2 and "none is annotated, as on a detector's boxes" in done.err


@pytest.fixture(scope='module')
def coco(root):
    """The folder of the converted files."""
    from pcloss_mmpose.cli import main
    with contextlib.redirect_stdout(io.StringIO()):
        main(['convert', 'deepfashion2', str(root), '--out', str(root / 'coco')])
    return root / 'coco'


def test_a_conversion_goes_on(coco, root, items, call):
    (coco / 'train.json').unlink()
    done = call('convert', 'deepfashion2', root, '--out', coco)
    assert done.code == 0, done.err
    assert f'validation.json: {len(items)} garments on 10 images, kept, read back, all equal' in done.out
    assert (coco / 'train.json').exists()


@pytest.mark.parametrize('landmarks', [294, 81])
def test_each_garment_has_the_landmarks_of_its_category(models, coco, root, items, call, tmp_path, landmarks):
    done = call('predict', *models[landmarks], coco / 'validation.json', '--root', root, '-o', tmp_path / 'out',
                '--draw', '--csv', '--coco', '--workers', 0)
    assert done.code == 0 and 'warning' not in done.err and '--category' not in done.err, done.err
    records = lines(tmp_path / 'out')
    assert [(record['box'], record['category']) for record in records] == [
        (item['bounding_box'], CATEGORIES[item['category_id'] - 1]) for _, item in items]
    for record in records:
        assert list(record['landmarks']) == names_of(landmarks, record['category'])
    results = json.loads((tmp_path / 'out' / 'coco_results.json').read_text())
    assert [(each['image_id'], each['category_id']) for each in results] == [
        (image, item['category_id']) for image, item in items]
    for each in results if landmarks == 294 else ():
        found = np.reshape(each['keypoints'], (294, 3))[:, 0] != 0
        assert np.flatnonzero(found).tolist() == list(range(294))[SLICES[each['category_id'] - 1]]
    assert len(list((tmp_path / 'out' / 'pictures').rglob('*.png'))) == len(items)


@pytest.mark.parametrize('landmarks', [294, 81])
def test_categories_of_images_and_tables(models, root, call, tmp_path, landmarks):
    """With blanks, as the benchmark's files write them, or underscores; one that is unknown is said."""
    image = root / 'validation' / 'image' / '000001.jpg'
    table = tmp_path / 'table.csv'
    table.write_text('image,x1,y1,x2,y2,category\n'
                     + ''.join(f'{image},5,6,80,90,{category}\n' for category in ('sling dress', 'trousers', '')))
    done = call('predict', *models[landmarks], table, '--root', root, '--category', 'long sleeve outwear',
                '-o', tmp_path / 'out', '--coco', '--workers', 0)
    assert done.code == 0 and 'warning' not in done.err, done.err
    expected = ('sling_dress', 'trousers', 'long_sleeve_outwear')
    assert [(record['category'], list(record['landmarks'])) for record in lines(tmp_path / 'out')] == [
        (category, names_of(landmarks, category)) for category in expected]
    results = json.loads((tmp_path / 'out' / 'coco_results.json').read_text())
    assert [each['category_id'] for each in results] == [13, 8, 4]

    for options, words in (((), '--category short_sleeve_top, long_sleeve_top, '),
                           (('--category', 'kilt'), "of the category 'kilt' are not known (known are those of short_")):
        out = tmp_path / f'all{len(options)}'
        done = call('predict', *models[landmarks], image, *options, '-o', out, '--workers', 0)
        assert done.code == 0 and words in done.err
        assert len(lines(out)[0]['landmarks']) == landmarks


@pytest.mark.filterwarnings('ignore')  # MMDetection's own
def test_a_detectors_boxes_have_categories(models, coco, root, call, tmp_path):
    from mmdet.apis import init_detector
    config, checkpoint = tmp_path / 'rtmdet.py', tmp_path / 'rtmdet.pth'
    config.write_text(DETECTOR.format(base=str(find_config('rtmdet-s_4xb32-36e_deepfashion2-640x640'))))
    torch.manual_seed(0)
    detector = init_detector(str(config), device='cpu')
    with torch.no_grad():
        for convolution in detector.bbox_head.rtm_reg:
            convolution.bias.fill_(3)  # boxes with an area
    torch.save(dict(state_dict=detector.state_dict(), meta=dict(dataset_meta=dict(classes=CATEGORIES))), checkpoint)
    out = tmp_path / 'results.json'
    done = call('detect', config, checkpoint, coco / 'validation.json', '--root', root, '--coco-results', out,
                '--categories')
    assert done.code == 0 and 'AP ' in done.out and ', the mean over 13 categories' in done.out, done.err
    image, out = root / 'validation' / 'image' / '000001.jpg', tmp_path / 'boxes.json'
    results = [each for each in json.loads((tmp_path / 'results.json').read_text()) if each['image_id'] == 1]
    done = call('detect', config, checkpoint, image, '-o', out, '--categories', '--threshold', 0)
    entries = json.loads(out.read_text())
    assert [entry['category'] for entry in entries] == [CATEGORIES[each['category_id'] - 1] for each in results]
    assert call('predict', *models[81], out, '--root', '/', '-o', tmp_path / 'out', '--workers', 0).code == 0
    records = lines(tmp_path / 'out')
    assert len(records) == len(entries) == 8
    for entry, record in zip(entries, records):
        assert list(record['landmarks']) == list(PARTS[entry['category']])


@pytest.mark.parametrize('landmarks', [294, 81])
def test_the_graph_knows_the_categories(models, root, items, call, tmp_path, monkeypatch, capsys, landmarks):
    path, image = tmp_path / 'model.onnx', root / 'validation' / 'image' / f'{items[0][0]:06d}.jpg'
    done = call('export', *models[landmarks], '-o', path)
    assert done.code == 0 and f'On {min(16, len(items))} images' in done.out, done.err
    metadata = onnxruntime.InferenceSession(str(path)).get_modelmeta().custom_metadata_map
    assert json.loads(metadata['categories']) == {name: names_of(landmarks, name) for name in CATEGORIES}

    call('predict', *models[landmarks], image, '--category', 'vest', '-o', tmp_path / 'out', '--workers', 0)
    found = lines(tmp_path / 'out')[0]['landmarks']
    spec = importlib.util.spec_from_file_location('onnx_predict', EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    monkeypatch.setattr(sys, 'argv', ['onnx_predict.py', str(path), str(image), '--category', 'vest'])
    example.main()
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [name for name, *_ in printed] == list(found) == names_of(landmarks, 'vest')
    np.testing.assert_allclose(
        [[float(x), float(y)] for _, x, y, _ in printed], [point[:2] for point in found.values()], atol=.1)


@pytest.mark.parametrize('landmarks', [294, 81])
def test_a_models_folder_predicts_the_same(models, root, call, tmp_path, landmarks):
    done = call('publish', models[landmarks][1], '-o', tmp_path)
    assert done.code == 0, done.err
    folder, = tmp_path.iterdir()
    assert (folder / 'model.onnx').is_file() and (folder / 'picture.jpg').is_file()
    page = (folder / 'README.md').read_text()
    assert f'Finds {landmarks} landmarks, of which a garment has those of its category:' in page
    assert all(f'| {category} | {", ".join(names_of(landmarks, category))} |' in page for category in CATEGORIES)
    image = root / 'validation' / 'image' / '000001.jpg'
    for name, model in (('own', models[landmarks]), ('folder', [folder])):
        assert call('predict', *model, image, '--category', 'shorts', '-o', tmp_path / name, '--workers', 0).code == 0
    assert lines(tmp_path / 'own') == lines(tmp_path / 'folder')
    assert list(lines(tmp_path / 'own')[0]['landmarks']) == names_of(landmarks, 'shorts')


@pytest.mark.parametrize('landmarks', [294, 81])
def test_a_graph_is_compared_on_what_a_garment_has(models, call, tmp_path, landmarks):
    """Other landmarks may be anywhere: where a map is flat, it is chance which pixel is the highest."""
    path, (config, checkpoint) = tmp_path / 'model.onnx', models[landmarks]
    assert call('export', config, checkpoint, '-o', path).code == 0
    model = init_model(str(config), str(checkpoint), device='cpu')
    sample, = load_samples(Config.fromfile(config).test_dataloader.dataset, model.dataset_meta, [], 1)
    category = sample['data_samples'].raw_ann_info['category']
    names = landmark_names(model.dataset_meta)
    categories = {category: [names.index(name) for name in names_of(landmarks, category)]}
    other = next(k for k in range(landmarks) if k not in categories[category])
    for moved, differs in ((other, False), (categories[category][-1], True)):
        with torch.no_grad():
            model.head.fc.bias[2 * moved] += .5
        assert compare(path, model, [sample]) > 1
        assert (compare(path, model, [sample], categories) > 1e-3) == differs


def test_mmposes_own_config_takes_the_converted_files(coco, root, call, tmp_path):
    """With PCLoss by `pcloss add`, whose parts are the left and the right landmarks of all categories."""
    config = tmp_path / 'vest.py'
    done = call('add', 'mmpose::fashion_2d_keypoint/topdown_heatmap/deepfashion2/'
                'td-hm_res50_4xb64-210e_deepfasion2-vest-256x192.py', config)
    assert done.code == 0, done.err
    assert "partition='left_right', metainfo='DeepFashion2Dataset'" in config.read_text()
    data = f"dict(data_root={str(root)!r}, data_prefix=dict(img=''), ann_file='coco/train.json')"
    (tmp_path / 'tiny.py').write_text(f"""
_base_ = 'vest.py'
model = dict(backbone=dict(depth=18, init_cfg=None), head=dict(in_channels=512, deconv_out_channels=(8, 8, 8)))
train_dataloader = dict(batch_size=2, num_workers=0, persistent_workers=False, dataset={data})
val_dataloader = dict(batch_size=2, num_workers=0, persistent_workers=False, dataset={data})
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=1)
""")
    model = init_model(str(tmp_path / 'tiny.py'), device='cpu')
    left, right = ({LANDMARKS[k] for k in group} for group in model.head.pc_loss.groups)
    both = {name for name in LANDMARKS if '_left_' not in name and '_right_' not in name}
    assert left - right == {name for name in LANDMARKS if '_left_' in name} and left & right == both
    assert {name.replace('_left_', '_right_') for name in left} == right
    done = call('train', tmp_path / 'tiny.py', '--work-dir', tmp_path / 'work')
    assert done.code == 0, done.err
    trained, tested = logged(tmp_path / 'work')
    assert trained['loss_pc'] > 0 and 'PCK' in tested
