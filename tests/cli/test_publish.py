"""What is published of a checkpoint as one file: weights and plain values, which torch and MMPose read."""

import hashlib
import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.apis import inference_topdown, init_model
from mmpose.registry import VISUALIZERS

from pcloss_mmpose.cli import main
from pcloss_mmpose.deploy.publish import content_name, plain, publish, published
from pcloss_mmpose.errors import InputError

LOAD_ALONE = """
import sys, torch
checkpoint = torch.load(sys.argv[1], weights_only=True)
print(sorted(checkpoint), 'pcloss_mmpose' in sys.modules or 'mmengine' in sys.modules)
print(sorted(checkpoint['meta']))
print({type(value).__name__ for value in checkpoint['state_dict'].values()})
"""


@pytest.fixture(scope='module')
def files(tiny_config, tmp_path_factory):
    """The last checkpoint of a real training, and what was published of it."""
    folder = tmp_path_factory.mktemp('published')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('LOCAL_RANK', '0')  # MMPose's script sets it for good
        main(['train', str(tiny_config), '--work-dir', str(folder), '--no-validate'])
    checkpoint = folder / 'epoch_1.pth'
    before = checkpoint.read_bytes()
    model, dropped = publish(checkpoint, folder / 'new')
    assert checkpoint.read_bytes() == before and dropped == ['message_hub', 'optimizer', 'param_schedulers']
    assert list((folder / 'new').iterdir()) == [model]
    return checkpoint, model


@pytest.mark.skipif(torch.__version__ < '2', reason='torch 1 refuses plain floats where only weights are allowed')
def test_torch_reads_it_without_the_package(files):
    done = subprocess.run([sys.executable, '-c', LOAD_ALONE, files[1]], text=True, check=True, stdout=subprocess.PIPE)
    assert done.stdout.splitlines() == [
        "['meta', 'state_dict'] False",
        "['cfg', 'dataset_meta', 'epoch', 'experiment_name', 'iter', 'mmengine_version', 'pcloss_mmpose_version', "
        "'seed', 'time']",
        "{'Tensor'}"]


def test_the_name_tells_config_content_and_day(files, tiny_config):
    stem, hash_and_day = files[1].stem.rsplit('-', 1)
    digits, day = hash_and_day.split('_')
    assert stem == tiny_config.stem
    assert hashlib.sha256(files[1].read_bytes()).hexdigest().startswith(digits) and len(digits) == 8
    assert day.isdigit() and len(day) == 8


def test_only_what_inference_needs_is_left(files):
    before, after = (torch.load(file, map_location='cpu') for file in files)
    assert set(before) > {'optimizer', 'message_hub'}
    assert list(after['state_dict']) == list(before['state_dict'])
    for name, value in before['state_dict'].items():
        assert torch.equal(after['state_dict'][name], value)
    assert after['meta']['iter'] == before['meta']['iter'] == 2
    assert files[1].stat().st_size < files[0].stat().st_size / 2  # Adam keeps two numbers for each weight


def test_mmpose_predicts_and_draws_from_it_as_from_the_checkpoint(files, tiny_config, tmp_path):
    """The config, too, comes out of the file."""
    config = tmp_path / 'config.py'
    config.write_text(torch.load(files[1])['meta']['cfg'])
    image = np.random.default_rng(0).integers(0, 256, (80, 64, 3), dtype=np.uint8)
    found, drawn = [], []
    for source, file in zip((tiny_config, config), files):
        model = init_model(Config.fromfile(str(source)), str(file), device='cpu')
        pipeline = model.cfg.test_dataloader.dataset.pipeline
        pipeline[-2:] = [dict(type='PackPoseInputs')]  # without the steps that need a truth
        result, = inference_topdown(model, image)
        visualizer = VISUALIZERS.build(dict(type='PoseLocalVisualizer', name=str(file)))
        visualizer.set_dataset_meta(model.dataset_meta)
        found.append(result.pred_instances.keypoints)
        drawn.append(visualizer.add_datasample('', image, result, draw_gt=False, kpt_thr=0.))
    assert isinstance(model.dataset_meta['keypoint_colors'], list)
    assert np.array_equal(*found)
    assert np.array_equal(*drawn) and not np.array_equal(drawn[0], image)


def test_it_is_published_once(files, call):
    shown = call('publish', files[0], '-o', files[1].parent, '--pth')
    assert (shown.code, shown.err) == (2, f'error: {files[1]} is there already\n')
    again = call('publish', files[1], '--pth')  # what is published is a checkpoint like any other
    assert again.err == shown.err


def test_what_was_dropped_and_the_sizes_are_printed(files, call, tmp_path):
    shown = call('publish', files[0], '-o', tmp_path / 'new', '--pth')
    assert shown.code == 0
    dropped, before, after = shown.out.splitlines()
    assert dropped == 'dropped: message_hub, optimizer, param_schedulers'
    assert before == f'{files[0]}: {files[0].stat().st_size / 1e6:.1f} MB'
    assert after == f"{tmp_path / 'new' / files[1].name}: {files[1].stat().st_size / 1e6:.1f} MB"


@pytest.mark.parametrize(('content', 'message'), [
    (None, 'argument CHECKPOINT: a.pth: no such file'),
    (b'', 'a.pth: no whole checkpoint (EOFError'),
    (b'some text that is no zip', 'a.pth: no whole checkpoint ('),
    ([1, 2], 'a.pth: no checkpoint: it holds one list'),
    ({'state_dict': {'a': torch.ones(1), 'b': torch.tensor([1., float('nan')]), 'c': torch.tensor(float('inf'))}},
     'a.pth is no checkpoint of a training: 2 of its weights are NaN or infinite, the first is b'),
    ({'layer.weight': torch.ones(1)}, 'a.pth is no checkpoint of a training: it has no state_dict of tensors'),
    ({'state_dict': {}}, 'a.pth is no checkpoint of a training: it has no state_dict of tensors'),
    ({'state_dict': {'a': 1}}, 'a.pth is no checkpoint of a training: it has no state_dict of tensors'),
    ({'state_dict': {'a': torch.ones(1)}, 'meta': {'seed': torch.ones(1)}},
     'a.pth is no checkpoint of a training: its meta cannot be published: Tensor is no plain value'),
])
@pytest.mark.parametrize('options', [[], ['--pth']])
def test_what_is_no_checkpoint_is_refused_in_one_line(call, tmp_path, monkeypatch, content, message, options):
    monkeypatch.chdir(tmp_path)
    if isinstance(content, bytes):
        (tmp_path / 'a.pth').write_bytes(content)
    elif content is not None:
        torch.save(content, tmp_path / 'a.pth')
    shown = call('publish', 'a.pth', *options)
    error, = [line for line in shown.err.splitlines() if not line.endswith(' ...')]
    assert shown.code == 2 and error.startswith(f'error: {message}')
    assert {path.name for path in tmp_path.iterdir()} <= {'a.pth'}


def test_a_view_is_saved_without_the_tensor_that_it_is_of():
    sizes = []
    for checkpoint in ({'state_dict': {'a': torch.ones(100000)[:3]}}, {'state_dict': {'a': torch.ones(3)}}):
        buffer = io.BytesIO()
        torch.save(published(checkpoint), buffer)
        sizes.append(len(buffer.getvalue()))
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize('checkpoint', [None, {}, {'state_dict': [torch.ones(1)]}])
def test_a_checkpoint_without_tensors_is_refused(checkpoint):
    with pytest.raises(InputError, match='no state_dict of tensors'):
        published(checkpoint)


def test_numpy_and_subclasses_become_plain():
    class Name(str):
        pass

    value = plain({'colors': np.array([[1, 2]], np.uint8), 'sigma': np.float32(0.5), 'pairs': [(0, 1)], 3: Name('a'),
                   'flag': np.bool_(True), 'none': None})
    assert value == {'colors': [[1, 2]], 'sigma': 0.5, 'pairs': [[0, 1]], 3: 'a', 'flag': True, 'none': None}
    assert type(value[3]) is str and type(value['sigma']) is float and value['flag'] is True


@pytest.mark.parametrize(('meta', 'stem'), [
    ({'experiment_name': 'td-hm_res50_fashionai_20260101_101010'}, 'td-hm_res50_fashionai'),
    ({'experiment_name': '20260101_101010'}, 'iter_5'),
    ({}, 'iter_5'),
])
def test_the_config_gives_the_name_or_the_checkpoint_does(tmp_path, meta, stem):
    assert content_name(tmp_path / 'iter_5.pth', meta, b'abc').startswith(f'{stem}-ba7816bf_')  # the SHA-256 of abc
