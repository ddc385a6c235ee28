"""Two ways to do the same work, timed in turns: what a busy machine does to one it does to the other as well."""

from __future__ import annotations

import ctypes
import gc
import statistics
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np
import torch


class Case(NamedTuple):
    """One row: ours against a peer.

    Args:
        name: What is timed, and on how much.
        ours, peer: Do the work and return its result, or a :class:`Cost` where it ran in a process of its own.
        same: Raises AssertionError where the two results are not the same.
        target: Our time as a part of the peer's, at most; None where nothing is promised.
        memory: Most of the peer's peak memory that ours may take; None: memory is not measured.
        floor: The least that any way has to do, such as reading the input and writing the output once.
        count: Images, or whatever the row counts, in one run.
        rounds: Runs of each side, at least.
    """

    name: str
    ours: Callable[[], Any]
    peer: Callable[[], Any]
    same: Callable[[Any, Any], None]
    target: float | None = None
    memory: float | None = None
    floor: Callable[[], Any] | None = None
    count: int = 1
    rounds: int = 7


class Cost(NamedTuple):
    """What a process of its own took: seconds, bytes of memory at its peak, and the result."""

    seconds: float
    bytes: int
    result: Any


class Row(NamedTuple):
    """What was measured: medians in seconds, quartiles of the ratios of neighbouring runs, and peaks in bytes."""

    name: str
    count: int
    ours: float
    peer: float
    ratio: float
    low: float
    high: float
    floor: float | None
    ours_bytes: int | None
    peer_bytes: int | None
    target: float | None
    memory_target: float | None

    @property
    def memory(self) -> float | None:
        """Our peak as a part of the peer's."""
        return self.ours_bytes / self.peer_bytes if self.peer_bytes else None


def measure(case: Case, device: str = 'cpu', seconds: float = 3.) -> Row:
    """Check that both sides agree, then time them in turns for so many seconds, and at least ``case.rounds`` times.

    Raises:
        AssertionError: They do not agree.
    """
    costs = [_run(side, device) for side in (case.ours, case.peer)]  # warms up, too
    case.same(*(cost.result for cost in costs))
    peaks = [cost.bytes for cost in costs]
    if case.memory is not None and not any(peaks):
        peaks = [peak_memory(side, device) for side in (case.ours, case.peer)]

    sides = [case.ours, case.peer] + [case.floor] * (case.floor is not None)
    times, start = [[] for _ in sides], time.perf_counter()
    repeats = max(1, round(0.005 / max(costs[0].seconds, 1e-9)))
    while len(times[0]) < case.rounds or time.perf_counter() - start < seconds:
        turn = range(len(sides)) if len(times[0]) % 2 else reversed(range(len(sides)))
        for side in turn:
            times[side].append(_time(sides[side], device, repeats))
        if len(times[0]) >= 1000:
            break
    ratios = np.array(times[0]) / np.array(times[1])
    low, ratio, high = np.quantile(ratios, (0.25, 0.5, 0.75)).tolist()
    ours, peer, *floor = map(statistics.median, times)
    return Row(case.name, case.count, ours, peer, ratio, low, high, floor[0] if floor else None,
               *(peaks if case.memory is not None else (None, None)), case.target, case.memory)


def _time(side: Callable[[], Any], device: str, repeats: int) -> float:
    """Seconds of one run, of several that are timed together."""
    costs = [_run(side, device) for _ in range(repeats)]
    return sum(cost.seconds for cost in costs) / repeats


def _run(side: Callable[[], Any], device: str) -> Cost:
    _wait(device)
    start = time.perf_counter()
    result = side()
    _wait(device)
    seconds = time.perf_counter() - start
    return result if isinstance(result, Cost) else Cost(seconds, 0, result)


def _wait(device: str) -> None:
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize(device)


def peak_memory(side: Callable[[], Any], device: str = 'cpu') -> int:
    """Bytes that one run takes at its peak, beyond what is held before it; on the CPU by Linux's count of pages."""
    gc.collect()
    if torch.device(device).type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
        held = torch.cuda.memory_allocated(device)
        side()
        return torch.cuda.max_memory_allocated(device) - held
    ctypes.CDLL(None).malloc_trim(0)
    Path('/proc/self/clear_refs').write_text('5')  # the peak begins anew
    held = _pages('VmRSS')
    result = side()
    peak = _pages('VmHWM')
    del result
    return max(peak - held, 1)


def _pages(field: str) -> int:
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f'{field}:'))
