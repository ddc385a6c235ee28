import contextlib
import functools
import importlib
import importlib.util
import inspect
import json
import logging
import os
import pickle
import socket
import sys
import types

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import LoggerHook
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.runner import Runner
from mmpose.models.losses import JSDiscretLoss
from mmpose.visualization import PoseLocalVisualizer

import pcloss_mmpose.models  # noqa: F401
from pcloss_mmpose import coco_stand_in
from pcloss_mmpose.compat import DEFERRED, cpu_processes, stand_in_for_mmcv_ops, stand_in_for_xtcocotools
from pcloss_mmpose.import_hooks import Deferred, deferred, on_import


class Call:
    """Pickled as a call of ``function(*arguments)``, as a malicious checkpoint would hold it."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


def trained_checkpoint():
    """What MMEngine's CheckpointHook saves: weights, Adam's state, log buffers, numpy values in the meta data."""
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    hub = MessageHub('test_compat')
    for value in (3.0, 1.0):
        hub.update_scalar('train/loss', value)
    hub.update_info('best_score', np.float64(1.5))
    return dict(
        state_dict=model.state_dict(), optimizer=optimizer.state_dict(), message_hub=hub.state_dict(),
        meta=dict(iter=2, dataset_meta=dict(sigmas=np.full(3, 0.25, np.float32), colours=np.zeros((2, 3), np.uint8),
                                            no_links=np.zeros((0, 2)))))


def test_a_checkpoint_of_mmengine_loads_protected(tmp_path):
    saved = trained_checkpoint()
    torch.save(saved, tmp_path / 'own.pth')

    loaded = torch.load(tmp_path / 'own.pth', weights_only=True)

    losses = loaded['message_hub']['log_scalars']['train/loss']
    assert isinstance(losses, HistoryBuffer)
    assert [losses.mean(), losses.min(), losses.max(), losses.current()] == [2.0, 1.0, 3.0, 1.0]
    assert loaded['message_hub']['runtime_info']['best_score'] == 1.5
    np.testing.assert_array_equal(loaded['meta']['dataset_meta']['sigmas'], saved['meta']['dataset_meta']['sigmas'])
    assert loaded['meta']['dataset_meta']['no_links'].shape == (0, 2)
    moments = loaded['optimizer']['state'][0]
    torch.testing.assert_close(moments['exp_avg'], saved['optimizer']['state'][0]['exp_avg'])


@pytest.mark.parametrize('owner, name', [
    (Call(__import__, 'os'), 'system'),
    (HistoryBuffer, '__init__'),
    (HistoryBuffer, 'mro'),
    (Call(HistoryBuffer), 'mean'),
    (HistoryBuffer.mean, '__globals__'),
    (torch.Tensor, 'numpy'),
])
def test_getattr_on_anything_else_is_refused(tmp_path, owner, name):
    torch.save(dict(state_dict=Call(getattr, owner, name)), tmp_path / 'evil.pth')
    with pytest.raises(pickle.UnpicklingError, match='no MMEngine checkpoint does|__import__'):
        torch.load(tmp_path / 'evil.pth', weights_only=True)


@pytest.mark.parametrize('function, argument', [(eval, '__import__("os").mkdir({!r})'), (os.mkdir, '{}')])
def test_code_in_a_checkpoint_is_not_run(tmp_path, function, argument):
    trace = tmp_path / 'trace'
    torch.save(dict(state_dict=Call(function, argument.format(str(trace)))), tmp_path / 'evil.pth')
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'evil.pth', weights_only=True)
    assert not trace.exists()


needs_stand_in = pytest.mark.skipif(
    importlib.util.find_spec('mmcv._ext') is not None, reason='this mmcv has its compiled operators')


def test_a_context_is_entered_when_the_module_is_imported_and_once(tmp_path, monkeypatch):
    """Also where its spec was looked up before, as the commands look for MMPose's folder."""
    (tmp_path / 'hooked_module.py').write_text('steps = ["imported"]')
    monkeypatch.syspath_prepend(tmp_path)
    steps = []

    @contextlib.contextmanager
    def context():
        steps.append('entered')
        yield
        steps.extend(sys.modules['hooked_module'].steps)

    on_import('hooked_module', context)
    assert importlib.util.find_spec('hooked_module').origin == str(tmp_path / 'hooked_module.py')
    assert steps == []
    import hooked_module
    importlib.reload(hooked_module)
    assert steps == ['entered', 'imported']
    on_import('hooked_module', context)  # it is there already
    assert steps == ['entered', 'imported'] * 2
    monkeypatch.delitem(sys.modules, 'hooked_module')


def test_a_deferred_import_is_made_when_it_is_used(tmp_path, monkeypatch):
    """That of one module alone, from one other, if that is installed and not there already."""
    for name, text in dict(
            heavy_module='import string\ndef area(width, height=1): return width * height',
            light_module='three = 3',
            first_user='from typing import Optional\nfrom light_module import three\n'
            'from heavy_module import area, string\ndef double(width: Optional[area]): return 2 * area(width)',
            second_user='from heavy_module import area',
            third_user='from no_such_package.part import name').items():
        (tmp_path / f'{name}.py').write_text(text)
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    for user, source in dict(first_user='heavy_module', second_user='heavy_module',
                             third_user='no_such_package.part').items():
        on_import(user, functools.partial(deferred, user, source))

    import first_user
    assert first_user.three == 3 and 'heavy_module' not in sys.modules
    assert list(inspect.signature(first_user.area).parameters) == ['width', 'height']
    assert first_user.double(4) == 8 and first_user.string.digits == '0123456789'
    import second_user
    assert second_user.area is sys.modules['heavy_module'].area
    with pytest.raises(ModuleNotFoundError, match='no_such_package'):
        import third_user  # noqa: F401


def test_only_the_module_that_is_named_defers_and_only_while_it_is_imported(tmp_path, monkeypatch):
    for name, text in dict(
            heavy_module='area = abs', other_user='from heavy_module import area',
            user='from heavy_module import area\nimport other_user',
            late_module='area = abs', late_user='from late_module import area\n'
            'def late():\n    from late_module import area\n    return area').items():
        (tmp_path / f'{name}.py').write_text(text)
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    for name, source in dict(user='heavy_module', late_user='late_module').items():
        on_import(name, functools.partial(deferred, name, source))
    import late_user
    import user
    assert isinstance(late_user.area, Deferred) and late_user.late() is abs
    assert isinstance(user.area, Deferred) and user.other_user.area is abs and user.area(-2) == 2


@pytest.mark.parametrize(('module', 'source'), DEFERRED.items())
def test_mmpose_imports_what_is_deferred_and_can_use_it(module, source):
    own = vars(importlib.import_module(module)).values()
    found = [value for value in own if isinstance(value, Deferred) and value._place[0] == source]
    real = {id(value) for value in vars(importlib.import_module(source)).values()
            if callable(value) or isinstance(value, types.ModuleType)}
    assert all(each.__wrapped__ for each in found)
    assert found or any(id(value) in real for value in own)  # it was there already


def test_a_config_is_formatted_once_for_each_text(monkeypatch):
    first, second = Config(dict(a=[1, 2])), Config(dict(a=[1, 2], b=dict(c='x')))
    texts = [config.pretty_text for config in (first, first, second, first)]
    assert texts == ['a = [\n    1,\n    2,\n]\n'] * 2 + ["a = [\n    1,\n    2,\n]\nb = dict(c='x')\n"] + texts[:1]


@needs_stand_in
def test_a_missing_operator_says_what_to_install():
    import mmcv.ops
    with pytest.raises(ImportError, match="'softnms'.*full mmcv.*docs/install.md"):
        mmcv.ops.soft_nms(torch.tensor([[0.0, 0, 1, 1]]), torch.ones(1), 0.5)


@needs_stand_in
def test_the_boxes_that_overlap_are_left_out_without_a_compiled_operator():
    """By hand: the second overlaps the first by 81 / 119 = 0.68, the third by 0.5 and so not by more."""
    import mmcv.ops
    boxes = torch.tensor([[0., 0, 10, 10], [1, 1, 11, 11], [0, 0, 10, 5], [20, 20, 30, 30]])
    _, kept = mmcv.ops.nms(boxes, torch.tensor([.9, .8, .7, .6]), 0.5)
    assert kept.tolist() == [0, 2, 3]
    _, kept = mmcv.ops.nms(boxes, torch.tensor([.9, .8, .7, .6]).half(), 0.5)
    assert kept.tolist() == [0, 2, 3]
    assert [len(part) for part in mmcv.ops.nms(boxes[:0], torch.ones(0), 0.5)] == [0, 0]
    with pytest.raises(ImportError, match='offset.*full mmcv'):
        mmcv.ops.nms(boxes, torch.ones(4), 0.5, offset=1)


@needs_stand_in
def test_the_stand_in_leaves_no_trace():
    # MMEngine looks for the module to find out whether it has compiled operators.
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('mmcv._ext')


def test_compiled_operators_are_left_alone(monkeypatch):
    own = types.ModuleType('mmcv._ext')
    monkeypatch.setitem(sys.modules, 'mmcv._ext', own)
    with stand_in_for_mmcv_ops():
        assert sys.modules['mmcv._ext'] is own
    assert sys.modules['mmcv._ext'] is own


@pytest.fixture
def without_xtcocotools(monkeypatch):
    """As before MMPose's import; what the test leaves in ``sys.modules`` goes afterwards."""
    for name in ('xtcocotools', *(f'xtcocotools.{part}' for part in ('_mask', 'coco', 'cocoeval', 'mask'))):
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize('binary', ['raise ImportError', 'raise ValueError("numpy.dtype size changed")'])
def test_pycocotools_stands_in_for_a_broken_xtcocotools(without_xtcocotools, monkeypatch, tmp_path, binary):
    package = tmp_path / 'xtcocotools'
    package.mkdir()
    (package / '__init__.py').touch()
    (package / '_mask.py').write_text(binary)
    monkeypatch.syspath_prepend(tmp_path)
    with stand_in_for_xtcocotools():
        import xtcocotools.mask as mask
        from xtcocotools.coco import COCO
        from xtcocotools.cocoeval import COCOeval
    assert (COCO, COCOeval) == (coco_stand_in.COCO, coco_stand_in.COCOeval)
    assert mask.__name__ == 'pycocotools.mask'
    assert importlib.util.find_spec('xtcocotools') is not None


def test_an_xtcocotools_that_works_is_left_alone(without_xtcocotools, monkeypatch):
    monkeypatch.setitem(sys.modules, 'xtcocotools._mask', types.ModuleType('xtcocotools._mask'))
    with stand_in_for_xtcocotools():
        assert 'xtcocotools.coco' not in sys.modules


@pytest.mark.parametrize('backend', ['opencv', 'matplotlib'])
def test_a_radius_in_an_array_draws(backend):
    visualizer = PoseLocalVisualizer(backend=backend)
    visualizer.set_image(np.zeros((20, 20, 3), np.uint8))
    visualizer.draw_circles(np.array([10.0, 10.0]), np.array([4]), face_colors=(255, 0, 0), alpha=1.0)
    image = visualizer.get_image()
    assert image[10, 12].tolist() == [255, 0, 0]
    assert not image[10, 16].any()


@pytest.mark.parametrize('rank', [0, 1])
def test_the_first_process_writes_the_metrics_of_a_test(tmp_path, rank):
    hook = LoggerHook()
    hook.json_log_path = 'metrics.json'
    log_processor = types.SimpleNamespace(get_log_after_epoch=lambda *args, **kwargs: (dict(NE=torch.tensor(2.5)), ''))
    hook.after_test_epoch(types.SimpleNamespace(
        rank=rank, log_dir=tmp_path, log_processor=log_processor, logger=logging.getLogger('test'),
        test_dataloader=[]))
    written = {file.name: json.loads(file.read_text()) for file in tmp_path.iterdir()}
    assert written == ({'metrics.json': {'NE': 2.5}} if rank == 0 else {})


def test_a_masked_landmark_leaves_dsnt_a_finite_gradient():
    pred = torch.rand(1, 2, 3, 4).requires_grad_()
    target = torch.rand(1, 2, 3, 4)
    loss = JSDiscretLoss(use_target_weight=True)(pred, target, torch.tensor([[1., 0.]]))
    loss.backward()
    seen, truth = pred.detach()[:, 0], target[:, 0]
    middle = (seen + truth) / 2
    by_hand = (seen * (seen / middle).log() + truth * (truth / middle).log()).sum() / 2
    torch.testing.assert_close(loss.detach(), by_hand)
    torch.testing.assert_close(pred.grad[:, 0], (seen / middle).log() / 2)
    assert not pred.grad[:, 1].any()


def test_one_process_keeps_the_runner_as_it_is(monkeypatch):
    monkeypatch.delenv('TORCHELASTIC_RUN_ID', raising=False)
    before = Runner.wrap_model
    with cpu_processes():
        assert Runner.wrap_model is before
        assert not torch.distributed.is_initialized()


@pytest.fixture
def torchrun(monkeypatch):
    """This process is the only one that torchrun has started, without a GPU."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    for name, value in dict(TORCHELASTIC_RUN_ID='none', CUDA_VISIBLE_DEVICES='', MASTER_ADDR='127.0.0.1',
                            MASTER_PORT=port, RANK='0', LOCAL_RANK='0', WORLD_SIZE='1').items():
        monkeypatch.setenv(name, value)


@pytest.mark.skipif(not os.path.isdir('/proc/self/task'), reason='the system does not list threads')
def test_no_thread_of_a_wrapped_model_is_left(torchrun):
    """Gloo's may abort a process that ends before them, and a runner with its model is garbage in a cycle."""
    before = set(os.listdir('/proc/self/task'))
    with cpu_processes():
        runner = types.SimpleNamespace(model=torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 2)))
        runner.itself = runner
        assert set(os.listdir('/proc/self/task')) > before
        del runner
    assert not torch.distributed.is_initialized()
    assert set(os.listdir('/proc/self/task')) <= before


def test_batches_are_normalised_where_there_is_no_gpu(torchrun):
    """SyncBatchNorm refuses the CPU, as it is and in a wrapper; weights and their names stay."""
    model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.SyncBatchNorm(3))
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    images = torch.rand(4, 2, 5, 5)
    with cpu_processes():
        runner = types.SimpleNamespace(distributed=True, cfg={})
        wrapped = Runner.wrap_model(runner, None, model)
        assert wrapped.module.state_dict().keys() == weights.keys()
        assert all(torch.equal(value, weights[name]) for name, value in wrapped.module.state_dict().items())
        found = wrapped.module(images)
        del wrapped, runner
    torch.testing.assert_close(found.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.var(dim=(0, 2, 3), unbiased=False), torch.ones(3), atol=1e-2, rtol=0)
