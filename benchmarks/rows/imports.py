"""What a command costs before it works: imports, and a training until its first iteration has ended.

The peer is MMPose without this package. Beside mmcv-lite, or with Python 3.12, it does not import at all, so that it
keeps the two stand-ins of pcloss_mmpose/compat.py that let it: for mmcv's compiled part and for xtcocotools.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Iterator

import cv2
import numpy as np

from benchmarks.paired import Case, Cost
from pcloss_mmpose.cli.mmpose_tool import find_tool

STOCK = """
import sys
import pcloss_mmpose
sys.meta_path[:] = [each for each in sys.meta_path
                    if not hasattr(each, 'context') or each.name in ('mmpose', 'mmcv.ops')]
"""
#: Runs in a new Python: imports modules, and prints the CPU time, and the components that a config can then name.
PROGRAM = """
{preface}
import time
start = time.process_time()
import {modules}
seconds = time.process_time() - start
import json
from mmpose import registry
kinds = 'MODELS', 'DATASETS', 'TRANSFORMS', 'METRICS', 'VISUALIZERS', 'HOOKS'
names = [f'{{kind}}.{{name}}' for kind in kinds for name in getattr(registry, kind).module_dict]
print(json.dumps([seconds, names]))
"""
#: What a training builds its parts from.
MODULES = 'mmpose.models, mmpose.datasets, mmpose.evaluation, mmpose.visualization, mmpose.engine, mmengine.runner'
OWN_MODULES = ('pcloss_mmpose.models, pcloss_mmpose.datasets, pcloss_mmpose.evaluation, pcloss_mmpose.preflight, '
               'pcloss_mmpose.checkpoints.hook')

#: Ends the process after the first iteration of a training, and prints its CPU time.
END = """
import os, time
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

@HOOKS.register_module()
class EndHook(Hook):
    priority = 'LOWEST'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        print(time.process_time(), flush=True)
        os._exit(0)
"""
CONFIG = """
_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
custom_imports = dict(imports=['end_hook'], allow_failed_imports=False)
custom_hooks = [dict(type='EndHook')]
model = dict(backbone=dict(depth=18, init_cfg=None), head=dict(in_channels=512))
loader = dict(batch_size=2, num_workers=0, persistent_workers=False,
              dataset=dict(data_root={root!r}, data_prefix=dict(img=''), ann_file='persons.json', bbox_file=None))
train_dataloader = val_dataloader = test_dataloader = loader
val_evaluator = test_evaluator = dict(ann_file={root!r} + '/persons.json')
"""


def cases(device: str, scale: int = 1) -> Iterator[Case]:
    if scale > 1:
        return
    yield Case('import pcloss_mmpose; peer: mmpose.models; CPU time', partial(imports, '', 'pcloss_mmpose'),
               partial(imports, STOCK, 'mmpose.models'), lambda ours, peer: None, target=0.6, rounds=5)
    yield Case('import of all that trainings need, CPU time',
               partial(imports, '', f'pcloss_mmpose, {MODULES}, {OWN_MODULES}'), partial(imports, STOCK, MODULES),
               has_all, target=0.6, rounds=5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_persons(folder)
        (folder / 'end_hook.py').write_text(END)
        (folder / 'config.py').write_text(CONFIG.format(root=name))
        ours = [sys.executable, '-m', 'pcloss_mmpose.cli', 'train']
        peer = [sys.executable, '-c', f'{STOCK}\nimport runpy\nrunpy.run_path({str(find_tool("train.py"))!r}, '
                'run_name="__main__")']
        for what, until, target in (('first word', first_word, None), ('first iteration, CPU time', end, 1.)):
            yield Case(f'train until its {what}', partial(until, ours, folder), partial(until, peer, folder),
                       lambda ours, peer: None, target=target, rounds=5)


def imports(preface: str, modules: str) -> Cost:
    """CPU seconds of importing modules in a new Python; the result is the components that a config can name."""
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', PROGRAM.format(preface=preface, modules=modules)],
                          check=True, stdout=subprocess.PIPE, env=dict(os.environ, OMP_NUM_THREADS='1'))
    seconds, names = json.loads(done.stdout.splitlines()[-1])
    return Cost(seconds, 0, names)


def has_all(ours: list[str], peer: list[str]) -> None:
    missing = sorted(set(peer) - set(ours))
    assert not missing, missing


def first_word(command: list[str], folder: Path) -> Cost:
    """Seconds until a training prints anything."""
    start = time.perf_counter()
    with train(command, folder) as process:
        assert process.stdout.read(1)
        seconds = time.perf_counter() - start
        process.kill()
    return Cost(seconds, 0, None)


def end(command: list[str], folder: Path) -> Cost:
    """CPU seconds until the first iteration of a training has ended."""
    with train(command, folder) as process:
        said = process.communicate()[0].decode()
    assert process.returncode == 0, said
    return Cost(float(said.split()[-1]), 0, None)


def train(command: list[str], folder: Path) -> subprocess.Popen:
    """Start a training, which ends after its first iteration."""
    path = os.pathsep.join([str(folder), *sys.path])
    return subprocess.Popen(
        [*command, str(folder / 'config.py'), '--work-dir', str(folder / 'run')], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env=dict(os.environ, PYTHONPATH=path, PYTHONWARNINGS='ignore', OMP_NUM_THREADS='1'))


def write_persons(folder: Path, count: int = 4) -> None:
    """A COCO annotation file with images of noise, a person in each."""
    rng = np.random.default_rng(0)
    images, persons = [], []
    for number in range(1, count + 1):
        cv2.imwrite(str(folder / f'{number}.jpg'), rng.integers(0, 256, (256, 192, 3), dtype=np.uint8))
        images.append(dict(id=number, file_name=f'{number}.jpg', width=192, height=256))
        points = np.column_stack([rng.integers(20, 170, 17), rng.integers(20, 230, 17), np.full(17, 2)])
        persons.append(dict(id=number, image_id=number, category_id=1, iscrowd=0, area=30000, num_keypoints=17,
                            bbox=[10, 10, 170, 230], keypoints=points.ravel().tolist()))
    categories = [dict(id=1, name='person')]
    (folder / 'persons.json').write_text(json.dumps(dict(images=images, annotations=persons, categories=categories)))
