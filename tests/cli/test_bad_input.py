"""Whatever a command is given that it cannot use: an exit code that is not 0, one line that says why, no traceback."""

import json
from argparse import ArgumentParser
from importlib import import_module

import pytest
import torch
from mmdet.apis import init_detector
from mmpose.apis import init_model
from mmpose.models.heads import HeatmapHead

from pcloss_mmpose.cli import COMMANDS
from pcloss_mmpose.configs import config_errors
from pcloss_mmpose.errors import InputError

#: Of each command, arguments that are right: those that need a value, by option or name.
RIGHT = {
    'train': dict(config='{config}'),
    'test': dict(config='{config}', checkpoint='{model}'),
    'compare': {'config': '{config}', '--losses': 'robust', '--work-dir': '{tmp}/compared'},
    'calibrate': dict(config='{config}'),
    'predict': {'config': '{config}', 'checkpoint': '{model}', 'inputs': '{image}', '--out': '{tmp}/out'},
    'detect': {'config': '{config}', 'checkpoint': '{model}', 'inputs': '{image}', '--out': '{tmp}/boxes.json'},
    'report': dict(runs='{run}'),
    'export': {'config': '{config}', 'checkpoint': '{model}', '--out': '{tmp}/a.onnx'},
    'publish': dict(checkpoint='{model}'),
    'check': dict(data='{config}'),
    'browse': {'config': '{config}', '--out': '{tmp}/a.png'},
    'labels': {'exports': '{coco}', '--images': '{tmp}', '--out': '{tmp}/set'},
    'convert': {'layout': 'fashionai', 'root': '{tmp}', '--out': '{tmp}/coco'},
    'add': dict(config='{config}'),
    'generate': dict(root='{tmp}/drawn'),
    'demo': {},
    'configs': {},
}
CONFIGS = ['{tmp}/gone.py', '{tmp}', '{tmp}/bytes.py', '{tmp}/syntax.py', '{tmp}/raises.py', '{tmp}/a.txt',
           '{tmp}/empty.py', '{tmp}/lists.py', 'mmpose::gone.py', 'gone::a.py', 'no_such_config']
CHECKPOINTS = ['{tmp}/gone.pth', '{tmp}', '{tmp}/a.txt', '{tmp}/empty.pth', '{tmp}/cut.pth', '{tmp}/list.pth',
               '{tmp}/a.onnx', '{tmp}/no_config', 'hf-hub:', 'hf-hub:name', 'hf-hub:a/b/c', 'hf-hub:a/b@',
               'http://127.0.0.1:9/model.pth']
#: Models that stand for config and checkpoint, where a command takes them.
MODELS = ['{tmp}/no_weights', '{tmp}/no_config', 'hf-hub:name', 'hf-hub:../a']
FOLDERS = ['{tmp}/a.txt', '{tmp}/a.txt/below', '']
FILES = ['{tmp}/a.txt', '{tmp}', '{tmp}/a.txt/below{}', '{tmp}/gone/a{}']
COUNTS = ['0', '-1', '1.5', 'x', '']
PARTS = ['0', '-1', 'nan', 'x', '']
SEEDS = ['-1', '1.5', 'x', '4294967296']
OPTIONS = ['x', '=', '=1', 'a..b=1', 'model.type.x=1', 'train_dataloader.dataset.pipeline.99.type=A', 'a=[1,(2',
           'train_dataloader.dataset.pipeline.a=1']

#: What they cannot use, by option or name. ANY takes any text.
ANY = object()
SHARED = {
    '--work-dir': [*FOLDERS, '/proc/no/such'], '--cfg-options': OPTIONS, '--show-dir': ['{tmp}/a.txt'],
    '--interval': COUNTS, '--wait-time': ['x', '-1', 'nan'], '--launcher': ['x', 'pytorch', 'slurm', 'mpi'],
    '--local-rank': ['x', '-1']}
WRONG = {
    'train': {'config': CONFIGS, **SHARED, '--show-dir': ANY, '--resume': CHECKPOINTS[:-1]},
    'test': {'config': [*CONFIGS, *MODELS], 'checkpoint': CHECKPOINTS, **SHARED,
             '--out': ['{tmp}/a.txt', '{tmp}', '{tmp}/a.txt/a.json'], '--dump': ['{tmp}/a.txt', '/proc/a.pkl']},
    'compare': {'config': CONFIGS, '--losses': ['x', '', 'robust,', 'robust,robust', 'HeatmapHead'], '--seeds': COUNTS,
                '--first-seed': SEEDS[:3], '--share': [*PARTS, '1'], '--weight': [*PARTS, 'inf'], '--split': ['x'],
                '--outlier': PARTS, '--near': [*PARTS, '5'], '--apart': PARTS, '--metric': ['x', ''],
                '--work-dir': FOLDERS, '--processes': COUNTS, '--run': ['-1', 'x', '999'], '--cfg-options': OPTIONS},
    'calibrate': {'config': CONFIGS, '--share': [*PARTS, '1'], '--iterations': COUNTS, '--cfg-options': OPTIONS},
    'predict': {'config': [*CONFIGS, *MODELS, '{tmp}/detector.py'], 'checkpoint': CHECKPOINTS,
                'inputs': ['{tmp}/gone.jpg', '{tmp}/a.md', '{tmp}/bad.json', '{tmp}/bytes.csv', '{tmp}/no/*.jpg'],
                '--out': FOLDERS, '--root': ANY, '--category': ANY, '--batch-size': COUNTS,
                '--workers': COUNTS[1:], '--hollow-below': ['x', 'nan', ''], '--device': ['x', 'cuda:99', '', 'meta']},
    'detect': {'config': CONFIGS, 'checkpoint': CHECKPOINTS[:1], 'inputs': ['{tmp}/gone.jpg'],
               '--out': [each.replace('{}', '.json') for each in FILES],
               '--coco-results': [each.replace('{}', '.json') for each in FILES], '--root': ANY, '--classes': ANY,
               '--threshold': ['x', '-1', '1.1', 'nan'], '--device': ['x', 'cuda:99']},
    'report': {'runs': ['{tmp}/gone', '{tmp}/a.txt', '{tmp}', 'a={tmp}/gone'],
               '--out': [each.replace('{}', '.html') for each in FILES], '--title': ANY,
               '--threshold': ['0', '-1', 'nan', 'inf', 'x']},
    'export': {'config': [*CONFIGS, *MODELS], 'checkpoint': CHECKPOINTS,
               '--out': [each.replace('{}', '.onnx') for each in FILES],
               '--output': ['x'], '--pictures': ['{tmp}/gone.jpg', '{tmp}/broken.jpg'], '--root': ['{tmp}'],
               '--count': COUNTS},
    'publish': {'checkpoint': CHECKPOINTS, '--out': FOLDERS, '--license': ['', 'CC BY', 'my license'],
                '--metrics': ['{tmp}/gone.json', '{tmp}', '{tmp}/a.txt', '{tmp}/bad.json', '{tmp}/words.json'],
                '--dataset': ['', 'a b', 'a/b/c'], '--picture': ['{tmp}/gone.jpg', '{tmp}/broken.jpg', '{tmp}/a.md']},
    'check': {'data': CONFIGS, 'root': ['{tmp}'], '--sample': COUNTS, '--seed': SEEDS[:3],
              '--picture': [each.replace('{}', '.png') for each in FILES], '--cfg-options': OPTIONS},
    'browse': {'config': [*CONFIGS, '{tmp}/data.py'], '--out': [each.replace('{}', '.png') for each in FILES],
               '--loader': ['x'], '--count': COUNTS, '--crops': COUNTS, '--seed': SEEDS},
    'labels': {'exports': ['{tmp}/gone.json', '{tmp}', '{tmp}/bytes.py', '{tmp}/a.txt', '{tmp}/empty.py'],
               '--images': ['{tmp}/gone', '{tmp}/a.txt'], '--out': FOLDERS, '--split': [*COUNTS, '50'],
               '--piece': ['('], '--widen': ['-1', 'x', 'nan']},
    'convert': {'layout': ['x'], 'root': ['{tmp}/gone', '{tmp}/a.txt'], '--out': FOLDERS,
                '--ann-file': ['gone.csv', '', '..', 'a.txt']},
    'add': {'config': CONFIGS, 'new_config': ['{tmp}/a.txt', '{tmp}', '{tmp}/empty.py', '{tmp}/a.txt/a.py']},
    'generate': {'root': ['{tmp}/a.txt', '{tmp}/a.txt/below'], '--train': COUNTS, '--val': COUNTS,
                 '--size': [*COUNTS, '31'], '--seed': SEEDS[:3], '--categories': ['x', ''],
                 '--difficulty': ['x', ''], '--layout': ['x', '', 'coco']},
    'demo': {'--out': FOLDERS, '--train': ['11', 'x'], '--val': COUNTS, '--iterations': COUNTS, '--seed': SEEDS[:3]},
    'configs': {'words': ['no_such_word']},
}


def options_of(command):
    """Name of each argument, and whether it takes a value."""
    parser = ArgumentParser(add_help=False)
    import_module(f'pcloss_mmpose.cli.{command}').add_arguments(parser)
    return {(action.option_strings or [action.dest])[-1]: action.nargs != 0 for action in parser._actions}


def given(command, **others):
    """The right arguments, some of them others, as a command line without the command."""
    values = {**RIGHT[command], **others}
    if '--coco-results' in values:  # one excludes the other
        del values['--out']
    # "=" keeps what begins with a dash, or is empty, a value
    return ([value for name, value in values.items() if not name.startswith('--')]
            + [f'{name}={value}' for name, value in values.items() if name.startswith('--')])


@pytest.fixture(scope='module')
def place(tmp_path_factory, tiny_config):
    """What the table names."""
    tmp = tmp_path_factory.mktemp('bad')
    model, run = tmp / 'model.pth', tmp / 'run'
    torch.manual_seed(0)
    torch.save(dict(state_dict=init_model(str(tiny_config), device='cpu').state_dict()), model)
    (tmp / 'cut.pth').write_bytes(model.read_bytes()[:-5000])
    (tmp / 'empty.pth').write_bytes(b'')
    torch.save([1, 2], tmp / 'list.pth')
    for name, text in {
            'a.txt': 'a', 'a.md': 'a', 'broken.jpg': 'a', 'bad.json': '{', 'words.json': '{"NE": "low"}', 'a.onnx': 'a',
            'no_weights/config.py': 'a = 1', 'no_config/model.safetensors': 'a',
            'syntax.py': 'a = (', 'raises.py': 'a = 1 / 0', 'empty.py': '',
            'lists.py': 'model = [1]\ntrain_dataloader = test_dataloader = 5',
            'data.py': "train_dataloader = dict(dataset=dict(type='Gone', pipeline=[dict(type='PackPoseInputs')]))\n"
                       'model = dict(head=dict(decoder=dict()))',
            'detector.py': "_base_ = 'mmdet::detr/detr_r50_8xb2-150e_coco.py'\n"
                           'model = dict(backbone=dict(init_cfg=None, depth=18), neck=dict(in_channels=[512]), '
                           'encoder=dict(num_layers=1), decoder=dict(num_layers=1))',
    }.items():
        (tmp / name).parent.mkdir(exist_ok=True)
        (tmp / name).write_text(text)
    for name in ('bytes.py', 'bytes.csv'):
        (tmp / name).write_bytes(b'\xff\xfe\x00a')
    run.mkdir()
    (run / 'predictions.pkl').write_bytes(b'')
    return dict(tmp=str(tmp), config=str(tiny_config), model=str(model), run=str(run),
                image=str(tiny_config.parent / 'train_0.png'), coco=str(tiny_config.parent / 'train.json'))


@pytest.fixture
def refused(call, place, tmp_path, monkeypatch):
    """Run a command that must be refused: the line that it says."""
    monkeypatch.chdir(tmp_path)
    for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_LOCAL_RANK'):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments):
        arguments = [argument.format(**place) for argument in arguments]
        done = call(*arguments)
        lines = [line for line in done.err.splitlines() if line.startswith('error: ')]
        assert done.code != 0 and len(lines) == 1 and 'Traceback' not in done.err, (arguments, done)
        assert len(lines[0]) > len('error: ') + 5
        return lines[0]

    return run


@pytest.mark.parametrize('command', COMMANDS)
def test_every_argument_is_in_the_table(refused, command):
    """With a value or more, it cannot be without; without, it cannot have one."""
    options = options_of(command)
    assert WRONG[command].keys() == {name for name, takes_value in options.items() if takes_value}
    bare = given(command)
    for name, takes_value in options.items():
        if not takes_value:
            assert 'ignored explicit argument' in refused(command, *bare, f'{name}=1')
        elif name.startswith('-') and name != '--resume':  # which has a value of its own
            assert 'expected' in refused(command, *bare, name)


@pytest.mark.parametrize(('command', 'name'), [(command, name) for command in COMMANDS for name in WRONG[command]])
def test_what_an_argument_cannot_use(refused, command, name):
    for value in WRONG[command][name] if WRONG[command][name] is not ANY else ():
        refused(command, *given(command, **{name: value}))


@pytest.mark.parametrize('command', COMMANDS)
def test_what_is_no_option(refused, command):
    bare = [value for name, value in RIGHT[command].items() if not name.startswith('--')]
    line = refused(command, *given(command), '--no-such-option')
    assert 'unrecognized arguments: --no-such-option' in line
    if bare:
        assert 'required' in refused(command)


@pytest.mark.parametrize(('options', 'words'), [
    ('model.type=Gone', 'its model Gone cannot be built (KeyError: Gone is not in the'),
    ('model.head.type=Gone', 'its model Gone cannot be built'),
    ('model.head.gone=1', "its model PCHeatmapHead cannot be built (TypeError: "),
    ('model.head.in_channels=abc', 'its model PCHeatmapHead cannot be built (TypeError'),
    ('model.backbone.depth=7', 'its model ResNet cannot be built (KeyError: invalid depth 7'),
    ('model.head.decoder.type=Gone', 'Gone cannot be built'),
    ('model=5', 'it cannot be built (TypeError: model should be'),
    ('train_dataloader.dataset.type=Gone', 'its dataset Gone of'),
    ('train_dataloader.dataset.gone=1', 'its dataset CocoDataset of'),
    ('train_dataloader.dataset.ann_file=gone.json', 'gone.json`does not exist); `pcloss check CONFIG` names what'),
    ('train_dataloader.dataset.pipeline.0.type=Gone', 'its transform Gone cannot be built'),
    ('train_dataloader.dataset.pipeline.2.input_size=5', 'its transform TopdownAffine cannot be built (AssertionError'),
    ('train_dataloader.sampler.type=Gone', 'its data sampler Gone cannot be built'),
    ('train_dataloader.batch_size=0', 'batch_size should be a positive integer'),
    ('val_dataloader.dataset.metainfo.from_file=gone.py', 'The metainfo config file "gone.py" does not exist'),
    ('val_evaluator.0.type=Gone', 'its metric Gone cannot be built'),
    ('train_cfg.max_epochs=x', "invalid literal for int() with base 10: 'x'"),
    ('train_cfg.max_epochs=0', 'train_cfg: max_epochs must be a whole number from 1, got 0'),
    ('train_cfg.val_interval=0', 'train_cfg: val_interval must be a whole number from 1, got 0'),
    ('train_cfg.val_interval=x', "train_cfg: val_interval must be a whole number from 1, got 'x'"),
    ('train_cfg.val_interval=1.5', 'train_cfg: val_interval must be a whole number from 1, got 1.5'),
    ('train_cfg.gone=1', 'cannot be built (TypeError: '),
    ('optim_wrapper.optimizer.type=Gone', 'it cannot be built'),
    ('optim_wrapper.optimizer.lr=-1', 'Invalid learning rate: -1'),
    ('default_hooks.checkpoint.rule=None', 'Cannot infer the rule for key EPE'),
    ('default_hooks.checkpoint.type=Gone', 'its hook Gone cannot be built'),
    ('custom_hooks.0.type=Gone', 'its hook Gone cannot be built'),
    ('visualizer.type=Gone', 'its visualizer Gone cannot be built'),
    ('randomness.seed=x', 'it cannot be built (TypeError'),
    ('load_from={tmp}/gone.pth', 'gone.pth'),
    ('load_from={tmp}/a.txt', 'error: '),
])
def test_a_part_of_a_config_that_cannot_be_built_is_named(refused, options, words):
    assert words in refused('train', '{config}', '--work-dir={tmp}/work', '--cfg-options', options)


@pytest.mark.parametrize(('text', 'words'), [
    (lambda content: content[:-20], 'JSONDecodeError'),
    (lambda content: '[]', 'cannot be built'),
    (lambda content: '{}', 'cannot be built'),
    (lambda content: content.replace('"bbox"', '"box"'), 'cannot be built'),
])
def test_an_annotation_file_that_cannot_be_read_is_named(refused, place, tiny_config, text, words):
    bad = tiny_config.parent / 'bad_input.json'
    bad.write_text(text((tiny_config.parent / 'train.json').read_text()))
    line = refused('train', '{config}', '--work-dir={tmp}/work', '--cfg-options',
                   'train_dataloader.dataset.ann_file=bad_input.json')
    assert words in line and 'bad_input.json cannot be built' in line, line


def test_what_fails_in_a_step_keeps_its_traceback(call, place, tiny_config, monkeypatch):
    """It may be a fault of ours, and nobody would find it by one line."""
    def loss(*args, **kwargs):
        raise KeyError('a fault of the program')

    monkeypatch.setattr(HeatmapHead, 'loss', loss)
    monkeypatch.setattr('pcloss_mmpose.models.heads.PCHeatmapHead.loss', loss)
    with pytest.raises(KeyError, match='a fault of the program'):
        call('train', tiny_config, '--work-dir', f"{place['tmp']}/step")


def test_an_error_without_words_gets_its_line():
    words = r'a.py: it cannot be built \(ValueError: raise ValueError, in .*test_bad_input.py, line \d+\)'
    with pytest.raises(InputError, match=words), config_errors('a.py'):
        raise ValueError


def test_models_of_another_kind_are_refused_by_name(refused, place):
    """With checkpoints that fit them."""
    model = init_detector(f"{place['tmp']}/detector.py", device='cpu')
    torch.save(dict(state_dict=model.state_dict()), f"{place['tmp']}/detector.pth")
    assert 'its model is a DETR, and no TopdownPoseEstimator' in refused(
        'predict', '{tmp}/detector.py', '{tmp}/detector.pth', '{image}', '-o', '{tmp}/none')
    assert 'its model is a TopdownPoseEstimator, and no detector of MMDetection' in refused(
        'detect', '{config}', '{model}', '{image}', '-o', '{tmp}/none.json')


def test_a_pipeline_that_packs_what_it_trains_on_predicts_too(call, place, tmp_path):
    done = call('predict', place['config'], place['model'], place['image'], '-o', tmp_path / 'out', '--workers', 0)
    assert done.code == 0 and len(json.loads((tmp_path / 'out/predictions.jsonl').read_text())['landmarks']) == 17
