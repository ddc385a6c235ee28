"""Bars on a terminal, a line now and then elsewhere, and a first word within a second."""

import os
import re
import subprocess
import sys
import time

import pytest

from pcloss_mmpose.cli.progress import Bars, duration, last_logged, track
from pcloss_mmpose.configs import find_config

GARMENTS = 'td-hm_efflite0-pcloss_1xb12-600_garments-128x128'


class Clock:
    now = 0.

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_pipe_gets_a_line_after_five_seconds_and_ever_rarer_ones(clock, capsys):
    times = []
    with Bars(clock=clock) as bars:
        bar = bars.add('predicting', 1000)
        for second in range(1, 1001):
            clock.now = second
            bar.advance()
            if capsys.readouterr().err:
                times.append(second)
    assert times[:4] == [5, 20, 35, 50] and times[-1] > 700
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert gaps == sorted(gaps) and gaps[-1] > 100 and len(times) < 20


def test_work_of_less_than_five_seconds_is_silent_where_there_is_no_terminal(clock, capsys):
    with Bars(clock=clock) as bars:
        bar = bars.add('predicting', 4)
        for second in range(1, 5):
            clock.now = second
            bar.advance()
    assert capsys.readouterr() == ('', '')


def test_a_line_says_how_far_all_unfinished_bars_are_and_how_long_it_will_take(clock, capsys):
    with Bars(clock=clock) as bars:
        done, first, second = bars.add('drawing', 5), bars.add('first', 100, done=20), bars.add('second')
        done.update(5)
        clock.now = 10
        second.update(3, note='loss 0.5')
        clock.now = 40
        first.update(60, note='loss 0.25')
    assert capsys.readouterr().err == (
        'first: 20 of 100, 10 s; second: 3, loss 0.5, 10 s\n'
        'first: 60 of 100, loss 0.25, 40 s, about 40 s to go; second: 3, loss 0.5, 40 s\n')


def test_other_processes_of_a_launcher_are_silent(clock, capsys, monkeypatch):
    monkeypatch.setenv('RANK', '1')
    with Bars(clock=clock) as bars:
        clock.now = 100
        bars.add('predicting', 4).advance()
    assert capsys.readouterr() == ('', '')


def test_tracked_items_come_as_they_are():
    assert list(track('abc', 'letters')) == ['a', 'b', 'c']
    assert list(track(iter([1, 2]), 'numbers', total=2)) == [1, 2]
    assert [duration(seconds) for seconds in (0, 99, 600, 9000)] == ['0 s', '99 s', '10 min', '2.5 h']


@pytest.mark.parametrize(('lines', 'expected'), [
    ([], None), (['{"loss": 1.5, "step": 4}'], dict(loss=1.5, step=4)),
    (['{"loss": 1.5, "step": 4}', '{"loss": 1.2, "st'], None),
    (['x' * 20000, '{"loss": 1.2, "step": 8}'], dict(loss=1.2, step=8)),
])
def test_what_a_training_logged_last(tmp_path, lines, expected):
    assert last_logged(tmp_path) is None
    for name, content in (('20260101', ['{"step": 1}']), ('20260102', lines)):
        (tmp_path / name / 'vis_data').mkdir(parents=True)
        (tmp_path / name / 'vis_data' / 'scalars.json').write_text('\n'.join(content))
    assert last_logged(tmp_path) == expected


CODE = """
import sys, time
from pcloss_mmpose.cli.progress import Bars
with Bars(keep={keep}) as bars:
    bar = bars.add('drawing [1]', 40)
    for step in range(40):
        bar.update(step + 1, note='loss 0.5')
        time.sleep(0.01)
        if step == 20:
            print('half')
print('done')
"""


@pytest.mark.skipif('sys.platform == "win32"')
@pytest.mark.parametrize('keep', [False, True])
def test_a_terminal_gets_a_bar_and_a_pipe_beside_it_the_result_alone(keep):
    import pty
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, '-c', CODE.format(keep=keep)], stdin=theirs, stderr=theirs,
                               stdout=subprocess.PIPE, env={**os.environ, 'TERM': 'xterm', 'COLUMNS': '100'})
    os.close(theirs)
    assert process.communicate()[0] == b'half\ndone\n'
    shown = b''
    try:
        while True:
            shown += os.read(ours, 65536)
    except OSError:  # the terminal is closed
        os.close(ours)
    text = re.sub(r'\x1b\[[0-9;?]*[a-zA-Z]', '', shown.decode())
    assert 'drawing [1]' in text and 'loss 0.5' in text
    assert ('40/40' in shown.decode().rsplit('\x1b[2K', 1)[-1]) == keep  # nothing stays after the last erased line


@pytest.mark.parametrize(('arguments', 'first'), [
    (['browse', GARMENTS, '-o', 'sheet.png'], f'reading {GARMENTS}.py ...'),
    (['calibrate', GARMENTS], f'reading {GARMENTS}.py ...'),
    (['check', GARMENTS], f'reading {GARMENTS}.py ...'),
    (['compare', GARMENTS], f'reading {GARMENTS}.py ...'),
    (['add', GARMENTS], f'reading {GARMENTS}.py ...'),
    (['train', GARMENTS], 'loading MMPose ...'),
    (['test', GARMENTS, str(find_config(GARMENTS)), '--dump', 'out.jsonl'], 'loading MMPose ...'),
    (['generate', 'garments'], 'drawing garments ...'),
    (['demo', '--out', 'demo'], 'drawing 1000 garments, training two models and testing them ...'),
])
def test_the_first_word_comes_before_anything_heavy_is_imported(tmp_path, arguments, first):
    """Of a process that ends at its first word, with what it has imported until then."""
    code = ('import io, sys\n'
            'class First(io.StringIO):\n'
            '    def write(self, text):\n'
            '        heavy = [name for name in ("torch", "mmengine.config", "mmpose", "cv2") if name in sys.modules]\n'
            '        sys.__stdout__.write(repr([text, heavy]))\n'
            '        sys.__stdout__.flush()\n'
            '        import os; os._exit(0)\n'
            'sys.stderr = First()\n'
            'from pcloss_mmpose.cli import main\n'
            f'main({arguments!r})\n')
    started = time.time()
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)})
    assert done.stdout == repr([first, []]), (done.stdout, done.stderr, time.time() - started)
