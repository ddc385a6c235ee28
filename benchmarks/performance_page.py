"""Writes the tables of docs/performance.md from docs/performance/*.json, which `python -m benchmarks --json` wrote.

    python -m benchmarks.performance_page
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.__main__ import NAMES, cells_of
from benchmarks.ablation_report import with_tables
from reproduce.tables import markdown_table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / 'docs' / 'performance.md'


def tables(results: dict) -> dict[str, str]:
    """A Markdown table for each benchmark of a file of results, rows of size 1."""
    found = {}
    for name in NAMES:
        rows = [row for row in results['rows'] if (row['benchmark'], row['scale']) == (name, 1)]
        if rows:
            found[name] = markdown_table(*cells_of(rows))
    return found


def filled(page: str) -> str:
    """The page with what the files of results say."""
    content = {}
    for path in sorted((ROOT / 'docs' / 'performance').glob('*.json')):
        results = json.loads(path.read_text())
        content[f'{path.stem}_machine'] = ', '.join(
            f'{value}' if key in ('cpu', 'gpu') else f'{key} {value}' for key, value in results['machine'].items())
        content.update({f'{path.stem}_{name}': text for name, text in tables(results).items()})
    return with_tables(page, content)


def main() -> None:
    PAGE.write_text(filled(PAGE.read_text()))


if __name__ == '__main__':
    main()
