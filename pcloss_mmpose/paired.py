"""A change over pairs, such as seeds or images, with its interval."""

from __future__ import annotations

import math
from typing import NamedTuple, Sequence

import numpy as np
from scipy import stats

#: Of the intervals.
CONFIDENCE = 0.95


class Change(NamedTuple):
    """A figure without and with a loss over paired seeds; all in the figure's own unit but ``percent`` and ``half``."""

    seeds: int
    base: float
    ours: float
    percent: float  # of the mean difference, relative to the mean of the base
    half: float  # of the paired 95 % interval, in the same percent; NaN for one seed
    wins: int  # seeds on which ours is lower

    @property
    def interval(self) -> tuple[float, float]:
        """In percent."""
        return self.percent - self.half, self.percent + self.half

    @property
    def is_shown(self) -> bool:
        """Whether the interval excludes 0."""
        return abs(self.percent) > self.half  # False with NaN


def paired_change(base: Sequence[float], ours: Sequence[float]) -> Change:
    """Student's t interval of the mean difference of pairs."""
    base, ours = np.asarray(base, dtype=float), np.asarray(ours, dtype=float)
    difference = ours - base
    half = math.nan
    if len(difference) > 1:
        half = stats.t.ppf((1 + CONFIDENCE) / 2, len(difference) - 1) * stats.sem(difference)
    scale = 100 / base.mean() if base.mean() else math.nan
    wins = int((difference < 0).sum())
    figures = base.mean(), ours.mean(), scale * difference.mean(), scale * half
    return Change(len(base), *map(float, figures), wins)
