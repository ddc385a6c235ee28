"""A short run over every kind of input; ``python -m tests.fuzz`` is the long one."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .mutation import mutate
from .targets import TARGETS, is_clean, make_folder


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp('f')
    make_folder(made)
    return made


@pytest.mark.parametrize('name', TARGETS)
def test_a_good_file_is_clean(folder, name):
    assert is_clean(TARGETS[name], TARGETS[name].healthy, folder)


@pytest.mark.parametrize('name', TARGETS)
def test_drawn_files_are_clean_or_refused_in_a_line(folder, name):
    target = TARGETS[name]

    @settings(max_examples=4 * target.share, derandomize=True, database=None, deadline=None,
              suppress_health_check=list(HealthCheck))
    @given(target.drawn, st.integers(0, 2**32))
    def read(files, seed):
        is_clean(target, files, folder)
        random = Random(seed)
        changed = random.choice(target.mutable)
        is_clean(target, {**files, changed: mutate(random, files[changed])}, folder)

    read()


@pytest.mark.parametrize('name', TARGETS)
def test_changed_bytes_are_clean_or_refused_in_a_line(folder, name):
    target, random = TARGETS[name], Random(name)
    clean = 0
    for _ in range(20 * target.share):
        changed = random.choice(target.mutable)
        clean += is_clean(target, {**target.healthy, changed: mutate(random, target.healthy[changed])}, folder)
    assert clean < 20 * target.share
