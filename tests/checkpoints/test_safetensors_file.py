"""Checkpoints as safetensors: read by anybody, and read only as they were written."""

import json
from collections import OrderedDict

import pytest
import torch

from pcloss_mmpose.checkpoints import read_checkpoint
from pcloss_mmpose.checkpoints.safetensors_file import LENGTH, as_safetensors
from pcloss_mmpose.errors import InputError

safetensors = pytest.importorskip('safetensors.torch')


def checkpoint():
    weights = OrderedDict(
        b=torch.arange(6.).view(2, 3), a=torch.tensor(7), c=torch.tensor([1., -2.]).half(), d=torch.ones(2).bfloat16())
    weights._metadata = {'': dict(version=1), 'bn': dict(version=2)}
    meta = dict(dataset_meta=dict(keypoint_id2name={0: '7', 1: 'right'}, keypoint_name2id={'7': 0, 'right': 1}),
                cfg="model = 'ä'", iter=5, seed=None)
    return dict(state_dict=weights, meta=meta)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'model.safetensors'
    path.write_bytes(as_safetensors(checkpoint()))
    return path


def same(found, expected):
    return found['meta'] == expected['meta'] and found['state_dict'].keys() == expected['state_dict'].keys() and all(
        value.dtype == expected['state_dict'][name].dtype and torch.equal(value, expected['state_dict'][name])
        for name, value in found['state_dict'].items())


def test_it_is_read_as_it_was_written(file, capfd):
    found = read_checkpoint(file)
    assert same(found, checkpoint()) and found['state_dict']._metadata == checkpoint()['state_dict']._metadata
    assert 'checksum' not in ''.join(capfd.readouterr())


def test_others_read_it(file):
    assert torch.equal(safetensors.load_file(file)['b'], checkpoint()['state_dict']['b'])
    with safetensors.safe_open(file, 'pt') as opened:
        assert opened.metadata()['format'] == 'pt' and json.loads(opened.metadata()['meta'])['iter'] == 5


def test_a_folder_and_an_open_file_are_read_too(file):
    assert same(read_checkpoint(file.parent), checkpoint())
    with file.open('rb') as opened:
        assert same(read_checkpoint(opened, name='s3://a'), checkpoint())


def test_that_of_another_program_is_read_and_the_log_says_so(tmp_path, capfd):
    safetensors.save_file({'a': torch.ones(2)}, tmp_path / 'a.bin')
    found = read_checkpoint(tmp_path / 'a.bin')
    assert found['meta'] == {} and torch.equal(found['state_dict']['a'], torch.ones(2))
    assert 'a.bin is a safetensors file of another program, which has no checksums' in ''.join(capfd.readouterr())


def test_a_flipped_bit_is_seen(file):
    """Each bit of the header, and one of each byte that follows: refused, or read as it was written, where the checksum
    has lost its name."""
    content = file.read_bytes()
    header = LENGTH + int.from_bytes(content[:LENGTH], 'little')
    places = [(place, 1 << bit) for place in range(header) for bit in range(8)]
    places += [(place, 1 << place % 8) for place in range(header, len(content))]
    refused = 0
    for place, mask in places:
        damaged = bytearray(content)
        damaged[place] ^= mask
        file.write_bytes(damaged)
        try:
            assert same(read_checkpoint(file), checkpoint()), (place, mask)
        except InputError as error:
            assert str(error).startswith(f'{file}: ') and '\n' not in str(error)
            refused += 1
    assert len(places) - refused <= 8 * len('sha256')


@pytest.mark.parametrize('length', [0, 5, 9, 60, -1, -20])
def test_a_part_of_it_is_refused(file, length):
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(InputError, match='no whole|damaged|no checkpoint'):
        read_checkpoint(file)


def test_what_follows_it_is_refused(file):
    file.write_bytes(file.read_bytes() + b'more')
    with pytest.raises(InputError, match='damaged'):
        read_checkpoint(file)


@pytest.mark.parametrize('metadata', [
    dict(meta='{'), dict(meta='[1]'), dict(versions='x'),
    dict(meta='{"dataset_meta": {"keypoint_id2name": {"a": "b"}}}'), dict(meta='{"dataset_meta": 5}'),
    dict(meta='1' * 5000)])
def test_meta_that_is_none_is_refused(tmp_path, metadata):
    safetensors.save_file({'a': torch.ones(2)}, tmp_path / 'a.safetensors', metadata)
    with pytest.raises(InputError, match='a.safetensors: no whole safetensors file'):
        read_checkpoint(tmp_path / 'a.safetensors')


def test_the_same_checkpoint_is_the_same_file():
    assert len({as_safetensors(checkpoint()) for _ in range(20)}) == 1
