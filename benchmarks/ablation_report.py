"""Tables and plots from benchmarks/ablation.jsonl: writes docs/evidence/*.png, and tables inside the pages.

    python -m benchmarks.ablation_report
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from benchmarks.ablation import read_results
from benchmarks.ablation_studies import DECADES, INTEGRALS, STUDIES, Run
from pcloss_mmpose.paired import Change, paired_change
from reproduce.tables import markdown_table

ROOT = Path(__file__).resolve().parents[1]

PAGE = ROOT / 'docs' / 'screening.md'
PICTURES = ROOT / 'docs' / 'evidence'


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
    """``-5.1 ± 1.2``, in percent; the interval of very few seeds says nothing."""
    return f'{change.percent:+.1f}' + (f' ± {change.half:.1f}' if change.seeds > 3 else '')


def share_of(results: Mapping[Run, dict], runs: Sequence[Run]) -> float:
    """PCLoss's share of the gradient, over the whole training and all seeds."""
    return float(np.mean([results[run]['share'][1] for run in runs]))


def integral_name(run: Run) -> str:
    return next(name for name, options in INTEGRALS.items()
                if run == run._replace(**{'debias': False, 'window': None, **options}))


def described(run: Run) -> str:
    """A run's settings in words: its form, then what is not usual about it."""
    form = {2.: 'squares', 1.: 'lengths'}[run.power]
    if run.invariance != 'translation':
        form += dict(none=' without pairs', similarity=', rotation and scale free')[run.invariance]
    words = [f'{form}, weight {run.weight:g}']
    words += [f'alpha {run.alpha:g}'] * (run.alpha != 30)
    words += ['debiased'] * run.debias + [f'window {run.window}'] * bool(run.window)
    words += [f"k {run.topk or 'all'}"] * (run.topk != Run().topk and run.data == 'garments')
    words += [str(run.partition or 'one group')] * (run.partition != 'left_right')
    words += ['harder half of the samples'] * (run.hard_samples != 1)
    words += [f'from iteration {run.warm_up}'] * bool(run.warm_up) + ['fading'] * bool(run.fade)
    words += ['UDP targets'] * (run.codec != 'MSRAHeatmap')
    return ', '.join(words)


def screening_table(results: Mapping[Run, dict], settings: Mapping[str, Sequence[Run]]) -> str:
    """On validation pictures: a row for each named setting, means over its runs, without and with PCLoss."""
    rows = []
    for name, runs in settings.items():
        error, *others = (change_of(results, runs, 'val', key) for key in ('NE', 'gross/outliers', 'duplicate_images'))
        rows.append([name, str(error.seeds), f'{error.base:.2f}', f'{error.ours:.2f}', shown(error),
                     *(f'{change.base:.1f} to {change.ours:.1f}' for change in others),
                     f'{share_of(results, runs):.2f}'])
    header = ['', 'seeds', 'NE without', 'with', 'change, %', 'gross outliers', 'duplicates', 'share']
    return markdown_table(header, rows)


def study_table(results: Mapping[Run, dict], name: str) -> str:
    """The settings of a study."""
    return screening_table(results, {
        described(setting): runs for setting, runs in arms(results, STUDIES[name].runs).items()})


def conditions_table(results: Mapping[Run, dict], names: Sequence[str]) -> str:
    """One setting in the conditions of several studies, of which each has no other."""
    return screening_table(results, {
        STUDIES[name].question: runs for name in names for runs in arms(results, STUDIES[name].runs).values()})


MEASURES = {
    'NE': ('test', 'NE'),
    'NE, validation pictures': ('val', 'NE'),
    'NE, occluded landmarks too': ('test', 'all/NE'),
    'outliers (over 10 % of T)': ('test', 'outliers'),
    'gross outliers (over 50 % of T)': ('test', 'gross/outliers'),
    'pictures with a gross outlier': ('test', 'gross/outlier_images'),
    'pictures with a duplicate (10 % of T)': ('test', 'duplicate_images'),
    'pictures with a gross duplicate (50 % of T)': ('test', 'gross/duplicate_images'),
}


def final_table(results: Mapping[Run, dict], name: str) -> str:
    """On test pictures: each measure without and with each finalist, and on how many seeds it got less.

    Not every line has every measure.
    """
    rows = []
    for measure, (split, key) in MEASURES.items():
        if key == 'all/NE' and STUDIES[name].runs[0].data == 'photographs':
            continue  # none of their landmarks is occluded
        measured = {run: record for run, record in results.items() if key in record.get(split, ())}
        changes = [(setting, change_of(measured, runs, split, key))
                   for setting, runs in arms(measured, STUDIES[name].runs).items()]
        if any(change.base for _, change in changes):  # what never happens cannot get less
            rows += [[measure, described(setting), f'{change.base:.2f}', f'{change.ours:.2f}', shown(change),
                      f'{change.wins} of {change.seeds}'] for setting, change in changes]
    return markdown_table(['', '', 'without', 'with', 'change, %', 'less on'], rows)


def summary_table(results: Mapping[Run, dict], names: Sequence[str]) -> str:
    """NE on test pictures without and with each finalist."""
    rows = []
    for name in names:
        for setting, runs in arms(results, STUDIES[name].runs).items():
            change = change_of(results, runs, 'test', 'NE')
            form = {2.: "the paper's form", 1.: 'robust'}[setting.power]
            rows.append([STUDIES[name].question, form, str(change.seeds), f'{change.base:.2f}', f'{change.ours:.2f}',
                         shown(change)])
    return markdown_table(['', 'PCLoss', 'seeds', 'NE without', 'with', 'change, %'], rows)


def integral_table(results: Mapping[Run, dict]) -> str:
    """Change of NE in percent, and the share in brackets: integrals by weights."""
    cells = {(integral_name(setting), setting.weight):
             f"{change_of(results, runs, 'val', 'NE').percent:+.1f} ({share_of(results, runs):.2f})"
             for setting, runs in arms(results, STUDIES['integral'].runs).items()}
    rows = [[integral, *(cells.get((integral, weight), '-') for weight in DECADES)] for integral in INTEGRALS]
    return markdown_table(['', *(f'{weight:g}' for weight in DECADES)], rows)


def draw_weights(results: Mapping[Run, dict]) -> Figure:
    """Change of NE over the weight, a line for each integral."""
    study = STUDIES['integral']
    figure = Figure(figsize=(4.5, 3.6), layout='constrained')
    axes = figure.subplots()
    lines = defaultdict(list)
    for setting, runs in arms(results, study.runs).items():
        lines[integral_name(setting)].append((setting.weight, change_of(results, runs, 'val', 'NE').percent))
    for integral in INTEGRALS:
        axes.semilogx(*zip(*sorted(lines[integral])), 'o-', label=integral, markersize=4)
    axes.axhline(0, color='0.4', linewidth=0.8)
    axes.set(title=study.question, xlabel='loss_weight', ylabel='change of NE, %', ylim=(-12, 30))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def draw_shares(results: Mapping[Run, dict]) -> Figure:
    """Change of NE over PCLoss's share of the gradient, a point for each setting of every study on garments."""
    figure = Figure(figsize=(6.4, 3.8), layout='constrained')
    axes = figure.subplots()
    everything = arms(results, dict.fromkeys(run for study in STUDIES.values() for run in study.runs))
    for power, label in ((2., 'squares, as in the paper'), (1., 'lengths (robust)')):
        points = [(share_of(results, runs), change_of(results, runs, 'val', 'NE').percent)
                  for setting, runs in everything.items()
                  if (setting.data, setting.model, setting.power, setting.invariance)
                  == ('garments', 'heatmap', power, 'translation')]
        axes.plot(*zip(*points), 'o', markersize=4, label=label)
    axes.axhline(0, color='0.4', linewidth=0.8)
    axes.set(xlabel="PCLoss's share of the gradient (pc_share)", ylabel='change of NE, %', ylim=(-16, 30), xlim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def draw_finals(results: Mapping[Run, dict], names: Sequence[str]) -> Figure:
    """Change of NE on test pictures: a dot for each seed, the mean and its 95 % interval."""
    rows = [(f'{STUDIES[name].question}\n{described(setting)}', runs)
            for name in names for setting, runs in arms(results, STUDIES[name].runs).items()]
    figure = Figure(figsize=(7.2, 0.6 * len(rows) + 0.9), layout='constrained')
    axes = figure.subplots()
    for y, (_, runs) in enumerate(rows):
        change = change_of(results, runs, 'test', 'NE')
        bases = [results[run.baseline()]['test']['NE'] for run in runs]
        dots = [100 * (results[run]['test']['NE'] - base) / change.base for run, base in zip(runs, bases)]
        axes.plot(dots, [y] * len(dots), 'o', color='0.7', markersize=4)
        axes.errorbar(change.percent, y, xerr=change.half, fmt='D', color='C0', capsize=4)
    axes.axvline(0, color='0.4', linewidth=0.8)
    axes.set_yticks(range(len(rows)), [label for label, _ in rows], fontsize=8)
    axes.set(xlabel='change of NE, % of the mean without PCLoss', xlim=(-26, 26), ylim=(len(rows) - 0.5, -0.5))
    axes.grid(axis='x', alpha=0.3)
    return figure


def with_tables(page: str, tables: Mapping[str, str]) -> str:
    """A page with the tables between its ``<!-- name -->`` and ``<!-- end -->`` marks.

    Raises:
        ValueError: A table has no place, or a place no table.
    """
    places = re.findall(r'<!-- (?!end)(\S+) -->', page)
    if set(places) != set(tables):
        raise ValueError(f'the page has places for {sorted(places)}, and there are tables {sorted(tables)}')
    return re.sub(r'(<!-- (?!end)(\S+) -->\n).*?(<!-- end -->)',
                  lambda match: f'{match[1]}{tables[match[2]]}\n{match[3]}', page, flags=re.S)


SCREENED = ('form', 'robust', 'codec', 'groups', 'photographs', 'regression', 'regression_photographs')
CONDITIONS = ('few_garments', 'smaller', 'larger', 'longer')
FINALS = ('final_garments', 'final_longer', 'final_15_photographs', 'final_30_photographs',
          'final_72_photographs')


def all_tables(results: Mapping[Run, dict]) -> dict[Path, dict[str, str]]:
    """The tables of each page, by name."""
    return {PAGE: {
        'results': summary_table(results, FINALS),
        'integral': integral_table(results),
        **{name: study_table(results, name) for name in SCREENED},
        'conditions': conditions_table(results, CONDITIONS),
        **{name: final_table(results, name) for name in FINALS},
    }}


def main() -> None:
    results = read_results()
    for page, tables in all_tables(results).items():
        page.write_text(with_tables(page.read_text(), tables))
    PICTURES.mkdir(exist_ok=True)
    for name, figure in dict(weights=draw_weights(results), shares=draw_shares(results),
                             finals=draw_finals(results, FINALS)).items():
        figure.savefig(PICTURES / f'{name}.png', dpi=110)


if __name__ == '__main__':
    main()
