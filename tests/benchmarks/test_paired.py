"""What a benchmark says of costs that are known."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import benchmarks.__main__ as command
from benchmarks.paired import Case, Cost, measure, peak_memory
from benchmarks.performance_page import PAGE, filled


def of_costs(*costs, result=None):
    """A side that takes these seconds and bytes, one after the other."""
    each = iter(costs)
    return lambda: Cost(next(each), 100, result)


def test_the_ratio_is_that_of_neighbouring_runs():
    """The machine is four times slower in the second half: the ratio of sums would be 0.5, too, that of medians not."""
    ours = of_costs(9., 1., 1., 1., 4., 4.)  # the first run warms up
    peer = of_costs(9., 2., 2., 2., 8., 8.)
    row = measure(Case('a', ours, peer, lambda a, b: None, rounds=5, memory=0.5), seconds=0.)
    assert (row.ours, row.peer) == (1., 2.) and (row.low, row.ratio, row.high) == (0.5, 0.5, 0.5)
    assert (row.ours_bytes, row.peer_bytes, row.memory) == (100, 100, 1.)
    swapped = measure(Case('a', of_costs(9., 3., 1., 2.), of_costs(9., 1., 1., 1.), lambda a, b: None, rounds=3),
                      seconds=0.)
    assert (swapped.low, swapped.ratio, swapped.high) == (1.5, 2., 2.5) and swapped.memory is None


def test_sides_that_differ_are_not_timed():
    timed = []
    case = Case('a', lambda: timed.append(1) or 1., lambda: 2., np.testing.assert_equal)
    with pytest.raises(AssertionError, match='ACTUAL: 1.0'):
        measure(case)
    assert timed == [1]


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_memory_that_is_given_back_counts_in_the_peak():
    megabyte = 2**20

    def work():
        large = np.ones(64 * megabyte, np.uint8)
        return np.ones(16 * megabyte, np.uint8) + large[0]

    # 80, of which Linux may have some pages of each core still uncounted.
    assert 79 <= peak_memory(work) / megabyte < 110


def test_the_command_writes_table_and_file(tmp_path, monkeypatch, capsys):
    def cases(device, scale=1):
        yield Case(f'work {device}', of_costs(*[0.5 * scale] * 9), of_costs(*[1. * scale] * 9), lambda a, b: None,
                   target=0.6, count=10, rounds=3)

    monkeypatch.setitem(sys.modules, 'benchmarks.rows.loss', SimpleNamespace(cases=cases))
    monkeypatch.setattr(command, 'measure', lambda case, device: measure(case, device, seconds=0.))
    file, plot = tmp_path / 'a.json', tmp_path / 'a.png'
    monkeypatch.setattr(sys, 'argv', ['benchmarks', 'loss', '--json', str(file), '--growth', str(plot)])
    command.main()
    shown = capsys.readouterr().out
    assert [word in shown for word in ('work cpu', '20.0/s', '10.0/s', '0.50', '0.6')] == [True] * 5
    written = json.loads(file.read_text())
    assert [(row['scale'], row['ours'], row['benchmark']) for row in written['rows']] == [
        (1, 0.5, 'loss'), (4, 2., 'loss'), (16, 8., 'loss')]
    assert written['machine']['torch'] and plot.stat().st_size > 1000

    monkeypatch.setitem(sys.modules, 'benchmarks.rows.step', SimpleNamespace(cases=cases))
    monkeypatch.setattr(sys, 'argv', ['benchmarks', 'step', '--json', str(file)])
    for _ in range(2):
        command.main()
        assert [row['benchmark'] for row in json.loads(file.read_text())['rows']] == ['loss', 'loss', 'loss', 'step']
    capsys.readouterr()
    def of_one_size(device, scale=1):
        return cases(device) if scale == 1 else iter(())

    monkeypatch.setitem(sys.modules, 'benchmarks.rows.step', SimpleNamespace(cases=of_one_size))
    monkeypatch.setattr(sys, 'argv', ['benchmarks', 'step', '--json', str(file), '--growth', str(plot)])
    with pytest.raises(SystemExit, match='a.png: not drawn, since no row of step grows'):
        command.main()
    capsys.readouterr()


@pytest.mark.parametrize(('arguments', 'content', 'message'), [
    (['lost'], None, 'no benchmark is called lost; there are integral, loss,'),
    (['loss', '--device', 'tpu'], None, "device 'tpu': Expected one of cpu, cuda,"),
    (['loss'], '{', 'a.json: not what this program writes (JSONDecodeError). Remove it, or name another file'),
    (['loss'], '[]', 'a.json: not what this program writes (TypeError)'),
    (['loss'], '{"machine": {"cpu": "X", "torch": "1"}, "rows": []}', 'has the figures of another machine, X, 1: '),
])
def test_what_cannot_work_is_said_before_anything_is_timed(tmp_path, monkeypatch, capsys, arguments, content, message):
    file = tmp_path / 'a.json'
    if content:
        file.write_text(content)
    monkeypatch.setattr(sys, 'argv', ['benchmarks', *arguments, '--json', str(file)])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2 and message in capsys.readouterr().err
    assert (file.read_text() if content else None) == content


def test_the_page_shows_what_was_measured():
    page = PAGE.read_text()
    assert filled(page) == page and '| plain, squares ' in page
