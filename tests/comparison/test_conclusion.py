"""Tables, verdicts and the plot of results that are given."""

import io
import re

import pytest
from rich.console import Console

from pcloss_mmpose.comparison.arms import Arm
from pcloss_mmpose.comparison.outcome import make_outcome
from pcloss_mmpose.comparison.plot import draw_changes
from pcloss_mmpose.comparison.progress import Progress
from pcloss_mmpose.comparison.runs import list_runs
from pcloss_mmpose.comparison.tables import arms_table, as_markdown, for_terminal, landmarks_table, rivals_table, turned
from pcloss_mmpose.comparison.verdict import gaps, helps, mixture, verdict
from pcloss_mmpose.errors import InputError

ARMS = [Arm('none', None, 'none'), Arm('a', {}, 'a'), Arm('b', {}, 'b'), Arm('c', {}, 'c')]


def outcome(metric='NE', **figures):
    """Of arms with a figure for each seed from 0; None where a seed is missing."""
    results = {}
    for arm, values in figures.items():
        results[arm] = {seed: {
            'figures': {metric: value, f'{metric}/neck': 2 * value, 'duplicate_images': 0., 'outliers@5': 1.,
                        'EPE': 3.},
            'landmarks': ['neck', 'hem'], 'share': None if arm == 'none' else [0.1, 0.2 + 0.1 * seed, 0.3],
        } for seed, value in enumerate(values) if value is not None}
    return make_outcome(ARMS, results, metric)


def test_the_tables_by_hand():
    found = outcome(none=[10, 11, 12], a=[9, 10.5, 11], b=[11, None, 12])
    table = arms_table(found)
    assert table.header == ['', 'seeds', 'share', 'NE', 'images with a duplicate', 'EPE']
    assert table.rows == [
        ['none', '3', '', '11', '0', '3'],
        ['a', '3', '0.30', '10.17 (-7.6 ± 6.5)', '0 (-)', '3 (+0.0 ± 0.0)'],
        ['b', '2', '0.30', '11.5 (+4.5 ± 57.8)', '0 (-)', '3 (+0.0 ± 0.0)'],
    ]
    assert as_markdown(table).split('\n')[:2] == [
        '|  | seeds | share | NE | images with a duplicate | EPE |', '| --- | ---: | ---: | ---: | ---: | ---: |']
    assert landmarks_table(found).rows == [['neck', '22.00', '20.33', '-7.6 ± 6.5']]
    # On seeds 0 and 2: 9 and 11 against 11 and 12.
    assert rivals_table(found).rows == [['b', '2', '-13.0 ± 55.2']]
    assert found.best.name == 'a' and len(draw_changes(found).axes[0].get_yticklabels()) == 2


@pytest.mark.parametrize(('metric', 'figures', 'words'), [
    ('NE', dict(none=[10, 11, 12], a=[9, 10.5, 11]),
     ['a lowers NE by 7.6 % (1.1 to 14.1) on 3 paired seeds.']),
    ('NE', dict(none=[10, 11, 12], a=[9, 10.5, 11], b=[10, 11, 11.9]),
     ['a lowers NE by 7.6 % (1.1 to 14.1) on 3 paired seeds.', 'a was chosen as the best of 2, and the interval is not '
      'corrected for that: for the final word, compare a alone with other seeds (--first-seed).']),
    ('coco/AP', dict(none=[0.5, 0.6, 0.7], a=[0.55, 0.66, 0.76], b=[0.4, 0.4, 0.4]),
     ['a raises coco/AP by 9.4 % (7.1 to 11.8) on 3 paired seeds.', 'a was chosen as the best of 2']),
    ('NE', dict(none=[10, 11, 12], a=[11, 12, 13.1]),
     ['a raises NE by 9.4 % (8.1 to 10.7) on 3 paired seeds, which is worse: no loss of these helps.']),
    ('NE', dict(none=[10, 10], a=[10, 10.282843]), [
        'No difference is shown: the best, a, changes NE by +1.4 % (-16.6 to +19.4) on 2 paired seeds.',
        'To show an effect of 2 % in 8 comparisons of 10 would take about 8 more seeds, if they scatter as these do.']),
    # Scatter 0.4933. 50 seeds: (2.0096 + 0.8490) * 0.4933 / 7.071 = 0.1994 < 0.2.
    # 13: (2.1788 + 0.8726) * 0.4933 / 3.606 = 0.417 < 0.433.
    ('NE', dict(none=[10, 10, 10], a=[9.9, 9, 9.8]), [
        'No difference is shown: the best, a, changes NE by -4.3 % (-16.6 to +7.9) on 3 paired seeds.',
        'To show an effect of 2 % in 8 comparisons of 10 would take about 47 more seeds, and one of 4.3 % about 10, if '
        'they scatter as these do.']),
    ('NE', dict(none=[10, 10, 10], a=[10, 10.01, 10.02]), [
        'No difference is shown', 'So many seeds show an effect of 2 % in 8 comparisons of 10 or more, if there']),
    ('NE', dict(none=[10, 10], a=[0.1, 30]), ['No difference is shown', 'The seeds scatter so much']),
    ('AP', dict(none=[0, 0], a=[0, 1]), ['AP is 0 without a loss on every seed']),
    ('NE', dict(none=[10], a=[9]), ['There is one pair, and so no interval: nothing can be said yet.']),
    ('NE', dict(none=[10], a=[None, 9]), ['There is no pair yet']),
    ('NE', dict(none=[10]), ['There is no pair yet']),
])
def test_a_verdict_is_given_only_where_the_interval_excludes_0(metric, figures, words):
    sentences = list(verdict(outcome(metric, **figures)))
    assert len(sentences) == len(words)
    for sentence, beginning in zip(sentences, words):
        assert sentence.startswith(beginning)


def test_a_wide_table_is_turned_for_a_terminal():
    wide = arms_table(outcome(none=[10, 11, 12], a=[9, 10.5, 11]))
    assert turned(wide).header == ['', 'none', 'a'] and turned(wide).rows[2] == ['NE', '11', '10.17 (-7.6 ± 6.5)']
    text = io.StringIO()
    Console(file=text, width=80).print(for_terminal(wide))
    assert re.search('images with a duplicate .* 0 .* 0 \\(-\\)', text.getvalue())


def test_the_best_is_best_in_the_metrics_own_direction():
    figures = dict(none=[0.5, 0.5], a=[0.6, 0.6], b=[0.4, 0.4])
    assert outcome('AP', **figures).best.name == 'a' and outcome('NE', **figures).best.name == 'b'


def test_an_arm_with_one_lucky_pair_is_not_the_best():
    assert outcome(none=[10, 10], a=[5], b=[9, 9.5]).best.name == 'b'
    assert outcome(none=[10, 10], a=[5], b=[9]).best.name == 'a'


@pytest.mark.parametrize(('ours', 'expected'), [([9, 9.9, 11], True), ([11, 12, 13.1], False), ([9, 12, 11], False)])
def test_what_helps_is_shown_to_be_better(ours, expected):
    assert helps(outcome(none=[10, 11, 12], a=ours)) is expected


def test_runs_of_several_versions_are_said():
    found = outcome(none=[10, 11], a=[9, 10])
    assert not list(mixture(found))
    for number, results in enumerate(found.results.values()):
        for result in results.values():
            result['versions'] = dict(torch=f'2.{number}', numpy='2.0')
    assert list(mixture(found)) == ['Not all runs are of one torch, which may move their figures: 2.0, 2.1.']


def test_an_arm_without_some_of_its_runs_is_said():
    found, runs = outcome(none=[10, 11, 12], a=[9, None, 11], b=[9, None, None]), list_runs(ARMS, range(3))
    assert list(gaps(found, runs)) == [f'{what}: failed, stopped early, or not done yet (--list).' for what in (
        'a has no result of the seed 1', 'b has no result of the seeds 1, 2', 'c has no result of the seeds 0, 1, 2')]
    assert not list(gaps(found, list_runs(ARMS[:3], [0])))


def test_a_hopeless_arm_gets_no_more_seeds(tmp_path, capsys):
    runs = list_runs(ARMS, range(5))
    progress = Progress(runs, tmp_path, 'NE', stops_early=True)
    progress.figures = dict(none=dict(enumerate([10., 10., 10.])), a=dict(enumerate([11., 11., 11.])),
                            b=dict(enumerate([9., 11., 30.])))
    assert [progress.skips(run) for run in runs[12:15]] == [False, True, False]
    assert progress.skips(runs[17])
    assert capsys.readouterr().out == ('a gets no more seeds: its NE is worse on all 3, by 10 % on average '
                                       '(--no-early-stop gives them)\n')
    progress.stops_early = False
    assert not progress.skips(runs[13])


def test_a_run_without_the_figure_that_decides_ends_the_comparison(tmp_path):
    run = list_runs(ARMS, [0])[1]
    run.folder(tmp_path).mkdir(parents=True)
    (run.folder(tmp_path) / 'result.json').write_text('{"figures": {"EPE": 3.0, "outliers@5": 1.0}, "config": "x"}')
    with pytest.raises(InputError, match=r"no metric of the evaluator gives 'NE'; a, seed 0 has EPE$"):
        Progress([run], tmp_path, 'NE', stops_early=True).ended(run, 0)


def test_a_failed_run_says_where_its_log_is(tmp_path, capsys):
    run = list_runs(ARMS, [0])[1]
    folder = run.folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / 'run.log').write_text('...\nerror: no memory\n\n')
    progress = Progress([run], tmp_path, 'NE', stops_early=True)
    progress.ended(run, 2)
    assert capsys.readouterr().out == f'a, seed 0: failed, error: no memory ({folder / "run.log"})\n'
    assert progress.failed == [run]
