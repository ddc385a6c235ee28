"""Files that are there whole or not at all."""

import os

import pytest

from pcloss_mmpose.errors import InputError
from pcloss_mmpose.files import at_once, write_at_once


@pytest.mark.parametrize(('content', 'written'), [
    ('a\r\nä\n', 'a\r\nä\n'.encode()),
    (b'\x00\xff', b'\x00\xff'),
    (iter(['a', 'b\n']), b'ab\n'),
])
def test_texts_and_bytes_are_written_as_they_are_and_for_all_to_read(tmp_path, content, written):
    path = tmp_path / 'a.txt'
    write_at_once(path, content)
    mask = os.umask(0)
    os.umask(mask)
    assert path.read_bytes() == written and path.stat().st_mode & 0o777 == 0o666 & ~mask
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_on_its_way_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('old')

    def pieces():
        yield 'new'
        assert path.read_text() == 'old'
        raise RuntimeError('no more')

    with pytest.raises(RuntimeError, match='no more'):
        write_at_once(path, pieces())
    assert path.read_text() == 'old' and list(tmp_path.iterdir()) == [path]


def test_what_a_kill_has_left_is_written_over(tmp_path):
    (tmp_path / 'a.txt.part').write_text('much longer than the new one')
    write_at_once(tmp_path / 'a.txt', 'new')
    assert (tmp_path / 'a.txt').read_text() == 'new' and not (tmp_path / 'a.txt.part').exists()


def test_where_there_are_no_locks_nothing_is_held_open(tmp_path, monkeypatch):
    """Windows does not rename a file that is open."""
    monkeypatch.setattr('pcloss_mmpose.files.fcntl', None)
    with at_once(tmp_path / 'a.txt') as part:
        assert not part.exists()
        part.write_text('new')
    assert (tmp_path / 'a.txt').read_text() == 'new'


def test_two_writers_of_one_name_are_refused_and_of_two_names_are_not(tmp_path):
    pytest.importorskip('fcntl')
    path = tmp_path / 'a.txt'
    with at_once(path) as part:
        part.write_text('first')
        with pytest.raises(InputError, match='a.txt: another process is writing it'):
            write_at_once(path, 'second')
        write_at_once(path, 'third', writer='3')
        assert path.read_text() == 'third'
    assert path.read_text() == 'first' and list(tmp_path.iterdir()) == [path]
