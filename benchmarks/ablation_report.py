"""Tables and plots from benchmarks/ablation.jsonl: writes docs/evidence/*.png and the tables inside docs/evidence.md.

    python benchmarks/ablation_report.py
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import Iterable, Mapping, NamedTuple, Sequence

import matplotlib
import numpy as np
from ablation_studies import STUDIES, Run
from scipy import stats

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'tools'))
from report_tables import markdown_table  # noqa: E402

matplotlib.use('Agg')

PAGE = ROOT / 'docs' / 'evidence.md'
PICTURES = ROOT / 'docs' / 'evidence'


class Change(NamedTuple):
    """A figure without and with PCLoss over paired seeds; all in the figure's own unit but ``percent``."""

    seeds: int
    base: float
    ours: float
    percent: float  # of the mean difference, relative to the mean of the base
    half: float  # of the paired 95 % interval, in the same percent; NaN for one seed
    wins: int  # seeds on which ours is lower

    @property
    def certain(self) -> bool:
        """Whether the interval excludes 0."""
        return abs(self.percent) > self.half


def paired_change(base: Sequence[float], ours: Sequence[float]) -> Change:
    """Student's t interval of the mean difference of pairs."""
    base, ours = np.asarray(base, dtype=float), np.asarray(ours, dtype=float)
    difference = ours - base
    half = math.nan
    if len(difference) > 1:
        half = stats.t.ppf(0.975, len(difference) - 1) * stats.sem(difference)
    scale = 100 / base.mean() if base.mean() else math.nan
    wins = int((difference < 0).sum())
    return Change(len(base), base.mean(), ours.mean(), scale * difference.mean(), scale * half, wins)


def change_of(results: Mapping[Run, dict], runs: Sequence[Run], split: str, key: str) -> Change:
    return paired_change([results[run.baseline()][split][key] for run in runs],
                         [results[run][split][key] for run in runs])


def arms(results: Mapping[Run, dict], runs: Iterable[Run]) -> dict[Run, list[Run]]:
    """The runs with PCLoss that have ended and whose baseline has, by their settings without the seed."""
    found = defaultdict(list)
    for run in runs:
        if run.weight and run in results and run.baseline() in results:
            found[run._replace(seed=0)].append(run)
    return found


def shown(change: Change) -> str:
    """``-5.1 ± 1.2``, in percent."""
    return f'{change.percent:+.1f}' + ('' if math.isnan(change.half) else f' ± {change.half:.1f}')


def table(results: Mapping[Run, dict], name: str, label, split: str) -> str:
    """A row for each setting of a study, beside its baseline."""
    rows = []
    for setting, runs in arms(results, STUDIES[name].runs).items():
        error, *others = (change_of(results, runs, split, key)
                          for key in ('NE', 'gross/outliers', 'duplicate_images'))
        share = np.mean([results[run]['share'][1] for run in runs])
        rows.append([label(setting), str(error.seeds), f'{error.base:.2f}', f'{error.ours:.2f}', shown(error),
                     *map(shown, others), f'{share:.2f}'])
    header = ['', 'seeds', 'NE without', 'with', 'change, %', 'gross outliers, %', 'duplicates, %', 'share']
    return markdown_table(header, rows)
