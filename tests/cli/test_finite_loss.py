"""A training whose loss is no number any more ends soon, and leaves its good checkpoints."""

import math

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.structures import BaseDataElement

from pcloss_mmpose.errors import DivergedTrainingError, InputError
from pcloss_mmpose.preflight import FiniteLossHook


@pytest.fixture
def train(tiny_config, call, tmp_path):
    def run(*options, resume=False):
        done = call('train', tiny_config, '--work-dir', tmp_path, *(['--resume'] if resume else []),
                    '--cfg-options', 'train_cfg.val_interval=99', *options)
        return done.code, done.err.splitlines()[-1] if done.err else ''

    return run


def test_weights_that_are_no_numbers_are_not_saved(train, tmp_path):
    code, line = train('optim_wrapper.optimizer.lr=1e30', 'train_cfg.max_epochs=3')
    assert code == 2
    assert line.startswith('error: the loss, or a weight, is not finite from iteration 2 on (')
    assert f'No checkpoint in {tmp_path} has finite weights' in line
    assert not list(tmp_path.glob('*.pth'))


def test_the_newest_good_checkpoint_and_the_images_are_named(train, tmp_path, tiny_config):
    assert train('train_cfg.max_epochs=1')[0] == 0
    content = torch.load(tmp_path / 'epoch_1.pth')
    next(iter(content['state_dict'].values())).view(-1)[0] = math.nan
    torch.save(content, tmp_path / 'later.pth')
    code, line = train('train_cfg.max_epochs=9', 'model.head.loss.loss_weight=1e40', resume=True)
    assert code == 2
    assert line.startswith('error: the loss, or a weight, is not finite from iteration 3 on (')
    assert f'The newest checkpoint with finite weights is {tmp_path}/epoch_1.pth.' in line
    assert sum(f'{tiny_config.parent}/train_{k}.png' in line for k in range(4)) == 2  # the batch of two
    assert not (tmp_path / 'epoch_3.pth').exists()  # iteration 5 was the third in a row


class Training:
    """As much of a runner as the hook asks for, with losses put into its hub."""

    def __init__(self, work_dir):
        self.work_dir, self.iter, self.hooks, self.message_hub = str(work_dir), -1, [], MessageHub('a training')
        self.message_hub.log_scalars.clear()

    def step(self, hook, images=('a.jpg', ), **losses):
        self.iter += 1
        for name, value in losses.items():
            self.message_hub.update_scalar(f'train/{name}', value)
        samples = [BaseDataElement(metainfo=dict(img_path=path)) for path in images]
        hook.after_train_iter(self, 0, dict(data_samples=samples), {})


def test_single_steps_of_mixed_precision_are_no_reason(tmp_path):
    training, hook = Training(tmp_path), FiniteLossHook(patience=3)
    for value in (1., math.inf, math.inf, 2., math.nan):
        training.step(hook, loss=value, acc_pose=math.nan, images=(f'{value}.jpg', ))
    training.step(hook, loss=math.nan, images=('later.jpg', ))
    with pytest.raises(DivergedTrainingError, match=r'from iteration 5 on \(loss nan\), with the images nan.jpg. No'):
        training.step(hook, loss=math.nan, images=('later.jpg', ))


def test_many_images_are_cut_short(tmp_path):
    training, hook = Training(tmp_path), FiniteLossHook(patience=1)
    with pytest.raises(DivergedTrainingError, match=r'the images 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 22 more'):
        training.step(hook, loss=1., loss_pc=-math.inf, images=map(str, range(32)))


def test_good_weights_are_saved_in_a_bad_step(tmp_path):
    training, hook = Training(tmp_path), FiniteLossHook()
    training.step(hook, loss=math.inf)
    hook.before_save_checkpoint(training, dict(state_dict=dict(weight=torch.ones(2), steps=torch.tensor(3))))
    broken = dict(state_dict=dict(good=torch.ones(1), weight=torch.tensor([1., math.inf])))
    with pytest.raises(DivergedTrainingError, match=r'not finite from iteration 1 on \(loss inf\)'):
        hook.before_save_checkpoint(training, broken)
    with pytest.raises(DivergedTrainingError, match='iteration 1 on at the latest .weight has no'):
        FiniteLossHook().before_save_checkpoint(training, broken)


@pytest.mark.parametrize('patience', [0, 1.5, '3'])
def test_bad_patience(patience):
    with pytest.raises(InputError, match='patience must be a whole number from 1'):
        FiniteLossHook(patience)
