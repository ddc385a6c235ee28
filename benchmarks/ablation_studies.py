"""The table of factors: which trainings answer which question."""

from __future__ import annotations

import itertools
from typing import NamedTuple


class Run(NamedTuple):
    """The settings of one training."""

    data: str = 'garments'  # or 'photographs'
    train: int = 2000  # training pictures, drawn anew by each seed
    size: int = 96  # of the input, pixels
    batch: int = 16
    iterations: int = 600
    lr: float = 2e-3
    model: str = 'heatmap'  # or 'regression'
    codec: str = 'MSRAHeatmap'  # or 'UDPHeatmap', whose targets are not rounded to the heatmap's pixels
    seed: int = 0
    weight: float = 0.  # of PCLoss; what follows means nothing where it is 0
    alpha: float = 30.
    debias: bool = False
    window: int | None = None
    topk: int | None = 8
    partition: str | None = 'left_right'
    warm_up: int = 0  # iterations before PCLoss begins
    ramp: int = 0  # and those until it has its full weight
    fade: int = 0  # the last ones, in which its weight falls to 0
    invariance: str = 'translation'
    power: float = 2.
    hard_samples: float = 1.

    def changes(self) -> dict:
        """What differs from the defaults."""
        return {key: value for key, value in self._asdict().items() if value != self._field_defaults[key]}

    def baseline(self) -> Run:
        """The same without PCLoss."""
        names = list(self._fields)
        return Run(*self[:names.index('weight')])


class Study(NamedTuple):
    question: str
    runs: list[Run]


def listed(seeds: int, base: Run, *changes: dict) -> list[Run]:
    """The baseline and one run for each dict of changes, with every seed."""
    return [run for seed in range(seeds) for run in (
        base.baseline()._replace(seed=seed), *(base._replace(seed=seed, **change) for change in changes))]


GARMENTS = Run()
LONGER = GARMENTS._replace(iterations=1800)
PHOTOGRAPHS = Run(data='photographs', train=15, size=128, batch=8, iterations=400, topk=4)
DECADES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
INTEGRALS = {
    'softmax, alpha 10': dict(alpha=10.),
    'softmax, alpha 30': dict(alpha=30.),
    'debiased, alpha 10': dict(alpha=10., debias=True),
    'positive part': dict(alpha=0.1, debias=True),
    'window of 4, alpha 10': dict(alpha=10., window=4),
}


def integrals(seeds: int, base: Run) -> list[Run]:
    """The baseline, and each integral at each weight."""
    return listed(seeds, base, *(dict(integral, weight=weight)
                                 for weight, integral in itertools.product(DECADES, INTEGRALS.values())))


FORMS = (
    dict(weight=3e-4),
    dict(weight=1e-3),
    dict(weight=3e-3),
    dict(weight=1e-3, alpha=100.),
    dict(weight=3e-5, power=1.),
    dict(weight=1e-4, power=1.),
    dict(weight=3e-4, power=1.),
    dict(weight=1e-3, invariance='none'),
    dict(weight=3e-3, invariance='none'),
    dict(weight=1e-4, power=1., invariance='none'),
    dict(weight=1e-3, invariance='similarity'),
    dict(weight=3e-3, invariance='similarity'),
    dict(weight=1e-3, hard_samples=0.5),
    dict(weight=1e-3, warm_up=150, ramp=50),
    dict(weight=1e-3, power=1.),
    dict(weight=1e-3, fade=600),
    dict(weight=3e-3, fade=600),
    dict(weight=1e-2, fade=600),
    dict(weight=1e-3, power=1., fade=600),
)

#: Pairs' lengths instead of their squares.
ROBUST = (
    dict(weight=3e-4),
    dict(weight=1e-3),
    dict(weight=3e-3),
    dict(weight=1e-3, invariance='none'),
    dict(weight=3e-3, invariance='none'),
    dict(weight=1e-3, alpha=10.),
    dict(weight=1e-3, alpha=100.),
    dict(weight=1e-3, alpha=10., debias=True),
)

#: The best of the screening, for figures on test pictures: the paper's squares, and lengths.
BEST_GARMENTS = (dict(weight=1e-3), dict(weight=1e-3, power=1.))
BEST_PHOTOGRAPHS = (dict(weight=3e-4), dict(weight=3e-4, power=1.))
LENGTHS_PHOTOGRAPHS = BEST_PHOTOGRAPHS[1]


def finals(base: Run, seeds: int, *changes: dict) -> list[Run]:
    """Seeds that no setting was chosen on."""
    return [run._replace(seed=100 + run.seed) for run in listed(seeds, base, *changes)]


def conditions(seeds: int, base: Run) -> list[Run]:
    return listed(seeds, base, dict(weight=1e-3, power=1.))


GROUPS = [dict(topk=topk, partition=partition)
          for partition in (None, 'left_right', 'top_bottom') for topk in (1, 4, None)]

STUDIES = {
    'integral': Study('Which integral, and which weight?', integrals(2, GARMENTS)),
    'form': Study('Which form of the loss?', listed(2, GARMENTS, *FORMS)),
    'robust': Study('How are lengths to be set?', listed(
        2, GARMENTS, *(dict(change, power=1.) for change in ROBUST))),
    'codec': Study('With targets that are not rounded to heatmap pixels', listed(
        2, GARMENTS._replace(codec='UDPHeatmap'), dict(weight=1e-3), dict(weight=3e-3), dict(weight=1e-3, power=1.))),
    'groups': Study('Which k, and which partition?', listed(
        2, GARMENTS, *(dict(group, weight=1e-3) for group in GROUPS))),
    'regression': Study('And without heatmaps, by regression?', listed(
        2, GARMENTS._replace(model='regression'), *(dict(weight=weight) for weight in (1e-3, 1e-2, 1e-1, 1.)),
        dict(weight=1e-2, power=1.))),
    'regression_photographs': Study('By regression, with 15 photographs', listed(
        4, PHOTOGRAPHS._replace(model='regression'), *(dict(weight=weight) for weight in (3e-3, 3e-2, 3e-1)),
        dict(weight=3e-2, power=1.))),
    'photographs': Study('Which weight and form, with 15 photographs?', listed(
        4, PHOTOGRAPHS, dict(weight=3e-4), dict(weight=1e-3), dict(weight=3e-3), dict(weight=1e-2),
        dict(weight=3e-4, power=1.), dict(weight=1e-3, power=1.), dict(weight=3e-3, power=1.))),
    'few_garments': Study('200 garments', conditions(3, GARMENTS._replace(train=200))),
    'smaller': Study('64 pixels', conditions(3, GARMENTS._replace(size=64))),
    'larger': Study('128 pixels', conditions(2, GARMENTS._replace(size=128))),
    'longer': Study('Three times as long', conditions(2, LONGER)),
    'final_garments': Study('Generated garments', finals(GARMENTS, 12, *BEST_GARMENTS)),
    'final_longer': Study('Generated garments, three times as long', list(dict.fromkeys(
        finals(LONGER, 4, BEST_GARMENTS[0]) + finals(LONGER, 12, BEST_GARMENTS[1])))),
    'final_15_photographs': Study('15 photographs', finals(PHOTOGRAPHS, 12, *BEST_PHOTOGRAPHS)),
    'final_30_photographs': Study('30 photographs', finals(PHOTOGRAPHS._replace(train=30), 12, LENGTHS_PHOTOGRAPHS)),
    'final_72_photographs': Study('72 photographs', finals(PHOTOGRAPHS._replace(train=72), 12, LENGTHS_PHOTOGRAPHS)),
}
