"""Checkpoints as strangers and failing disks leave them: what is read is what was written, and nothing of it runs."""

import functools
import http.server
import io
import os
import pickle
import tarfile
import threading

import numpy as np
import pytest
import torch
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hub import get_model  # noqa: F401  (it loads checkpoints as well, by the same loader)
from mmengine.logging import HistoryBuffer
from mmengine.optim import MultiStepLR
from mmengine.runner.checkpoint import CheckpointLoader, _load_checkpoint

from pcloss_mmpose import unpickling
from pcloss_mmpose.checkpoints import read_checkpoint
from pcloss_mmpose.errors import InputError

FORMATS = {'zip': True, 'before torch 1.6': False}


def content():
    """Tensors of every kind, and what MMEngine keeps beside them."""
    weights = torch.arange(4096, dtype=torch.float32)
    return dict(
        state_dict=dict(a=weights, b=weights.half(), c=torch.tensor(7), d=torch.tensor([True, False]),
                        e=weights[:8].bfloat16(), f=torch.nn.Parameter(weights[:2]), g=weights.reshape(2, -1).T),
        meta=dict(iter=2, loss=1.5, sizes={1, 2}, sigmas=np.full(3, 0.25, np.float32), links=np.zeros((0, 2)),
                  score=np.float64(2.5), name=b'ab'))


def same(first, second):
    assert list(first['state_dict']) == list(second['state_dict'])
    assert all(torch.equal(first['state_dict'][name], value) for name, value in second['state_dict'].items())
    for name, value in second['meta'].items():
        np.testing.assert_array_equal(first['meta'][name], value)


@pytest.fixture(params=FORMATS)
def path(request, tmp_path):
    file = tmp_path / 'checkpoint.pth'
    torch.save(content(), file, _use_new_zipfile_serialization=FORMATS[request.param])
    return file


@pytest.fixture
def archive(tmp_path):
    """The bytes of a checkpoint, and a function that reads others in their place."""
    file = tmp_path / 'checkpoint.pth'
    torch.save(content(), file)

    def read(changed):
        file.write_bytes(changed)
        return read_checkpoint(file)

    return file.read_bytes(), read


def test_what_was_written_is_read(path, capfd):
    same(read_checkpoint(str(path)), content())
    said = 'which has no checksums' in ''.join(capfd.readouterr())
    assert said == (path.read_bytes()[:2] != b'PK')


def test_2000_flipped_bytes_are_seen(archive):
    """In the middle, which is in the tensors; torch itself reads them."""
    whole, read = archive
    start = len(whole) // 2 - 1000
    changed = whole[:start] + bytes(byte ^ 0x55 for byte in whole[start:start + 2000]) + whole[start + 2000:]
    with pytest.raises(InputError, match=r'checkpoint.pth: the checkpoint is damaged in \w+/data/\d'):
        read(changed)
    assert torch.load(io.BytesIO(changed), weights_only=True)


def test_every_flipped_bit_is_seen_or_harmless():
    """Every one in the archive's directory, and one in each other byte. Torch and zipfile read a directory differently.
    """
    small = dict(state_dict=dict(a=torch.arange(64.), b=torch.arange(8).half()), meta=dict(iter=1))
    whole = saved(small)
    directory = whole.index(b'PK\x01\x02')
    seen = 0
    for place in range(len(whole)):
        for bit in range(8) if place >= directory else [place % 8]:
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            try:
                same(read_checkpoint(io.BytesIO(changed), name='a.pth'), small)
            except InputError as error:
                assert str(error).startswith('a.pth: ') and '\n' not in str(error)
                seen += 1
    assert seen > len(whole)


@pytest.mark.parametrize('part', [0, 0.01, 0.5, 0.9, 0.999])
def test_half_a_file_is_seen(path, part):
    whole = path.read_bytes()
    path.write_bytes(whole[:int(part * len(whole))])
    with pytest.raises(InputError, match='checkpoint.pth: '):
        read_checkpoint(path)


class Call:
    """Pickled as a call of ``function(*arguments)``."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


class State:
    """Pickled as an object whose state is set by a function that is found by its name."""

    def __reduce__(self):
        return Call, (os.mkdir, 'trace'), dict(a=1)


HOSTILE = {
    'a command': lambda trace: Call(os.system, f'touch {trace}'),
    'a function of os': lambda trace: Call(os.mkdir, trace),
    'eval': lambda trace: Call(eval, f'open({trace!r}, "w")'),
    'exec': lambda trace: Call(exec, f'open({trace!r}, "w")'),
    'open': lambda trace: Call(open, trace, 'w'),
    'import': lambda trace: Call(__import__, 'antigravity'),
    'an attribute of a module': lambda trace: Call(getattr, Call(__import__, 'os'), 'system'),
    'an attribute of an allowed class': lambda trace: Call(getattr, HistoryBuffer, '__init__'),
    'the globals of an allowed function': lambda trace: Call(getattr, HistoryBuffer.mean, '__globals__'),
    'numpy.load': lambda trace: Call(np.load, trace, None, True),
    'torch.load': lambda trace: Call(torch.load, trace),
    'tensors by themselves': lambda trace: Call(torch.storage._load_from_bytes, saved(Call(os.mkdir, trace))),
    'a state': lambda trace: State(),
    'a whole model': lambda trace: torch.nn.Linear(2, 2),
}


def saved(value):
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


@pytest.mark.parametrize('new_format', FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize('kind', HOSTILE)
def test_nothing_in_a_checkpoint_is_run(tmp_path, monkeypatch, kind, new_format):
    monkeypatch.chdir(tmp_path)
    evil = dict(content(), message_hub=[HOSTILE[kind](str(tmp_path / 'trace'))])
    torch.save(evil, tmp_path / 'evil.pth', _use_new_zipfile_serialization=new_format)
    for read in (read_checkpoint, functools.partial(_load_checkpoint, map_location='cpu')):
        with pytest.raises(InputError, match='evil.pth: refused, as the checkpoint holds more than data'):
            read('evil.pth')
    assert not (tmp_path / 'trace').exists()


def script():
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), file)
    return file.getvalue()


def tar():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode='w') as archive:
        archive.addfile(tarfile.TarInfo('storages'))
    return file.getvalue()


@pytest.mark.filterwarnings('ignore::FutureWarning')
@pytest.mark.parametrize(('write', 'words'), [
    (lambda: b'', r'no whole checkpoint \(EOFError'),
    (lambda: b'some text', r'no whole checkpoint \('),
    (lambda: b'PK\x03\x04 and no more', r'no whole checkpoint \('),
    (lambda: pickle.dumps(Call(os.mkdir, 'trace'), 2), '(refused, as|no whole) '),
    (lambda: saved([1]), 'no checkpoint: it holds one list'),
    (lambda: saved(torch.ones(1)), 'no checkpoint: it holds one Tensor'),
    (tar, 'a checkpoint in the format of torch 0.1, which is not read'),
    (script, 'a TorchScript program, and no checkpoint'),
])
def test_what_is_no_checkpoint(tmp_path, monkeypatch, write, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'a.pth').write_bytes(write())
    with pytest.raises(InputError, match=f'^a.pth: {words}'):
        read_checkpoint('a.pth')
    assert not (tmp_path / 'trace').exists()


def test_what_is_not_there(tmp_path):
    for path in (tmp_path / 'gone.pth', tmp_path):
        with pytest.raises(InputError, match=f'^{path}: (No such file|it has no model.safetensors, which)'):
            read_checkpoint(path)


@pytest.fixture
def address(tmp_path, monkeypatch):
    """Where a folder is served, and the cache of downloads is another."""
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    (tmp_path / 'served').mkdir()
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    with http.server.ThreadingHTTPServer(
            ('127.0.0.1', 0), functools.partial(Handler, directory=str(tmp_path / 'served'))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
        thread.join()


def test_a_download_is_read_alike(address, tmp_path):
    """torch.hub, which MMEngine asks for it, would unpickle it freely with every torch."""
    torch.save(content(), tmp_path / 'served' / 'good.pth')
    torch.save(Call(os.mkdir, str(tmp_path / 'trace')), tmp_path / 'served' / 'evil.pth')
    same(_load_checkpoint(f'{address}/good.pth', map_location='cpu'), content())
    (tmp_path / 'served' / 'good.pth').unlink()
    same(_load_checkpoint(f'{address}/good.pth'), content())  # it is kept
    for _ in range(2):
        with pytest.raises(InputError, match='cache/hub/checkpoints/evil.pth: refused, as'):
            _load_checkpoint(f'{address}/evil.pth', map_location='cpu')
    assert not (tmp_path / 'trace').exists()


def test_an_object_storage_is_read_alike(tmp_path, monkeypatch):
    class Storage(LocalBackend):
        def get(self, filepath):
            return (tmp_path / filepath.rpartition('/')[2]).read_bytes()

    register_backend('petrel', Storage, force=True)
    torch.save(content(), tmp_path / 'good.pth')
    torch.save(content(), tmp_path / 'old.pth', _use_new_zipfile_serialization=False)
    for name in ('good.pth', 'old.pth'):
        same(_load_checkpoint(f's3://bucket/{name}', map_location='cpu'), content())
    whole = bytearray((tmp_path / 'good.pth').read_bytes())
    whole[len(whole) // 2] ^= 1
    (tmp_path / 'good.pth').write_bytes(whole)
    with pytest.raises(InputError, match='^s3://bucket/good.pth: the checkpoint is damaged in'):
        _load_checkpoint('s3://bucket/good.pth', map_location='cpu')


def test_the_place_of_tensors_is_chosen(tmp_path):
    torch.save(content(), tmp_path / 'a.pth')
    loaded = CheckpointLoader.load_checkpoint(str(tmp_path / 'a.pth'), map_location='meta')
    assert loaded['state_dict']['a'].device.type == 'meta'


@pytest.mark.parametrize('protocol', [2, 4])
def test_what_a_schedule_keeps_is_data(protocol):
    """Torch before 2.6 reads with this unpickler; MultiStepLR's milestones are a Counter."""
    scheduler = MultiStepLR(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1), milestones=[3, 5])
    state = scheduler.state_dict()
    assert unpickling.load(io.BytesIO(pickle.dumps(state, protocol))) == state
