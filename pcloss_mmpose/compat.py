"""Every work-around for an upstream fault, each with its thread and the condition under which it can go.

Importing this module imports nothing heavy: what is mended is imported by whoever needs it.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib.util
import io
import logging
import os
import sys
import types
from importlib.machinery import ModuleSpec
from typing import Any, Iterator
from urllib.parse import urlparse

from .errors import InputError, MissingPackageError
from .import_hooks import Context, deferred


class _MissingOps(types.ModuleType):
    """Stands for ``mmcv._ext``: every name but ``nms`` is a function that says what to install."""

    @staticmethod
    def nms(boxes, scores, iou_threshold: float, offset: int):
        """Torchvision's, which keeps the same boxes where none is a pixel wider than its corners say.

        As mmcv's, it takes half precision on the CPU, and boxes of another precision than the scores.
        """
        if offset:
            raise MissingPackageError("the operator 'nms' with an offset needs the full mmcv: see docs/install.md")
        from torchvision.ops import nms
        return nms(boxes.float(), scores.float(), iou_threshold)

    def __getattr__(self, name: str):
        if name.startswith('__'):
            raise AttributeError(name)

        def missing(*args, **kwargs):
            raise MissingPackageError(
                f"the compiled operator '{name}' needs the full mmcv, and mmcv-lite is installed. "
                'Replace it: `pip uninstall mmcv-lite`, then follow "Full mmcv" in docs/install.md.')

        return missing


@contextlib.contextmanager
def stand_in_for_mmcv_ops() -> Iterator[None]:
    """While ``mmcv.ops`` is imported: give it a stand-in for its compiled part, where only mmcv-lite is installed.

    MMPose 1.3.2 imports ``mmcv.ops`` (EDPose head) and mmdet (RTMO head) whatever the model is, so mmcv-lite alone
    fails at ``mmcv._ext``. Afterwards nothing of that name is left, because MMEngine later asks for ``mmcv._ext`` to
    find out whether compiled operators exist.

    Upstream: https://github.com/open-mmlab/mmpose/issues/3250. It can go once MMPose imports ``mmcv.ops`` lazily.
    """
    if 'mmcv._ext' in sys.modules or importlib.util.find_spec('mmcv._ext') is not None:
        yield
        return
    stand_in = _MissingOps('mmcv._ext')
    sys.modules['mmcv._ext'] = stand_in
    try:
        yield
    finally:
        sys.modules.pop('mmcv._ext', None)
        import mmcv
        if getattr(mmcv, '_ext', None) is stand_in:
            del mmcv._ext


@contextlib.contextmanager
def stand_in_for_xtcocotools() -> Iterator[None]:
    """Before MMPose is imported: let pycocotools take the place of xtcocotools, where that cannot be imported.

    xtcocotools 1.14.3 has no wheels for Python 3.12 and later, and those for older ones stop at numpy 1. MMPose imports
    it whatever the data set is. What only xtcocotools can evaluate then says so.

    Upstream: https://github.com/jin-s13/xtcocoapi/issues/45. It can go once xtcocotools has wheels for every supported
    Python and numpy.
    """
    try:
        importlib.import_module('xtcocotools._mask')
    except Exception:  # ImportError where it is missing; where it is made for another numpy, ValueError and others
        from pycocotools import mask

        from . import coco_stand_in
        package = importlib.util.module_from_spec(ModuleSpec('xtcocotools', None, is_package=True))
        for name, module in dict(coco=coco_stand_in, cocoeval=coco_stand_in, mask=mask).items():
            setattr(package, name, module)
            sys.modules[f'xtcocotools.{name}'] = module
        sys.modules['xtcocotools'] = package
    yield


@contextlib.contextmanager
def radius_as_number() -> Iterator[None]:
    """After MMPose's OpenCV visualizer is imported: let it draw landmarks with numpy 2.4 and later.

    It is given the radius as an array of one element and calls ``int()`` on it, which numpy now refuses.

    Upstream: https://github.com/open-mmlab/mmpose/blob/v1.3.2/mmpose/visualization/opencv_backend_visualizer.py#L137,
    without a thread. It can go once MMPose passes or takes a number there.
    """
    yield
    from mmpose.visualization.opencv_backend_visualizer import OpencvBackendVisualizer
    stock = OpencvBackendVisualizer.draw_circles

    @functools.wraps(stock)
    def draw_circles(self, center, radius, *args, **kwargs):
        if self.backend == 'opencv' and hasattr(radius, 'item'):
            radius = radius.item()
        return stock(self, center, radius, *args, **kwargs)

    OpencvBackendVisualizer.draw_circles = draw_circles


@contextlib.contextmanager
def protected_resume() -> Iterator[None]:
    """After ``torch`` is imported: let ``torch.load`` read MMEngine's checkpoints under ``weights_only=True``.

    Since torch 2.6 that is the default, and ``--resume`` fails on MMEngine's log buffers and numpy arrays. Allowed here
    is what :func:`~pcloss_mmpose.unpickling.mmengine_globals` lists. Before torch 2.6 ``weights_only=True`` takes no
    other types by name, and torch 1.13 not even plain numbers: our own unpickler takes its place there.

    Upstream: https://github.com/open-mmlab/mmengine/issues/1655. It can go once MMEngine registers its own types and
    torch 2.6 is the oldest that is supported.
    """
    yield
    import torch
    from packaging.version import Version

    from . import unpickling
    if Version(torch.__version__) < Version('2.6'):
        torch.serialization._weights_only_unpickler = unpickling
    else:
        torch.serialization.add_safe_globals(unpickling.mmengine_globals())


@contextlib.contextmanager
def verified_checkpoints() -> Iterator[None]:
    """After MMEngine's loader of checkpoints is imported: let it read files, downloads and object storages as
    :func:`~pcloss_mmpose.checkpoints.read_checkpoint` does, in every command and for ``init_cfg`` too; and models by
    the names of the hub and of this package, which it does not know.

    Its own reading unpickles freely: files before torch 2.6, and downloads with any torch, since
    ``torch.hub.load_state_dict_from_url`` passes ``weights_only=False``. It verifies no checksum.

    Upstream: https://github.com/open-mmlab/mmengine/issues/1655 is about the same call. It can go once MMEngine passes
    ``weights_only=True`` everywhere, and torch verifies its checksums.
    """
    yield
    stock = sys.modules['mmengine.runner.checkpoint']

    def load_from_local(filename: str, map_location: Any = None) -> dict:
        from .checkpoints import read_checkpoint
        return read_checkpoint(os.path.expanduser(filename), map_location)

    def load_from_name(filename: str, map_location: Any = None) -> dict:
        from .checkpoints import read_checkpoint
        return read_checkpoint(filename, map_location)

    def load_url(url: str, model_dir: str | None = None, map_location: Any = None, progress: bool = True) -> dict:
        import torch

        from .checkpoints import read_checkpoint
        folder = model_dir or os.path.join(torch.hub.get_dir(), 'checkpoints')
        path = os.path.join(folder, os.path.basename(urlparse(url).path))
        if not os.path.exists(path):
            os.makedirs(folder, exist_ok=True)
            torch.hub.download_url_to_file(url, path, progress=progress)
        return read_checkpoint(path, map_location)

    def load_from_ceph(filename: str, map_location: Any = None, backend: str = 'petrel') -> dict:
        from .checkpoints import read_checkpoint
        content = stock.get_file_backend(filename, backend_args=dict(backend=backend)).get(filename)
        return read_checkpoint(io.BytesIO(content), map_location, filename)

    stock.load_url = load_url
    stock.CheckpointLoader.register_scheme('', load_from_local, force=True)
    stock.CheckpointLoader.register_scheme(['hf-hub:', 'pcloss:'], load_from_name, force=True)
    stock.CheckpointLoader.register_scheme([r'(\S+\:)?s3://', r'(\S+\:)?petrel://'], load_from_ceph, force=True)


@contextlib.contextmanager
def formatted_once() -> Iterator[None]:
    """After MMEngine's configs are imported: let the text of a config be formatted once.

    A training formats the whole of it five times before it begins, to log it, to write it and to keep it in each
    checkpoint.

    Upstream: https://github.com/open-mmlab/mmengine/blob/v0.10.7/mmengine/config/config.py#L1484, without a thread. It
    can go once MMEngine keeps what it has formatted.
    """
    yield
    from mmengine.config import config
    stock, last = config.FormatCode, {}

    @functools.wraps(stock)
    def format_code(text: str, **options):
        if last.get('given') != (text, options):
            last.update(result=stock(text, **options), given=(text, options))
        return last['result']

    config.FormatCode = format_code


@contextlib.contextmanager
def mutual_flips() -> Iterator[None]:
    """After MMPose's parser of metainfo is imported: take flip pairs only where each landmark names the other.

    Where one of two names the other alone, a flip gives both the same place, and MMPose says nothing. Its own
    DeepFashion2 has that for ``vest_kpt9`` and ``vest_kpt13``, which are a pair; in any other metainfo it is an error,
    and so is a name that is no landmark's, for which MMPose raises a bare KeyError.

    Upstream: https://github.com/open-mmlab/mmpose/blob/v1.3.2/configs/_base_/datasets/deepfashion2.py#L963, without a
    thread. It can go once MMPose's parser refuses such metainfo, and its file is corrected.
    """
    yield
    from mmpose.datasets.datasets import utils

    from .metainfo.flips import check_flips
    from .metainfo.load import other_style
    stock = utils.parse_pose_metainfo

    @functools.wraps(stock)
    def parse_pose_metainfo(metainfo: dict) -> dict:
        try:
            parsed = stock(metainfo)
        except KeyError as error:
            raise InputError(f"metainfo of '{metainfo.get('dataset_name', metainfo.get('from_file'))}': a swap or a "
                             f'link names {error}, which keypoint_info does not have') from None
        except RuntimeError as error:
            raise InputError(other_style(metainfo.get('from_file', ''))) from error
        first, second = map(parsed['keypoint_name2id'].get, ('vest_kpt9', 'vest_kpt13'))
        if parsed['dataset_name'] == 'deepfashion2' and parsed['flip_indices'][first] == second:
            parsed['flip_indices'][second] = first
        check_flips(parsed)
        return parsed

    for name, module in list(sys.modules.items()):  # who has it already, where MMPose came first
        if name.startswith('mmpose.') and getattr(module, 'parse_pose_metainfo', None) is stock:
            module.parse_pose_metainfo = parse_pose_metainfo


@contextlib.contextmanager
def one_test_log() -> Iterator[None]:
    """After MMEngine's logger hook is imported: let the first process alone write the metrics of a test.

    Every process writes them to the same file, at the same time and with timings of its own, so that now and then the
    end of a longer text is left behind a shorter one, and the file is no JSON.

    Upstream: https://github.com/open-mmlab/mmengine/blob/v0.10.7/mmengine/hooks/logger_hook.py#L291, without a thread.
    It can go once MMEngine writes it in one process.
    """
    yield
    from mmengine.hooks.logger_hook import LoggerHook
    stock = LoggerHook.after_test_epoch

    @functools.wraps(stock)
    def after_test_epoch(self, runner, metrics=None):
        if runner.rank == 0:
            stock(self, runner, metrics)

    LoggerHook.after_test_epoch = after_test_epoch


@contextlib.contextmanager
def whole_files() -> Iterator[None]:
    """After MMEngine's local file backend is imported: let it put a file whole or not at all.

    Checkpoints go through it: the last, the best, and those that a training publishes. It writes them in place, so that
    a kill or a full disk leaves a part of the new one and nothing of the old.

    Upstream: https://github.com/open-mmlab/mmengine/blob/v0.10.7/mmengine/fileio/backends/local_backend.py#L60, without
    a thread. It can go once MMEngine writes to another name and renames.
    """
    yield
    from mmengine.fileio.backends.local_backend import LocalBackend

    @functools.wraps(LocalBackend.put)
    def put(self, obj: bytes, filepath) -> None:
        from .files import write_whole
        os.makedirs(os.path.dirname(filepath) or '.', exist_ok=True)
        write_whole(filepath, obj)

    LocalBackend.put = put


@contextlib.contextmanager
def unbroken_trainings() -> Iterator[None]:
    """After MMEngine's runner is imported: let a resumed training come to the end of one that was not cut off.

    What MMEngine does not do, :func:`~pcloss_mmpose.checkpoints.training.prepare` does. It looks for no other
    checkpoint than the one that ``last_checkpoint`` names, begins anew without it, gives the sampler another seed where
    the config has none, loads the images of all iterations that are done, and removes the older checkpoint first.

    Upstream: https://github.com/open-mmlab/mmengine/issues/1520 for the images, the rest without a thread. It can go
    once MMEngine resumes so. The config's ``fast`` (:mod:`~pcloss_mmpose.fast_training`) is heeded here as well.
    """
    yield
    from mmengine.runner.runner import Runner
    train = Runner.train

    @functools.wraps(train)
    def prepared_train(runner: Runner):
        from .checkpoints.training import prepare
        from .fast_training import make_fast
        make_fast(runner)
        prepare(runner)
        return train(runner)

    Runner.train = prepared_train


#: In which context a module is to be imported.
ON_IMPORT: dict[str, Context] = {
    'mmpose': stand_in_for_xtcocotools,
    'mmcv.ops': stand_in_for_mmcv_ops,
    'mmpose.visualization.opencv_backend_visualizer': radius_as_number,
    'mmpose.datasets.datasets.utils': mutual_flips,
    'mmengine.config.config': formatted_once,
    'mmengine.hooks.logger_hook': one_test_log,
    'mmengine.fileio.backends.local_backend': whole_files,
    'mmengine.runner.runner': unbroken_trainings,
    'torch': protected_resume,
    'mmengine.runner.checkpoint': verified_checkpoints,
}

#: What MMPose 1.3.2 imports at its start and needs for one thing that few runs do, by the module that imports it: a
#: third of the time that importing MMPose takes. It is imported when it is used
#: (:func:`~pcloss_mmpose.import_hooks.deferred`). A line can go once that module of MMPose imports it so by itself.
#: Upstream: https://github.com/open-mmlab/mmpose/blob/v1.3.2/mmpose/<the module>.py, without a thread.
DEFERRED = {
    'mmpose.apis.inferencers.base_mmpose_inferencer': 'mmdet.apis.det_inferencer',  # finds persons for a demo
    'mmpose.datasets.datasets.body.mpii_dataset': 'scipy.io',  # reads the boxes of heads
    'mmpose.datasets.transforms.bottomup_transforms': 'scipy.stats',  # random boxes and affine transforms
    'mmpose.datasets.transforms.common_transforms': 'scipy.stats',
    'mmpose.models.heads.hybrid_heads.rtmo_head': 'mmdet.utils',  # a mean over processes
    'mmpose.visualization.local_visualizer_3d': 'matplotlib',  # draws poses in space
    'mmpose.visualization.simcc_vis': 'torchvision.transforms',  # draws SimCC's outputs
}
ON_IMPORT.update((name, functools.partial(deferred, name, source)) for name, source in DEFERRED.items())


def finite_jensen_shannon() -> None:
    """Keep the gradient of MMPose's ``JSDiscretLoss`` finite where a heatmap is 0.

    DSNT's loss multiplies heatmaps by their landmark's weight. The slope of p log p is infinite at 0, and times the
    weight 0 it is NaN: one landmark without annotation, or out of the crop, ends the training of the whole network.
    With the smallest float in the place of 0, that slope is 0 and the loss keeps its value.

    Upstream: https://github.com/open-mmlab/mmpose/issues/2455. It can go once MMPose's own loss survives a 0.
    """
    import torch
    from mmpose.models.losses import JSDiscretLoss
    stock = JSDiscretLoss.kl

    def kl(self, p, q):
        return stock(self, p.clamp(min=torch.finfo(p.dtype).tiny), q)

    JSDiscretLoss.kl = kl


@contextlib.contextmanager
def cpu_processes() -> Iterator[None]:
    """Let the processes that torchrun started train and test on the CPU, where there is no accelerator.

    MMEngine 0.10.7 gives each process a CUDA device in both of its steps: ``init_dist`` sets it and
    ``Runner.wrap_model`` passes its number. Initialising gloo first makes ``Runner`` skip the one, and a model wrapper
    without device numbers, else like MMEngine's own, replaces the other. SyncBatchNorm, which RTMPose has, needs GPUs:
    here each process normalises by its own part of a batch, and the log says so. With an accelerator, or in a process
    that torchrun did not start, nothing changes.

    Upstream: https://github.com/open-mmlab/mmengine/pull/973 made the device numbers fixed. It can go once MMEngine
    leaves them out on the CPU.
    """
    import torch
    from mmengine.device import get_device
    from mmengine.logging import print_log
    from mmengine.model import revert_sync_batchnorm
    from mmengine.runner import Runner
    if 'TORCHELASTIC_RUN_ID' not in os.environ or get_device() != 'cpu':
        yield
        return
    wrap_model = Runner.wrap_model

    def wrap_on_cpu(runner, model_wrapper_cfg: dict | None, model):
        if model_wrapper_cfg is None:
            unused = runner.cfg.get('find_unused_parameters', False)
            model_wrapper_cfg = dict(broadcast_buffers=False, find_unused_parameters=unused)
        if any(isinstance(layer, torch.nn.SyncBatchNorm) for layer in model.modules()):
            print_log('SyncBatchNorm needs GPUs: on the CPU, each process normalises by its own part of a batch',
                      logger='current', level=logging.WARNING)
            model = revert_sync_batchnorm(model)
        return wrap_model(runner, dict(model_wrapper_cfg, device_ids=None), model)

    torch.distributed.init_process_group('gloo')
    Runner.wrap_model = wrap_on_cpu
    try:
        yield
        torch.distributed.barrier()  # none may leave while another still receives from it
    finally:
        Runner.wrap_model = wrap_model
        gc.collect()  # the runner is left in a cycle, and its wrapped model keeps gloo's threads
        torch.distributed.destroy_process_group()  # they may abort a process that ends before them
