"""Which checkpoint a training goes on from, whatever a work folder has become."""

import os
import shutil

import pytest
import torch
from toy_training import toy, train_until

from pcloss_mmpose.checkpoints.finding import newest_checkpoint, resumable
from pcloss_mmpose.errors import InputError


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A folder of checkpoints of iterations 1 to 4 and of the best."""
    folder = tmp_path_factory.mktemp('trained')
    toy(folder, 4, seed=0, scores={2: 1.}, checkpoint=dict(max_keep_ckpts=-1)).train()
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    """The checkpoints alone, with the times at which they were written."""
    for path in trained.glob('*.pth'):
        shutil.copy2(path, tmp_path)
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_4.pth'))
    return tmp_path


def cut(name, length=-100):
    def change(folder):
        content = (folder / name).read_bytes()
        time = (folder / name).stat().st_mtime_ns
        (folder / name).write_bytes(content[:length])
        os.utime(folder / name, ns=(time, time))

    return change


def flip(folder):
    content = bytearray((folder / 'iter_4.pth').read_bytes())
    content[len(content) // 2] ^= 1
    (folder / 'iter_4.pth').write_bytes(content)


def drop_moments(folder):
    content = torch.load(folder / 'iter_4.pth')
    del content['optimizer']
    torch.save(content, folder / 'iter_4.pth')


def all_of(*changes):
    return lambda folder: [change(folder) for change in changes]


def break_weights(folder):
    content = torch.load(folder / 'iter_4.pth')
    content['state_dict']['layers.0.bias'][1] = float('nan')
    torch.save(content, folder / 'iter_4.pth')


@pytest.mark.parametrize(('change', 'found', 'said'), [
    (lambda folder: None, 4, []),
    (lambda folder: (folder / 'last_checkpoint').unlink(), 4, []),
    (cut('last_checkpoint', 0), 4, ['last_checkpoint is empty']),
    (lambda folder: (folder / 'last_checkpoint').write_bytes(b'\0' * 30), 4, ['last_checkpoint is empty']),
    (lambda folder: (folder / 'last_checkpoint').write_text('gone/iter_9.pth'), 4, ['gone/iter_9.pth, which is not']),
    # Between the checkpoint and the file that names it, a kill is possible.
    (lambda folder: (folder / 'last_checkpoint').write_text(str(folder / 'iter_3.pth')), 4, []),
    (lambda folder: (folder / 'iter_4.pth').unlink(), 3, ['iter_4.pth, which is not there']),
    (cut('iter_4.pth'), 3, ['iter_4.pth: no whole checkpoint']),
    (cut('iter_4.pth', 0), 3, ['iter_4.pth: no whole checkpoint']),
    (flip, 3, ['iter_4.pth: ']),
    (all_of(cut('iter_4.pth'), cut('iter_3.pth', 10), cut('last_checkpoint', 0)), 2,
     ['last_checkpoint is empty', 'iter_4.pth: no whole', 'iter_3.pth: no whole']),
    (drop_moments, 3, ['iter_4.pth cannot be resumed, as it has no optimizer: begin']),
    (break_weights, 3, ['iter_4.pth cannot be resumed, as layers.0.bias is NaN or infinite']),
    (lambda folder: (folder / 'iter_5.pth.0a.part').write_bytes(b'half'), 4, []),
    (lambda folder: (folder / 'folder.pth').mkdir(), 4, []),
    # All of one time, as a copy may have them: the number counts.
    (lambda folder: [os.utime(path, (1, 1)) for path in folder.glob('*.pth')], 4, []),
])
def test_the_newest_whole_one_is_found(folder, capfd, change, found, said):
    change(folder)
    path, meta = newest_checkpoint(str(folder), str(folder))
    assert meta['iter'] == found and path == str(folder / f'iter_{found}.pth')
    lines = [line for line in ''.join(capfd.readouterr()).splitlines() if 'Passed over: ' in line]
    assert len(lines) == len(said)
    assert all(any(words in line for line in lines) for words in said)


@pytest.mark.parametrize('change', [
    lambda folder: [path.unlink() for path in folder.glob('*')],
    lambda folder: [path.write_bytes(b'half') for path in folder.glob('*.pth')],
    lambda folder: [path.unlink() for path in folder.glob('iter_*.pth')],  # the best is left
])
def test_without_a_whole_one_nothing_begins(folder, change):
    change(folder)
    runner = toy(folder, 8, resume=True)
    with pytest.raises(InputError, match='has no whole checkpoint to go on from: name one by --resume CHECKPOINT, or'):
        runner.train()
    assert runner.rows == {}


def test_the_best_checkpoint_cannot_go_on(folder):
    with pytest.raises(InputError, match='best_score_iter_2.pth cannot be resumed, as it has no optimizer: begin a'):
        resumable(str(folder / 'best_score_iter_2.pth'))


def test_a_named_checkpoint_is_taken_or_refused(folder):
    cut('iter_4.pth')(folder)
    with pytest.raises(InputError, match='iter_4.pth: no whole checkpoint'):
        toy(folder, 8, resume=True, load_from=str(folder / 'iter_4.pth')).train()
    runner = toy(folder, 8, resume=True, load_from=str(folder / 'iter_2.pth'))
    runner.train()
    assert sorted(runner.rows) == [2, 3, 4, 5, 6, 7]


def test_checkpoints_that_are_saved_elsewhere_are_found(tmp_path):
    settings = dict(seed=0, checkpoint=dict(out_dir=str(tmp_path / 'elsewhere')))
    train_until(3, tmp_path / 'work', 4, **settings)
    (tmp_path / 'work' / 'last_checkpoint').unlink()
    runner = toy(tmp_path / 'work', 4, resume=True, **settings)
    runner.train()
    assert sorted(runner.rows) == [3] and (tmp_path / 'elsewhere' / 'work' / 'iter_4.pth').is_file()


def test_a_checkpoint_of_a_storage_that_fails_is_an_error():
    with pytest.raises(InputError, match='http://127.0.0.1:9/a.pth: no whole checkpoint'):
        resumable('http://127.0.0.1:9/a.pth')
