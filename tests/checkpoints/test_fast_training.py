"""The config's ``fast``: the same training, another way to compute it."""

from types import SimpleNamespace

import pytest
import torch
from packaging.version import Version
from toy_training import state, toy, train_until

from pcloss_mmpose.errors import InputError
from pcloss_mmpose.fast_training import fast_optimizer, fast_options, make_fast, renew

fused_on_cpu = pytest.mark.skipif(Version(torch.__version__) < Version('2.4'), reason='of GPUs alone before torch 2.4')


class Convolutions(torch.nn.Module):
    """Of a layout that channels_last changes, and without what is random."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.backbone = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 2), torch.nn.ReLU(), torch.nn.Conv2d(3, 4, 2))

    def train_step(self, data, optim_wrapper):
        with optim_wrapper.optim_context(self):
            loss = (self.backbone(data['x'].reshape(-1, 1, 2, 2).repeat(1, 2, 3, 3)).sin().mean() - 1)**2
        optim_wrapper.update_params(loss)
        return dict(loss=loss)


def conv(folder, fast=None, iterations=6, **settings):
    return toy(folder, iterations, seed=0, model=Convolutions(), cfg={} if fast is None else dict(fast=fast),
               **settings)


@fused_on_cpu
def test_the_same_weights_in_another_layout_by_another_kernel(tmp_path):
    plain, fast = conv(tmp_path / 'plain'), conv(tmp_path / 'fast', dict(channels_last=True, fused=True))
    for runner in (plain, fast):
        runner.train()
    for (name, weight), other in zip(plain.model.named_parameters(), fast.model.parameters()):
        torch.testing.assert_close(other, weight, rtol=1e-5, atol=1e-6, msg=name)
    assert fast.model.backbone[2].weight.is_contiguous(memory_format=torch.channels_last)
    assert fast.optim_wrapper.optimizer.defaults['fused'] and not plain.optim_wrapper.optimizer.defaults['fused']
    loaded = Convolutions()
    loaded.load_state_dict(torch.load(tmp_path / 'fast' / 'iter_6.pth')['state_dict'])
    assert loaded.backbone[2].weight.is_contiguous()


@fused_on_cpu
@pytest.mark.parametrize(('first', 'then'), [
    (None, dict(channels_last=True, fused=True)),
    (dict(channels_last=True, fused=True), dict(fused=True)),
    (dict(channels_last=True, fused=True), None),
], ids=str)
def test_a_training_goes_on_in_another_layout(tmp_path, first, then):
    conv(tmp_path / 'whole').train()
    optimizer = dict(fused=True) if then is None else ()
    train_until(3, tmp_path / 'cut', 6, seed=0, model=Convolutions(), cfg=dict(fast=first))
    resumed = conv(tmp_path / 'cut', then, resume=True, optimizer=optimizer)
    resumed.train()
    assert resumed.optim_wrapper.optimizer.param_groups[0]['fused']
    whole, cut = (state(tmp_path / name / 'iter_6.pth')['state_dict'] for name in ('whole', 'cut'))
    for name, weight in whole.items():
        torch.testing.assert_close(torch.tensor(cut[name]), torch.tensor(weight), rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.skipif(not hasattr(torch.nn.Module, 'compile'), reason='PyTorch compiles in place from 2.2 on')
def test_a_compiled_part_keeps_its_names_and_values(tmp_path):
    runner, plain = conv(tmp_path, dict(compile=True)), Convolutions()
    make_fast(runner)
    assert list(runner.model.state_dict()) == list(plain.state_dict())
    x, graphs = torch.randn(1, 2, 5, 5), torch._dynamo.utils.counters['stats']
    before = graphs['unique_graphs']
    torch.testing.assert_close(runner.model.backbone(x), plain.backbone(x))
    assert graphs['unique_graphs'] == before + 1


def test_the_optimizer_of_each_machine():
    config = dict(optimizer=dict(type='Adam', lr=1.), clip_grad=dict(max_norm=1))
    assert fast_optimizer(config, 'float16', True, on_gpu=True) == (dict(
        type='AmpOptimWrapper', dtype='float16', optimizer=dict(type='Adam', lr=1., fused=True),
        clip_grad=dict(max_norm=1)), {})
    assert fast_optimizer(config, 'bfloat16', False, on_gpu=False) == (
        config, dict(amp='MMEngine has mixed precision on GPUs alone'))
    rprop = dict(optimizer=dict(type='Rprop'))
    assert fast_optimizer(rprop, None, True, on_gpu=True) == (
        rprop, dict(fused='Rprop has no fused kernels in this PyTorch'))
    assert config == dict(optimizer=dict(type='Adam', lr=1.), clip_grad=dict(max_norm=1))


def test_what_is_left_out_is_said(tmp_path, capfd):
    runner = conv(tmp_path, dict(amp='bfloat16'))
    make_fast(runner)
    assert 'fast.amp is left out: MMEngine has mixed precision on GPUs alone' in ''.join(capfd.readouterr())
    assert 'type' not in runner.optim_wrapper


@pytest.mark.parametrize(('options', 'device'), [
    (dict(fused=True), 'meta'), (dict(fused=False), 'cpu'), (dict(fused=False, capturable=True), 'meta'), ({}, 'cpu')],
    ids=str)
def test_a_count_of_steps_lies_where_the_kernels_look_for_it(options, device):
    weight = torch.empty(2, device='meta')  # as on a GPU, another device than the count's in the checkpoint
    state = dict(step=torch.tensor(3.), amsgrad=True)
    optimizer = SimpleNamespace(
        defaults=options, param_groups=[dict(options, params=[weight], fused=None)], state={weight: state})
    renew(optimizer)
    assert state['step'].device.type == device and state['amsgrad'] is True


def test_workers_load_the_same_images(tmp_path):
    plain, fast = conv(tmp_path / 'plain', iterations=3), conv(tmp_path / 'fast', dict(workers=2), iterations=3)
    for runner in (plain, fast):
        runner.train()
    assert fast.rows == plain.rows and len(fast.rows) == 3
    assert (plain.train_dataloader.num_workers, fast.train_dataloader.num_workers) == (0, 2)


@pytest.mark.parametrize(('fast', 'message'), [
    (True, 'fast is a dict of amp, channels_last, fused, compile, workers, got True'),
    (dict(amp='bfloat16', chanels_last=True), "got {'amp': 'bfloat16', 'chanels_last': True}"),
    (dict(amp=True), "fast.amp must be 'bfloat16', 'float16' or None, got True"),
    (dict(amp='bf16'), "got 'bf16'"),
    (dict(workers=0), 'fast.workers must be None or a whole number from 1, got 0'),
    (dict(workers=True), 'got True'),
    (dict(fused=1), 'fast.fused must be True or False, got 1'),
    (dict(compile='reduce-overhead'), "fast.compile must be True or False, got 'reduce-overhead'"),
])
def test_bad_options_are_refused(fast, message):
    with pytest.raises(InputError) as raised:
        fast_options(fast)
    assert message in str(raised.value)


def test_another_wrapper_of_the_optimizer_is_refused():
    for config in (dict(type='ApexOptimWrapper', optimizer=dict(type='Adam')), None):
        with pytest.raises(InputError, match="need an optim_wrapper of type 'OptimWrapper' or 'AmpOptimWrapper'"):
            fast_optimizer(config, None, True, on_gpu=True)
