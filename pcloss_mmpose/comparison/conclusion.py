"""What is left at the end of a comparison: tables and verdict, a plot, a page of errors, lines for the config."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Sequence

from ..errors import InputError
from ..evaluation.predictions import read_predictions
from ..files import write_at_once
from .arms import BASE
from .lines import config_lines
from .outcome import Outcome, make_outcome
from .plot import draw_changes
from .progress import missing_figure
from .runs import Run, read_results
from .tables import arms_table, as_markdown, for_terminal, landmarks_table, rivals_table
from .training import PREDICTIONS
from .verdict import gaps, helps, mixture, verdict

#: Of the page of errors.
MOST_IMAGES = 2000
TABLES, PLOT, PAGE = 'comparison.md', 'comparison.png', 'report.html'


def read_outcome(runs: Sequence[Run], work_dir: Path, metric: str) -> Outcome:
    """Of the runs that are done.

    Raises:
        InputError: None of them is, or one lacks the metric.
    """
    results = read_results(runs, work_dir)
    if BASE not in results:
        raise InputError(f"{work_dir}: no run of '{BASE}' is done, with which the others would be compared")
    for run in runs:
        result = results.get(run.arm.name, {}).get(run.seed)
        if result is not None and metric not in result['figures']:
            raise missing_figure(metric, run, result['figures'])
    return make_outcome(list({run.arm.name: run.arm for run in runs}.values()), results, metric)


def conclude(outcome: Outcome, config: Any, comparable_config: Any, runs: Sequence[Run], work_dir: Path) -> None:
    """Print what the runs show, and write it into their folder."""
    from rich.console import Console
    sentences = [*verdict(outcome), *gaps(outcome, runs), *mixture(outcome)]
    tables = [table for table in (arms_table(outcome), rivals_table(outcome), landmarks_table(outcome)) if table.rows]
    lines = list(config_lines(config, comparable_config, outcome.best)) if helps(outcome) else []
    console = Console(soft_wrap=True, markup=False, highlight=False)
    for table in tables[:1]:
        console.print(for_terminal(table))
    for sentence in sentences:
        console.print(sentence)
    heading = f'Lines for a config that inherits yours, of {outcome.best.name}:' if lines else ''
    if lines:
        console.print('\n'.join([heading, *(f'    {line}' for line in lines)]))
    text = [f'# {outcome.metric} of {len(outcome.arms)} arms', ' '.join(sentences)]
    text += [f'## {table.title}\n\n{as_markdown(table)}' for table in tables]
    text += ['\n'.join([heading, '', '```python', *lines, '```'])] if lines else []
    write_at_once(work_dir / TABLES, '\n\n'.join(text) + '\n')
    written = [TABLES]
    if outcome.best:
        picture = io.BytesIO()
        draw_changes(outcome).savefig(picture, format='png', dpi=110)
        write_at_once(work_dir / PLOT, picture.getvalue())
        written.append(PLOT)
        page = errors_page(outcome, comparable_config, runs, work_dir)
        if page is not None:
            write_at_once(work_dir / PAGE, page)
            written.append(PAGE)
    console.print(f'{work_dir}: {", ".join(written)}')


def errors_page(outcome: Outcome, comparable_config: Any, runs: Sequence[Run], work_dir: Path) -> str | None:
    """The page of errors of the best arm against none, by the predictions of the first seed that both have.

    None where that would be more images than a browser likes; the command is printed that makes it all the same.
    """
    from ..visualization.report import check_same_images, report_page, run_results
    from ..visualization.report.load import measure_options
    seed = min(outcome.figures(BASE, outcome.metric).keys() & outcome.figures(outcome.best.name, outcome.metric).keys())
    folders = {run.arm.name: run.folder(work_dir) for run in runs
               if run.seed == seed and run.arm.name in (BASE, outcome.best.name)}
    predictions = {name: read_predictions(folder / PREDICTIONS) for name, folder in folders.items()}
    if len(predictions[BASE][0]) > MOST_IMAGES:
        shown = ' '.join(f'{name}={folder}' for name, folder in folders.items())
        print(f'The page of errors would be large; it is written by: pcloss report {shown} -o {work_dir / PAGE}')
        return None
    options = measure_options(comparable_config)
    results = [run_results(name, *found, **options) for name, found in predictions.items()]
    check_same_images(results)
    return report_page(results, f'{outcome.best.name} against {BASE}, seed {seed}')[0]
