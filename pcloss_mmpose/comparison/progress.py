"""What is said while a list of runs is worked off, and which runs of it are not worth their time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Iterable, Sequence

from ..errors import InputError
from ..paired import paired_change
from .arms import BASE
from .directions import sign
from .runs import RESULT, Run, read_result, read_results
from .schedule import LOG
from .statistics import is_hopeless, pairs


class Progress:
    """A line for each run that ends, and for each arm that gets no more seeds.

    Args:
        runs: The whole list.
        work_dir: Of the comparison.
        metric: That decides.
        stops_early: Whether hopeless arms get no more seeds.
    """

    def __init__(self, runs: Sequence[Run], work_dir: Path, metric: str, stops_early: bool) -> None:
        self.work_dir, self.metric, self.stops_early = work_dir, metric, stops_early
        self.figures: dict[str, dict[int, float]] = {}
        for arm, results in read_results(runs, work_dir).items():
            self.figures[arm] = {seed: result['figures'][metric] for seed, result in results.items()
                                 if metric in result['figures']}
        self.left = len(runs) - sum(map(len, self.figures.values()))
        self.started, self.trained = time.time(), 0
        self.failed: list[Run] = []
        self.stopped: set[str] = set()

    def skips(self, run: Run) -> bool:
        """Whether a run's arm is hopeless."""
        base, ours = self.figures.get(BASE, {}), self.figures.get(run.arm.name, {})
        if run.arm.name == BASE or not self.stops_early or not is_hopeless(base, ours, sign(self.metric)):
            return False
        if run.arm.name not in self.stopped:
            change = paired_change(*pairs(base, ours))
            print(f'{run.arm.name} gets no more seeds: its {self.metric} is worse on all {change.seeds}, by '
                  f'{abs(change.percent):.0f} % on average (--no-early-stop gives them)', flush=True)
        self.stopped.add(run.arm.name)
        self.left -= 1
        return True

    def ended(self, run: Run, code: int) -> None:
        """Keep a run's figure, or say where its log is.

        Raises:
            InputError: It has no such figure, and so will the others.
        """
        folder = run.folder(self.work_dir)
        self.left -= 1
        self.trained += 1
        if code or not (folder / RESULT).is_file():
            self.failed.append(run)
            print(f'{run}: failed, {last_words(folder / LOG)} ({folder / LOG})', flush=True)
            return
        figures = read_result(folder / RESULT)['figures']
        if self.metric not in figures:
            raise missing_figure(self.metric, run, figures)
        figure = figures[self.metric]
        self.figures.setdefault(run.arm.name, {})[run.seed] = figure
        minutes = (time.time() - self.started) / 60
        print(f'{run}: {self.metric} {figure:.4g}   {minutes:.0f} min, about '
              f'{minutes / self.trained * self.left:.0f} to go', flush=True)


def missing_figure(metric: str, run: object, figures: Iterable[str]) -> InputError:
    """The error that a run does not have the figure that decides."""
    return InputError(f"no metric of the evaluator gives '{metric}'; {run} has "
                      f"{', '.join(key for key in figures if '@' not in key and '+' not in key)}")


def last_words(log: Path) -> str:
    """The last line of a log, which says why a run has failed."""
    lines = log.read_text(encoding='utf-8', errors='replace').split('\n') if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), 'without a word')
