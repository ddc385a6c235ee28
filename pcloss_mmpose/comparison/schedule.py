"""Runs over the cores or GPUs of a machine, or over a Ray cluster: each a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Protocol, Sequence

from ..errors import MissingPackageError

#: In a run's folder: all that its process has printed.
LOG = 'run.log'
POLL_SECONDS = 0.2
#: What a process has to end in before it is killed.
GRACE_SECONDS = 10


class Task(NamedTuple):
    """A run as a command."""

    name: str
    argv: list[str]
    log: Path


class Process(Protocol):

    def poll(self) -> int | None:
        """The exit code; None while it runs."""

    def stop(self) -> None:
        """End it."""


Start = Callable[[Task, int], Process]


def run_tasks(tasks: Sequence[Any], task_of: Callable[[Any], Task], start: Start, slots: int,
              skips: Callable[[Any], bool], ended: Callable[[Any, int], None],
              watch: Callable[[list], None] = lambda running: None) -> None:
    """Run each of some tasks, as many at a time as there are slots, in their order.

    Args:
        tasks: Of any kind.
        task_of: Gives the command of one.
        start: Starts a command in a slot, counted from 0.
        slots: How many run at a time.
        skips: Asked before a task begins: whether it is left out.
        ended: Told of each task that has ended, with its exit code.
        watch: Told again and again which tasks run.

    Raises:
        KeyboardInterrupt: Ctrl-C, SIGTERM or a closed terminal; the processes have been ended.
    """
    waiting, running = list(tasks), {}
    with terminated_as_interrupted():
        try:
            while waiting or running:
                for slot in range(slots):
                    while waiting and slot not in running:
                        task = waiting.pop(0)
                        if not skips(task):
                            running[slot] = task, start(task_of(task), slot)
                time.sleep(POLL_SECONDS)
                watch([task for task, _ in running.values()])
                for slot, (task, process) in list(running.items()):
                    code = process.poll()
                    if code is not None:
                        del running[slot]
                        ended(task, code)
        finally:
            for _, process in running.values():
                process.stop()


@contextlib.contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM, as schedulers of clusters send it, ends as Ctrl-C does; so does a terminal that closes without nohup."""
    def interrupt(*_) -> None:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ('SIGTERM', 'SIGHUP') if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class LocalProcess:
    """A process of this machine. A Ctrl-C in the terminal does not reach it; :meth:`stop` ends it."""

    def __init__(self, task: Task, environment: Mapping[str, str], folder: str | None = None) -> None:
        task.log.parent.mkdir(parents=True, exist_ok=True)
        with task.log.open('ab') as log:
            self.process = subprocess.Popen(
                task.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd=folder, env={**os.environ, **environment})

    def poll(self) -> int | None:
        return self.process.poll()

    def stop(self) -> None:
        self._signal(signal.SIGTERM)
        try:
            self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.process.wait()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)  # the workers of its data loaders, too


def local(gpus: Sequence[str]) -> Start:
    """Starts processes of this machine: one after another on each GPU, or with one thread on a core each.

    Args:
        gpus: What CUDA_VISIBLE_DEVICES calls them.
    """
    def start(task: Task, slot: int) -> LocalProcess:
        own = dict(CUDA_VISIBLE_DEVICES=gpus[slot % len(gpus)]) if gpus else dict(OMP_NUM_THREADS='1')
        return LocalProcess(task, own)

    return start


def visible_gpus() -> list[str]:
    """The GPUs of this machine that may be used, as CUDA_VISIBLE_DEVICES calls them."""
    import torch
    named = [name for name in os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',') if name]
    return named[:torch.cuda.device_count()] or [str(number) for number in range(torch.cuda.device_count())]


def usable_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


class RayProcess:
    """A process somewhere in a Ray cluster, whose machines share the folder."""

    def __init__(self, ray: Any, task: Task, gpus: int) -> None:
        self.ray = ray
        remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0)(run_logged)
        self.reference = remote.remote(task.argv, str(task.log), os.getcwd())

    def poll(self) -> int | None:
        done, _ = self.ray.wait([self.reference], timeout=0)
        if not done:
            return None
        try:
            return self.ray.get(done[0])
        except self.ray.exceptions.RayError:  # its machine is gone
            return -1

    def stop(self) -> None:
        self.ray.cancel(self.reference)


def run_logged(argv: Sequence[str], log: str, folder: str) -> int:
    """What a Ray worker does: its exit code. The worker's own GPU is the only one that the process sees."""
    process = LocalProcess(Task('', [*argv], Path(folder, log)), dict(OMP_NUM_THREADS='1'), folder)
    try:
        return process.process.wait()
    finally:
        process.stop()


def need_ray() -> None:
    """Raise MissingPackageError where Ray is not installed."""
    if find_spec('ray') is None:
        raise MissingPackageError("--ray needs Ray, which is not installed: pip install 'pcloss-mmpose[ray]'")


def on_ray() -> tuple[Start, int]:
    """Starts processes in the Ray cluster that RAY_ADDRESS names, or else in one on this machine; and its slots.

    Raises:
        MissingPackageError: Ray is not installed.
    """
    need_ray()
    import ray
    ray.init(ignore_reinit_error=True, log_to_driver=False)
    there = ray.cluster_resources()
    gpus = int(there.get('GPU', 0))
    return (lambda task, slot: RayProcess(ray, task, min(gpus, 1))), gpus or max(1, int(there.get('CPU', 1)))
