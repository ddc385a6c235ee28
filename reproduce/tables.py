"""The paper's Tables 1 to 5 and Figure 8 from the runs in the work folders, as Markdown.

    python tools/paper_tables.py
    python tools/paper_tables.py --schedule 150k work_dirs /results/other_seeds

Table 1 is DeepFashion, 2 FLD, 3 FashionAI's validation set, 4 the ablation on FashionAI, 5 COCO val2017 at 256x192: the
tables are numbered in this order. A run counts when it was trained to its end with the settings of its config, and its
last checkpoint was tested. Runs of one config in several folders are averaged. At the end stand the commands that are
still to be run, from the repository's root.
"""

from __future__ import annotations

import argparse
import itertools
import re
import shlex
import sys
from functools import lru_cache
from pathlib import Path
from typing import Iterable, Mapping, NamedTuple, Sequence

from paper_rows import CONFIGS, SCHEDULES, Row, Table, all_configs, leaf, paper_tables
from report_tables import MISSING, averages, change, markdown_table, mean, shown
from sweep_beta import BETAS, Point, base_config, sweep_table, weight_per_beta, with_beta
from work_dirs import Run, RunError, final_checkpoint, find_tests, find_work_dirs, load_config, percent, read_run

LEGEND = """\
n is the number of runs that count; where there are several, the average is their mean ± standard deviation. delta is
the difference to the row without PCLoss, ours, and paper delta is the paper's. A dash is a figure that is missing: no
run counts yet (n 0), or the paper's source at hand does not give it. Methods marked (quoted) are quoted by the paper;
they have no config here. Our figures and the paper's come from different code: compare the deltas
(docs/reproduce.md)."""

load = lru_cache(maxsize=None)(load_config)


class Found(NamedTuple):
    """A run of one of the configs, and its beta if it belongs to a sweep."""

    config: Path
    beta: float | None
    run: Run


def find_runs(roots: Sequence[Path], configs: Iterable[Path]) -> tuple[list[Found], list[str]]:
    """Runs of ``configs`` in the work folders under ``roots``, and a line for everything that does not count.

    Raises:
        RunError: One of ``configs`` cannot be read.
    """
    paths = {path.stem: path for path in configs}
    tests, lines = find_tests(roots)
    found = []
    for folder in find_work_dirs(roots):
        for stem in sorted(path.stem for path in folder.glob('*.py') if path.stem in paths):
            config = load(paths[stem])
            beta = sweep_beta_of(folder)
            run = read_run(folder, config if beta is None else with_beta(config, beta), tests,
                           config.get('auto_scale_lr', {}).get('base_batch_size'))
            found.append(Found(paths[stem], beta, run))
    lines += [f'{one.run.folder}: {one.run.problem}' for one in found if one.run.state != 'tested']
    trained = {one.run.folder.resolve() for one in found}
    lines += [f'{test.metrics}: tests {test.checkpoint}, whose training is in none of these folders' for test in tests
              if test.checkpoint.parent not in trained
              and any(path.stem in paths for path in test.metrics.parents[1].glob('*.py'))]
    return found, lines


def sweep_beta_of(folder: Path) -> float | None:
    """The beta of a folder that tools/sweep_beta.py made, None for any other."""
    number = re.fullmatch(r'beta_(\d+(?:\.\d+)?e-?\d+)', folder.name)
    return float(number.group(1)) if number else None


def method_table(rows: Sequence[Row], runs: Mapping[Path, Sequence[Run]], columns: Mapping[str, str],
                 digits: int) -> str:
    """Markdown: a row for each method, with the mean of its tested runs.

    Args:
        rows: The methods.
        runs: Runs of each config; what is not tested is left out.
        columns: Metric of each column; the empty one stands for the figure that is compared with the paper's.
        digits: Digits after the point.
    """
    def cells(row: Row) -> list[str]:
        tested = [run for run in runs.get(row.config, ()) if run.state == 'tested']
        ours, base = averages(tested), averages(runs.get(row.base.config, ())) if row.base else []
        return [
            row.method, str(len(ours)) if row.config else MISSING,
            *(figure(tested, metric, digits) if metric else shown(ours, digits) for metric in columns.values()),
            change(mean(ours), mean(base), digits), f'{row.paper:.{digits}f}',
            change(row.paper, row.base.paper if row.base else None, digits)]

    return markdown_table(['method', 'n', *columns, 'delta', 'paper', 'paper delta'], map(cells, rows))


def figure(runs: Iterable[Run], metric: str, digits: int) -> str:
    """The mean of a metric over runs, in percent."""
    value = mean(percent(run.metrics, metric) for run in runs)
    return MISSING if value is None else f'{value:.{digits}f}'


def sweep_points(config: Path, found: Iterable[Found]) -> list[Point]:
    """Figure 8's points of one config: our grid, and whatever else was run."""
    runs = [one for one in found if one.config == config and one.beta is not None]
    factor = weight_per_beta(load(config))
    return [Point(beta, beta * factor, averages(one.run for one in runs if one.beta == beta))
            for beta in sorted({*BETAS, *(one.beta for one in runs)})]


def commands(config: Path, runs: Sequence[Run], root: Path) -> list[str]:
    """What is still to be run until a config has a run that counts."""
    states = {run.state: run for run in reversed(runs)}
    if 'tested' in states:
        return []
    run = states.get('trained') or states.get('unfinished')
    folder = run.folder if run else free_folder(root / config.stem)
    name, gpus, work_dir = shown_path(config), processes(config), work_dir_option(folder, config)
    train = f'tools/dist_train.sh {name} {gpus}{work_dir}' + ' --resume' * bool(run and run.state == 'unfinished')
    test = f'tools/dist_test.sh {name} {shlex.quote(str(folder / final_checkpoint(load(config))))} {gpus}{work_dir}'
    return [test] if 'trained' in states else [train, test]


def free_folder(folder: Path) -> Path:
    """The folder, or the first of <folder>_2, _3 and so on in which nothing was trained, so that nothing is lost."""
    names = (f'{folder.name}_{number}' if number > 1 else folder.name for number in itertools.count(1))
    return next(folder.with_name(name) for name in names if not any(folder.parent.glob(f'{name}/*/vis_data')))


def sweep_commands(config: Path, points: Iterable[Point], root: Path) -> list[str]:
    """The sweep's command, unless all of our grid is there."""
    if {point.beta for point in points if point.values} >= set(BETAS):
        return []
    return [f'python tools/sweep_beta.py {shown_path(config)} {processes(config)}'
            f'{work_dir_option(root / config.stem, config)}']


def shown_path(config: Path) -> str:
    return f'configs/{config.relative_to(CONFIGS).as_posix()}'


def processes(config: Path) -> str:
    """The number of GPUs that a config's name gives."""
    return re.search(r'_(\d+)xb', config.stem).group(1)


def work_dir_option(folder: Path, config: Path) -> str:
    return '' if folder == Path('work_dirs', config.stem) else f' --work-dir {shlex.quote(str(folder))}'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work_dirs', type=Path, nargs='*', metavar='WORK_DIRS', help='default: work_dirs')
    parser.add_argument('--schedule', choices=SCHEDULES, default=SCHEDULES[0],
                        help='iterations of the fashion runs; the paper does not say which model had which '
                             '(default: %(default)s)')
    args = parser.parse_args()
    missing = [folder for folder in args.work_dirs if not folder.is_dir()]
    if missing:
        parser.error(f'{missing[0]}: no such folder')
    args.work_dirs = args.work_dirs or [Path('work_dirs')]
    return args


def main() -> None:
    args = parse_args()
    configs = all_configs(args.schedule)
    try:
        found, lines = find_runs(args.work_dirs, configs)
        print_report(args, paper_tables(args.schedule), configs, found, lines)
    except RunError as error:
        sys.exit(str(error))


def print_report(args: argparse.Namespace, tables: Sequence[Table], configs: Sequence[Path], found: Sequence[Found],
                 lines: Sequence[str]) -> None:
    root = args.work_dirs[0]
    runs = {config: [one.run for one in found if one.config == config and one.beta is None] for config in configs}
    todo = [line for config in configs for line in commands(config, runs[config], root)]
    for table in tables:
        print(f'## {table.title}\n\n{method_table(table.rows, runs, table.columns, table.digits)}\n')
    own = leaf('fashionai', 'SPB', '-pcloss', args.schedule)
    for config in sorted({one.config for one in found if one.beta is not None} | {own}):
        points = sweep_points(config, found)
        if config == own:
            todo += sweep_commands(config, points, root)
        print(f'## Figure 8: average over beta, {config.stem}\n')
        print(f'{sweep_table(points, averages(runs[base_config(config)]))}\n')
    print(f'Schedule of the fashion runs: {args.schedule} iterations.\n{LEGEND}\n')
    if lines:
        print('## Not counted\n')
        print('\n'.join(f'- {line}' for line in lines), end='\n\n')
    if todo:
        print('## Still to be run\n')
        print('\n'.join(f'    {line}' for line in todo))


if __name__ == '__main__':
    main()
