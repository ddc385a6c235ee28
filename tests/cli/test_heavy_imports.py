"""Imports that take seconds: what a command says before them, and what it leaves as it was."""

import gc
import sys

import pytest

from pcloss_mmpose.cli.loading import RANKS, load


@pytest.fixture
def heavy(tmp_path, monkeypatch):
    """A module that notes whether Python searches for garbage meanwhile."""
    (tmp_path / 'heavy_one.py').write_text('import gc\nsearched = gc.isenabled()\n')
    (tmp_path / 'heavy_broken.py').write_text('raise OSError\n')
    monkeypatch.syspath_prepend(tmp_path)
    for rank in RANKS:
        monkeypatch.delenv(rank, raising=False)
    yield
    sys.modules.pop('heavy_one', None)
    gc.unfreeze()


def test_it_is_said_once_and_garbage_is_searched_for_again(heavy, capsys):
    load('Heavy', 'heavy_one')
    load('Heavy', 'heavy_one')
    assert capsys.readouterr() == ('', 'loading Heavy ...\n')
    assert not sys.modules['heavy_one'].searched and gc.isenabled()


def test_other_processes_say_nothing(heavy, capsys, monkeypatch):
    monkeypatch.setenv('SLURM_PROCID', '1')
    load('Heavy', 'heavy_one')
    assert capsys.readouterr().err == ''


def test_what_fails_leaves_the_search_as_it_was(heavy):
    with pytest.raises(OSError):
        load('Heavy', 'heavy_broken')
    assert gc.isenabled()
