"""A checkpoint that is not the config's ends every command in one line, before anything is done with it."""

import json
import re
from types import SimpleNamespace

import pytest
import torch

from pcloss_mmpose.cli import main
from pcloss_mmpose.evaluation.predictions import read_predictions
from pcloss_mmpose.visualization.report import load_run


def sixteen(content):
    """As if it had been trained on 16 landmarks."""
    for name in ('weight', 'bias'):
        content['state_dict'][f'head.final_layer.{name}'] = content['state_dict'][f'head.final_layer.{name}'][:16]
    del content['meta']['dataset_meta']['keypoint_id2name'][16]


def not_a_number(content):
    content['state_dict']['backbone.bn1.weight'][3] = float('nan')


def without_optimizer(content):
    del content['optimizer']


@pytest.fixture(scope='module')
def files(tiny_config, tmp_path_factory):
    """A config that every command takes, its trained checkpoint, and others made of it."""
    folder = tmp_path_factory.mktemp('loading')
    config = folder / 'config.py'
    config.write_text(
        f'_base_ = {str(tiny_config)!r}\npipeline = _base_.pipeline\n'
        "test_dataloader = dict(dataset=dict(pipeline=[*pipeline[:3], dict(type='PackPoseInputs')]))\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('LOCAL_RANK', '0')  # MMPose's script sets it for good
        main(['train', str(config), '--work-dir', str(folder / 'run'), '--no-validate'])
    good = folder / 'run' / 'epoch_1.pth'
    paths = dict(good=good, flipped=folder / 'flipped.pth')
    for change in (sixteen, not_a_number, without_optimizer):
        content = torch.load(good, weights_only=True)
        change(content)
        paths[change.__name__] = folder / f'{change.__name__}.pth'
        torch.save(content, paths[change.__name__])
    whole = bytearray(good.read_bytes())
    for place in range(len(whole) // 2, len(whole) // 2 + 2000):
        whole[place] ^= 0x55
    paths['flipped'].write_bytes(whole)
    return SimpleNamespace(config=config, image=tiny_config.parent / 'val_0.png', **paths)


@pytest.fixture
def use(call, files, tmp_path):
    """Run a command with a checkpoint."""
    def run(command, checkpoint, *options):
        arguments = dict(
            predict=['predict', files.config, checkpoint, files.image, '-o', tmp_path / 'out'],
            test=['test', files.config, checkpoint, '--work-dir', tmp_path / 'out'],
            export=['export', files.config, checkpoint, '-o', tmp_path / 'out.onnx'],
            resume=['train', files.config, '--resume', checkpoint, '--work-dir', tmp_path / 'out', '--cfg-options',
                    'train_cfg.max_epochs=2'],
            load_from=['train', files.config, '--work-dir', tmp_path / 'out', '--no-validate', '--cfg-options',
                       f'load_from={checkpoint}'])
        return call(*arguments[command], *options)

    return run


FAULTS = {
    'sixteen': r'sixteen.pth does not fit the TopdownPoseEstimator: 2 weights have other shapes '
               r'\(head.final_layer.weight: 17x16x1x1 in the model, 16x16x1x1 in the checkpoint; .*; it was trained on '
               r'16 landmarks \(nose, .* have 17 landmarks \(nose',
    'not_a_number': r'not_a_number.pth does not fit the TopdownPoseEstimator: 1 weight is NaN or infinite in it '
                    r'\(backbone.bn1.weight\)',
    'flipped': r'flipped.pth: the checkpoint is damaged in \w+/data/\d+',
}


@pytest.mark.parametrize('fault', FAULTS)
@pytest.mark.parametrize('command', ['predict', 'test', 'export', 'resume', 'load_from'])
def test_what_does_not_fit_is_refused(use, files, tmp_path, command, fault):
    if command == 'export':
        pytest.importorskip('onnx')
        pytest.importorskip('onnxruntime')
    done = use(command, getattr(files, fault))
    line, = [line for line in done.err.splitlines() if line.startswith('error: ')]
    assert done.code == 2 and re.search(FAULTS[fault], line), line
    assert ('may_differ' in line) == (command == 'load_from' and fault == 'sixteen')
    assert not list(tmp_path.rglob('*.onnx')) and not list(tmp_path.rglob('*.jsonl')) and not list(
        tmp_path.rglob('*.pth')) and not list(tmp_path.rglob('scalars.json'))


@pytest.mark.parametrize('names', ['head.final_layer', '"[head.final_layer,head.deconv_layers]"'])
def test_another_number_of_landmarks_is_trained_from_named_layers(use, files, tmp_path, names):
    done = use('load_from', files.sixteen, f'may_differ={names}', 'optim_wrapper.optimizer.lr=0.', 'optim_wrapper.type='
               'OptimWrapper')
    assert done.code == 0
    log, = tmp_path.glob('out/*/*.log')
    log = log.read_text()
    assert ('sixteen.pth fills the model but for these, which begin with the config\'s initial values, as may_differ '
            'allows: head.final_layer.weight (17x16x1x1 in the model, 16x16x1x1 in the checkpoint), '
            'head.final_layer.bias (17 in the model, 16 in the checkpoint)\n') in log
    assert 'sixteen.pth: it was trained on 16 landmarks' in log
    trained, begun = (torch.load(path, weights_only=True)['state_dict']
                      for path in (tmp_path / 'out' / 'epoch_1.pth', files.sixteen))
    same = {name: torch.equal(value, begun[name]) for name, value in trained.items() if name.endswith('weight')}
    assert [name for name, equal in same.items() if not equal] == ['head.final_layer.weight']


def test_a_layer_that_is_none_is_named(use, files):
    done = use('load_from', files.sixteen, 'may_differ=head.last_layer')
    assert done.code == 2 and "error: may_differ names 'head.last_layer', and neither the model nor" in done.err


def test_weights_alone_are_not_resumed(use, files):
    """MMEngine would go on with a new optimizer, without a word."""
    done = use('resume', files.without_optimizer)
    assert done.code == 2 and 'without_optimizer.pth cannot be resumed, as it has no optimizer: begin a' in done.err


def test_predictions_are_dumped_as_data(use, files, tmp_path):
    figures = tmp_path / 'figures.json'
    file = tmp_path / 'out' / 'predictions.jsonl'
    assert use('test', files.good, '--dump', file, '--out', figures).code == 0
    samples, metainfo = read_predictions(file)
    assert len(samples) == 5 and metainfo['keypoint_id2name'][16] == 'right_ankle' and metainfo['CLASSES'] == [
        dict(id=1, name='person')]
    assert metainfo['flip_pairs'][-1] == [15, 16]
    assert load_run(tmp_path / 'out').metrics['NE'] == pytest.approx(json.loads(figures.read_text())['NE'])
    assert [path.name for path in file.parent.glob('pred*')] == ['predictions.jsonl']


@pytest.mark.parametrize('name', ['predictions.npz', 'predictions', 'predictions.json'])
def test_other_files_of_predictions_are_refused_at_once(use, files, name):
    done = use('test', files.good, '--dump', name)
    assert (done.code, done.err) == (2, f'error: argument --dump: {name}: its name must end in .jsonl, .pkl or .pickle '
                                        '(pcloss test --help explains)\n')
