"""The rows of the paper's tables: its own averages, and the configs here that stand for them.

The figures are from doi:10.1016/j.patcog.2021.108028: NE in percent, for COCO AP in percent. Those for single landmarks
are not at hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, NamedTuple

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
SCHEDULES = ('100k', '150k')

#: Averages without and with PCLoss. DFA, DLAN and FGN are quoted in the paper, and have no config here.
PAPER = {
    'deepfashion': {
        'FashionNet': (8.75, 3.63), 'DFA': (6.62, ), 'DLAN': (6.44, ), 'FGN': (4.85, ), 'FPN': (3.11, 2.98),
        'SPB': (2.96, 2.82)},
    'fld': {
        'FashionNet': (8.59, 5.99), 'DFA': (6.98, ), 'DLAN': (6.73, ), 'FGN': (5.83, ), 'FPN': (4.82, 4.71),
        'SPB': (4.72, 4.58)},
    'fashionai': {'FashionNet': (10.17, 9.71), 'FPN': (4.12, 3.91), 'SPB': (4.10, 3.90)},
    'coco': {'FPN': (69.9, 70.6), 'SPB': (70.4, 70.7)},
}
#: The ablation: average of the base, then of each suffix of a config with PCLoss.
ABLATION = {
    'FashionNet': {'': 10.1724, '-pcloss-whole': 9.8295, '-pcloss': 9.7078},
    'FPN': {'': 4.1219, '-pcloss-whole': 3.9646, '-pcloss-topbottom': 3.9597, '-pcloss': 3.9110},
}
PARTITIONS = {'-pcloss-whole': 'one group', '-pcloss-topbottom': 'top-bottom', '-pcloss': 'skeleton-like'}
FOLDERS = {'FashionNet': ('fashionnet', 'td-reg_fashionnet'), 'FPN': ('fpn', 'td-hm_res50-fpn'),
           'SPB': ('spb', 'td-hm_res50')}

# As in pcloss_mmpose.metainfo; a test compares them.
FASHION_8 = ('left_collar', 'right_collar', 'left_sleeve', 'right_sleeve', 'left_waistline', 'right_waistline',
             'left_hem', 'right_hem')
FASHION_24 = (
    'neckline_left', 'neckline_right', 'center_front', 'shoulder_left', 'shoulder_right', 'armpit_left',
    'armpit_right', 'waistline_left', 'waistline_right', 'cuff_left_in', 'cuff_left_out', 'cuff_right_in',
    'cuff_right_out', 'top_hem_left', 'top_hem_right', 'waistband_left', 'waistband_right', 'hemline_left',
    'hemline_right', 'crotch', 'bottom_left_in', 'bottom_left_out', 'bottom_right_in', 'bottom_right_out')

#: The figure that is compared with the paper's, in place of a metric's name.
AVERAGE = ''
COCO_COLUMNS = {'AP': AVERAGE, 'AP50': 'coco/AP .5', 'AP75': 'coco/AP .75', 'APM': 'coco/AP (M)',
                'APL': 'coco/AP (L)', 'AR': 'coco/AR'}


class Row(NamedTuple):
    """A method: the paper's figure, our config unless the paper only quotes it, the row that it is compared with."""

    method: str
    paper: float
    config: Path | None = None
    base: Row | None = None


class Table(NamedTuple):
    """A table of the paper: its columns with the metric of each, the digits after the point, its rows."""

    title: str
    columns: Mapping[str, str]
    digits: int
    rows: list[Row]


def leaf(dataset: str, method: str, suffix: str, schedule: str) -> Path:
    """The config of a method; ``suffix`` is ``''`` or starts with ``-pcloss``."""
    folder, stem = FOLDERS[method]
    rest = '8xb64-210e_coco-256x192' if dataset == 'coco' else f'4xb5-{schedule}_{dataset}-512x512'
    return CONFIGS / dataset / folder / f'{stem}{suffix}_{rest}.py'


def paired_rows(dataset: str, schedule: str) -> list[Row]:
    """The methods as they are, then those of them that have PCLoss."""
    plain, constrained = [], []
    for method, figures in PAPER[dataset].items():
        if method not in FOLDERS:
            plain.append(Row(f'{method} (quoted)', *figures))
            continue
        base = Row(method, figures[0], leaf(dataset, method, '', schedule))
        plain.append(base)
        constrained.append(Row(f'{method} + PCLoss', figures[1], leaf(dataset, method, '-pcloss', schedule), base))
    return plain + constrained


def ablation_rows(schedule: str) -> list[Row]:
    """Each method without PCLoss, and with every partition that the paper tried."""
    rows = []
    for method, figures in ABLATION.items():
        base = Row(method, figures[''], leaf('fashionai', method, '', schedule))
        rows.append(base)
        rows += [Row(f'{method} + PCLoss, {name}', figures[suffix], leaf('fashionai', method, suffix, schedule), base)
                 for suffix, name in PARTITIONS.items() if suffix in figures]
    return rows


def paper_tables(schedule: str) -> list[Table]:
    """Tables 1 to 5; the data sets stand in the paper's order."""
    columns = {count: {**{name: f'NE/{name}' for name in names}, 'average': AVERAGE}
               for count, names in ((8, FASHION_8), (24, FASHION_24))}
    return [
        Table('Table 1: DeepFashion, NE in %', columns[8], 2, paired_rows('deepfashion', schedule)),
        Table('Table 2: FLD, NE in %', columns[8], 2, paired_rows('fld', schedule)),
        Table('Table 3: FashionAI, validation set, NE in %', columns[24], 2, paired_rows('fashionai', schedule)),
        Table('Table 4: ablation on FashionAI, validation set, NE in %', {'average': AVERAGE}, 4,
              ablation_rows(schedule)),
        Table('Table 5: COCO val2017, 256x192, AP in %', COCO_COLUMNS, 1, paired_rows('coco', schedule)),
    ]


def all_configs(schedule: str) -> list[Path]:
    """Every config of the tables, once."""
    rows = (row for table in paper_tables(schedule) for row in table.rows)
    return list(dict.fromkeys(row.config for row in rows if row.config))
