"""Errors above which a landmark is far off: chosen so that a filter for such images leaves some and drops some."""

from __future__ import annotations

import math
from typing import Sequence

import numpy as np

#: Parts of the images that are to have a landmark beyond the limits; the second's limit is the page's first choice.
PARTS = (0.5, 0.25, 0.1)
#: The threshold of the outliers is the first choice where such a part of the images is beyond it.
USEFUL = (0.05, 0.6)
CLEAN = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


def far_limits(errors: np.ndarray, threshold: float) -> tuple[list[float], float]:
    """Limits to choose from, ascending, and the first choice; all are fractions of T.

    Args:
        errors: (N, K) fractions of T, NaN where a landmark does not count.
        threshold: Of the outliers; always among the limits.
    """
    worst = np.max(errors, axis=1, initial=0, where=~np.isnan(errors))

    def part_beyond(limit: float) -> float:
        return float((worst > limit).mean())

    limits = [clean(float(np.quantile(worst, 1 - part))) for part in PARTS]
    useful = [limit for limit in limits if 0 < part_beyond(limit) < 1]
    first = threshold
    if useful and not USEFUL[0] <= part_beyond(threshold) <= USEFUL[1]:
        first = limits[1] if limits[1] in useful else useful[0]
    return sorted({threshold, *useful}), first


def clean(value: float) -> float:
    """The nearest number that is easy to say: 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 times a power of ten."""
    if value <= 0:
        return 0.
    power = math.floor(math.log10(value))
    nearest: Sequence[float] = [digit * 10. ** power for digit in CLEAN]
    return float(f'{min(nearest, key=lambda each: abs(each - value)):.3g}')
