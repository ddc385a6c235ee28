"""How much memory `pcloss predict --draw` takes on large photographs.

    python -m benchmarks.predict_memory [--images 64] [--size 4000 3000]

Each line is a whole job in processes of its own, with random weights: the most memory that the process and its workers
held together (what several share counts once), and the time. It reads Linux's /proc.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from pcloss_mmpose.configs import find_config

CONFIG = 'td-hm_efflite0-pcloss_1xb12-600_garments-128x128'
JOBS = [(batch_size, workers) for batch_size in (4, 32) for workers in (0, 2)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--images', type=int, default=64)
    parser.add_argument('--size', type=int, nargs=2, default=[4000, 3000], metavar='PIXELS', help='width and height')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_photographs(folder / 'photos', args.images, tuple(args.size))
        checkpoint = write_weights(folder)
        for batch_size, workers in JOBS:
            command = ['predict', CONFIG, checkpoint, folder / 'photos', '-o', folder / f'{batch_size}-{workers}',
                       '--draw', '--device', 'cpu', '--batch-size', batch_size, '--workers', workers]
            start = time.perf_counter()
            peak = peak_memory([sys.executable, '-m', 'pcloss_mmpose.cli', *map(str, command)])
            print(f'batch size {batch_size}, workers {workers}: {peak / 1e9:.2f} GB, '
                  f'{time.perf_counter() - start:.0f} s', flush=True)


def write_photographs(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Smooth JPEG images, each another."""
    folder.mkdir()
    coarse = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    image = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    for number in range(count):
        cv2.imwrite(str(folder / f'{number:03d}.jpg'), np.roll(image, 10 * number, axis=1))


def write_weights(folder: Path) -> Path:
    import torch
    from mmpose.apis import init_model
    path = folder / 'model.pth'
    torch.save(dict(state_dict=init_model(str(find_config(CONFIG)), device='cpu').state_dict()), path)
    return path


def peak_memory(command: list[str]) -> int:
    """Bytes that a command and its children hold at most."""
    process, peak = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), 0
    while process.poll() is None:
        peak = max(peak, sum(map(memory, tree(process.pid))))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f'{" ".join(command)} ended with {process.returncode}')
    return peak


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = [int(child) for path in Path(f'/proc/{pid}/task').glob('*/children')
                    for child in path.read_text().split()]
    except OSError:  # it has just ended
        return []
    return [pid, *(each for child in children for each in tree(child))]


def memory(pid: int) -> int:
    """Bytes of a process that are in memory, its part of what is shared."""
    try:
        text = Path(f'/proc/{pid}/smaps_rollup').read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith('Pss:')) * 1024


if __name__ == '__main__':
    main()
