"""How long a training takes to be where it was cut off: with this package, and as MMEngine does it.

    OMP_NUM_THREADS=1 python -m benchmarks.resume_speed [--iterations 95000] [--images 30000] [--workers 4]

60 images of 512x512 are drawn and linked under other names until there are enough. One process loads batches of 5 by
the pipeline of one of this project's configs. MMEngine's way, which loads all batches before the cut, is timed for 100
iterations, and that time is multiplied. Ours is timed until the first batch behind the cut is there.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.checkpoints.batches import SeededBatches
from pcloss_mmpose.configs import find_config, load_config
from pcloss_mmpose.synthetic import write_fashionai

CONFIG = 'td-hm_res50-pcloss_4xb5-100k_fashionai-512x512'
DRAWN, TIMED = 60, 100


def write_rows(root: Path, count: int) -> None:
    """The CSV of the drawn images, which have several names each."""
    write_fashionai(root, 'train', DRAWN, size=512)
    path = root / 'Annotations' / 'train.csv'
    header, *rows = path.read_text().splitlines()
    lines = [header]
    for number, row in enumerate(itertools.islice(itertools.cycle(rows), count)):
        name, rest = row.split(',', 1)
        lines.append(f'{name[:-4]}_{number}.jpg,{rest}')
        os.link(root / name, root / f'{name[:-4]}_{number}.jpg')
    path.write_text('\n'.join(lines) + '\n')


def first_batch(loader: Any, skipped: int) -> float:
    """Seconds until the batch behind the skipped ones is there."""
    start = time.perf_counter()
    next(itertools.islice(iter(loader), skipped, None))
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--iterations', type=int, default=95000)
    parser.add_argument('--images', type=int, default=30000)
    parser.add_argument('--workers', type=int, default=4)
    args = parser.parse_args()
    from mmengine.registry import init_default_scope
    from mmengine.runner import Runner
    config = load_config(find_config(CONFIG))
    init_default_scope('mmpose')
    with tempfile.TemporaryDirectory() as folder:
        write_rows(Path(folder), args.images)
        loader = config.train_dataloader
        loader.update(num_workers=args.workers, persistent_workers=args.workers > 0)
        loader.dataset.update(data_root=folder, ann_file='Annotations/train.csv', subset=None)
        own = copy.deepcopy(loader)
        own.batch_sampler = dict(type=SeededBatches, drop_last=False, seed=0, first=args.iterations, endless=True)
        start, ends = (first_batch(Runner.build_dataloader(copy.deepcopy(loader), seed=0), n) for n in (0, TIMED))
        print(f"{len(Runner.build_dataloader(own, seed=0).dataset)} rows, {args.workers} workers")
        print(f'with this package: {first_batch(Runner.build_dataloader(own, seed=0), 0):.1f} s')
        each = (ends - start) / TIMED
        print(f"MMEngine's way: {1000 * each:.0f} ms an iteration, "
              f'{each * args.iterations / 3600:.1f} h for {args.iterations}')


if __name__ == '__main__':
    main()
