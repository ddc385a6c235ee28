"""`pcloss train --resume`: what it goes on from, and where it refuses to."""

import logging
import os
import subprocess

import pytest

from pcloss_mmpose.checkpoints import read_checkpoint
from pcloss_mmpose.cli import main

SMALL = ['model.backbone.base_channels=8', 'model.head.in_channels=64', 'default_hooks.checkpoint.interval=1']


@pytest.fixture
def train(tiny_config, call):
    def run(work_dir, *options, resume=()):
        return call('train', tiny_config, '--work-dir', work_dir, '--no-validate', *resume,
                    '--cfg-options', *SMALL, *options)

    return run


def error(done):
    """The one line that a command ended with."""
    line, = [line for line in done.err.splitlines() if line.startswith('error: ')]
    assert done.code == 2 and 'Traceback' not in done.err
    return line


def test_what_cannot_go_on_is_an_error(train, tmp_path):
    line = error(train(tmp_path, resume=['--resume']))
    assert f'{tmp_path} has no whole checkpoint to go on from' in line and 'leave out --resume' in line
    assert not list(tmp_path.glob('*.pth'))

    (tmp_path / 'epoch_1.pth').write_bytes(b'half')
    assert 'epoch_1.pth: no whole checkpoint' in error(train(tmp_path, resume=['--resume', tmp_path / 'epoch_1.pth']))


def test_a_broken_newest_one_is_passed_over_and_said(train, tmp_path):
    assert train(tmp_path, 'train_cfg.max_epochs=2').code == 0
    newest = tmp_path / 'epoch_2.pth'
    whole = read_checkpoint(str(newest))
    newest.write_bytes(newest.read_bytes()[:-1000])
    done = train(tmp_path, 'train_cfg.max_epochs=2', resume=['--resume'])
    assert done.code == 0 and f'Passed over: {newest}: no whole checkpoint' in done.err + done.out
    again = read_checkpoint(str(newest))
    assert all(value.equal(again['state_dict'][name]) for name, value in whole['state_dict'].items())


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='a device of Linux')
def test_a_log_on_a_full_disk_prints_no_traceback(tiny_config, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(logging, 'raiseExceptions', True)
    monkeypatch.setenv('LOCAL_RANK', '0')  # MMPose's script sets it for good
    with pytest.raises(SystemExit):
        main(['train', str(tiny_config), '--work-dir', str(tmp_path), '--resume'])
    logger = logging.Logger('full')
    logger.addHandler(logging.FileHandler('/dev/full'))
    logger.error('lost')
    assert 'Logging error' not in capfd.readouterr().err


def test_a_full_disk_is_one_line_and_the_older_checkpoints_are_whole(train, tmp_path):
    folder = tmp_path / 'small'
    folder.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=10m', 'tmpfs', folder]
    if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
        pytest.skip('only root may mount a small disk')
    try:
        line = error(train(folder, 'train_cfg.max_epochs=20'))
        found = {path.name for path in folder.glob('epoch_*')}
        failed = f'epoch_{len(found) + 1}.pth'
        assert line == f'error: {folder / failed}: No space left on device'
        assert found == {f'epoch_{number}.pth' for number in range(1, len(found) + 1)} and found
        for name in found:
            read_checkpoint(str(folder / name))
        assert (folder / 'last_checkpoint').read_text() == str(folder / f'epoch_{len(found)}.pth')
        assert not list(folder.glob('*.part'))
    finally:
        subprocess.run(['umount', '--lazy', folder], check=True)  # the log is still open
