"""Boxes from an MMDetection model: DETR, which needs no compiled operator, small and with random weights."""

import json

import numpy as np
import pytest
import torch
from mmdet.apis import inference_detector, init_detector

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
    assert [item.box for item in find_items([str(out)])] == [tuple(entry['box']) for entry in entries]

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
