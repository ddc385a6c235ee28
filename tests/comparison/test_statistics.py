"""Intervals and numbers of seeds, worked by hand."""

import math

import pytest
from scipy import stats

from pcloss_mmpose.comparison.directions import sign
from pcloss_mmpose.comparison.statistics import is_hopeless, pairs, seeds_needed
from pcloss_mmpose.paired import paired_change


def test_the_interval_of_three_pairs_by_hand():
    # Differences -1, -0.5, -1: mean -5/6, standard deviation sqrt(1/12), of the mean 1/6; t of two degrees is 4.302653.
    change = paired_change([10, 11, 12], [9, 10.5, 11])
    assert change.base == 11 and change.seeds == change.wins == 3
    assert change.percent == pytest.approx(-100 * 5 / 6 / 11)
    assert change.half == pytest.approx(100 * 4.302653 / 6 / 11, rel=1e-6)
    assert change.is_shown and change.interval == (change.percent - change.half, change.percent + change.half)


def test_the_interval_is_that_of_the_paired_t_test():
    base, ours = [10., 11., 12., 10.], [9., 10.5, 12.5, 9.8]
    low, high = stats.ttest_rel(ours, base).confidence_interval(0.95)
    change = paired_change(base, ours)
    assert change.interval == pytest.approx((100 * low / 10.75, 100 * high / 10.75))
    assert not change.is_shown and change.wins == 3


def test_what_has_no_interval_or_no_percent_shows_nothing():
    alone = paired_change([10.], [9.])
    assert alone.percent == -10 and math.isnan(alone.half) and not alone.is_shown
    nothing = paired_change([0., 0.], [1., 2.])
    assert math.isnan(nothing.percent) and not nothing.is_shown
    assert not paired_change([1., 2.], [1., 2.]).is_shown


def test_the_seeds_that_an_effect_needs_by_hand():
    # Scatter 0.2, base 10, so that the quantiles of 0.975 and of 0.8 together are to be below the root of the seeds.
    # Nine: 2.306 + 0.889 > 3. Ten: 2.262 + 0.883 < 3.162.
    base, ours = [10., 10.], [10., 10. + 0.2 * math.sqrt(2)]
    assert seeds_needed(base, ours) == 10
    # Two: (12.706 + 1.376) * 0.2 / 1.414 = 1.9916.
    assert seeds_needed(base, ours, effect=0.2) == 2 and seeds_needed(base, ours, effect=0.199) == 3
    assert seeds_needed([10., 10.], [9., 9.]) == 2  # no scatter
    assert seeds_needed([10., 10.], [0., 20.]) is None


@pytest.mark.parametrize('scatter', [2., 3., 6.])
def test_so_many_seeds_show_the_effect_as_often_as_promised(scatter):
    count = seeds_needed([100., 100.], [100., 100. + scatter * math.sqrt(2)])

    def power(seeds):  # of the t test: Student's t about a true effect of 2
        return stats.nct.sf(stats.t.ppf(0.975, seeds - 1), seeds - 1, 2 * math.sqrt(seeds) / scatter)

    assert power(count - 1) < 0.8 < power(count) < 0.82


@pytest.mark.parametrize(('ours', 'sign', 'hopeless'), [
    ([11, 11, 11], -1, True),
    ([11, 11], -1, False),  # too few
    ([12, 12, 9.99], -1, False),  # better on one
    ([10.4, 10.4, 10.4], -1, False),  # by less than 5 %
    ([10.6, 10.6, 10.6], -1, True),
    ([11, 11, 11], 1, False),
    ([9, 9, 9], 1, True),
])
def test_hopeless_is_worse_on_every_seed_and_by_much(ours, sign, hopeless):
    base = dict.fromkeys(range(5), 10.)
    assert is_hopeless(base, dict(enumerate(ours)), sign) is hopeless


def test_pairs_are_those_of_the_same_seed():
    assert pairs({0: 1., 2: 3., 5: 4.}, {5: 40., 1: 10., 0: 20.}) == ([1., 4.], [20., 40.])


@pytest.mark.parametrize(('key', 'expected'), [
    ('NE', -1), ('NE/left_cuff', -1), ('NE_macro', -1), ('all/NE', -1), ('EPE', -1), ('NME', -1), ('outliers@10', -1),
    ('gross/outlier_images', -1), ('duplicates/left+right', -1), ('exchanged_images', -1), ('coco/AP', 1),
    ('coco/AP .75', 1), ('coco/AR (M)', 1), ('PCK', 1), ('AUC', 1), ('jhmdb/Head tPCK', 1), ('loss', None), ('', None),
    ('NEAR', None), ('time', None),
])
def test_which_way_is_better(key, expected):
    assert sign(key) is expected
