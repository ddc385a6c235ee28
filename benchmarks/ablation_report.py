"""Tables and plots from benchmarks/ablation.jsonl: writes docs/evidence/*.png and the tables inside docs/evidence.md.

    python benchmarks/ablation_report.py
"""

from __future__ import annotations

import math
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Iterable, Mapping, NamedTuple, Sequence

import matplotlib
import numpy as np
from scipy import stats

from ablation import read_results
from ablation_studies import DECADES, INTEGRALS, STUDIES, Run

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'tools'))
from report_tables import markdown_table  # noqa: E402

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402

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
    return Change(len(base), base.mean(), ours.mean(), scale * difference.mean(), scale * half, int((difference < 0).sum()))


def arms(results: Mapping[Run, dict], runs: Iterable[Run]) -> dict[Run, list[Run]]:
    """The runs with PCLoss that have ended and whose baseline has, by their settings without the seed."""
    found = defaultdict(list)
    for run in runs:
        if run.weight and run in results and run.baseline() in results:
            found[run._replace(seed=0)].append(run)
    return found


def change_of(results: Mapping[Run, dict], runs: Sequence[Run], split: str, key: str) -> Change:
    return paired_change([results[run.baseline()][split][key] for run in runs],
                         [results[run][split][key] for run in runs])
