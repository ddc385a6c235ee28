"""The paper's figures (doi:10.1016/j.patcog.2021.108028), and the configs here that stand for its rows."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Iterator, NamedTuple

from pcloss_mmpose.metainfo import deepfashion_attribute, fashionai, fld

PAIR = ('', '-pcloss', '-pcloss-tuned')
ABLATION = ('', '-pcloss', '-pcloss-whole', '-pcloss-topbottom')
#: Title, data set, digits, arms; of each method each arm's figures in percent, average first. The paper has none for
#: the last arm of PAIR. A star: quoted by the paper from an earlier one; FashionNet's other arm is its own.
TABLES = (
    ('Table 1: DeepFashion, NE in %', 'deepfashion', 2, PAIR, '''
        FashionNet  8.75* 8.54 9.02 9.73 9.35 8.54 8.45 8.12 8.23  3.63 2.33 2.40 4.00 4.17 5.81 6.01 2.13 2.20
        DFA         6.62* 6.28 6.37 6.58 6.21 7.26 7.02 6.58 6.63
        DLAN        6.44* 5.70 6.11 6.72 6.47 7.03 6.94 6.24 6.27
        DLAN, boxes
        FGN         4.85* 4.15 4.04 4.96 4.49 5.02 5.23 5.37 5.51
        FPN         3.11 2.19 2.19 3.28 3.31 4.81 4.87 2.09 2.11  2.98 2.04 2.05 3.18 3.19 4.72 4.81 1.90 1.96
        SPB         2.96 2.07 2.10 3.18 3.13 4.83 4.83 1.75 1.77  2.82 2.03 2.06 3.00 3.04 4.64 4.75 1.50 1.53'''),
    ('Table 2: FLD, NE in %', 'fld', 2, PAIR, '''
        FashionNet  8.59* 7.84 8.03 9.75 9.23 8.74 8.21 8.02 8.93  5.99 3.86 3.94 7.46 7.38 7.70 7.65 5.00 4.95
        DFA         6.98* 4.80 4.80 9.10 8.90 - - 7.10 7.20
        DLAN        6.73* 5.31 5.47 7.05 7.35 7.52 7.48 6.93 6.75
        DLAN, boxes
        FGN         5.83* 4.63 4.71 6.27 6.14 6.35 6.92 6.35 5.27
        FPN         4.82 2.83 2.89 5.19 5.22 6.60 6.57 4.73 4.50  4.71 2.83 2.84 5.21 5.17 6.56 6.49 4.31 4.30
        SPB         4.72 2.88 2.89 5.11 5.20 6.53 6.28 4.48 4.37  4.58 2.86 2.84 5.01 5.05 6.44 6.28 4.18 3.95'''),
    ('Table 3: FashionAI, validation set, NE in %', 'fashionai', 2, PAIR, '''
        FashionNet  10.17  9.71
        FPN          4.12  3.91
        SPB          4.10  3.90'''),
    ('Table 4: ablation on FashionAI, validation set, NE in %', 'fashionai', 4, ABLATION, '''
        FashionNet  10.1724  9.7078  9.8295
        FPN          4.1219  3.9110  3.9646  3.9597'''),
    ('Table 5: COCO val2017, 256x192, AP in %', 'coco', 1, PAIR, '''
        FPN  69.9  70.6
        SPB  70.4  70.7'''),
)
#: What a row says of each arm.
ARMS = {'': 'without', '-pcloss': 'left-right', '-pcloss-tuned': 'tuned', '-pcloss-whole': 'one group',
        '-pcloss-topbottom': 'top-bottom'}
MODELS = {'FashionNet': 'td-reg_fashionnet', 'DFA': 'td-reg_dfa', 'DLAN': 'td-reg_dlan',
          'DLAN, boxes': 'td-reg_dlan-boxes', 'FGN': 'td-hm_fgn', 'FPN': 'td-hm_res50-fpn', 'SPB': 'td-hm_res50'}
#: Systems that the paper only quotes, and the sides of their inputs. Their arm with PCLoss is ours, and so is a DLAN
#: that crops by the boxes.
QUOTED = {'DFA': 224, 'DLAN': 512, 'DLAN, boxes': 512, 'FGN': 224}
#: Milliseconds that PCLoss took for 20 images of FashionAI on one GPU (section 4.5).
LOSS_TIME = 2.433
#: The paper's beta for each data set; it gives none for COCO, whose configs take FashionAI's.
BETA = dict(FashionAIDataset=2e-4, DeepFashionAttributeDataset=1e-5, FLDDataset=1e-5, CocoDataset=2e-4)
#: loss_weight for a beta of 1, and our alpha, under each reading of what the paper leaves open: the unit of its
#: coordinates (a side of 128 or 512), the heatmap's peak, and whether the heatmap loss is averaged or summed over the
#: pixels (docs/loss.md, "Units"). The first is the one of the `-pcloss` configs.
READINGS = {
    f'{unit} pixels, peak {peak}, {kind}': (side**2 / peak**2 / pixels, 0.1 * peak)
    for kind, pixels in (('mean', 1), ('sum', 128**2))
    for peak in (100, 1) for unit, side in (('heatmap', 128), ('input', 512))
}
#: Without heatmaps units cancel: loss_weight is beta, or beta / 2K if the point loss sums over K landmarks' x and y.
POINT_LOSS_READINGS = {'point loss averaged': False, 'point loss summed': True}
METAINFO = dict(deepfashion=deepfashion_attribute, fld=fld, fashionai=fashionai)
COCO_COLUMNS = {'AP': 'average', 'AP50': 'coco/AP .5', 'AP75': 'coco/AP .75', 'APM': 'coco/AP (M)',
                'APL': 'coco/AP (L)', 'AR': 'coco/AR'}


class Row(NamedTuple):
    """A method with or without PCLoss."""

    method: str
    arm: str  #: one of the values of ARMS
    config: str  #: the name of ours
    figures: list[float | None]  #: the paper's, of the table's first columns; empty where it has none
    quoted: bool  #: not the paper's own result


class Table(NamedTuple):
    """One of the paper's tables."""

    title: str
    digits: int
    columns: dict[str, str]  #: heading and our metric; the first is compared
    rows: list[Row]


def paper_tables() -> Iterator[Table]:
    """The paper's Tables 1 to 5."""
    for title, dataset, digits, arms, text in TABLES:
        columns, rest = COCO_COLUMNS, '8xb64-210e_coco-256x192'
        if dataset in METAINFO:
            landmarks = METAINFO[dataset].dataset_info['keypoint_info'].values() if arms != ABLATION else ()
            columns = {'NE': 'average', **{each['name']: f"NE/{each['name']}" for each in landmarks}}
            rest = f'4xb5-100k_{dataset}-{{0}}x{{0}}'
        rows = []
        for method, *figures in (re.split('  +', line.strip()) for line in text.strip().splitlines()):
            shown = arms[:2] if method in QUOTED else arms if arms == PAIR else arms[:len(figures)]
            for arm, cells in zip_longest(shown, figures, fillvalue=''):
                rows.append(Row(
                    method, ARMS['-pcloss-tuned' if arm and method in QUOTED else arm],
                    f'{MODELS[method]}{arm}_{rest.format(QUOTED.get(method, 512))}',
                    [None if cell == '-' else float(cell.rstrip('*')) for cell in cells.split()], '*' in cells))
        yield Table(title, digits, columns, rows)


def base_name(config: str) -> str:
    """Name of the config of the arm without PCLoss."""
    return re.sub(r'-pcloss(-[a-z]+)?(?=_)', '', config)
