import pytest
from report_tables import averages, change, markdown_table, mean, shown
from work_dirs import Run, average


def test_a_table_is_aligned():
    assert markdown_table(['method', 'n', 'NE'], [['SPB', '2', '2.96'], ['SPB + PCLoss', '-', '-']]) == '\n'.join([
        '| method       |  n |   NE |',
        '| :----------- | -: | ---: |',
        '| SPB          |  2 | 2.96 |',
        '| SPB + PCLoss |  - |    - |',
    ])


@pytest.mark.parametrize(('values', 'digits', 'expected'), [
    ([], 2, '-'),
    ([None], 2, '-'),
    ([2.956], 2, '2.96'),
    ([1., 2., 3.], 2, '2.00 ± 1.00'),  # deviations -1, 0, 1: sum of squares 2, divided by 2
    ([1., None, 2.], 1, '1.5 ± 0.7'),  # 0.5 ** 0.5
    ([3.91104], 4, '3.9110'),
])
def test_values_of_several_runs(values, digits, expected):
    assert shown(values, digits) == expected


@pytest.mark.parametrize(('value', 'base', 'expected'), [
    (2.82, 2.96, '-0.14'), (70.7, 70.4, '+0.30'), (1., 1., '+0.00'), (None, 2.96, '-'), (2.82, None, '-')])
def test_changes_keep_their_sign(value, base, expected):
    assert change(value, base, 2) == expected


@pytest.mark.parametrize(('metrics', 'expected'), [
    ({'NE': 2., 'NE_macro': 3.}, 3.), ({'coco/AP': 0.707, 'coco/AR': 0.76}, 70.7), ({'EPE': 1.}, None),
    ({'NE_macro': None}, None), ({'NE_macro': float('nan')}, None), ({'coco/AP': -1.}, None)])
def test_the_average_of_each_kind_of_data(metrics, expected):
    assert average(metrics) == expected


def test_only_tested_runs_with_a_figure_count():
    runs = [Run('a', 'tested', metrics={'NE_macro': 3.}), Run('b', 'trained'), Run('c', 'tested', metrics={'PCK': 1.}),
            Run('d', 'tested', metrics={'NE_macro': 5.})]
    assert averages(runs) == [3., 5.]
    assert mean(averages(runs)) == 4.
    assert mean([]) is None
