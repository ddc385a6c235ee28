"""Work in threads, batch by batch. What is drawn is in tests/cli/test_predict.py."""

import threading
import time

import pytest

from pcloss_mmpose.inference.drawings import in_threads


@pytest.mark.parametrize('threads', [0, 1, 3])
def test_results_come_in_order_however_long_each_takes(threads):
    later = threading.Event()

    def ten_times(value):
        if value == 0 and threads > 1:
            assert later.wait(10)  # until the last of its batch is done
        if value == 2:
            later.set()
        return 10 * value

    batches = [[(0, ), (1, ), (2, )], [], [(3, )]]
    assert list(in_threads(ten_times, batches, threads)) == [[0, 10, 20], [], [30]]


def test_no_more_than_one_batch_waits_while_the_next_comes():
    asked = []

    def batches():
        for number in range(5):
            asked.append(number)
            yield [(number, )]

    given = in_threads(abs, batches(), 2)
    for number in range(5):
        assert next(given) == [number]
        assert len(asked) == min(number + 2, 5)


def test_an_error_comes_in_its_turn_and_ends_the_rest():
    begun = []

    def work(value):
        begun.append(value)
        time.sleep(0.002)
        if value == 1:
            raise OSError('disk full')
        return value

    given = in_threads(work, [[(0, )], [(1, )] + [(2, )] * 500, [(3, )]], 1)
    assert next(given) == [0]
    with pytest.raises(OSError, match='disk full'):
        next(given)
    assert len(begun) < 400 and 3 not in begun
    assert not [thread for thread in threading.enumerate() if thread.name.startswith('ThreadPoolExecutor')]
