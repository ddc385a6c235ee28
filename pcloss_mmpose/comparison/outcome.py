"""What the runs of a comparison give together: figures by arm and seed, and their changes."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Sequence

import numpy as np

from ..paired import Change, paired_change
from .arms import BASE, Arm
from .directions import sign
from .statistics import pairs

#: Last parts of the names of the figures that are shown of every arm, if there are such.
HEADLINES = ('NE', 'outliers', 'duplicate_images', 'exchanged_images', 'AP', 'AR', 'PCK', 'PCKh', 'AUC', 'EPE', 'NME')
#: What they are called in a table.
WORDS = dict(duplicate_images='images with a duplicate', exchanged_images='images with exchanged sides')


class Outcome(NamedTuple):
    """The results of a comparison."""

    metric: str
    arms: list[Arm]  #: those with results; ``none`` is the first
    results: Mapping[str, Mapping[int, Mapping]]  #: of :func:`~.runs.read_results`

    def figures(self, arm: str, key: str) -> dict[int, float]:
        """A figure by seed."""
        return {seed: result['figures'][key] for seed, result in self.results.get(arm, {}).items()
                if key in result['figures']}

    def pairs(self, arm: str, key: str, base: str = BASE) -> tuple[list[float], list[float]]:
        """A figure of two arms over the seeds that both have, the base's first."""
        return pairs(self.figures(base, key), self.figures(arm, key))

    def change(self, arm: str, key: str, base: str = BASE) -> Change | None:
        """Of an arm against another; None without a common seed."""
        first, second = self.pairs(arm, key, base)
        return paired_change(first, second) if first else None

    def share(self, arm: str) -> list[float] | None:
        """The loss's part of the gradient, mean over the seeds: first tenth of a training, all, last tenth."""
        found = [result['share'] for result in self.results.get(arm, {}).values() if result.get('share')]
        return np.mean(found, axis=0).tolist() if found else None

    @property
    def best(self) -> Arm | None:
        """The arm with a loss whose metric changes most to the better over its pairs; None without any.

        One that has a single pair is best only where none has more.
        """
        changes = {arm.name: self.change(arm.name, self.metric) for arm in self.arms[1:]}

        def rank(arm: Arm) -> tuple[bool, float]:
            change = changes[arm.name]
            return change.seeds > 1, sign(self.metric) * (change.ours - change.base) / abs(change.base or 1)

        return max((arm for arm in self.arms[1:] if changes[arm.name] is not None), key=rank, default=None)

    def headlines(self) -> list[str]:
        """The figures of a table, the metric first."""
        keys = dict.fromkeys(key for results in self.results.values() for result in results.values()
                             for key in result['figures'])
        shown = [key for key in keys if key.rpartition('/')[2] in HEADLINES and sign(key) is not None]
        return list(dict.fromkeys([self.metric, *sorted(shown, key=lambda key: HEADLINES.index(
            key.rpartition('/')[2]))]))

    def landmarks(self) -> list[str]:
        """The figures of single landmarks."""
        names = next((result['landmarks'] for results in self.results.values() for result in results.values()), [])
        return [f'NE/{name}' for name in names if self.change(self.arms[0].name, f'NE/{name}') is not None]


def make_outcome(arms: Sequence[Arm], results: Mapping[str, Mapping[int, Mapping]], metric: str) -> Outcome:
    """Of the arms that have results."""
    return Outcome(metric, [arm for arm in arms if arm.name in results], results)


def in_words(key: str) -> str:
    """What a figure is called in a table."""
    return WORDS.get(key, key)
