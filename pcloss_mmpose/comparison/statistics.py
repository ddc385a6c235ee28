"""How many seeds an effect needs, and which arms get no more."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np
from scipy import stats

from ..paired import CONFIDENCE

#: The effect, a part of the base, that the number of seeds is told for, and how often they are to show it.
EFFECT, POWER = 0.02, 0.8
#: An arm gets no more seeds where it is worse on each of so many seeds, and by so much of the base on average.
HOPELESS_SEEDS, HOPELESS = 3, 0.05
#: A number of seeds that nobody trains.
MANY = 1000


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
