"""The model that is part of the package, `pcloss:garments`."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pcloss_mmpose.images import write_image
from pcloss_mmpose.metainfo.fashionai import CATEGORY_LANDMARKS, LANDMARKS
from pcloss_mmpose.model_folder import GARMENTS, OWN_FOLDERS, WEIGHTS, check_config, weights_file
from pcloss_mmpose.synthetic import generate_sample

pytest.importorskip('safetensors')
pytest.importorskip('timm')

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
OWN = """
_base_ = ['{base}/default_runtime.py', '{base}/schedules/adam_600.py', '{base}/models/spb_efflite0.py',
          '{base}/datasets/coco_json_160x160.py']
own = dict(data_root={root!r}, data_prefix=dict(img=''), ann_file='train.json')
train_dataloader = dict(batch_size=2, dataset=own)
val_dataloader = dict(dataset=own)
test_dataloader = val_dataloader
train_cfg = dict(max_iters=1)
optim_wrapper = dict(optimizer=dict(lr=0.))
model = dict(data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=_base_.codec)]),
             head=dict(out_channels=17, decoder=_base_.codec))
"""


def test_it_finds_the_landmarks_of_a_drawing_without_being_named(call, tmp_path):
    """Of drawings that it has not seen, whole and with nothing said but what they show."""
    (tmp_path / 'photos').mkdir()
    errors = []
    for number, category in enumerate(CATEGORY_LANDMARKS):
        sample = generate_sample(category, 224, 777, number, 'ordinary')
        write_image(tmp_path / 'photos' / f'{category}.png', sample.image)
        done = call('predict', tmp_path / 'photos' / f'{category}.png', '-o', tmp_path / category, '--workers', 0,
                    '--category', category)
        assert done.code == 0, done.err
        assert 'model: pcloss:garments, small and trained on drawings alone' in done.err
        assert '--category blouse' not in done.err
        found = json.loads((tmp_path / category / 'predictions.jsonl').read_text())['landmarks']
        assert list(found) == [LANDMARKS[k] for k in CATEGORY_LANDMARKS[category]]
        errors += [np.linalg.norm(np.subtract(found[LANDMARKS[k]][:2], sample.keypoints[k])) / 224
                   for k in CATEGORY_LANDMARKS[category] if sample.visibility[k] > 0]
    assert np.median(errors) < 0.03
    done = call('predict', tmp_path / 'photos', '-o', tmp_path / 'all', '--workers', 0)
    assert '--category blouse, outwear, dress, skirt or trousers gives the landmarks of one kind alone' in done.err


def test_its_folder_is_small_and_its_page_names_its_weights():
    folder = OWN_FOLDERS[GARMENTS]
    assert (folder / WEIGHTS).stat().st_size < 12e6
    assert hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest() in (folder / 'README.md').read_text()
    check_config(folder / 'config.py')


def test_a_training_of_other_landmarks_begins_with_it(call, tiny_coco, tmp_path):
    from safetensors.torch import load_file
    config = tmp_path / 'own.py'
    tiny_coco(tmp_path, 'train', 4, seed=0)
    config.write_text(OWN.format(root=str(tmp_path), base=CONFIGS / '_base_'))
    start = ['train', config, '--no-validate', '--work-dir', tmp_path / 'run', '--cfg-options']
    done = call(*start, 'load_from=pcloss:garments')
    assert done.code == 2 and "set may_differ=['head.final_layer']" in done.err
    done = call(*start, 'load_from=pcloss:garments', 'may_differ=head.final_layer')
    assert done.code == 0, done.err
    begun = load_file(weights_file('pcloss:garments'))
    trained = torch.load(tmp_path / 'run' / 'iter_1.pth', weights_only=True)['state_dict']
    others = {name for name, value in trained.items() if name.endswith('weight') and (
        value.shape != begun[name].shape or not torch.equal(value, begun[name].float()))}
    assert others == {'head.final_layer.weight'}


def test_another_name_is_refused(call, tiny_config, tmp_path):
    words = 'pcloss:nothing: this package has no such model, but pcloss:garments'
    done = call('predict', 'pcloss:nothing', tmp_path, '-o', tmp_path / 'out')
    assert done.code == 2 and words in done.err
    done = call('train', tiny_config, '--work-dir', tmp_path / 'run', '--cfg-options', 'load_from=pcloss:nothing')
    assert done.code == 2 and f'error: {words}' in done.err
