"""The report's chart, as SVG text that takes the page's colors."""

from __future__ import annotations

import io
from typing import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from .results import RunResults

#: How many runs the page's style has a color for, each as ``--run-<number>``.
COLORS = 6
#: Stands for the color of the page's text, which is another one in the dark.
INK = '#00ff00'


def color(run: int) -> str:
    """Of the runs, in their order, in CSS."""
    return f'var(--run-{run % COLORS})'


def error_curve(runs: Sequence[RunResults]) -> str:
    """Share of the landmarks within an error, over the error, up to what all but a twentieth of them are within."""
    limit = 100 * max(np.nanpercentile(run.measured.errors, 95) for run in runs)
    style = {'svg.hashsalt': 'report', 'svg.fonttype': 'none',  # the same file for the same figures, and text as text
             **{f'{part}.color': INK for part in ('text', 'xtick', 'ytick', 'grid')},
             'axes.edgecolor': INK, 'axes.labelcolor': INK}
    with rc_context(style):
        figure = Figure(figsize=(5, 3.3), layout='constrained')
        axes = figure.subplots()
        for index, run in enumerate(runs):
            percent = 100 * np.sort(run.measured.errors[run.measured.counted])
            shares = np.arange(1, len(percent) + 1) / len(percent)
            shown = np.unique(np.searchsorted(percent, np.linspace(0, limit, 300)))  # more points cannot be told apart
            shown = shown[shown < len(percent)]
            axes.step([0, *percent[shown]], [0, *100 * shares[shown]], where='post', color=placeholder(index))
        axes.set(xlim=(0, limit or 1), ylim=(0, 100), xlabel='error, % of T', ylabel='landmarks within it, %')
        axes.grid(alpha=0.2)
        text = io.StringIO()
        figure.savefig(text, format='svg', metadata={'Date': None}, transparent=True)
    drawn = text.getvalue()[text.getvalue().index('<svg'):]
    for index in range(len(runs)):
        drawn = drawn.replace(placeholder(index), color(index))
    return drawn.replace(INK, 'currentColor')


def placeholder(run: int) -> str:
    return f'#ff00{run % COLORS:02x}'
