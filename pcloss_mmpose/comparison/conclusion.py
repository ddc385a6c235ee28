"""What is left at the end of a comparison: tables and verdict, a plot, a page of errors, lines for the config."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Sequence

from ..errors import InputError
from ..files import write_at_once
from .arms import BASE
from .lines import config_lines
from .outcome import Outcome, make_outcome
from .plot import draw_changes
from .runs import Run, read_results
from .tables import arms_table, as_markdown, for_terminal, landmarks_table, rivals_table
from .verdict import verdict

TABLES, PLOT, PAGE = 'comparison.md', 'comparison.png', 'report.html'


def read_outcome(runs: Sequence[Run], work_dir: Path, metric: str) -> Outcome:
    """Of the runs that are done.

    Raises:
        InputError: None of them is, or one lacks the metric.
    """
    results = read_results(runs, work_dir)
    if BASE not in results:
        raise InputError(f"{work_dir}: no run of '{BASE}' is done, with which the others would be compared")
    for arm, seeds in results.items():
        for seed, result in seeds.items():
            if metric not in result['figures']:
                raise InputError(f"no metric of the evaluator gives '{metric}': {arm}, seed {seed} has "
                                 f"{', '.join(key for key in result['figures'] if '/' not in key)}")
    return make_outcome(list({run.arm.name: run.arm for run in runs}.values()), results, metric)


def conclude(outcome: Outcome, config: Any, comparable_config: Any, runs: Sequence[Run], work_dir: Path) -> None:
    """Print what the runs show, and write it into their folder."""
    from rich.console import Console
    sentences = list(verdict(outcome))
    tables = [table for table in (arms_table(outcome), rivals_table(outcome), landmarks_table(outcome)) if table.rows]
    lines = list(config_lines(config, comparable_config, outcome.best)) if outcome.best else []
    console = Console(soft_wrap=True, markup=False, highlight=False)
    for table in tables[:1]:
        console.print(for_terminal(table))
    for sentence in sentences:
        console.print(sentence)
    heading = f'Lines for a config that inherits yours, of {outcome.best.name}:' if outcome.best else ''
    if lines:
        console.print('\n'.join([heading, *(f'    {line}' for line in lines)]))
    text = [f'# {outcome.metric} of {len(outcome.arms)} arms', ' '.join(sentences)]
    text += [f'## {table.title}\n\n{as_markdown(table)}' for table in tables]
    text += ['\n'.join([heading, '', '```python', *lines, '```'])] if lines else []
    write_at_once(work_dir / TABLES, '\n\n'.join(text) + '\n')
    picture = io.BytesIO()
    draw_changes(outcome).savefig(picture, format='png', dpi=110)
    write_at_once(work_dir / PLOT, picture.getvalue())
    written = [TABLES, PLOT]
    if outcome.best and write_page(outcome, runs, work_dir):
        written.append(PAGE)
    console.print(f'{work_dir}: {", ".join(written)}')


def write_page(outcome: Outcome, runs: Sequence[Run], work_dir: Path) -> bool:
    """The page of errors of the best arm against none, by the predictions of the first seed that both have."""
    from ..visualization.report import check_same_images, load_run, report_page
    by_name = {(run.arm.name, run.seed): run.folder(work_dir) for run in runs}
    seeds = [seed for seed in outcome.results[BASE] if seed in outcome.results[outcome.best.name]]
    if not seeds:
        return False
    loaded = [load_run(by_name[name, min(seeds)], name) for name in (BASE, outcome.best.name)]
    check_same_images(loaded)
    page, _ = report_page(loaded, f'{outcome.best.name} against {BASE}, seed {min(seeds)}')
    write_at_once(work_dir / PAGE, page)
    return True
