"""The paper's tables, as Markdown."""

from __future__ import annotations

import os
import shlex
import statistics
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from pcloss_mmpose.cli.arguments import merge_options
from pcloss_mmpose.configs import list_configs, load_config

from .paper import base_name, paper_tables
from .runs import STATES, TOOLS, Run, averages, beta_name, commands, find_runs, with_beta

BETAS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)  # ours: the paper's grid is not at hand
SWEPT = 'td-hm_res50-pcloss_4xb5-100k_fashionai-512x512'
LEGEND = """\
n is the number of runs that count; several are shown as mean ± standard deviation. delta is the change from the same
method without PCLoss. The groups of PCLoss are left and right (skeleton-like) unless a row names others. The (quoted)
methods have no config here. Our code is not the paper's, so compare the deltas (docs/reproduce.md)."""


def print_tables(roots: Sequence[Path], schedule: str) -> None:
    """Print Tables 1 to 5 and Figure 8 from the runs under ``roots``, what does not count, and what is to be run."""
    files = {path.stem: path for path in list_configs()}
    names = dict.fromkeys(name for *_, rows in paper_tables() for _, name, _ in rows if name)
    options = {name: ['train_cfg.max_iters=150000'] * (schedule == '150k' and '-100k_' in name) for name in names}
    configs = {name: merge_options(load_config(files[name], custom_imports=False), options[name]) for name in names}
    runs = find_runs(roots, configs)
    for title, *table in paper_tables():
        print(f'## {title}\n\n{method_table(*table, runs)}\n')
    for name in dict.fromkeys([SWEPT, *sorted(name for name, beta in runs if beta)]):
        print(f'## Figure 8: average over beta, {name}\n\n{sweep_table(name, configs[name], runs)}\n')
    print(f'Schedule of the fashion runs: {schedule} iterations.\n{LEGEND}')
    problems = sorted(f'- {run.folder}: {run.problem}' for group in runs.values() for run in group if run.problem)
    todo = []
    for name, config in configs.items():
        folders = (roots[0] / f'{name}{end}' for end in ('', *(f'_{number}' for number in range(2, 1000))))
        new = Run(next(folder for folder in folders if not any(folder.glob('*/vis_data'))), 'unfinished')
        run = min([*runs[name, None], new], key=lambda run: STATES.index(run.state))
        todo += commands(run, files[name], config, '8' if '_8xb' in name else '4', options[name])
    if not all(averages(runs[SWEPT, beta]) for beta in BETAS):
        todo.append(['python', os.path.relpath(TOOLS / 'sweep_beta.py'), os.path.relpath(files[SWEPT]), '4',
                     '--work-dir', str(roots[0] / SWEPT), *['--cfg-options', *options[SWEPT]] * bool(options[SWEPT])])
    for title, lines in ('Not counted', problems), ('Still to be run', [f'    {shlex.join(line)}' for line in todo]):
        if lines:
            print(f'\n## {title}\n', *lines, sep='\n')


def method_table(digits: int, columns: Mapping[str, str], rows: Sequence, runs: Mapping[tuple, Sequence[Run]]) -> str:
    """A row for each method with the mean of its tested runs, and one with the paper's figures."""
    paper, lines = {name: figures[:1] for _, name, figures in rows}, []
    for method, name, figures in rows:
        base = base_name(name) if '-pcloss' in name else None
        if name:
            tested = [run.metrics for run in runs[name, None] if run.state == 'tested']
            ours = [[each[metric] for each in tested if metric in each] for metric in columns.values()]
            lines.append([method, str(len(tested)), *cells(ours, averages(runs[base, None]), digits)])
        figures = [[] if figure is None else [figure] for figure in figures] + [[]] * (len(columns) - len(figures))
        lines.append([f"{method} ({'paper' if name else 'quoted'})", '-', *cells(figures, paper.get(base, []), digits)])
    return markdown_table(['method', 'n', *list(columns)[:1], 'delta', *list(columns)[1:]], lines)


def sweep_table(name: str, config: Any, runs: Mapping[tuple, Sequence[Run]], betas: Iterable[float] = BETAS) -> str:
    """A row for the runs without PCLoss, and one for each of ``betas`` and of the other betas in ``runs``."""
    base = averages(runs[base_name(name), None]) if base_name(name) != name else []
    rows = [['without PCLoss', '-', str(len(base)), *cells([base], [], 2)]]
    for beta in sorted({*betas, *(beta for other, beta in runs if other == name and beta)}):
        values, weight = averages(runs[name, beta]), with_beta(config, beta).model.head.pc_loss.loss_weight
        rows.append([beta_name(beta), f'{weight:.4g}', str(len(values)), *cells([values], base, 2)])
    return markdown_table(['beta', 'loss_weight', 'n', 'average', 'delta'], rows)


def cells(values: Sequence[Sequence[float]], base: Sequence[float], digits: int) -> list[str]:
    """The mean of each column's values; after the first its difference to the mean of ``base``."""
    means = [f'{statistics.fmean(column):.{digits}f}' if column else '-' for column in values]
    spread = f' ± {statistics.stdev(values[0]):.{digits}f}' if len(values[0]) > 1 else ''
    delta = f'{statistics.fmean(values[0]) - statistics.fmean(base):+.{digits}f}' if values[0] and base else '-'
    return [means[0] + spread, delta, *means[1:]]


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of aligned columns: the first to the left, all others to the right."""
    rows = [list(row) for row in rows]
    widths = [max(2, *map(len, column)) for column in zip(header, *rows)]
    rule = [':' + '-' * (widths[0] - 1), *('-' * (width - 1) + ':' for width in widths[1:])]
    marks = '<' + '>' * (len(widths) - 1)
    return '\n'.join(f"| {' | '.join(f'{cell:{mark}{width}}' for cell, mark, width in zip(cells, marks, widths))} |"
                     for cells in (header, rule, *rows))
