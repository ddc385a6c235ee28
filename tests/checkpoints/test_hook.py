"""Older checkpoints are there until the new one is; what MMEngine keeps in the end is kept."""

import os

import pytest
import torch
from mmengine.fileio import BaseStorageBackend, FileClient, register_backend
from mmengine.hooks import CheckpointHook, Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from toy_training import Stop, Stopped, state, toy, train_until

from pcloss_mmpose.checkpoints.hook import SafeCheckpointHook

SCORES = {2: 5., 4: 3., 6: 4., 8: 2.}


class Witness(Hook):
    """Notes the checkpoints that are there when one is written."""

    def __init__(self):
        self.seen = []

    def before_save_checkpoint(self, runner, checkpoint):
        names = {path.name for path in runner.work_dir_path.glob('*.pth')}
        self.seen.append((checkpoint['meta']['iter'], 'optimizer' in checkpoint, names))


def names(folder):
    return sorted(path.name for path in folder.glob('*.pth'))


def test_nothing_is_removed_before_the_new_one_is_there(tmp_path):
    witness = Witness()
    runner = toy(tmp_path, 8, scores=SCORES, hooks=[witness])
    runner.work_dir_path = tmp_path
    runner.train()
    seen = {(iteration, last): found for iteration, last, found in witness.seen}
    assert seen[5, True] == {'iter_4.pth', 'best_score_iter_4.pth'}
    assert seen[4, False] == {'iter_4.pth', 'best_score_iter_2.pth'}  # the better one takes the place of the best
    assert seen[4, True] == {'iter_4.pth', 'best_score_iter_2.pth', 'best_score_iter_4.pth'}  # and the last knows it
    assert names(tmp_path) == ['best_score_iter_8.pth', 'iter_8.pth']
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'iter_8.pth')


def found(folder):
    """The names of checkpoints, published ones without their hash, and what the last one knows of them."""
    last = (folder / 'last_checkpoint').read_text()
    hub = torch.load(last)['message_hub']['runtime_info']
    return dict(names=[name.rsplit('-', 1)[0] for name in names(folder)], kept=hub.get('keep_ckpt_ids'),
                score=hub['best_score'], last=os.path.relpath(hub['last_ckpt'], folder),
                best=os.path.relpath(hub['best_ckpt'], folder))


def test_another_storage_has_the_new_one_before_the_old_is_removed(tmp_path):
    stored, log = {}, []

    @FileClient.register_backend('memory', prefixes='memory', force=True)
    @register_backend('memory', prefixes='memory', force=True)
    class MemoryBackend(BaseStorageBackend):

        def get(self, filepath):
            return stored[filepath]

        def get_text(self, filepath):
            raise NotImplementedError

        def put(self, obj, filepath):
            stored[filepath] = obj
            log.append(sorted(os.path.basename(path) for path in stored))

        def join_path(self, *parts):
            return '/'.join(parts)

        def isfile(self, filepath):
            return filepath in stored

        def remove(self, filepath):
            del stored[filepath]

    toy(tmp_path / 'work', 3, checkpoint=dict(out_dir='memory://bucket')).train()
    assert log == [['iter_1.pth'], ['iter_1.pth', 'iter_2.pth'], ['iter_2.pth', 'iter_3.pth']]
    assert (tmp_path / 'work' / 'last_checkpoint').read_text() == 'memory://bucket/work/iter_3.pth' in stored


@pytest.mark.parametrize('settings', [
    dict(iterations=9, checkpoint=dict(interval=2, max_keep_ckpts=2)),
    dict(iterations=9, checkpoint=dict(interval=2, max_keep_ckpts=3, save_last=False)),
    dict(iterations=9, checkpoint=dict(interval=3, max_keep_ckpts=-1, published_keys=['meta', 'state_dict'])),
    dict(iterations=9, checkpoint=dict(interval=5, max_keep_ckpts=1)),  # the best comes before the first of the last
    dict(epochs=3, sampler='DefaultSampler', val_interval=1, checkpoint=dict(filename_tmpl='e{}.pth')),
], ids=str)
def test_the_files_are_those_of_mmengine(tmp_path, settings, monkeypatch):
    settings = dict(settings, seed=0, scores={**SCORES, 12: 1.})
    toy(tmp_path / 'own', **settings).train()
    monkeypatch.setattr(Runner, 'train', Runner.train.__wrapped__)
    toy(tmp_path / 'stock', **settings).train()
    own, stock = (found(tmp_path / each) for each in ('own', 'stock'))
    assert own == stock and len(own['names']) > 1


def test_hooks_of_mmengine_become_ours_and_others_do_not(tmp_path):
    class Other(CheckpointHook):
        pass

    runner = toy(tmp_path, 1, hooks=[Other(by_epoch=False)])
    runner.train()
    assert {type(hook) for hook in runner.hooks if isinstance(hook, CheckpointHook)} == {Other, SafeCheckpointHook}
    init_default_scope('mmpose')
    assert type(HOOKS.build(dict(type='SafeCheckpointHook', interval=3))) is SafeCheckpointHook


def test_what_kills_have_cut_off_is_removed(tmp_path):
    kept = ['mine.part', 'iter_3.pth', 'notes.txt.12345678.part']
    for name in [*kept, 'iter_2.pth.0123abcd.part', 'best_a_iter_2.pth.1.part', 'last_checkpoint.1.part']:
        (tmp_path / name).touch()
    toy(tmp_path, 1, checkpoint=dict(max_keep_ckpts=-1)).train()
    assert {path.name for path in tmp_path.iterdir() if path.suffix in ('.pth', '.part')} == {*kept, 'iter_1.pth'}


class StopInValidation(Stop):

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        pass

    def before_val(self, runner):
        if runner.iter == self.iteration:
            raise Stopped


def test_a_validation_that_was_cut_off_is_done_again(tmp_path):
    for name, hooks in (('whole', []), ('cut', [StopInValidation(4)])):
        try:
            toy(tmp_path / name, 6, seed=0, scores=SCORES, hooks=hooks).train()
        except Stopped:
            assert names(tmp_path / 'cut') == ['best_score_iter_2.pth', 'iter_4.pth']
    toy(tmp_path / 'cut', 6, seed=0, scores=SCORES, resume=True).train()
    assert names(tmp_path / 'cut') == names(tmp_path / 'whole') == ['best_score_iter_4.pth', 'iter_6.pth']
    assert state(tmp_path / 'cut' / 'iter_6.pth') == state(tmp_path / 'whole' / 'iter_6.pth')
    hub = torch.load(tmp_path / 'cut' / 'iter_6.pth')['message_hub']['runtime_info']
    assert hub['best_score'] == 3.


def test_the_best_checkpoint_of_a_repeated_validation_is_known_to_the_last(tmp_path):
    settings = dict(seed=0, checkpoint=dict(interval=4), val_interval=4)
    with pytest.raises(Stopped):
        toy(tmp_path, 8, scores=SCORES, hooks=[StopInValidation(4)], **settings).train()
    for score in (3., 2.):  # a better one under the same name, as another metric may give it
        resumed = train_until(5, tmp_path, 8, scores={4: score}, resume=True, **settings)
        assert sorted(resumed.rows) == [4, 5]
        assert names(tmp_path) == ['best_score_iter_4.pth', 'iter_4.pth']
        assert torch.load(tmp_path / 'iter_4.pth')['message_hub']['runtime_info']['best_score'] == score


def test_a_validation_that_is_not_due_is_not_done(tmp_path):
    train_until(3, tmp_path, 6, scores=SCORES)
    done = []

    class Count(Hook):

        def before_val(self, runner):
            done.append(runner.iter)

    toy(tmp_path, 6, scores=SCORES, resume=True, hooks=[Count()]).train()
    assert done == [4, 6]
