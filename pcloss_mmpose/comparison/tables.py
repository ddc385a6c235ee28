"""The tables of a comparison: header and rows of text, for a terminal and as Markdown."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..paired import Change
from .arms import BASE
from .outcome import Outcome, in_words

#: Of a terminal of 80 characters.
MOST_COLUMNS = 5


class Table(NamedTuple):
    title: str
    header: list[str]
    rows: list[list[str]]


def arms_table(outcome: Outcome) -> Table:
    """A row for each arm: seeds, share, and each figure with its change."""
    keys = outcome.headlines()
    rows = []
    for arm in outcome.arms:
        share = outcome.share(arm.name)
        row = [arm.name, str(len(outcome.results[arm.name])), '' if share is None else f'{share[1]:.2f}']
        rows.append(row + [base_cell(outcome, key) if arm.name == BASE else cell(outcome.change(arm.name, key))
                           for key in keys])
    return Table('Changes from none in percent, with 95 % intervals of paired seeds',
                 ['', 'seeds', 'share', *map(in_words, keys)], rows)


def landmarks_table(outcome: Outcome) -> Table:
    """A row for each landmark: the best arm against none."""
    changes = [(key, outcome.change(outcome.best.name, key)) for key in outcome.landmarks()] if outcome.best else []
    rows = [[key[len('NE/'):], f'{change.base:.2f}', f'{change.ours:.2f}', shown(change)]
            for key, change in changes if change is not None]
    return Table('NE of each landmark', ['', BASE, outcome.best.name if outcome.best else '', 'change, %'], rows)


def rivals_table(outcome: Outcome) -> Table:
    """A row for each other arm with a loss: the best arm against it."""
    rivals = [arm for arm in outcome.arms[1:] if outcome.best and arm != outcome.best]
    changes = [(arm.name, outcome.change(outcome.best.name, outcome.metric, arm.name)) for arm in rivals]
    rows = [[name, str(change.seeds), shown(change)] for name, change in changes if change is not None]
    title = f'{outcome.metric} of {outcome.best.name} against the other arms' if outcome.best else ''
    return Table(title, ['', 'seeds', 'change, %'], rows)


def base_cell(outcome: Outcome, key: str) -> str:
    figures = list(outcome.figures(BASE, key).values())
    return f'{sum(figures) / len(figures):.4g}' if figures else '-'


def cell(change: Change | None) -> str:
    return '-' if change is None else f'{change.ours:.4g} ({shown(change)})'


def shown(change: Change) -> str:
    """``-5.1 ± 1.2``, in percent; one pair has no interval, and a change from 0 no percent."""
    if math.isnan(change.percent):
        return '-'
    return f'{change.percent:+.1f}' + ('' if math.isnan(change.half) else f' ± {change.half:.1f}')


def turned(table: Table) -> Table:
    """With a row for each column."""
    lines = [list(line) for line in zip(table.header, *table.rows)]
    return Table(table.title, lines[0], lines[1:])


def as_markdown(table: Table) -> str:
    lines = [table.header, ['---', *['---:'] * (len(table.header) - 1)], *table.rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def for_terminal(table: Table) -> Any:
    """rich's table, turned where it has few rows of many columns, which would not fit."""
    from rich.table import Table as RichTable
    from rich.text import Text
    if len(table.header) > MOST_COLUMNS and len(table.rows) < len(table.header):
        table = turned(table)
    shape = RichTable(title=table.title, title_justify='left')
    for number, name in enumerate(table.header):
        shape.add_column(name, justify='right' if number else 'left', no_wrap=not number, overflow='fold')
    for row in table.rows:
        shape.add_row(*map(Text, row))
    return shape
