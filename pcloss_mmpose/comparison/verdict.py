"""What a comparison shows and what it does not, in sentences."""

from __future__ import annotations

import math
from typing import Iterator, Sequence

from ..paired import Change
from .directions import sign
from .outcome import Outcome
from .runs import Run
from .statistics import EFFECT, POWER, seeds_needed

OFTEN = f'{10 * POWER:g} comparisons of 10'


def verdict(outcome: Outcome) -> Iterator[str]:
    """Sentences. A difference is claimed only where its interval excludes 0."""
    best, metric = outcome.best, outcome.metric
    if best is None:
        yield 'There is no pair yet: none and an arm with a loss need a seed in common.'
        return
    change = outcome.change(best.name, metric)
    if change.seeds < 2:
        yield 'There is one pair, and so no interval: nothing can be said yet.'
        return
    if math.isnan(change.percent):
        yield f'{metric} is 0 without a loss on every seed, so that there is no change in percent: nothing is claimed.'
        return
    if change.is_shown:
        yield claim(best.name, metric, change)
    else:
        yield from no_claim(outcome, best.name, change)
    if helps(outcome) and len(outcome.arms) > 2:
        yield (f'{best.name} was chosen as the best of {len(outcome.arms) - 1}, and the interval is not corrected for '
               f'that: for the final word, compare {best.name} alone with other seeds (--first-seed).')


def mixture(outcome: Outcome) -> Iterator[str]:
    """A sentence for each package, or the device, that is not the same in all runs."""
    found = [result.get('versions') or {} for results in outcome.results.values() for result in results.values()]
    for name in dict.fromkeys(key for versions in found for key in versions):
        several = sorted({versions[name] for versions in found if name in versions})
        if len(several) > 1:
            yield f'Not all runs are of one {name}, which may move their figures: {", ".join(several)}.'


def gaps(outcome: Outcome, runs: Sequence[Run]) -> Iterator[str]:
    """A sentence for each arm that lacks runs of the list."""
    for name in dict.fromkeys(run.arm.name for run in runs):
        seeds = [str(run.seed) for run in runs
                 if run.arm.name == name and run.seed not in outcome.results.get(name, {})]
        if seeds:
            yield (f'{name} has no result of the {"seeds" if len(seeds) > 1 else "seed"} {", ".join(seeds)}: failed, '
                   'stopped early, or not done yet (--list).')


def helps(outcome: Outcome) -> bool:
    """Whether the best arm is shown to be better than none."""
    change = outcome.change(outcome.best.name, outcome.metric) if outcome.best else None
    return change is not None and change.is_shown and is_better(outcome.metric, change)


def is_better(metric: str, change: Change) -> bool:
    return (change.percent > 0) == (sign(metric) > 0)


def claim(name: str, metric: str, change: Change) -> str:
    """``robust@0.3 lowers NE by 3.4 % (1.9 to 4.9) on 5 paired seeds.``"""
    low, high = sorted(map(abs, change.interval))
    return (f'{name} {"raises" if change.percent > 0 else "lowers"} {metric} by {abs(change.percent):.1f} % '
            f'({low:.1f} to {high:.1f}) on {change.seeds} paired seeds'
            + ('.' if is_better(metric, change) else ', which is worse: no loss of these helps.'))


def no_claim(outcome: Outcome, name: str, change: Change) -> Iterator[str]:
    """Why nothing is claimed, and how many seeds would tell."""
    low, high = change.interval
    yield (f'No difference is shown: the best, {name}, changes {outcome.metric} by {change.percent:+.1f} % '
           f'({low:+.1f} to {high:+.1f}) on {change.seeds} paired seeds.')
    found = outcome.pairs(name, outcome.metric)
    needed, as_seen = seeds_needed(*found), seeds_needed(*found, effect=abs(change.percent) / 100)
    if needed is None:
        yield f'The seeds scatter so much that an effect of {100 * EFFECT:g} % cannot be shown with them.'
    elif needed > change.seeds:
        larger = (f', and one of {abs(change.percent):.1f} % about {as_seen - change.seeds}'
                  if abs(change.percent) > 100 * EFFECT and as_seen > change.seeds else '')
        yield (f'To show an effect of {100 * EFFECT:g} % in {OFTEN} would take about {needed - change.seeds} more '
               f'seeds{larger}, if they scatter as these do.')
    else:
        yield (f'So many seeds show an effect of {100 * EFFECT:g} % in {OFTEN} or more, if there is no more scatter '
               'than in these.')
