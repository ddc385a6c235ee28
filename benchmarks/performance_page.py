"""Writes the tables of docs/performance.md from docs/performance/*.json, which `python -m benchmarks --json` wrote.

    python -m benchmarks.performance_page
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.__main__ import NAMES, cells_of, time_of
from benchmarks.ablation_report import with_tables
from benchmarks.paired import Row
from reproduce.tables import markdown_table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / 'docs' / 'performance.md'
HEADER = ('', 'ours', 'peer', 'ratio', 'quartiles', 'target', 'floor', 'memory, ours of')


def tables(results: dict) -> dict[str, str]:
    """A Markdown table for each benchmark of a file of results, rows of size 1."""
    found = {}
    for name in NAMES:
        rows = [Row(**{key: row[key] for key in Row._fields}) for row in results['rows']
                if (row['benchmark'], row['scale']) == (name, 1)]
        if rows:
            cells = [[row.name, time_of(row.ours, row.count), time_of(row.peer, row.count), f'{row.ratio:.2f}',
                      f'{row.low:.2f}-{row.high:.2f}', *cells_of(row)] for row in rows]
            used = [0, *(column for column in range(1, len(HEADER)) if any(row[column] for row in cells))]
            found[name] = markdown_table([HEADER[column] for column in used],
                                         [[row[column] for column in used] for row in cells])
    return found


def main() -> None:
    content = {}
    for path in sorted((ROOT / 'docs' / 'performance').glob('*.json')):
        results = json.loads(path.read_text())
        content[f'{path.stem}_machine'] = ', '.join(
            f'{value}' if key in ('cpu', 'gpu') else f'{key} {value}' for key, value in results['machine'].items())
        content.update({f'{path.stem}_{name}': text for name, text in tables(results).items()})
    PAGE.write_text(with_tables(PAGE.read_text(), content))


if __name__ == '__main__':
    main()
