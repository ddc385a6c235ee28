"""Commands over slots: order, failures, and what is left when they are stopped."""

import os
import signal
import sys
import threading
import time

import pytest

from pcloss_mmpose.comparison import schedule
from pcloss_mmpose.comparison.schedule import Task, local, run_tasks


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(schedule, 'POLL_SECONDS', 0.01)


def run(folder, scripts, slots=1, gpus=(), skips=lambda script: False):
    """What ended, with its exit code."""
    ended = []

    def task_of(number):
        return Task(str(number), ['sh', '-c', scripts[number]], folder / f'{number}' / 'log')

    run_tasks(range(len(scripts)), task_of, local(gpus), slots, skips, lambda *each: ended.append(each))
    return ended


def logs(folder, count):
    return [(folder / f'{number}' / 'log').read_text().strip() for number in range(count)]


def test_tasks_run_in_order_and_a_failure_does_not_stop_the_others(tmp_path):
    assert run(tmp_path, ['echo a', 'echo no >&2; exit 3', 'echo c']) == [(0, 0), (1, 3), (2, 0)]
    assert logs(tmp_path, 3) == ['a', 'no', 'c']


def test_as_many_run_at_a_time_as_there_are_slots(tmp_path):
    # Each waits for the other's file, so that one alone would never end.
    wait = 'touch {0}; while [ ! -f {1} ]; do sleep 0.01; done'
    first, second = tmp_path / 'first', tmp_path / 'second'
    assert sorted(run(tmp_path, [wait.format(first, second), wait.format(second, first)], slots=2)) == [(0, 0), (1, 0)]


def test_each_gpu_has_one_run_and_each_core_one_thread(tmp_path):
    script = 'echo $CUDA_VISIBLE_DEVICES $OMP_NUM_THREADS; sleep 0.1'
    run(tmp_path / 'gpu', [script] * 4, slots=4, gpus=['3', '5'])
    assert sorted(text.split()[0] for text in logs(tmp_path / 'gpu', 4)) == ['3', '3', '5', '5']
    run(tmp_path / 'cpu', [script])
    assert logs(tmp_path / 'cpu', 1)[0].split()[-1] == '1'


def test_the_gpus_are_those_that_may_be_used(monkeypatch):
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '4,GPU-7')
    assert schedule.visible_gpus() == ['4', 'GPU-7']
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES')
    assert schedule.visible_gpus() == ['0', '1']
    monkeypatch.setattr('torch.cuda.device_count', lambda: 0)
    assert schedule.visible_gpus() == []


def test_what_is_skipped_is_asked_for_just_before_it_begins(tmp_path):
    ended = run(tmp_path, ['echo a', f'[ -f {tmp_path}/0/log ]', 'exit 1'],
                skips=lambda number: number == 2 or (number == 1 and not (tmp_path / '0' / 'log').is_file()))
    assert ended == [(0, 0), (1, 0)]


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_processes_and_their_children(tmp_path, number):
    """As Ctrl-C does: nothing goes on behind the back of whoever stopped it."""
    script = f'sleep 60 & echo $! > {tmp_path}/child; wait'
    started_with = signal.signal(number, signal.SIG_DFL)  # under nohup, the tests begin with a SIGHUP that is ignored

    def terminate():
        while not (tmp_path / 'child').is_file() or not (tmp_path / 'child').read_text().strip():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=terminate)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, [script, 'echo second'])
    thread.join()
    assert signal.signal(number, started_with) is signal.SIG_DFL and not (tmp_path / '1').exists()
    child = int((tmp_path / 'child').read_text())
    for _ in range(500):
        if not is_alive(child):
            break
        time.sleep(0.01)
    assert not is_alive(child)


def test_nohup_goes_on_without_its_terminal(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run(tmp_path, ['kill -HUP $PPID']) == [(0, 0)]
    finally:
        signal.signal(signal.SIGHUP, before)


def is_alive(number):
    try:
        with open(f'/proc/{number}/stat') as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def test_ray_runs_the_same_commands(tmp_path):
    ray = pytest.importorskip('ray')
    start, slots = schedule.on_ray()
    try:
        ended = []
        scripts = ['echo a', 'exit 3']
        run_tasks([0, 1], lambda number: Task('', ['sh', '-c', scripts[number]], tmp_path / f'{number}' / 'log'), start,
                  slots, lambda number: False, lambda *each: ended.append(each))
        assert sorted(ended) == [(0, 0), (1, 3)] and (tmp_path / '0' / 'log').read_text() == 'a\n'
    finally:
        ray.shutdown()


def test_without_ray_its_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(ImportError, match=r"--ray needs Ray, .*: pip install 'pcloss-mmpose\[ray\]'"):
        schedule.on_ray()
