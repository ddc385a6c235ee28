"""The ablation's own parts: its losses, its statistics, and runs from their settings to their lines."""

import math
import re
import sys

import numpy as np
import pytest
import torch
from scipy import stats

from benchmarks import ablation, ablation_report
from benchmarks.ablation_studies import PHOTOGRAPHS, STUDIES, Run
from benchmarks.ablation_variants import invariant_error, variant_loss
from pcloss_mmpose.models.losses import position_constraint_loss
from pcloss_mmpose.synthetic import write_fashionai

GROUPS = [[0, 1, 2, 3], [2, 3, 4, 5, 6]]


def landmarks(seed=0, dtype=torch.float64):
    pred, target = torch.randn(2, 3, 7, 2, dtype=dtype, generator=torch.Generator().manual_seed(seed))
    weight = torch.ones(3, 7)
    weight[0, 3] = weight[1, :4] = 0
    return pred, target, weight


@pytest.mark.parametrize('topk', [None, 2])
def test_without_changes_the_variant_is_pcloss(topk):
    pred, target, weight = landmarks()
    expected = position_constraint_loss(pred, target, weight, GROUPS, topk)
    assert variant_loss(pred, target, weight, GROUPS, topk).item() == pytest.approx(expected.item(), rel=1e-6)
    expected = position_constraint_loss(pred, target, weight, GROUPS, topk, robust=True)
    assert variant_loss(pred, target, weight, GROUPS, topk, power=1.).item() == pytest.approx(expected.item(), rel=1e-4)


def test_robust_pairs_worked_by_hand():
    # Errors 0, 3 and 7 on a line: pairs 3, 4, 7; the landmarks' sums 10, 7, 11.
    pred = torch.tensor([[[0., 0.], [3., 0.], [7., 0.]]])
    arguments = torch.zeros(1, 3, 2), torch.ones(1, 3), [[0, 1, 2]]
    assert variant_loss(pred, *arguments, topk=1, power=1.).item() == pytest.approx(11, abs=1e-3)
    assert variant_loss(pred, *arguments, topk=None, power=1.).item() == pytest.approx(28 / 3, abs=1e-3)
    # Without pairs: squares 0, 9, 49, each times the three landmarks.
    assert variant_loss(pred, *arguments, topk=1, invariance='none').item() == pytest.approx(147, rel=1e-6)


@pytest.mark.parametrize(('invariance', 'free'), [
    ('none', []), ('translation', ['shift']), ('similarity', ['shift', 'turn', 'scale'])])
def test_what_an_invariance_does_not_see(invariance, free):
    _, target, weight = landmarks()
    turn = torch.tensor([[math.cos(0.4), math.sin(0.4)], [-math.sin(0.4), math.cos(0.4)]], dtype=torch.float64)
    moved = dict(shift=target + 2, turn=target @ turn, scale=1.3 * target)
    for motion, pred in moved.items():
        error = invariant_error(pred, target, weight > 0, invariance)
        assert (error.abs().max() < 1e-9) == (motion in free), motion


def test_the_best_similarity_is_the_least_squares_one():
    pred, target, weight = landmarks()
    error = invariant_error(pred, target, weight > 0, 'similarity')[0]
    valid = weight[0] > 0
    p, t = pred[0][valid].numpy(), target[0][valid].numpy()
    # x' = a x - b y + c, y' = b x + a y + d, solved for a, b, c, d.
    ones, zeros = np.ones(len(t)), np.zeros(len(t))
    rows_x, rows_y = [t[:, 0], -t[:, 1], ones, zeros], [t[:, 1], t[:, 0], zeros, ones]
    system = np.concatenate([np.stack(rows_x, 1), np.stack(rows_y, 1)])
    _, residual, *_ = np.linalg.lstsq(system, np.concatenate([p[:, 0], p[:, 1]]), rcond=None)
    assert error.square().sum().item() == pytest.approx(residual[0])


def test_the_interval_is_that_of_the_paired_t_test():
    base, ours = [10., 11., 12., 10.], [9., 10.5, 11., 9.8]
    change = ablation_report.paired_change(base, ours)
    low, high = stats.ttest_rel(ours, base).confidence_interval(0.95)
    assert change.percent - change.half == pytest.approx(100 * low / np.mean(base))
    assert change.percent + change.half == pytest.approx(100 * high / np.mean(base))
    assert change.wins == 4 and change.seeds == 4
    alone = ablation_report.paired_change([10.], [9.])
    assert alone.percent == -10 and math.isnan(alone.half)


@pytest.fixture
def garments_root(monkeypatch):
    """Put back afterwards: a training's config is told its pictures through the environment."""
    monkeypatch.setenv('GARMENTS_ROOT', '')


def test_seeds_share_their_baseline():
    ours = PHOTOGRAPHS._replace(seed=3, weight=1e-3, alpha=10., power=1.)
    assert ours.baseline() == Run(data='photographs', train=15, size=128, batch=8, iterations=400, seed=3)
    for name, study in STUDIES.items():
        assert len(set(study.runs)) == len(study.runs), name
        assert all(run.baseline() in study.runs for run in study.runs), name


@pytest.mark.usefixtures('garments_root')
def test_runs_become_lines_and_are_passed_over_afterwards(tmp_path, monkeypatch):
    """Two arms of one seed, really trained: they begin with the same weights and see the same pictures."""
    for split, count in (('train', 6), ('val', 2), ('test', 2)):
        write_fashionai(tmp_path, split, count, size=64)
    monkeypatch.setattr(ablation, 'GARMENTS', tmp_path)
    base = Run(train=4, size=64, batch=2, iterations=4)
    runs = [base, base._replace(weight=1., ramp=2), base._replace(weight=1e-30)]
    path = tmp_path / 'results.jsonl'
    for run in runs:
        ablation.write_result(run, ablation.train_and_test(run), path)
    results = ablation.read_results(path)
    assert list(results) == runs
    without, ours, nothing = results.values()
    assert without['val']['NE'] != ours['val']['NE']
    # So small a gradient is lost beside the other: everything else is equal, and no run leaves traces in the next.
    assert nothing['test'] == without['test'] and nothing['val'] == without['val']
    assert 'share' not in without and 0 < ours['share'][1] < 1 and nothing['share'][1] < 1e-20
    assert {'NE', 'outliers', 'duplicates', 'gross/outliers', 'all/NE'} <= set(ours['test'])


@pytest.mark.usefixtures('garments_root')
@pytest.mark.parametrize('train', [3, 4])
def test_photographs_that_are_not_drawn_validate(tmp_path, monkeypatch, raw, train):
    """By regression, and with all four photographs there is nothing left to validate on."""
    names = [f'img/{split}_{index}.jpg' for split, count in (('train', 4), ('val', 2)) for index in range(count)]
    raw.benchmark(tmp_path, dict.fromkeys(names, '2  0 20 20  0 80 20  0 20 80  0 80 80'),
                  boxes=dict.fromkeys(names, '10 10 90 90'), splits={name: name[4:].split('_')[0] for name in names})
    for seed, name in enumerate(names):
        raw.image(tmp_path / name, (100, 100), seed)
    monkeypatch.setenv('DEEPFASHION_ROOT', str(tmp_path))
    figures = ablation.train_and_test(
        PHOTOGRAPHS._replace(model='regression', train=train, size=64, batch=2, iterations=4, weight=3e-2))
    assert ('val' in figures) == (train < 4)
    assert figures['test']['NE'] > 0 and 0 < figures['share'][1] < 1


@pytest.mark.parametrize('line', ['{"run": {"weig', '{"run": {"height": 3}}', '{"val": {}}', '[]'])
def test_a_line_that_is_no_result_is_named(tmp_path, line):
    path = tmp_path / 'results.jsonl'
    path.write_text('{"run": {"seed": 1}, "test": {}}\n' + line + '\n')
    with pytest.raises(SystemExit, match=r'results\.jsonl, line 2: not a result'):
        ablation.read_results(path)


def test_a_run_whose_line_a_kill_has_cut_off_is_done_again(tmp_path):
    path = tmp_path / 'results.jsonl'
    first, second = Run(seed=1), Run(seed=2)
    ablation.write_result(first, dict(test=dict(NE=1)), path)
    ablation.write_result(second, dict(test=dict(NE=2)), path)
    path.write_bytes(path.read_bytes()[:-9])
    assert ablation.read_results(path) == {first: dict(test=dict(NE=1))}
    ablation.write_result(second, dict(test=dict(NE=3)), path)
    assert ablation.read_results(path) == {first: dict(test=dict(NE=1)), second: dict(test=dict(NE=3))}


@pytest.mark.parametrize(('arguments', 'words'), [
    (['run', 'nosuch'], "invalid choice: 'nosuch'"),
    (['run', 'integral', '--processes', '0'], '--processes must be at least 1, got 0'),
    (['run', 'final_72_photographs'], 'DEEPFASHION_ROOT is .*nowhere.*, and has no folder Anno'),
])
def test_bad_arguments_end_before_any_work(monkeypatch, capsys, tmp_path, arguments, words):
    monkeypatch.setattr(ablation, 'read_results', lambda: {})
    monkeypatch.setattr(sys, 'argv', ['ablation.py', *arguments])
    monkeypatch.setenv('DEEPFASHION_ROOT', str(tmp_path / 'nowhere'))
    with pytest.raises(SystemExit) as stop:
        ablation.main()
    assert re.search(words, f'{stop.value.code} {capsys.readouterr().err}')


def test_the_pages_have_the_tables_of_the_results():
    for page, tables in ablation_report.all_tables(ablation.read_results()).items():
        assert ablation_report.with_tables(page.read_text(), tables) == page.read_text()


@pytest.mark.parametrize(('page', 'tables'), [
    ('<!-- a -->\n<!-- end -->', {}), ('', dict(a='')), ('<!-- a -->\n<!-- end -->', dict(b=''))])
def test_a_table_without_a_place_is_an_error(page, tables):
    with pytest.raises(ValueError, match='has places for'):
        ablation_report.with_tables(page, tables)


def test_tables_replace_what_stood_in_their_places():
    page = 'One\n<!-- a -->\nold\n<!-- end -->\nTwo\n<!-- b -->\n<!-- end -->\n'
    expected = 'One\n<!-- a -->\nnew\n<!-- end -->\nTwo\n<!-- b -->\n| x |\n<!-- end -->\n'
    assert ablation_report.with_tables(page, dict(a='new', b='| x |')) == expected
