"""The plot of a comparison."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from .arms import BASE
from .outcome import Outcome


def draw_changes(outcome: Outcome) -> Figure:
    """Change of the metric, a row an arm: a dot for each seed, the mean and its 95 % interval."""
    changes = [(arm.name, outcome.change(arm.name, outcome.metric)) for arm in outcome.arms[1:]]
    changes = [(name, change) for name, change in changes if change is not None and not math.isnan(change.percent)]
    figure = Figure(figsize=(7.2, 0.5 * len(changes) + 1.1), layout='constrained')
    axes = figure.subplots()
    for y, (name, change) in enumerate(changes):
        dots = [100 * (ours - base) / change.base for base, ours in zip(*outcome.pairs(name, outcome.metric))]
        axes.plot(dots, [y] * len(dots), 'o', color='0.7', markersize=4)
        axes.errorbar(change.percent, y, xerr=None if math.isnan(change.half) else change.half, fmt='D', color='C0',
                      capsize=4)
    axes.axvline(0, color='0.4', linewidth=0.8)
    axes.set_yticks(range(len(changes)), [name for name, _ in changes], fontsize=8)
    axes.set(xlabel=f'change of {outcome.metric}, % of the mean of {BASE}', ylim=(len(changes) - 0.5, -0.5))
    axes.grid(axis='x', alpha=0.3)
    return figure
