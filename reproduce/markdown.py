"""Figures of runs as Markdown tables."""

from __future__ import annotations

import statistics
from typing import Iterable, Sequence

from work_dirs import Run, average

MISSING = '-'


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of aligned columns: the first to the left, all others to the right."""
    rows = [list(row) for row in rows]
    widths = [max(2, *map(len, column)) for column in zip(header, *rows)]
    rule = [':' + '-' * (widths[0] - 1), *('-' * (width - 1) + ':' for width in widths[1:])]
    aligns = [str.ljust, *[str.rjust] * (len(widths) - 1)]
    return '\n'.join(
        f"| {' | '.join(align(cell, width) for align, cell, width in zip(aligns, cells, widths))} |"
        for cells in (header, rule, *rows))


def averages(runs: Iterable[Run]) -> list[float]:
    """The figure that is compared with the paper's, of each run that is tested."""
    values = (average(run.metrics) for run in runs if run.state == 'tested')
    return [value for value in values if value is not None]


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are there, None where none is."""
    values = [value for value in values if value is not None]
    return statistics.fmean(values) if values else None


def shown(values: Iterable[float | None], digits: int) -> str:
    """The mean of the values that are there, from two on with their sample standard deviation; a dash for none."""
    values = [value for value in values if value is not None]
    if not values:
        return MISSING
    deviation = f' ± {statistics.stdev(values):.{digits}f}' if len(values) > 1 else ''
    return f'{mean(values):.{digits}f}{deviation}'


def change(value: float | None, base: float | None, digits: int) -> str:
    """``value - base`` with its sign; a dash where one is missing."""
    return MISSING if value is None or base is None else f'{value - base:+.{digits}f}'
