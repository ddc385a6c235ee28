"""The folder that a model is shared as: what is in it, and what every command does with it, on another machine too."""

import hashlib
import json
import re
import shutil
import threading
from argparse import ArgumentParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import cv2
import onnxruntime
import pytest
import torch

from pcloss_mmpose.cli import main
from pcloss_mmpose.cli.arguments import add_model, with_both
from pcloss_mmpose.configs import plain_values
from pcloss_mmpose.deploy.publish import plain
from pcloss_mmpose.errors import InputError
from pcloss_mmpose.metainfo import load_metainfo
from pcloss_mmpose.model_folder import check_config

pytest.importorskip('safetensors')

#: Own landmarks, in a file beside the config; COCO's, so that the tiny data fit.
METAINFO = """
_base_ = []
from pcloss_mmpose.metainfo import build_dataset_info, load_metainfo

names = tuple(load_metainfo('CocoDataset')['keypoint_name2id'])
dataset_info = build_dataset_info('waistcoats', names, outline=[('nose', 'left_eye')], upper=names[:11],
                                  categories={'person': names[:5]})
"""
CONFIG = """
_base_ = {base!r}
metainfo = '{{{{ fileDirname }}}}/metainfo.py'
pipeline = _base_.pipeline
own = dict(metainfo=dict(from_file=metainfo))
train_dataloader = dict(dataset=own)
val_dataloader = dict(dataset=own)
test_dataloader = dict(dataset=dict(own, pipeline=[*pipeline[:3], dict(type='PackPoseInputs')]))
model = dict(head=dict(pc_loss=dict(metainfo=metainfo)))
"""
FILES = ['README.md', 'config.py', 'model.onnx', 'model.safetensors', 'picture.jpg']
FIGURES = {'NE': 12.5, 'NE_macro': 13.25, 'NE/person': 12.5, 'NE_skipped': 0.0, 'EPE': 3.0, 'outliers/person': 4.0,
           'lost': float('nan')}


@pytest.fixture(scope='module')
def made(tiny_config, tmp_path_factory):
    """A trained checkpoint with its config, and the folder that was made of it."""
    root = tmp_path_factory.mktemp('own') / 'secret'
    root.mkdir()
    (root / 'metainfo.py').write_text(METAINFO)
    (root / 'waistcoats.py').write_text(CONFIG.format(base=str(tiny_config)))
    (root / 'metrics.json').write_text(json.dumps(FIGURES))
    config, checkpoint = root / 'waistcoats.py', root.parent / 'run' / 'epoch_1.pth'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('LOCAL_RANK', '0')  # MMPose's script sets it for good
        main(['train', str(config), '--work-dir', str(checkpoint.parent), '--no-validate'])
    main(['publish', str(checkpoint), '-o', str(root / 'published'), '--license', 'cc-by-nc-4.0',
          '--dataset', 'ann/vests', '--metrics', str(root / 'metrics.json')])
    folder, = (root / 'published').iterdir()
    return SimpleNamespace(root=root, config=config, checkpoint=checkpoint, folder=folder, data=tiny_config.parent)


@pytest.fixture
def elsewhere(made, tmp_path):
    """The folder on another machine, with an image."""
    shutil.copytree(made.folder, tmp_path / 'model')
    shutil.copy2(made.data / 'val_0.png', tmp_path)
    return SimpleNamespace(folder=tmp_path / 'model', image=tmp_path / 'val_0.png')


@pytest.fixture
def apart(made):
    """The folder of config and metainfo, which have another place meanwhile."""
    hidden = made.root.with_name('hidden')
    made.root.rename(hidden)
    yield hidden
    hidden.rename(made.root)


def landmarks(folder):
    return json.loads((folder / 'predictions.jsonl').read_text())['landmarks']


def test_what_is_in_it(made, capsys):
    assert sorted(path.name for path in made.folder.iterdir()) == FILES
    stem, rest = made.folder.name.rsplit('-', 1)
    content = (made.folder / 'model.safetensors').read_bytes()
    assert stem == 'waistcoats' and hashlib.sha256(content).hexdigest().startswith(rest.split('_')[0])
    assert cv2.imread(str(made.folder / 'picture.jpg')).shape[1] >= 64
    session = onnxruntime.InferenceSession(str(made.folder / 'model.onnx'))
    assert [each.name for each in session.get_outputs()] == ['coordinates', 'scores']


def test_no_place_of_this_machine_is_in_it(made):
    for path in made.folder.iterdir():
        content = path.read_bytes()
        for place in (made.root, made.data, made.root.parent):
            assert str(place).encode() not in content, path
    config = plain_values((made.folder / 'config.py').read_text())
    assert config['test_dataloader']['dataset']['data_root'] == f'data/{made.data.name}'
    assert config['custom_imports']['imports'] == ['pcloss_mmpose']
    assert not {'_base_', 'work_dir', 'load_from', 'resume'} & config.keys()


def test_metainfo_is_part_of_the_config(made):
    config = plain_values((made.folder / 'config.py').read_text())
    own = load_metainfo(str(made.root / 'metainfo.py'))
    for found in (config['test_dataloader']['dataset']['metainfo'], config['model']['head']['pc_loss']['metainfo']):
        parsed = load_metainfo(found)
        assert parsed['categories'] == {'person': (0, 1, 2, 3, 4)} == own['categories']
        for key, value in own.items():
            assert plain(parsed[key]) == plain(value), key


def test_the_page_says_what_was_given_and_no_more(made):
    hub = pytest.importorskip('huggingface_hub')
    card = hub.ModelCard.load(made.folder / 'README.md')
    assert (card.data.license, card.data.pipeline_tag, card.data.library_name, card.data.datasets) == (
        'cc-by-nc-4.0', 'keypoint-detection', 'mmpose', ['ann/vests'])
    results = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert results == {'NE': 12.5, 'NE_macro': 13.25, 'EPE': 3.0} and card.data.metrics == list(results)
    assert {result.dataset_type for result in card.data.eval_results} == {'ann/vests'}
    assert '| NE/person | 12.5 |' in card.text and 'lost' not in card.text and 'nan' not in card.text
    assert all(f'| {name} |' in card.text for name in FILES if name != 'README.md') and '(picture.jpg)' in card.text
    assert hashlib.sha256((made.folder / 'model.safetensors').read_bytes()).hexdigest() in card.text


def test_without_options_the_page_says_nothing_of_license_and_figures(made, call, tmp_path):
    done = call('publish', made.checkpoint, '-o', tmp_path / 'out')
    assert done.code == 0 and 'no license in the page' in done.out
    assert f'picture.jpg shows {made.data}/val_0.png: others will see it' in done.out
    page = next((tmp_path / 'out').iterdir()) / 'README.md'
    matter = page.read_text().split('---')[1]
    assert 'license' not in matter and 'metrics' not in matter and 'datasets' not in matter and 'index' not in matter
    assert 'None was given: ask the author' in page.read_text()
    again = call('publish', made.checkpoint, '-o', tmp_path / 'out')
    assert again.code == 2 and again.err.endswith(f'error: {page.parent} is there already\n')
    assert len(list((tmp_path / 'out').iterdir())) == 1


def test_commands_do_with_it_what_they_do_with_config_and_checkpoint(made, elsewhere, call, apart, tmp_path):
    """Where nothing of the training is at hand, not even its metainfo."""
    config, checkpoint = apart / 'waistcoats.py', made.checkpoint
    for out, model in (('a', [elsewhere.folder]), ('b', [config, checkpoint]), ('c', [config, elsewhere.folder])):
        done = call('predict', '--workers', 0, '-o', tmp_path / out, *model, elsewhere.image)
        assert done.code == 0, done.err
    assert landmarks(tmp_path / 'a') == landmarks(tmp_path / 'b') == landmarks(tmp_path / 'c')
    done = call('predict', elsewhere.folder, elsewhere.image, '-o', tmp_path / 'd', '--category', 'person')
    assert done.code == 0 and 'warning' not in done.err and len(landmarks(tmp_path / 'd')) == 5

    done = call('export', elsewhere.folder, '-o', tmp_path / 'model.onnx', '--pictures', elsewhere.image)
    assert done.code == 0 and 'On 1 images' in done.out
    assert call('export', elsewhere.folder, '-o', tmp_path / 'b.onnx').err.endswith('name some --pictures\n')

    figures = []
    for model in ([config, elsewhere.folder], [config, checkpoint]):
        assert call('test', *model, '--work-dir', tmp_path / 'test', '--out', tmp_path / 'figures.json').code == 0
        figures.append(json.loads((tmp_path / 'figures.json').read_text()))
    assert figures[0] == figures[1]
    done = call('test', elsewhere.folder, '--work-dir', tmp_path / 'test', '--cfg-options',
                f'test_dataloader.dataset.data_root={made.data}', '--out', tmp_path / 'figures.json')
    assert done.code == 0 and json.loads((tmp_path / 'figures.json').read_text()) == figures[0]


def test_a_training_begins_with_it_and_is_not_resumed_from_it(made, call, tmp_path):
    done = call('train', made.config, '--work-dir', tmp_path / 'new', '--no-validate', '--cfg-options',
                f'load_from={made.folder}', 'optim_wrapper.optimizer.lr=0.')
    assert done.code == 0, done.err
    begun, trained = (torch.load(path, weights_only=True)['state_dict']
                      for path in (made.checkpoint, tmp_path / 'new' / 'epoch_1.pth'))
    assert all(torch.equal(trained[name], value) for name, value in begun.items() if name.endswith('weight'))
    done = call('train', made.config, '--work-dir', tmp_path / 'more', '--resume', made.folder)
    assert done.code == 2 and 'cannot be resumed, as it has no optimizer and no message_hub: begin a' in done.err


def test_mmpose_itself_loads_it(made, elsewhere):
    from mmpose.apis import inference_topdown, init_model
    found = []
    for config, checkpoint in ((elsewhere.folder / 'config.py', elsewhere.folder / 'model.safetensors'),
                               (made.config, made.checkpoint)):
        model = init_model(str(config), str(checkpoint), device='cpu')
        found.append(inference_topdown(model, str(elsewhere.image))[0].pred_instances.keypoints)
    assert (found[0] == found[1]).all() and model.dataset_meta['keypoint_id2name'][16] == 'right_ankle'


def test_half_precision_and_weights_as_a_fast_training_leaves_them(made, elsewhere, call, tmp_path):
    from safetensors.torch import load_file
    content = torch.load(made.checkpoint, weights_only=True)
    weights = content['state_dict']
    for name, value in weights.items():
        if value.ndim == 4:
            weights[name] = value.to(memory_format=torch.channels_last)
    torch.save(content, tmp_path / 'fast.pth')
    folders = {}
    for option in ('--draw', '--half'):
        done = call('publish', tmp_path / 'fast.pth', '-o', tmp_path / option, *[option] * (option == '--half'))
        assert done.code == 0, done.err
        folders[option], = (tmp_path / option).iterdir()
        call('predict', folders[option], elsewhere.image, '-o', tmp_path / option / 'found', '--workers', 0)
    whole, half = (load_file(folder / 'model.safetensors') for folder in folders.values())
    assert all(torch.equal(whole[name], value) for name, value in weights.items())
    assert all(torch.equal(half[name], value.half() if value.is_floating_point() else value)
               for name, value in weights.items())
    sizes = [(folder / 'model.safetensors').stat().st_size for folder in folders.values()]
    assert sizes[1] < 0.6 * sizes[0]
    first, second = (landmarks(tmp_path / option / 'found') for option in folders)
    assert all(abs(first[name][2] - second[name][2]) < 0.01 for name in first)  # nothing is learnt, and places jump

    weights['head.final_layer.bias'][0] = 1e5
    torch.save(content, tmp_path / 'large.pth')
    done = call('publish', tmp_path / 'large.pth', '-o', tmp_path / 'large', '--half')
    assert done.code == 2 and 'too large for half precision, the first is head.final_layer.bias' in done.err


def flip(folder):
    content = bytearray((folder / 'model.safetensors').read_bytes())
    content[len(content) // 2] ^= 1
    (folder / 'model.safetensors').write_bytes(content)


def cut(folder):
    content = (folder / 'model.safetensors').read_bytes()
    (folder / 'model.safetensors').write_bytes(content[:len(content) // 2])


def add(text):
    return lambda folder: (folder / 'config.py').write_text((folder / 'config.py').read_text() + text)


@pytest.mark.parametrize(('change', 'words'), [
    (flip, 'model/model.safetensors: the checkpoint is damaged'),
    (cut, 'model/model.safetensors: the checkpoint is damaged'),
    (lambda folder: (folder / 'model.safetensors').write_bytes(b''), 'model/model.safetensors: no whole checkpoint'),
    (lambda folder: (folder / 'model.safetensors').unlink(), 'model: a folder without model.safetensors, which that'),
    (lambda folder: (folder / 'config.py').unlink(), 'model: it has no config.py: name a config in front of it'),
    (lambda folder: (folder / 'config.py').write_text('model = dict('), 'config.py: not a complete config, as a run'),
    (lambda folder: (folder / 'config.py').write_text('model = dict()'), 'config.py: it has no test_dataloader with a'),
    (add('import os\n'), 'is no NAME = VALUE). To run it as a program, name it: '),
    (add("\nmodel['head']['out_channels'] = 5\n"), 'is no NAME = VALUE'),
    (add("\nmodel = dict(type='os.system', command='touch ran')\n"), "type is 'os.system', which is no name of a reg"),
])
def test_a_damaged_folder_is_refused_in_one_line(elsewhere, call, tmp_path, change, words):
    change(elsewhere.folder)
    done = call('predict', elsewhere.folder, elsewhere.image, '-o', tmp_path / 'out', '--workers', 0)
    error, = [line for line in done.err.splitlines() if not line.endswith(' ...')]
    assert done.code == 2 and error.startswith('error: ') and words in error, error
    assert not (tmp_path / 'out').exists() or not list((tmp_path / 'out').glob('*.jsonl'))


@pytest.mark.parametrize(('text', 'words'), [
    ("a = '{{$HOME:x}}'", 'as it has {{ }}'),
    ("_base_ = 'b.py'", 'inherits from a _base_'),
    ("a = open('/etc/passwd')", 'is a program'),
    ("model = dict(head=dict(type='subprocess.run', args=['ls']))", "model.head.type is 'subprocess.run'"),
    ("model = [dict(type='mmengine.remove', filepath='a')]", "model.0.type is 'mmengine.remove'"),
    ("model = dict(type='mmengine.fileio.File')", 'model.type is'),
    ("model = dict(type='this')", "model.type is 'this'"),  # a module, which MMEngine would import
    ("custom_imports = dict(imports=['antigravity', 'pcloss_mmpose'])", 'custom_imports.imports names antigravity, pc'),
    ("custom_imports = dict(imports='this')", 'custom_imports.imports names this'),
    ("default_scope = 'this'", "default_scope is 'this'"),
    ("model = dict(_scope_=5)", '_scope_ is 5'),
    ("a = dict(metainfo=dict(from_file='b.py'))", "a.metainfo.from_file names the file 'b.py', which would be run"),
    ("a = dict(metainfo='b.py')", "a.metainfo is 'b.py'"),
])
def test_a_config_that_is_more_than_data_is_refused(tmp_path, text, words):
    (tmp_path / 'config.py').write_text(text)
    with pytest.raises(InputError) as refused:
        check_config(tmp_path / 'config.py')
    assert words in str(refused.value)


@pytest.mark.parametrize('text', [
    "model = dict(type='mmdet.CSPNeXt', backbone=dict(type='ResNet', _scope_='mmdet'))",
    "custom_imports = dict(imports=['pcloss_mmpose', 'mmdet.engine.hooks', 'mmpretrain.models'])",
    "a = dict(metainfo='CocoDataset', b=dict(keypoint_info=dict({0: dict(name='a', type='upper')})))",
])
def test_a_config_of_registered_parts_is_data(tmp_path, text):
    (tmp_path / 'config.py').write_text(text)
    check_config(tmp_path / 'config.py')


@pytest.mark.parametrize(('given', 'taken'), [
    ('F photos -o out', 'F F photos -o out'),
    ('-o out F photos', '-o out F F photos'),
    ('-o=out --draw F a b', '-o=out --draw F F a b'),
    ('--dra F a', '--dra F F a'),
    ('--words a b -o out F a', '--words a b -o out F F a'),
    ('-- F a', '-- F F a'),
    ('F F a', 'F F a'),
    ('config.py F a', 'config.py F a'),
    ('hf-hub:a/b a', 'hf-hub:a/b hf-hub:a/b a'),
    ('-o F config.py a.pth b', '-o F config.py a.pth b'),
    ('-o out', '-o out'),
    ('', ''),
])
def test_a_model_stands_for_config_and_checkpoint(tmp_path, monkeypatch, given, taken):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'F').mkdir()
    (tmp_path / 'F' / 'config.py').write_text('')
    parser = ArgumentParser()
    add_model(parser)
    parser.add_argument('-o', '--out')
    parser.add_argument('--draw', action='store_true')
    parser.add_argument('--words', nargs='+')
    assert with_both(parser, given.split()) == taken.split()


@pytest.mark.parametrize(('given', 'taken'), [
    ('a.jpg -o out', 'M M a.jpg -o out'),
    ('-o out photos', '-o out M M photos'),
    ('*.jpg', 'M M *.jpg'),
    ('boxes.json -o out', 'M M boxes.json -o out'),
    ('boxes.json', 'M M boxes.json'),
    ('boxes.json a.pth photos', 'boxes.json a.pth photos'),  # as a config in JSON
    ('list.csv photos', 'M M list.csv photos'),
    ('config.py a.pth a.jpg', 'config.py a.pth a.jpg'),
    ('F a.jpg', 'F F a.jpg'),
    ('F a.pth a.jpg', 'F F a.pth a.jpg'),
    ('gone.jpg', 'gone.jpg'),
    ('fotos -o out', 'fotos -o out'),
    ('-o out', '-o out'),
])
def test_a_default_model_stands_in_front_of_images_alone(tmp_path, monkeypatch, given, taken):
    monkeypatch.chdir(tmp_path)
    for name in ('a.jpg', 'boxes.json', 'list.csv', 'config.py', 'a.pth'):
        (tmp_path / name).write_text('')
    for name in ('F', 'photos'):
        (tmp_path / name).mkdir()
    (tmp_path / 'F' / 'config.py').write_text('')
    parser = ArgumentParser()
    add_model(parser, 'M')
    parser.add_argument('-o', '--out')
    monkeypatch.setattr('pcloss_mmpose.cli.arguments.is_model_name', lambda text: text == 'M')
    assert with_both(parser, given.split()) == taken.split()


def test_a_model_that_cannot_be_exported_is_published_without_a_graph(made, call, tmp_path):
    content = torch.load(made.checkpoint, weights_only=True)
    content['meta']['cfg'] = content['meta']['cfg'].replace("type='TopdownAffine'", "type='BottomupResize'")
    torch.save(content, tmp_path / 'other.pth')
    done = call('publish', tmp_path / 'other.pth', '-o', tmp_path / 'out', '--picture', made.data / 'val_1.png')
    assert done.code == 0, done.err


@pytest.mark.parametrize(('change', 'words'), [
    (lambda content: content['meta'].pop('cfg'), r"no config in its meta that can be read \(KeyError: 'cfg'\): --pth"),
    (lambda content: content['meta'].update(cfg='import os'), r'no config in its meta that can be read \(ValueError'),
    (lambda content: content['meta'].update(cfg=content['meta']['cfg'].replace("'pcloss_mmpose',", "'own_models',")),
     'names own_models, and only .* are imported: --pth publishes'),
    (lambda content: content['state_dict'].pop('head.final_layer.bias'), 'weight is missing in it'),
])
def test_what_cannot_be_a_folder_is_refused_and_leaves_nothing(made, call, tmp_path, change, words):
    content = torch.load(made.checkpoint, weights_only=True)
    change(content)
    torch.save(content, tmp_path / 'other.pth')
    done = call('publish', tmp_path / 'other.pth', '-o', tmp_path / 'out')
    assert done.code == 2 and re.search(words, done.err), done.err
    assert not (tmp_path / 'out').exists() or not list((tmp_path / 'out').iterdir())


class Hub(BaseHTTPRequestHandler):
    """What Hugging Face's server answers to one who downloads a file of a public model."""

    commit = '0123456789abcdef0123456789abcdef01234567'

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.wfile.write(self.answer())

    def answer(self):
        self.server.asked.append(f'{self.command} {self.path}')
        owner, name, _, revision, file = (self.path.split('/') + [''] * 5)[1:6]
        path = self.server.folder / file
        found = (owner, name) == ('ann', 'vests') and revision in ('main', 'v1', self.commit) and path.is_file()
        content = path.read_bytes() if found else b''
        self.send_response(200 if found else 404)
        if not found:
            self.send_header('X-Error-Code', 'EntryNotFound' if owner == 'ann' else 'RepoNotFound')
        self.send_header('X-Repo-Commit', self.commit)
        self.send_header('ETag', f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        return content

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(made, tmp_path, monkeypatch):
    """A server in the place of huggingface.co, with the folder as ann/vests."""
    pytest.importorskip('huggingface_hub')
    from huggingface_hub import constants, file_download
    server = ThreadingHTTPServer(('127.0.0.1', 0), Hub)
    server.folder, server.asked = made.folder, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f'http://127.0.0.1:{server.server_address[1]}'
    for module in (constants, file_download):
        for name, value in dict(ENDPOINT=address, HF_HUB_CACHE=str(tmp_path / 'cache'), HUGGINGFACE_CO_URL_TEMPLATE=(
                address + '/{repo_id}/resolve/{revision}/{filename}')).items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    yield server
    server.shutdown()


def test_a_model_of_the_hub_is_downloaded_and_used(made, hub, elsewhere, call, tmp_path):
    done = call('predict', 'hf-hub:ann/vests@v1', elsewhere.image, '-o', tmp_path / 'a', '--workers', 0)
    assert done.code == 0, done.err
    assert 'config.py of ann/vests@v1: from http://127.0.0.1' in done.err and 'model.safetensors of ann' in done.err
    asked = {path.rpartition('/')[2] for path in hub.asked if '/resolve/' in path}
    assert asked == {'config.py', 'model.safetensors'}
    call('predict', made.folder, elsewhere.image, '-o', tmp_path / 'b', '--workers', 0)
    assert landmarks(tmp_path / 'a') == landmarks(tmp_path / 'b')
    done = call('train', made.config, '--work-dir', tmp_path / 'new', '--no-validate', '--cfg-options',
                'load_from=hf-hub:ann/vests')
    assert done.code == 0, done.err
    done = call('predict', 'hf-hub:bob/gone', elsewhere.image, '-o', tmp_path / 'c')
    assert done.code == 2 and 'error: hf-hub:bob/gone: no config.py (' in done.err and done.err.count('\n') <= 2


def test_a_picture_that_cannot_be_read_leaves_nothing(made, call, tmp_path):
    (tmp_path / 'broken.jpg').write_bytes(b'no image')
    done = call('publish', made.checkpoint, '-o', tmp_path / 'out', '--picture', tmp_path / 'broken.jpg')
    assert done.code == 2 and 'broken.jpg: no image that Pillow can read' in done.err
    assert not list((tmp_path / 'out').iterdir())
