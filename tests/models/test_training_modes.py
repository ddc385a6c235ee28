"""PCLoss in MMPose's modes of training: mixed precision, channels_last, torch.compile, gradient accumulation, DDP.

Each mode is compared with plain float32 training of the same small model (a narrow ResNet-18 at 64 x 96 pixels) on the
same batch, on the CPU. The heads are one for each kind of coordinates: the integral of a heatmap, and the expectations
on two axes of RTMPose's head. Normalisation layers are in eval mode: the statistics of four random pictures would turn
rounding errors into large differences, and two half batches into another problem than a whole one.

- Mixed precision is ``torch.autocast('cpu')`` and a fixed loss scale. MMEngine's ``AmpOptimWrapper`` (``--amp`` of
  ``tools/train.py``) does the same, and refuses to be built without a GPU.
- Gradient accumulation over two half batches, and DDP on two, equal one whole batch on one condition: as many samples
  count in either half. PCLoss is a mean over the samples that count (see ``position_constraint_loss``), and a mean of
  means is the mean of all for equal numbers only. Here every sample counts. They run on the heatmap head, whose own
  loss is a mean as well; MMPose's ``KLDiscretLoss`` is a sum over the batch, which accumulation halves.
"""

import contextlib
import copy
import datetime
import os
import time
from functools import partial

import numpy as np
import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmpose.datasets.transforms import GenerateTarget, PackPoseInputs
from mmpose.registry import MODELS
from packaging.version import Version

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.models.heads.pc_mixin import landmark_weights, target_fractions
from pcloss_mmpose.models.integral import expected_bins, integral_coordinates
from pcloss_mmpose.models.losses import position_constraint_loss

K = 8
INPUT_SIZE = (64, 96)  # w, h
GROUPS = [[0, 2, 4, 6], [1, 3, 5, 7]]
# So large that a good part of every gradient is PCLoss's: test_pcloss_is_a_good_part_of_what_is_compared.
PC_LOSS = dict(type='PCLoss', topk=3, partition=GROUPS, loss_weight=3.)
CODECS = {
    'PCHeatmapHead': dict(type='MSRAHeatmap', input_size=INPUT_SIZE, heatmap_size=(16, 24), sigma=2),
    'PCRTMCCHead': dict(type='SimCCLabel', input_size=INPUT_SIZE, sigma=4., simcc_split_ratio=2.),
}


def head_config(name, stage):
    """The head on the backbone's stage of this number, whose feature map is 2 ** (stage + 2) times smaller."""
    common = dict(type=name, in_channels=16 * 2 ** stage, out_channels=K, decoder=CODECS[name], pc_loss=PC_LOSS)
    if name == 'PCHeatmapHead':
        return dict(common, deconv_out_channels=(16, ) * stage, deconv_kernel_sizes=(4, ) * stage,
                    integral=dict(alpha=10.), loss=dict(type='KeypointMSELoss', use_target_weight=True))
    return dict(
        common, input_size=INPUT_SIZE, in_featuremap_size=tuple(size // 2 ** (stage + 2) for size in INPUT_SIZE),
        gau_cfg=dict(hidden_dims=32, s=16, expansion_factor=2, dropout_rate=0., drop_path=0., act_fn='SiLU',
                     use_rel_bias=False, pos_enc=False),
        loss=dict(type='KLDiscretLoss', use_target_weight=True, beta=10., label_softmax=True))


def build(name, stage=3, **changes):
    torch.manual_seed(0)
    return MODELS.build(copy.deepcopy(dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(type='mmpose.PoseDataPreprocessor', mean=[127.] * 3, std=[60.] * 3),
        backbone=dict(type='ResNet', depth=18, stem_channels=16, base_channels=16, out_indices=(stage, )),
        head=dict(head_config(name, stage), **changes),
        train_cfg=dict(compute_acc=False)))).eval()  # that accuracy goes by way of numpy, which has no bfloat16


def batch_of(name):
    """Four samples as MMPose's data loader hands them over, a different landmark masked in each."""
    rng = np.random.default_rng(0)
    encode, pack = GenerateTarget(encoder=CODECS[name]), PackPoseInputs(pack_transformed=True)
    batch = dict(inputs=[], data_samples=[])
    for masked in range(4):
        keypoints = rng.uniform(8, 56, (1, K, 2)).astype(np.float32)
        visible = np.ones((1, K), np.float32)
        visible[0, masked] = 0
        packed = pack(encode(dict(
            img=rng.integers(0, 256, (*INPUT_SIZE[::-1], 3), dtype=np.uint8), input_size=INPUT_SIZE,
            keypoints=keypoints, transformed_keypoints=keypoints, keypoints_visible=visible,
            dataset_keypoint_weights=np.ones(K, np.float32))))
        for key, values in batch.items():
            values.append(packed[key])
    return batch


def halves_of(batch):
    return [{key: values[part] for key, values in batch.items()} for part in (slice(0, 2), slice(2, 4))]


def autocast(dtype):
    return contextlib.nullcontext() if dtype is None else torch.autocast('cpu', dtype=dtype)


def losses_and_gradients(model, batch, dtype=None, loss_scale=1., memory_format=torch.contiguous_format):
    """Of one training step, as MMEngine takes it: autocast around the forward pass alone, where there is a dtype."""
    data = model.data_preprocessor(batch, training=True)
    inputs = data['inputs'].to(memory_format=memory_format)
    with autocast(dtype):
        losses = model(inputs, data['data_samples'], mode='loss')
    (loss_scale * model.parse_losses(losses)[0]).backward()
    return losses, {name: parameter.grad / loss_scale for name, parameter in model.named_parameters()}


def pc_loss_of(head, output, samples):
    return head.pc_loss(head.landmark_fractions(output), target_fractions(samples), landmark_weights(samples))


def distance(ours, plain):
    """Length of the difference of two dicts of tensors, each taken as one vector, as a part of the second's length."""
    ours, plain = (torch.cat([tensors[name].flatten() for name in plain]) for tensors in (ours, plain))
    return ((ours - plain).norm() / plain.norm()).item()


def assert_same_training(ours, plain, loss_tolerance, gradient_tolerance):
    (losses, gradients), (plain_losses, plain_gradients) = ours, plain
    assert losses['loss_pc'].dtype == torch.float32
    for key in set(losses) - {'acc_pose'}:
        assert losses[key].item() == pytest.approx(plain_losses[key].item(), rel=loss_tolerance)
    assert distance(gradients, plain_gradients) < gradient_tolerance  # a NaN or an infinity fails here too


@pytest.fixture(scope='module')
def plain():
    """Losses and gradients of plain float32 training, by the head's name."""
    return {name: losses_and_gradients(build(name), batch_of(name)) for name in CODECS}


@pytest.mark.parametrize('name', CODECS)
def test_pcloss_is_a_good_part_of_what_is_compared(name, plain):
    _, stock = losses_and_gradients(build(name, pc_loss=None), batch_of(name))
    assert distance(stock, plain[name][1]) > 0.5


needs_float16 = pytest.mark.skipif(
    Version(torch.__version__) < Version('2.6'),
    reason='PyTorch supports float16 on CPUs since 2.6; 1.13 refuses to autocast to it')


# The tolerances of mixed precision: one rounding is 2 ** -9 of a value in bfloat16 and 2 ** -12 in float16. Some twenty
# layers add theirs up, and a ReLU whose input changes its sign adds far more to the gradient. Twice what was seen:
# 1.5e-2 of a loss and 0.10 of the gradient in bfloat16, 1.6e-3 and 0.022 in float16.
BFLOAT16_TOLERANCES = dict(loss_tolerance=3e-2, gradient_tolerance=0.2)
FLOAT16_TOLERANCES = dict(loss_tolerance=4e-3, gradient_tolerance=0.05)


@pytest.mark.parametrize('name', CODECS)
def test_mixed_precision_in_bfloat16(name, plain):
    ours = losses_and_gradients(build(name), batch_of(name), torch.bfloat16)
    assert_same_training(ours, plain[name], **BFLOAT16_TOLERANCES)


@pytest.mark.parametrize('name', CODECS)
def test_the_stock_accuracy_has_no_bfloat16(name):
    """Heads leave it out where ``compute_acc=False`` says so; docs/any_model.md names this option."""
    model = build(name, pc_loss=None)
    model.train_cfg = dict(compute_acc=True)
    with pytest.raises(TypeError, match='BFloat16'):
        losses_and_gradients(model, batch_of(name), torch.bfloat16)


@pytest.mark.parametrize('name', CODECS)
@pytest.mark.parametrize('dtype', [torch.bfloat16, pytest.param(torch.float16, marks=needs_float16)], ids=str)
def test_autocast_leaves_pcloss_in_float32(name, dtype):
    """It costs PCLoss the rounding of the head's output and nothing after that: the tolerance is float32's."""
    model = build(name)
    data = model.data_preprocessor(batch_of(name), training=True)
    with autocast(dtype):
        output = model.head.forward(model.extract_feat(data['inputs']))
        loss = pc_loss_of(model.head, output, data['data_samples'])
    maps = output if isinstance(output, tuple) else (output, )
    assert all(each.dtype == dtype for each in maps)
    exact_maps = [each.detach().float().requires_grad_() for each in maps]
    exact = pc_loss_of(model.head, exact_maps if isinstance(output, tuple) else exact_maps[0], data['data_samples'])
    assert loss.item() == pytest.approx(exact.item(), rel=1e-6)
    for gradient, exact_gradient in zip(torch.autograd.grad(loss, maps), torch.autograd.grad(exact, exact_maps)):
        torch.testing.assert_close(gradient, exact_gradient.to(dtype))  # within the last place or two of that type


@needs_float16
@pytest.mark.parametrize('name', CODECS)
def test_mixed_precision_in_float16(name, plain):
    ours = losses_and_gradients(build(name), batch_of(name), torch.float16, loss_scale=512.)  # AmpOptimWrapper's option
    assert_same_training(ours, plain[name], **FLOAT16_TOLERANCES)


@pytest.mark.parametrize('name', CODECS)
def test_channels_last(name, plain):
    model, layouts = build(name).to(memory_format=torch.channels_last), []
    model.backbone.register_forward_hook(lambda module, inputs, features: layouts.append(
        features[-1].is_contiguous(memory_format=torch.channels_last)))
    ours = losses_and_gradients(model, batch_of(name), memory_format=torch.channels_last)
    assert layouts == [True]
    # Float32 sums in another order, about 1e-7 of a value, some twenty layers on: ten times what was seen.
    assert_same_training(ours, plain[name], loss_tolerance=1e-6, gradient_tolerance=5e-5)


def aot_eager(function, **options):
    """torch.compile with the backend that traces forward and backward and then runs PyTorch's own operators.

    It needs no C++ compiler. It runs the readable forms of the integral and the loss, and eager the fast ones.
    """
    torch._dynamo.reset()  # it counts how often a function was compiled, over all tests, and gives up after eight
    return torch.compile(function, backend='aot_eager', **options)


needs_compile = pytest.mark.skipif(not hasattr(torch, 'compile'), reason='torch.compile came with torch 2.0')


def assert_compiles(function, *inputs):
    """In one graph, for a whole batch and then the smaller last one of an epoch, with eager's value and gradient."""
    compiled = aot_eager(function, fullgraph=True)
    for part in (slice(None), slice(1, None)):
        first, *others = (each if each is None else each[part] for each in inputs)
        results = []
        for run in (compiled, function):
            leaf = first.clone().requires_grad_()
            value = run(leaf, *others)
            value.square().sum().backward()  # unlike the plain sum's, this gradient depends on the value
            results.append((value, leaf.grad))
        assert results[1][1].any()
        for ours, expected in zip(*results):  # float32 sums in another order
            tolerance = dict(rtol=1e-5, atol=1e-5) if expected.dtype == torch.float32 else {}
            torch.testing.assert_close(ours, expected, **tolerance)


@needs_compile
@pytest.mark.parametrize('masked', [False, True], ids=['all_valid', 'masked'])
@pytest.mark.parametrize('groups', [None, GROUPS], ids=['one_group', 'two_groups'])
@pytest.mark.parametrize('topk', [None, 3])
@pytest.mark.parametrize('robust', [False, True], ids=['squares', 'lengths'])
def test_compiled_loss(masked, groups, topk, robust):
    pred, target = torch.randn(2, 4, K, 2, generator=torch.Generator().manual_seed(0))
    weight = 1 - torch.eye(4, K) if masked else None
    assert_compiles(lambda *tensors: position_constraint_loss(*tensors, groups, topk, robust), pred, target, weight)


@needs_compile
@pytest.mark.parametrize(('function', 'size'), [
    (integral_coordinates, (6, 5)),
    (partial(integral_coordinates, debias=True, window=2), (6, 5)),
    (expected_bins, (7, )),
], ids=['integral_coordinates', 'without bias', 'expected_bins'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16], ids=str)
def test_compiled_coordinates(function, size, dtype):
    outputs = torch.randn(4, K, *size, generator=torch.Generator().manual_seed(0)).to(dtype)
    assert_compiles(lambda each: function(each, 2.), outputs)


def train(model, batches, steps=1, **options):
    """What ``steps`` rounds of MMEngine's train_step add to each parameter, and the mean loss_pc of the last round."""
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1), **options)
    parameters = dict(getattr(model, 'module', model).named_parameters())  # of the model inside DDP
    before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    for _ in range(steps):
        logged = [model.train_step(batch, wrapper)['loss_pc'].item() for batch in batches]
    return {name: p.detach() - before[name] for name, p in parameters.items()}, sum(logged) / len(logged)


# Float32 sums in another order, and an update rounded to the precision of its weight: ten times what was seen.
UPDATE_TOLERANCE = 2e-5


@needs_compile
@pytest.mark.skipif(Version(torch.__version__) >= Version('2.12') and Version(np.__version__) < Version('2'),
                    reason='this torch cannot trace numpy 1 arrays, which the data samples of MMPose hold')
def test_compiled_training_step():
    """MMEngine's ``compile=dict(backend='aot_eager')``, and a second batch that must not get the first one's targets.

    It breaks the graph where the stock step does: at ``copy.deepcopy`` and ``backward`` of MMEngine's wrapper.
    """
    halves = halves_of(batch_of('PCHeatmapHead'))
    plain, loss_pc = train(build('PCHeatmapHead'), halves, accumulative_counts=2)
    model = build('PCHeatmapHead')
    model.train_step = aot_eager(model.train_step)
    ours, our_loss_pc = train(model, halves, accumulative_counts=2)
    assert our_loss_pc == pytest.approx(loss_pc, rel=1e-5)
    assert distance(ours, plain) < UPDATE_TOLERANCE


def test_gradient_accumulation_over_two_halves_is_one_whole_batch():
    batch = batch_of('PCHeatmapHead')
    plain, loss_pc = train(build('PCHeatmapHead'), [batch])
    ours, mean_loss_pc = train(build('PCHeatmapHead'), halves_of(batch), accumulative_counts=2)
    assert mean_loss_pc == pytest.approx(loss_pc, rel=1e-5)
    assert distance(ours, plain) < UPDATE_TOLERANCE


def train_on_half(rank, model, halves, folder):
    torch.set_num_threads(1)  # the threads of the process that was forked are not there
    torch.distributed.init_process_group(
        'gloo', init_method=(folder / 'rendezvous').as_uri(), rank=rank, world_size=2,
        timeout=datetime.timedelta(seconds=60))
    parallel = MMDistributedDataParallel(model, broadcast_buffers=False, find_unused_parameters=True)
    torch.save(train(parallel, [halves[rank]], steps=2), folder / f'{rank}.pt')
    torch.distributed.barrier()  # none may leave while the other still receives from it
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(not hasattr(os, 'fork') or torch.cuda.is_available(),
                    reason='needs a fork, which autograd does not survive where it has threads for a GPU')
def test_ddp_with_a_stage_that_does_not_reach_the_head(tmp_path):
    """Two processes of two steps each; at the second one DDP stops, unless it knows that layer4 gets no gradient."""
    batch = batch_of('PCHeatmapHead')
    plain, loss_pc = train(build('PCHeatmapHead', stage=2), [batch], steps=2)
    assert {name for name, update in plain.items() if not update.any()} == {n for n in plain if '.layer4.' in n}

    model = build('PCHeatmapHead', stage=2)
    workers = torch.multiprocessing.start_processes(
        train_on_half, (model, halves_of(batch), tmp_path), nprocs=2, join=False, daemon=True, start_method='fork')
    deadline = time.monotonic() + 60
    try:
        while not workers.join(timeout=1):
            assert time.monotonic() < deadline, 'the processes hang'
    finally:
        for process in workers.processes:
            process.kill()
    results = [torch.load(tmp_path / f'{rank}.pt') for rank in range(2)]
    assert np.mean([mean_loss_pc for _, mean_loss_pc in results]) == pytest.approx(loss_pc, rel=1e-5)
    for updates, _ in results:
        assert distance(updates, plain) < UPDATE_TOLERANCE
        assert not any(update.any() for name, update in updates.items() if '.layer4.' in name)
