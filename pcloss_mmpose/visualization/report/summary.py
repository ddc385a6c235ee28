"""What changed, in three figures: NE, outliers and duplicates, with their spread over the images."""

from __future__ import annotations

import math
from typing import Mapping, NamedTuple, Sequence

import numpy as np
from scipy import stats

from ...evaluation import Measurement
from ...paired import CONFIDENCE, Change, paired_change
from .results import RunResults


class Figure(NamedTuple):
    """One figure of each run, in percent; lower is better."""

    name: str
    unit: str
    images: int  #: in which anything of it counts
    values: list[float]  #: of each run
    halves: list[float]  #: of each run's 95 % interval; NaN for one image
    changes: list[Change]  #: of each run but the first against the first, with the images as pairs
    moved: list[tuple[int, int]]  #: likewise, as :func:`images_moved` gives them


def summary(runs: Sequence[RunResults]) -> list[Figure]:
    """NE, outliers and duplicates of runs on the same images; without those that nothing counts for.

    The intervals are Student's, over the images. They tell what other images would change, and not what another
    training would.
    """
    units = {'NE': '% of T', 'outliers': '% of landmarks', 'duplicates': '% of pairs'}
    columns = [image_values(run) for run in runs]
    figures = []
    for name, unit in units.items():
        first, *others = (each.get(name) for each in columns)
        if first is not None:
            every = (first, *others)
            figures.append(Figure(name, unit, len(first), [float(each.mean()) for each in every],
                                  list(map(half_interval, every)), [paired_change(first, each) for each in others],
                                  [images_moved(name, runs[0], run) for run in runs[1:]]))
    return figures


def images_moved(name: str, first: RunResults, run: RunResults) -> tuple[int, int]:
    """How many images got better and worse: by their mean error, or by having any outlier or duplicate at all."""

    def badness(measured: Measurement, threshold: float) -> np.ndarray:
        if name == 'NE':
            counts = measured.counted.sum(axis=1)
            return np.nansum(measured.errors, axis=1) / np.maximum(counts, 1)
        with np.errstate(invalid='ignore'):
            failed = measured.errors > threshold if name == 'outliers' else measured.duplicates == 1
        return failed.any(axis=1).astype(float)

    before, after = (badness(each.measured, each.options['threshold']) for each in (first, run))
    return int((after < before).sum()), int((after > before).sum())


def half_interval(values: np.ndarray) -> float:
    if len(values) < 2:
        return math.nan
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * stats.sem(values))


def image_values(run: RunResults) -> dict[str, np.ndarray]:
    """For each figure the contributions of the images in which anything counts, in percent; their mean is the figure.

    A figure is a ratio of sums over the images: more landmarks count in one image than in another. An image's
    contribution is what it adds to the first-order error of that ratio, so that the scatter is that of the ratio, too
    (Cochran, Sampling Techniques, 1977, section 6.4).
    """
    measured = run.measured
    outliers = np.where(measured.counted, measured.errors > run.options['threshold'], np.nan)
    found = {}
    for name, values in (('NE', measured.errors), ('outliers', outliers), ('duplicates', measured.duplicates)):
        counts = (~np.isnan(values)).sum(axis=1)
        own = counts > 0
        if own.any():
            sums, counts = np.nansum(values[own], axis=1), counts[own]
            ratio = sums.sum() / counts.sum()
            found[name] = 100 * (ratio + (sums - ratio * counts) / counts.mean())
    return found


def summary_sentence(runs: Sequence[RunResults]) -> str:
    """What changed against the first run, or what the only run reached, for the page's first line and for a terminal.

    >>> summary_sentence(runs)  # doctest: +SKIP
    "'with' against 'without' on 200 images, one seed: NE fell from 9.80 to 8.60 % (-12.2 %), ..."
    """
    figures, first = summary(runs), runs[0].name
    place = f'on {images_text(len(runs[0].paths))}, one seed'
    before = ', '.join(f'{figure.name} {figure_text(figure.values[0])} %' for figure in figures)
    changes = [{figure.name: figure.changes[index] for figure in figures} for index in range(len(runs) - 1)]
    if not changes:
        return f"'{first}' {place}: {before}."
    if len(changes) == 1:
        return f"'{runs[1].name}' against '{first}' {place}: {change_words(changes[0])}."
    found = '; '.join(f"'{run.name}' has " + ', '.join(
        f'{name} {figure_text(change.ours)} %{note(change)}' for name, change in each.items())
        for run, each in zip(runs[1:], changes))
    return f"Against '{first}' ({before}) {place} each: {found}."


def change_words(changes: Mapping[str, Change]) -> str:
    """Such as "NE fell from 9.80 to 8.60 % (-12.2 %), outliers from ..."; a verb that would come again is left out."""
    words, last = [], ''
    for name, change in changes.items():
        before, after = figure_text(change.base), figure_text(change.ours)
        verb = 'stayed at' if before == after else 'fell from' if change.ours < change.base else 'rose from'
        figures = after if before == after else f'{before} to {after}'
        words.append(f'{name} {verb if verb != last else verb.split()[1]} {figures} %{note(change)}')
        last = verb
    return ', '.join(words)


def note(change: Change) -> str:
    """The percent and whether they may be chance; nothing where there are none, or no change."""
    if math.isnan(change.percent) or figure_text(change.base) == figure_text(change.ours):
        return ''
    return f" ({change.percent:+.1f} %{'' if change.is_shown else ', may be chance'})"


def images_text(count: int) -> str:
    return f"{count:,} image{'s' if count != 1 else ''}"


def figure_text(percent: float) -> str:
    """Two decimals, or three of what is below one: few pairs are duplicates."""
    return f'{percent:.{3 if 0 < percent < 1 else 2}f}'
