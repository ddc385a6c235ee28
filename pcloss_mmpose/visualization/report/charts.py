"""The report's charts, as SVG text."""

from __future__ import annotations

import io
from typing import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from .results import RunResults

#: Of the runs, in their order; black text is readable beside and white text on each.
COLORS = ('#5b6470', '#0b6e99', '#b4540a', '#5a7d0c', '#8a3fa0', '#a3123c')


def color(run: int) -> str:
    return COLORS[run % len(COLORS)]


def error_curve(runs: Sequence[RunResults]) -> str:
    """Share of the landmarks within an error, over the error, up to what all but a twentieth of them are within."""
    limit = 100 * max(np.nanpercentile(run.measured.errors, 95) for run in runs)
    figure = Figure(figsize=(6, 3.6), layout='constrained')
    axes = figure.subplots()
    for index, run in enumerate(runs):
        percent = 100 * np.sort(run.measured.errors[run.measured.counted])
        share = 100 * np.arange(1, len(percent) + 1) / len(percent)
        axes.step([0, *percent], [0, *share], where='post', color=color(index), label=run.name)
    axes.set(xlim=(0, limit or 1), ylim=(0, 100), xlabel='error, % of T', ylabel='landmarks within it, %')
    axes.grid(alpha=0.3)
    axes.legend(loc='lower right')
    return _svg(figure)


def landmark_errors(runs: Sequence[RunResults]) -> str:
    """Mean error of each landmark, a bar a run."""
    names = [name for name in runs[0].measured.landmarks if f'NE/{name}' in runs[0].metrics]
    figure = Figure(figsize=(6, 0.8 + 0.13 * len(names) * (len(runs) + 1)), layout='constrained')
    axes = figure.subplots()
    height = 0.8 / len(runs)
    for index, run in enumerate(runs):
        axes.barh(np.arange(len(names)) + (index - (len(runs) - 1) / 2) * height,
                  [run.metrics[f'NE/{name}'] for name in names], height, color=color(index), label=run.name)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set(xlabel='NE, % of T', ylim=(len(names) - 0.4, -0.6))
    axes.grid(axis='x', alpha=0.3)
    axes.legend(fontsize=8)
    return _svg(figure)


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    with rc_context({'svg.hashsalt': 'report'}):  # the same file for the same figures
        figure.savefig(text, format='svg', metadata={'Date': None}, transparent=True)
    return text.getvalue()[text.getvalue().index('<svg'):]
