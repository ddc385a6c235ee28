"""The paper's tables, as Markdown that fits a terminal of 80 columns."""

from __future__ import annotations

import json
import os
import shlex
import statistics
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from pcloss_mmpose.cli.arguments import merge_options
from pcloss_mmpose.configs import list_configs, load_config
from pcloss_mmpose.errors import FileFormatError

from .paper import LOSS_TIME, Row, Table, base_name, paper_tables
from .runs import STATES, TOOLS, Run, averages, beta_name, commands, find_runs, with_beta

BETAS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)  # ours: the paper's grid is not at hand
#: Figure 8 has a curve for each data set; which model it is, we do not know.
SWEPT = tuple(f'td-hm_res50-pcloss_4xb5-100k_{dataset}-512x512' for dataset in ('fashionai', 'deepfashion', 'fld'))
BENCHMARK = ['python', '-m', 'benchmarks', 'integral', '--json']
TIME_FILE = 'performance.json'  # what it writes
STAR = """\
A figure with a * is quoted by the paper from an earlier one. The paper did not
train that model, so no change is counted from it."""
DFA_NOTE = """\
The paper's DFA has no waistline on FLD: its 6.98 is the mean of six landmarks,
and cannot be compared with the others' means of eight, nor with ours."""
LEGEND = """\
n: runs that count, sd: their standard deviation. NE and AP are means over the
runs. change: from the same method without PCLoss.
left-right: the paper's groups and weight, as we read it. On DeepFashion and
FLD, and in FashionNet, PCLoss then has about 2 % of the gradient or less:
expect no change.
tuned: left and right too, with a weight of ours, and in SPB and FPN a form of
ours (docs/loss.md). The paper has no such row.
DFA, DLAN and FGN are built from what is known of them, and much is not
(docs/systems.md). Our code is not the paper's: compare the changes, not the
figures (docs/reproduce.md)."""


def print_tables(roots: Sequence[Path], schedule: str) -> None:
    """Print the paper's tables, its Figure 8 and the loss's time from what is under ``roots``, and what is missing."""
    times, files = time_table(roots), {path.stem: path for path in list_configs()}
    names = dict.fromkeys(row.config for table in paper_tables() for row in table.rows)
    options = {name: ['train_cfg.max_iters=150000'] * (schedule == '150k' and '-100k_' in name) for name in names}
    configs = {name: merge_options(load_config(files[name], custom_imports=False), options[name]) for name in names}
    runs = find_runs(roots, configs)
    for table in paper_tables():
        print(f'## {table.title}\n\n{method_table(table, runs)}\n')
        if any(row.quoted for row in table.rows):
            print(f'{STAR}\n')
        if table.title.startswith('Table 2'):
            print(f'{DFA_NOTE}\n')
        for heading, text in detail_tables(table, runs):
            print(f'### {heading}\n\n{text}\n')
    for name in dict.fromkeys([*SWEPT, *sorted(name for name, beta in runs if beta)]):
        print(f'## Figure 8: beta, {name}\n\n{sweep_table(name, configs[name], runs)}\n')
    print(f'## Section 4.5: time of PCLoss for 20 images of FashionAI\n\n{times}\n')
    print(f'Schedule of the fashion runs: {schedule} iterations.\n{LEGEND}')
    problems = sorted(f'- {run.folder}: {run.problem}' for group in runs.values() for run in group if run.problem)
    todo = []
    for name, config in configs.items():
        folders = (roots[0] / f'{name}{end}' for end in ('', *(f'_{number}' for number in range(2, 1000))))
        new = Run(next(folder for folder in folders if not any(folder.glob('*/vis_data'))), 'unfinished')
        run = min([*runs[name, None], new], key=lambda run: STATES.index(run.state))
        todo += commands(run, files[name], config, '8' if '_8xb' in name else '4', options[name])
    for name in SWEPT:
        if not all(averages(runs[name, beta]) for beta in BETAS):
            todo.append(['python', os.path.relpath(TOOLS / 'sweep_beta.py'), os.path.relpath(files[name]), '4',
                         '--work-dir', str(roots[0] / name), *['--cfg-options', *options[name]] * bool(options[name])])
    if not any((root / TIME_FILE).is_file() for root in roots):
        todo.append([*BENCHMARK, str(roots[0] / TIME_FILE)])
    for title, lines in ('Not counted', problems), ('Still to be run', [f'    {shlex.join(line)}' for line in todo]):
        if lines:
            print(f'\n## {title}\n', *lines, sep='\n')


def method_table(table: Table, runs: Mapping[tuple, Sequence[Run]]) -> str:
    """A row for each method and arm: our runs, the paper's figure, and what PCLoss changed in each."""
    lines = []
    for row in table.rows:
        base = next(each for each in table.rows if each.method == row.method)
        ours, theirs = averages(runs[row.config, None]), row.figures[:1]
        star = '*' if row.quoted else ''
        lines.append([
            row.method, row.arm, str(len(ours)), mean(ours, table.digits), spread(ours),
            change(ours, averages(runs[base.config, None]) if base != row else [], table.digits),
            mean(theirs, table.digits) + star,
            change(theirs, [] if base == row or base.quoted else base.figures[:1], table.digits)])
    return markdown_table(
        ['method', 'PCLoss', 'n', next(iter(table.columns)), 'sd', 'change', 'paper', 'change'], lines, left=2)


def detail_tables(table: Table, runs: Mapping[tuple, Sequence[Run]]) -> Iterable[tuple[str, str]]:
    """Heading and text: the other columns of the paper's table, a table each method, one for the quoted methods."""
    other = list(table.columns.items())[1:]
    first = 'metric' if 'AP' in table.columns else 'landmark'
    quoted = [(row.method, paper_column(row, len(other))) for row in table.rows if row.quoted]
    tables = {method: [] for method in dict.fromkeys(row.method for row in table.rows)}
    for row in table.rows:
        tested = [run.metrics for run in runs[row.config, None] if run.state == 'tested']
        tables[row.method].append((row.arm, [[each[name] for each in tested if name in each] for _, name in other]))
        if not row.quoted:
            arm = 'without' if base_name(row.config) == row.config else 'with'
            tables[row.method].append((f'paper {arm}', paper_column(row, len(other))))
    for heading, columns in {**tables, 'Quoted by the paper': quoted}.items():
        columns = [(name, column) for name, column in columns if any(column)]
        if columns:
            rows = [[label, *(mean(column[index], table.digits) for _, column in columns)]
                    for index, (label, _) in enumerate(other)]
            yield f'{heading}, by {first}', markdown_table([first, *(name for name, _ in columns)], rows)


def paper_column(row: Row, count: int) -> list[list[float]]:
    """The paper's figures after the first, each as a list of one, or of none where it has none."""
    return [[] if figure is None else [figure] for figure in row.figures[1:]] or [[]] * count


def sweep_table(name: str, config: Any, runs: Mapping[tuple, Sequence[Run]], betas: Iterable[float] = BETAS) -> str:
    """A row for the runs without PCLoss, and one for each of ``betas`` and of the other betas in ``runs``."""
    base = averages(runs[base_name(name), None]) if base_name(name) != name else []
    rows = [['without PCLoss', '-', str(len(base)), mean(base, 2), spread(base), '-']]
    for beta in sorted({*betas, *(beta for other, beta in runs if other == name and beta)}):
        values, weight = averages(runs[name, beta]), with_beta(config, beta).model.head.pc_loss.loss_weight
        rows.append([beta_name(beta), f'{weight:.4g}', str(len(values)), mean(values, 2), spread(values),
                     change(values, base, 2)])
    return markdown_table(['beta', 'loss_weight', 'n', 'average', 'sd', 'change'], rows)


def time_table(roots: Sequence[Path]) -> str:
    """The paper's time, and those of integral and loss, with gradient, in the files that BENCHMARK wrote in ``roots``.

    Raises:
        FileFormatError: A file is none of that program's.
    """
    rows = [['paper', 'one GPU of its time, unnamed', f'{LOSS_TIME:.3f}']]
    for path in (root / TIME_FILE for root in roots):
        if path.is_file():
            try:
                found = json.loads(path.read_text())
                machine = found['machine'].get('gpu') or found['machine']['cpu']
                rows += [[f"ours, {row['name']}", str(machine), f"{1000 * row['ours']:.3f}"]
                         for row in found['rows'] if row['benchmark'] == 'integral' and row['scale'] == 1]
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise FileFormatError.at(str(path), f'not a result of {shlex.join(BENCHMARK)} ({error!r})',
                                         'Remove it, and run that again.') from None
    rows += [['ours', 'not measured yet', '-']] * (len(rows) == 1)
    return markdown_table(['', 'where', 'ms'], rows, left=2)


def mean(values: Sequence[float], digits: int) -> str:
    return f'{statistics.fmean(values):.{digits}f}' if values else '-'


def spread(values: Sequence[float]) -> str:
    """The standard deviation of several."""
    return f'{statistics.stdev(values):.2f}' if len(values) > 1 else '-'


def change(values: Sequence[float], base: Sequence[float], digits: int) -> str:
    """The difference of the means."""
    return f'{statistics.fmean(values) - statistics.fmean(base):+.{digits}f}' if values and base else '-'


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table of aligned columns: the first ``left`` to the left, all others to the right."""
    rows = [list(row) for row in rows]
    widths = [max(2, *map(len, column)) for column in zip(header, *rows)]
    marks = ['<'] * left + ['>'] * (len(widths) - left)
    rule = [':' + '-' * (width - 1) if mark == '<' else '-' * (width - 1) + ':' for width, mark in zip(widths, marks)]
    return '\n'.join(f"| {' | '.join(f'{cell:{mark}{width}}' for cell, mark, width in zip(cells, marks, widths))} |"
                     for cells in (header, rule, *rows))
