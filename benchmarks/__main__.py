"""Our speed beside that of what you would run otherwise, on this machine.

    python -m benchmarks                      # all rows; it takes a while
    python -m benchmarks integral loss        # some
    python -m benchmarks --device cuda
    python -m benchmarks loss --growth work_dirs/growth.png

Each row first checks that both sides give the same result, then runs them in turns, one thread each. The ratio is our
time as a part of the peer's: the median over neighbouring runs, and the quartiles; memory is ours as a part of the
peer's at its peak. docs/performance.md shows results and says what the rows mean.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from importlib import import_module
from pathlib import Path
from typing import Iterator, Mapping, Sequence

import cv2
import torch
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.paired import Row, measure
from pcloss_mmpose.cli.arguments import out_file
from pcloss_mmpose.errors import FileFormatError, InputError, PclossError
from pcloss_mmpose.inference.predictor import choose_device

NAMES = ('integral', 'loss', 'landmarks', 'step', 'fast', 'input', 'targets', 'start', 'metric', 'imports',
         'predict', 'inference')
SCALES = (1, 4, 16)
HEADER = ('', 'ours', 'peer', 'ratio (quartiles)', 'target', 'floor', 'memory')


def main() -> None:
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*', metavar='NAME', help=f'of {", ".join(NAMES)}; default: all')
    parser.add_argument('--device', default='cpu', help='default: %(default)s')
    parser.add_argument('--json', type=out_file('.json'), default=Path('work_dirs/performance.json'),
                        help='where the results go, row by row, beside those of other benchmarks on the same machine '
                        '(default: %(default)s)')
    parser.add_argument('--growth', type=out_file('.png'),
                        help='also run at 4 and 16 times the size, and draw how time grows')
    args = parser.parse_args()
    if unknown := set(args.names) - set(NAMES):
        parser.error(f'no benchmark is called {", ".join(sorted(unknown))}; there are {", ".join(NAMES)}')
    names = args.names or NAMES
    try:
        results = dict(machine=machine(choose_device(args.device)), rows=[])
        kept = [row for row in kept_rows(args.json, results['machine']) if row['benchmark'] not in names]
    except PclossError as error:
        parser.error(str(error))
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for scale in SCALES if args.growth else SCALES[:1]:
        for name, row in rows(names, args.device, scale):
            results['rows'].append(dict(row._asdict(), benchmark=name, scale=scale))
            args.json.parent.mkdir(parents=True, exist_ok=True)
            args.json.write_text(json.dumps(dict(results, rows=kept + results['rows']), indent=1) + '\n')
    Console().print(table(results['rows']))
    print(f'{args.json}: all figures')
    if args.growth:
        if all(row['scale'] == 1 for row in results['rows']):
            raise SystemExit(f'{args.growth}: not drawn, since no row of {", ".join(names)} grows')
        from benchmarks.growth import draw
        draw(results['rows'], args.growth)
        print(f'{args.growth}: time at {", ".join(map(str, SCALES))} times the size')


def kept_rows(path: Path, machine: Mapping) -> list[dict]:
    """What earlier calls have written to the file.

    Raises:
        FileFormatError: It is none of this program's.
        InputError: It is of another machine.
    """
    if not path.is_file():
        return []
    try:
        earlier = json.loads(path.read_text())
        if earlier['machine'] == machine:
            return list(earlier['rows'])
    except (ValueError, TypeError, KeyError) as error:
        raise FileFormatError.at(str(path), f'not what this program writes ({type(error).__name__})',
                                 'Remove it, or name another file with --json.') from None
    raise InputError(f'{path} has the figures of another machine, {", ".join(earlier["machine"].values())}: name '
                     'another file with --json')


def rows(names: Sequence[str], device: str, scale: int = 1) -> Iterator[tuple[str, Row]]:
    """Rows of the benchmarks of these names, each as soon as it is measured."""
    for name in names:
        for case in import_module(f'benchmarks.rows.{name}').cases(device, scale):
            row = measure(case, device)
            print(f'{row.name}: {row.ratio:.2f}', file=sys.stderr, flush=True)
            yield name, row


def table(rows: Sequence[Mapping]) -> Table:
    """All rows, those of each benchmark under its name."""
    header, cells = cells_of(rows)
    shown = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    for column in header:
        shown.add_column(column, no_wrap=bool(column))
    last = None
    for row, texts in zip(rows, cells):
        if row['benchmark'] != last:
            last = row['benchmark']
            shown.add_row(f'[bold]{last}')
        shown.add_row(*texts)
    return shown


def cells_of(rows: Sequence[Mapping]) -> tuple[list[str], list[list[str]]]:
    """Header and texts of a table, without the columns that are empty.

    Args:
        rows: Dicts of a :class:`benchmarks.paired.Row`, with ``benchmark`` and ``scale``.
    """
    measured = [Row(**{key: row[key] for key in Row._fields}) for row in rows]
    cells = [[row.name, time_of(row.ours, row.count), time_of(row.peer, row.count),
              f'{row.ratio:.2f} ({row.low:.2f}-{row.high:.2f})', '' if row.target is None else f'{row.target:.2f}',
              '' if row.floor is None else time_of(row.floor, row.count),
              '' if row.memory is None else f'{row.memory:.2f}'] for row in measured]
    used = [column for column in range(len(HEADER)) if any(row[column] for row in cells)]
    return [HEADER[column] for column in used], [[row[column] for column in used] for row in cells]


def time_of(seconds: float, count: int = 1) -> str:
    """A time, or, where several were done, how many a second."""
    if count > 1:
        return f'{count / seconds:,.1f}/s'
    unit, factor = ('s', 1) if seconds >= 1 else ('ms', 1e3) if seconds >= 1e-3 else ('us', 1e6)
    return f'{seconds * factor:.3g} {unit}'


def machine(device: str) -> dict[str, str]:
    """What the figures were measured on."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path('/proc/cpuinfo')
    if cpuinfo.is_file():
        lines = cpuinfo.read_text().splitlines()
        name = next((line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')), name)
    found = dict(cpu=f'{name}, one thread', python=platform.python_version(), torch=torch.__version__)
    if torch.device(device).type == 'cuda':
        found['gpu'] = torch.cuda.get_device_name(device)
    return found


if __name__ == '__main__':
    main()
