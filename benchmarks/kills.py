"""Kill trainings at random moments, resume them, and compare them with one that was not cut off.

    OMP_NUM_THREADS=1 python -m benchmarks.kills [--kills 50] [--seed 0]

A tiny training, which keeps one checkpoint and the best, is killed (SIGKILL) and resumed over and over: at any moment;
while a checkpoint is written; as soon as one has its name. After each kill, every checkpoint must be whole and the
newest one no older than before. A training that has come to its end must equal the unbroken one bit for bit: weights,
Adam's moments, schedule, the images of every iteration with what was drawn for them, and the best checkpoint. The
config has no seed. Prints what was seen, and exits with 1 if anything was lost or differs.

Each training is a process that is forked from this one, which has imported everything.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any, Iterator

import torch

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.checkpoints import read_checkpoint
from pcloss_mmpose.checkpoints.finding import candidates, resumable
from pcloss_mmpose.configs import find_config, load_config
from pcloss_mmpose.errors import InputError
from pcloss_mmpose.synthetic import write_fashionai

CONFIG = 'td-hm_res50-pcloss_4xb5-100k_fashionai-512x512'
ITERATIONS, SIZE = 30, (64, 64)
CODEC = dict(type='MSRAHeatmap', input_size=SIZE, heatmap_size=(16, 16), sigma=1)
MOMENTS = ('any', 'writing', 'written')


def tiny_config(data: Path, work_dir: Path, seed: int | None = None, resume: bool = False, workers: int = 0) -> Any:
    """One of this project's own configs, made tiny: random flips, scales and rotations, Adam, a schedule."""
    config = load_config(find_config(CONFIG))
    backbone = dict(depth=18, base_channels=16, init_cfg=None)
    head = dict(in_channels=128, deconv_out_channels=(16, 16, 16), decoder=CODEC)
    config.merge_from_dict(dict(
        model=dict(backbone=backbone, head=head,
                   data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=CODEC)])),
        train_cfg=dict(max_iters=ITERATIONS, val_interval=4),
        default_hooks=dict(checkpoint=dict(interval=3, max_keep_ckpts=1), logger=dict(interval=1)),
        work_dir=str(work_dir), resume=resume, randomness=dict(seed=seed), log_level='WARNING'))
    config.param_scheduler[0].milestones = [8, 20]
    for loader, split in ((config.train_dataloader, 'train'), (config.val_dataloader, 'val')):
        loader.update(batch_size=4, num_workers=workers, persistent_workers=workers > 0)
        loader.dataset.update(data_root=str(data), ann_file=f'Annotations/{split}.csv', subset=None)
        for step in loader.dataset.pipeline:
            step.update({key: value for key, value in dict(input_size=SIZE, encoder=CODEC).items() if key in step})
    return config


def train(config: Any, order: Path) -> None:
    """Train to the end, and write the images of every iteration, with their sums, to a line of a file."""
    from mmengine.hooks import Hook
    from mmengine.runner import Runner

    class Order(Hook):

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            ids = [sample.metainfo['img_path'] for sample in data_batch['data_samples']]
            sums = [int(image.sum()) for image in data_batch['inputs']]
            os.write(file, (json.dumps([runner.iter, ids, sums]) + '\n').encode())

    file = os.open(order, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    runner = Runner.from_cfg(config)
    runner.register_hook(Order())
    runner.train()


def start(config: Any, folder: Path) -> int:
    """Begin to train in a process of its own: its number."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        log = os.open(folder / 'log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        train(config, folder / 'order')
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def wait_for(moment: str, work_dir: Path, process: int, longest: float, rng: random.Random) -> bool:
    """Wait for a random moment of a kind: whether the process still runs."""
    end = time.monotonic() + rng.uniform(0, longest)
    turn = rng.randint(1, 6)  # the checkpoint to wait for
    known: set[str] = set(os.listdir(work_dir)) if work_dir.exists() else set()
    while not os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        time.sleep(0.0005)
        if moment == 'any':
            if time.monotonic() > end:
                return True
            continue
        names = set(os.listdir(work_dir)) if work_dir.exists() else set()
        new = {name for name in names - known if name.endswith('.part' if moment == 'writing' else '.pth')}
        known |= names
        turn -= len(new)
        if turn <= 0:
            if moment == 'writing':
                time.sleep(rng.uniform(0, 0.01))
            return True
    return False


def checked(work_dir: Path, before: int) -> int:
    """The iteration of the newest checkpoint; an AssertionError if one is torn, or if it is older than ``before``."""
    for path in work_dir.glob('*.pth'):
        read_checkpoint(str(path))
    newest = 0
    for path in candidates(work_dir, work_dir):
        try:
            newest = resumable(path)['meta']['iter']
            break
        except InputError:  # the best one
            continue
    assert newest >= before, f'iteration {before} was saved, and the newest checkpoint is of {newest}'
    return newest


def same(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def differences(folder: Path, unbroken: Path) -> Iterator[str]:
    """What differs between a training that was cut off and one that was not."""
    last = f'work/iter_{ITERATIONS}.pth'
    first, second = (read_checkpoint(str(each / last)) for each in (folder, unbroken))
    yield from (key for key in ('state_dict', 'optimizer', 'param_schedulers') if not same(first[key], second[key]))
    lines = [set((each / 'order').read_text().splitlines()) for each in (folder, unbroken)]
    if lines[0] != lines[1]:
        yield 'order of the data'
    best = [sorted(path.name for path in (each / 'work').glob('best_*.pth')) for each in (folder, unbroken)]
    # A kill between the new best checkpoint and the removal of the old one leaves the old one for good.
    if not set(best[1]) <= set(best[0]):
        yield f'best checkpoint: {best}'
    elif not same(*(read_checkpoint(str(each / 'work' / best[1][0]))['state_dict'] for each in (folder, unbroken))):
        yield 'best checkpoint'


def run(kills: int, seed: int, folder: Path) -> list[str]:
    """Kill ``kills`` times; what was lost or differs, in words."""
    rng = random.Random(seed)
    data, unbroken, broken = folder / 'data', folder / 'unbroken', folder / 'broken'
    for split, count in (('train', 22), ('val', 5)):
        write_fashionai(data, split, count, size=96)
    unbroken.mkdir()
    begin = time.monotonic()
    _, status = os.waitpid(start(tiny_config(data, unbroken / 'work', seed=seed), unbroken), 0)
    longest = time.monotonic() - begin
    assert status == 0, (unbroken / 'log').read_text()
    print(f'unbroken: {longest:.1f} s')

    seen: Counter = Counter()
    faults = []
    while seen['kills'] < kills:
        shutil.rmtree(broken, ignore_errors=True)
        broken.mkdir()
        work_dir, newest = broken / 'work', 0  # of iteration 0 stands for none
        left = min(rng.randint(2, 7), kills - seen['kills'])  # kills of this training
        while True:
            # The seed is given once; what goes on has it from the checkpoint alone.
            config = tiny_config(data, work_dir, None if newest else seed, bool(newest), workers=rng.choice((0, 0, 2)))
            process = start(config, broken)
            killed = left > 0 and wait_for(rng.choice(MOMENTS), work_dir, process, longest, rng)
            if killed:
                os.kill(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
            if not killed:
                break
            left -= 1
            seen['kills'] += 1
            seen['while a file was written'] += any(work_dir.glob('*.part'))
            try:
                newest = checked(work_dir, newest)
            except (AssertionError, InputError) as error:
                faults.append(str(error))
                break
            seen['before the first checkpoint'] += not newest
            if not newest:  # nothing to go on from
                shutil.rmtree(broken)
                broken.mkdir()
        if status and not faults:
            faults.append(f'a training did not go on: {(broken / "log").read_text()[-2000:]}')
        if not faults:
            seen['trainings compared at their end'] += 1
            faults += [f'differs: {difference}' for difference in differences(broken, unbroken)]
        if faults:
            break
    print(', '.join(f'{key}: {count}' for key, count in seen.items()))
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kills', type=int, default=50)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    import mmengine.runner  # noqa: F401
    import mmpose.apis  # noqa: F401

    import pcloss_mmpose.checkpoints.training  # noqa: F401
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        faults = run(args.kills, args.seed, Path(folder))
    print(*(f'fault: {fault}' for fault in faults), sep='\n') if faults else print('nothing was lost, nothing differs')
    sys.exit(bool(faults))


if __name__ == '__main__':
    main()
