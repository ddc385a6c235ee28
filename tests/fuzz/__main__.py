"""Read a great many bad files, and count what becomes of them.

    python -m tests.fuzz --inputs 1000000

Half of the inputs are drawn by hypothesis, as they are or with some bytes changed; half are good files with some bytes
changed. An input is clean, or it is refused in one clear line; anything else is a fault: its files are kept, and the
exit code is 1.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from typing import Iterator, Mapping

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed

from .mutation import mutate
from .targets import TARGETS, Target, is_clean, make_folder

#: Inputs of one drawing: itself, and itself changed.
OF_A_DRAWING = 50


def inputs(target: Target, number: int, seed: int) -> Iterator[dict[str, bytes]]:
    """About so many inputs."""
    random = Random(seed)

    def changed(files: Mapping[str, bytes]) -> dict[str, bytes]:
        name = random.choice(target.mutable)
        return {**files, name: mutate(random, files[name])}

    yield dict(target.healthy)
    for _ in range(number // 2):
        yield changed(target.healthy)
    for files in drawings(target, number // (2 * OF_A_DRAWING), seed):
        yield files
        for _ in range(OF_A_DRAWING - 1):
            yield changed(files)


def drawings(target: Target, number: int, seed: int) -> list[dict[str, bytes]]:
    """What hypothesis draws."""
    drawn: list[dict[str, bytes]] = []

    @hypothesis_seed(seed)
    @settings(max_examples=max(number, 1), database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(target.drawn)
    def draw(files):
        drawn.append(files)

    draw()
    return drawn


def run(number: int, seed: int, keep: Path, names: list[str]) -> Counter:
    """Counts of what became of the inputs, by target and outcome; faults are printed and kept."""
    counts: Counter = Counter()
    shares = sum(TARGETS[name].share for name in names)
    with tempfile.TemporaryDirectory() as folder:
        make_folder(Path(folder))
        gc.collect()
        gc.freeze()  # MMEngine collects garbage each time it has read a data set
        for name in names:
            target, start, places = TARGETS[name], time.monotonic(), set()
            # In pieces, so that what hypothesis draws takes little memory.
            share = -(-number * target.share // shares)
            for piece in range(0, share, 10_000):
                for files in inputs(target, min(10_000, share - piece), seed + piece):
                    try:
                        outcome = 'clean' if is_clean(target, files, Path(folder)) else 'clear error'
                    except Exception as error:
                        outcome = 'anything else'
                        place = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
                        if tuple(place[-2:]) not in places:
                            places.add(tuple(place[-2:]))
                            keep_fault(keep / f'{name} {len(places)}', files, error)
                    counts[name, outcome] += 1
            print(row(name, counts), f'| {time.monotonic() - start:.0f} s', flush=True)
    return counts


def row(name: str, counts: Counter) -> str:
    outcomes = [counts[name, outcome] for outcome in ('clean', 'clear error', 'anything else')]
    return f'| {name} | ' + ' | '.join(f'{number:,}' for number in (sum(outcomes), *outcomes))


def keep_fault(folder: Path, files: Mapping[str, bytes], error: Exception) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    lines = ''.join(traceback.format_exception(type(error), error, error.__traceback__))
    (folder / 'why.txt').write_text(lines, encoding='utf-8', errors='backslashreplace')
    print(f'{folder}: {type(error).__name__}: {error!s:.300}', flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--inputs', type=int, default=100_000, help='how many in all, about (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='another one gives other inputs')
    parser.add_argument('--keep', type=Path, default=Path('build/fuzz'), help='folder of faults (default: %(default)s)')
    parser.add_argument('--targets', nargs='+', choices=list(TARGETS), default=list(TARGETS))
    args = parser.parse_args()
    print('| target | inputs | clean | clear error | anything else |')
    counts = run(args.inputs, args.seed, args.keep, args.targets)
    for name, outcome in list(counts):
        counts['all', outcome] += counts[name, outcome]
    print(row('all', counts), '|')
    sys.exit(bool(counts['all', 'anything else']))


if __name__ == '__main__':
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    main()
