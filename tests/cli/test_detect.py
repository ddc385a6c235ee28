"""Boxes from an MMDetection model: DETR, which needs no compiled operator, small and with random weights."""

import json
import re

import numpy as np
import pytest
import torch
from mmdet.apis import inference_detector, init_detector
from mmpose.datasets import CocoDataset
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pcloss_mmpose.inference import find_items
from pcloss_mmpose.synthetic import write_fashionai

DETR = """
_base_ = 'mmdet::detr/detr_r18_8xb2-500e_coco.py'
model = dict(
    backbone=dict(init_cfg=None), num_queries=12, encoder=dict(num_layers=1), decoder=dict(num_layers=1),
    test_cfg=dict(max_per_img=12))
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=(128, 128))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
"""


@pytest.fixture(scope='module')
def detector(tmp_path_factory):
    """Config and checkpoint of a detector of three classes that says 0.9 and more for some boxes."""
    root = tmp_path_factory.mktemp('detector')
    (root / 'detr.py').write_text(DETR)
    torch.manual_seed(0)
    model = init_detector(str(root / 'detr.py'), device='cpu')
    with torch.no_grad():
        model.bbox_head.fc_cls.weight.mul_(12)  # else all classes would be as likely as each other
    meta = dict(dataset_meta=dict(classes=[f'class_{number}' for number in range(80)]))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), root / 'detr.pth')
    write_fashionai(root, 'test', 3, size=96)
    (root / 'Images' / 'bad.jpg').write_bytes(b'no image')
    return root


def test_boxes_are_the_detectors_and_predict_reads_them(detector, call, tmp_path):
    out = tmp_path / 'boxes.json'
    done = call('detect', detector / 'detr.py', detector / 'detr.pth', detector / 'Images', '-o', out, '--threshold',
                0.2, '--categories')
    assert done.code == 0 and f'cannot be read: {detector}/Images/bad.jpg' in done.err, (done.code, done.err)
    entries = json.loads(out.read_text())
    assert done.out.endswith(f'boxes.json: {len(entries)} boxes on 3 of 4 images\n')
    model = init_detector(str(detector / 'detr.py'), str(detector / 'detr.pth'), device='cpu')
    image = entries[0]['image']
    found = inference_detector(model, image).pred_instances.numpy()
    kept = [(box.clip(0, 96), f'class_{label}', score)
            for box, label, score in zip(found.bboxes, found.labels, found.scores) if score >= 0.2]
    own = [entry for entry in entries if entry['image'] == image]
    assert len(own) == len(kept) > 1
    for entry, (box, name, score) in zip(own, sorted(kept, key=lambda each: -each[2])):
        np.testing.assert_allclose(entry['box'], box, atol=0.06)
        assert entry['category'] == name and entry['score'] == pytest.approx(score, abs=1e-3)
    assert [item.box for item in find_items([str(out)], root='/')] == [tuple(entry['box']) for entry in entries]

    call('detect', detector / 'detr.py', detector / 'detr.pth', image, '-o', out, '--threshold', 0, '--largest')
    entry, = json.loads(out.read_text())
    boxes = found.bboxes.astype(np.float64).clip(0, 96).round(1)
    assert entry['box'] == boxes[np.prod(boxes[:, 2:] - boxes[:, :2], axis=1).argmax()].tolist()
    assert entry.keys() == {'image', 'box', 'score'}


def test_only_the_classes_that_are_asked_for(detector, call, tmp_path, monkeypatch):
    monkeypatch.chdir(detector)  # paths in the file are absolute, so that it can lie anywhere
    command = ['detect', 'detr.py', 'detr.pth', 'Images', '-o', tmp_path / 'boxes.json', '--threshold', 0,
               '--categories']
    call(*command)
    every = json.loads((tmp_path / 'boxes.json').read_text())
    name = every[0]['category']
    call(*command, '--classes', name)
    some = json.loads((tmp_path / 'boxes.json').read_text())
    assert some == [entry for entry in every if entry['category'] == name] != every
    assert all(entry['image'].startswith(f'{detector}/Images/') for entry in some)


@pytest.mark.parametrize(('arguments', 'words'), [
    (['Images', '-o', 'boxes.txt'], 'boxes.txt: its name must end in .json'),
    (['Images', '-o', 'nowhere/boxes.json'], 'nowhere/boxes.json: there is no such folder'),
    (['nowhere', '-o', 'boxes.json'], 'nowhere: there is no such file or folder'),
    (['Images', '-o', 'boxes.json', '--classes', 'coat', 'class_1'],
     'unknown classes coat: the detector has class_0, class_1'),
])
def test_bad_input_is_named(detector, call, monkeypatch, arguments, words):
    monkeypatch.chdir(detector)
    done = call('detect', 'detr.py', 'detr.pth', *arguments)
    assert done.code == 2 and words in done.err and not (detector / 'boxes.json').exists()


# ---- COCO's persons


@pytest.fixture(scope='module')
def persons(detector, tmp_path_factory, tiny_coco):
    """Config and checkpoint whose commonest class is called person, and six persons on as many images."""
    root = tmp_path_factory.mktemp('persons')
    tiny_coco(root, 'val', 6, seed=0)
    (root / 'detr.py').write_text((detector / 'detr.py').read_text())
    model = init_detector(str(detector / 'detr.py'), str(detector / 'detr.pth'), device='cpu')
    labels = np.concatenate([
        inference_detector(model, str(path)).pred_instances.labels.numpy() for path in sorted(root.glob('val_*.png'))])
    checkpoint = torch.load(detector / 'detr.pth')
    checkpoint['meta']['dataset_meta']['classes'][np.bincount(labels).argmax()] = 'person'
    torch.save(checkpoint, root / 'detr.pth')
    return root


def coco_results(call, root, *arguments):
    """Run the command on the annotations: what it printed, and what it wrote."""
    out = root / 'own.json'
    done = call('detect', root / 'detr.py', root / 'detr.pth', root / 'val.json', '--coco-results', out, *arguments)
    assert done.code == 0, done.err
    return done, json.loads(out.read_text())


def test_coco_results_are_the_detectors_and_mmpose_reads_them(persons, call):
    done, results = coco_results(call, persons)
    model = init_detector(str(persons / 'detr.py'), str(persons / 'detr.pth'), device='cpu')
    person, expected = model.dataset_meta['classes'].index('person'), []
    for image_id in range(6):
        found = inference_detector(model, str(persons / f'val_{image_id}.png')).pred_instances.numpy()
        own = sorted(((score, box) for box, label, score in zip(found.bboxes, found.labels, found.scores)
                      if label == person), key=lambda each: -each[0])
        expected += [(image_id, score, box.clip(0, 64)) for score, box in own]
    assert len(results) == len(expected) > 6
    for result, (image_id, score, (x1, y1, x2, y2)) in zip(results, expected):
        assert result.keys() == {'image_id', 'category_id', 'bbox', 'score'}
        assert result['image_id'] == image_id and result['category_id'] == 1
        np.testing.assert_allclose(result['bbox'], [x1, y1, x2 - x1, y2 - y1], atol=2e-3)
        assert result['score'] == pytest.approx(score, abs=1e-4)

    images = len({result['image_id'] for result in results})
    assert done.out.splitlines()[-2] == f'{persons}/own.json: {len(results)} boxes on {images} of 6 images'
    coco = COCO(str(persons / 'val.json'))
    evaluation = COCOeval(coco, coco.loadRes(str(persons / 'own.json')), 'bbox')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert done.out.splitlines()[-1] == (
        f'person AP {100 * evaluation.stats[0]:.1f} (the detector of the paper: 56.4 on val2017)')

    dataset = CocoDataset(data_root=str(persons), ann_file='val.json', data_prefix=dict(img=''), test_mode=True,
                          bbox_file=str(persons / 'own.json'))
    assert len(dataset) == len(results)
    for row, result in zip(map(dataset.get_data_info, range(len(dataset))), results):
        x, y, width, height = result['bbox']
        np.testing.assert_allclose(row['bbox'], [[x, y, x + width, y + height]], rtol=1e-5)
        assert row['bbox_score'] == np.float32(result['score'])
        assert row['img_path'] == f"{persons}/val_{result['image_id']}.png"


def test_coco_results_have_the_categories_of_the_file(persons, call, tmp_path):
    """By their names, and not in the detector's order: a box is that of the run without other classes."""
    model = init_detector(str(persons / 'detr.py'), str(persons / 'detr.pth'), device='cpu')
    classes = model.dataset_meta['classes']
    labels = np.concatenate([
        inference_detector(model, str(persons / f'val_{n}.png')).pred_instances.labels.numpy() for n in range(6)])
    other = next(classes[label] for label in labels if classes[label] != 'person')
    content = json.loads((persons / 'val.json').read_text())
    ids = {'person': 30, 'unknown to the detector': 1, other: 20}
    content['categories'] = [dict(id=number, name=name) for name, number in ids.items()]
    content['annotations'] = [dict(each, category_id=30) for each in content['annotations']]
    (tmp_path / 'val.json').write_text(json.dumps(content))
    command = ['detect', persons / 'detr.py', persons / 'detr.pth', tmp_path / 'val.json', '--root', persons,
               '--coco-results', tmp_path / 'own.json', '--threshold', 0.2]
    expected = []
    for name in ('person', other):
        assert call(*command, '--classes', name).code == 0
        expected.append([dict(box, category_id=ids[name]) for box in json.loads((tmp_path / 'own.json').read_text())])
    done = call(*command, '--classes', 'person', other, '--categories')
    assert done.code == 0 and re.search(r'AP \d+\.\d, the mean over 2 categories$', done.out.strip()), done
    results = json.loads((tmp_path / 'own.json').read_text())
    assert [[box for box in results if box['category_id'] == number] for number in (30, 20)] == expected
    assert len(results) == sum(map(len, expected)) and all(expected)


def test_the_threshold_of_coco_results_is_0_unless_given(persons, call):
    scores = [result['score'] for result in coco_results(call, persons)[1]]
    assert min(scores) < 0.5
    middle = float(np.median(scores)) + 1e-6
    some = coco_results(call, persons, '--threshold', middle)[1]
    assert [result['score'] for result in some] == [score for score in scores if score >= middle]


def test_no_more_than_100_boxes_an_image(persons, call, tmp_path, tiny_coco):
    tiny_coco(tmp_path, 'val', 1, seed=1)
    many = DETR.replace('num_queries=12', 'num_queries=130').replace('max_per_img=12', 'max_per_img=130')
    (tmp_path / 'detr.py').write_text(many)
    model = init_detector(str(tmp_path / 'detr.py'), device='cpu')
    names = ['person', *(f'class_{number}' for number in range(79))]
    meta = dict(dataset_meta=dict(classes=names))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), tmp_path / 'detr.pth')
    _, results = coco_results(call, tmp_path, '--classes', *names)
    found = inference_detector(init_detector(str(tmp_path / 'detr.py'), str(tmp_path / 'detr.pth'), device='cpu'),
                               str(tmp_path / 'val_0.png')).pred_instances
    best = sorted(found.scores.tolist(), reverse=True)
    assert len(best) == 130 and len(results) == 100 and {result['category_id'] for result in results} == {1}
    np.testing.assert_allclose([result['score'] for result in results], best[:100], atol=1e-4)


def test_images_without_annotations_are_measured_in_no_way(persons, call, tmp_path):
    images = json.loads((persons / 'val.json').read_text())['images'][:2]
    (tmp_path / 'info.json').write_text(json.dumps(dict(images=images)))
    done = call('detect', persons / 'detr.py', persons / 'detr.pth', tmp_path / 'info.json', '--root', persons,
                '--coco-results', tmp_path / 'own.json')
    assert done.code == 0 and done.out.endswith(f'no AP, as {tmp_path}/info.json has no annotated boxes\n')
    assert {result['image_id'] for result in json.loads((tmp_path / 'own.json').read_text())} == {0, 1}


def test_coco_results_of_real_photographs(persons, call, tmp_path, shared_data):
    done = call('detect', persons / 'detr.py', persons / 'detr.pth', shared_data / 'coco_mini' / 'test_coco.json',
                '--coco-results', tmp_path / 'own.json')
    assert done.code == 0 and ' of 4 images\nperson AP ' in done.out
    assert {result['image_id'] for result in json.loads((tmp_path / 'own.json').read_text())} <= {
        785, 40083, 196141, 197388}


IMAGE = dict(id=0, file_name='val_0.png')


@pytest.mark.parametrize(('content', 'arguments', 'words'), [
    (dict(images=[IMAGE]), ['--root', '..'], '1 of 1 images are not there, such as ../val_0.png: --root names the'),
    (dict(images=[dict(IMAGE, file_name='../a.png')]), [], "image 0: '../a.png' is not below the current folder"),
    (dict(images=[dict(IMAGE, file_name='a\n.png')]), [], "the image name holds control characters: 'a\\n.png'"),
    (dict(images=[IMAGE, IMAGE]), [], 'bad.json, field images: two images have one id'),
    (dict(images=[dict(IMAGE, id='0')]), [], 'bad.json, image 1: it lacks an integer as id, or a file_name'),
    (dict(images=[dict(id=0)]), [], 'bad.json, image 1: it lacks an integer as id, or a file_name'),
    (dict(images=[]), [], 'bad.json, field images: no list of images'),
    ([IMAGE], [], 'bad.json, field images: no list of images'),
    (dict(images=[IMAGE]), ['--largest'], '--largest does not go with --coco-results'),
    (dict(images=[IMAGE]), ['--categories'], ', which is a class of the detector: it has no categories'),
    (dict(images=[IMAGE]), ['-o', 'boxes.json'], 'not allowed with argument'),
    (dict(images=[IMAGE]), ['--classes', 'human'], 'unknown classes human: the detector has '),
    (dict(images=[IMAGE]), ['--threshold', '1'], 'no person was found on 1 images, and MMPose cannot read an empty'),
    (dict(images=[IMAGE]), ['--coco-results', 'bad.json'], 'bad.json is the annotation file: choose another name'),
])
def test_what_does_not_fit_coco_results_is_one_line(persons, call, monkeypatch, content, arguments, words):
    monkeypatch.chdir(persons)
    (persons / 'bad.json').write_text(json.dumps(content))
    done = call('detect', 'detr.py', 'detr.pth', 'bad.json', '--coco-results', 'none.json', *arguments)
    assert done.code == 2 and words in done.err.splitlines()[-1], done.err
    assert not (persons / 'none.json').exists() and json.loads((persons / 'bad.json').read_text()) == content


@pytest.mark.parametrize(('inputs', 'words'), [
    (['nowhere.json'], 'nowhere.json: no such file: COCO results need a COCO annotation file'),
    (['.'], '.: no such file: COCO results need a COCO annotation file'),
    (['val_0.png'], 'val_0.png: not JSON ('),
    (['val.json', 'val.json'], '--coco-results takes one annotation file, got 2 inputs'),
])
def test_coco_results_take_one_annotation_file(persons, call, monkeypatch, inputs, words):
    monkeypatch.chdir(persons)
    done = call('detect', 'detr.py', 'detr.pth', *inputs, '--coco-results', 'none.json')
    assert done.code == 2 and words in done.err and done.err.count('\n') == 1
