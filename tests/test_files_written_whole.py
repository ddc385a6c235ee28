"""A file's name stands for all of it, whatever happens while it is written."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pcloss_mmpose.files import write_whole


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / 'file'
    for content in (b'first', b'', b'second'):
        write_whole(path, content)
        assert path.read_bytes() == content
        assert os.listdir(tmp_path) == ['file']


def test_who_reads_the_old_one_reads_all_of_it(tmp_path):
    path = tmp_path / 'file'
    write_whole(path, b'old')
    with path.open('rb') as reader:
        write_whole(path, b'new')
        assert reader.read() == b'old'  # so it was not written over


def test_a_relative_name_and_a_link_stay_what_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_whole('file', b'old')
    os.symlink('file', 'link')
    write_whole('link', b'new')
    assert os.path.islink('link') and Path('file').read_bytes() == b'new'


def test_a_device_is_written_to_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    reader = subprocess.Popen(['cat', tmp_path / 'pipe'], stdout=subprocess.PIPE)
    write_whole(tmp_path / 'pipe', b'text')
    assert reader.communicate()[0] == b'text' and (tmp_path / 'pipe').is_fifo()


def test_kills_while_it_is_written_leave_all_of_the_old_or_of_the_new(tmp_path):
    path = tmp_path / 'file'
    write_whole(path, b'a' * 30_000_000)
    for turn in range(8):
        before = set(tmp_path.iterdir())
        process = os.fork()
        if not process:
            while True:
                for letter in b'ab':
                    write_whole(path, bytes([letter]) * 30_000_000)
        while set(tmp_path.iterdir()) <= before:  # a busy machine may take its time to begin
            time.sleep(0.001)
        time.sleep(0.013 * turn)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        content = path.read_bytes()
        assert len(content) == 30_000_000 and content.strip(content[:1]) == b''
    assert list(tmp_path.glob('file.*.part'))  # some were cut off in the middle, or this would show nothing


@pytest.fixture
def small_disk(tmp_path):
    """A folder with room for 8 MB."""
    folder = tmp_path / 'small'
    folder.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder]
    if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
        pytest.skip('only root may mount a small disk')
    yield folder
    subprocess.run(['umount', folder], check=True)


def test_a_full_disk_leaves_the_old_file(small_disk):
    path = small_disk / 'file'
    write_whole(path, b'old' * 1_000_000)
    with pytest.raises(OSError, match='No space left on device') as error:
        write_whole(path, b'new' * 2_000_000)
    assert error.value.filename == str(path)
    assert path.read_bytes() == b'old' * 1_000_000 and os.listdir(small_disk) == ['file']
