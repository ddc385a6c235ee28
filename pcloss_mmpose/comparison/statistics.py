"""What paired seeds show: changes with their intervals, and how many seeds an effect would need."""

from __future__ import annotations

import math
from typing import Mapping, NamedTuple, Sequence

import numpy as np
from scipy import stats

#: Of the intervals.
CONFIDENCE = 0.95
#: The effect, a part of the base, that the number of seeds is told for, and how often they are to show it.
EFFECT, POWER = 0.02, 0.8
#: An arm gets no more seeds where it is worse on each of so many seeds, and by so much of the base on average.
HOPELESS_SEEDS, HOPELESS = 3, 0.05
#: A number of seeds that nobody trains.
MANY = 1000


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


def pairs(base: Mapping[int, float], ours: Mapping[int, float]) -> tuple[list[float], list[float]]:
    """The figures of the seeds that both have."""
    seeds = sorted(base.keys() & ours.keys())
    return [base[seed] for seed in seeds], [ours[seed] for seed in seeds]


def seeds_needed(base: Sequence[float], ours: Sequence[float], effect: float = EFFECT) -> int | None:
    """How many paired seeds show a true effect as often as :data:`POWER`, if they scatter as these do.

    An interval whose half is just the effect would show it every second time: the mean of the seeds scatters, too.

    Args:
        base, ours: Figures of the same seeds, two or more.
        effect: A part of the mean of ``base``.

    Returns:
        The smallest number from 2; None above :data:`MANY`.
    """
    scatter = float(np.std(np.subtract(ours, base), ddof=1))
    wanted = effect * abs(float(np.mean(base)))
    counts = np.arange(2, MANY + 1)
    quantiles = stats.t.ppf((1 + CONFIDENCE) / 2, counts - 1) + stats.t.ppf(POWER, counts - 1)
    enough = quantiles * scatter / np.sqrt(counts) < wanted
    return int(counts[enough.argmax()]) if enough.any() else None


def is_hopeless(base: Mapping[int, float], ours: Mapping[int, float], sign: int) -> bool:
    """Whether an arm is worse on every paired seed and by more than :data:`HOPELESS` on average.

    Args:
        base, ours: A figure by seed.
        sign: 1 where higher is better, -1 where lower is.
    """
    first, second = pairs(base, ours)
    if len(first) < HOPELESS_SEEDS:
        return False
    losses = sign * (np.asarray(first) - np.asarray(second))
    return bool((losses > 0).all() and losses.mean() > HOPELESS * abs(np.mean(first)))
