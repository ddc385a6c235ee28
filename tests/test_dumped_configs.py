"""Configs as runs leave them: read as data, and equal to what was dumped."""

import math

import pytest
from mmengine.config import Config

from pcloss_mmpose.configs import find_config, load_config, plain_values, read_dumped_config
from pcloss_mmpose.errors import InputError


@pytest.mark.parametrize('name', ['td-hm_efflite0-pcloss_1xb12-600_garments-128x128',
                                  'td-reg_fashionnet-pcloss_4xb5-100k_fld-512x512'])
def test_what_mmengine_dumps_is_read(tmp_path, name):
    config = load_config(find_config(name), custom_imports=False)
    config.dump(tmp_path / 'config.py')
    read = read_dumped_config(tmp_path / 'config.py')
    assert read.to_dict() == config.to_dict() and read.model.head.type == config.model.head.type


def test_values_of_every_kind(tmp_path):
    values = dict(number=-1.5, limits=(0, math.inf, -math.inf), words={'a b': [None, True], 3: 'c'}, quoted='a\'"\n',
                  set={1, 2}, nested=dict(a=dict(b=[dict(c=(1, ))])), empty={}, bytes=b'ab')
    Config(values).dump(tmp_path / 'config.py')
    assert read_dumped_config(tmp_path / 'config.py').to_dict() == Config(values).to_dict()
    assert math.isnan(plain_values('a = nan')['a'])


@pytest.mark.parametrize('text', [
    'import os', 'a = b', 'a = b = 1', 'a, b = 1, 2', 'a.b = 1', 'a[0] = 1', 'a += 1', 'a: int = 1', 'del a', 'f()',
    '1', 'a = f(b=1)', 'a = f({"b": 1})', 'a = dict(1)', 'a = dict([(1, 2)])', 'a = dict(**b)', 'a = dict(**{"c": 1})',
    'a = dict(b=f())', 'a = dict({"b": f()})', 'a = dict({**b})', 'a = dict({}, {})', 'a = (lambda: 1)()',
    'a = [b for b in c]', 'a = f"{b}"', 'a = b.dict(c=1)', 'a = dict(b=1).keys()', 'a = 1 if b else 2', 'a = [1][0]',
    'a = 2 ** 9', 'a = [1] * 9', 'a = __import__("os")', '_base_ = "a.py"', 'a = (', 'a = "\x00', '\x00',
    'a = ' + '(' * 5000, 'a = ' + '-' * 50000 + '1', 'if 1: a = 1', 'def f(): pass', 'filename = 1',
])
def test_what_would_have_to_be_run_is_refused(tmp_path, text):
    path = tmp_path / 'config.py'
    path.write_text(text)
    with pytest.raises(InputError, match=f'^{path}: not a complete config, as a run dumps it') as error:
        read_dumped_config(path)
    assert len(str(error.value)) < 500


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / 'config.py').write_bytes(b'a = "\xff"')
    with pytest.raises(InputError, match='not a complete config'):
        read_dumped_config(tmp_path / 'config.py')
    with pytest.raises(InputError, match='gone.py: no such file'):
        read_dumped_config(tmp_path / 'gone.py')
