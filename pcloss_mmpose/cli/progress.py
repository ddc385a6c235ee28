"""How far a command is: bars on a terminal, and elsewhere a line now and then."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, TypeVar

from .loading import is_first

FIRST_LINE = 5.  # seconds after which there is a line, where there is no terminal
NEXT_LINE = 15.  # and at least so many after that; more where the work has taken long
LEAST_GROWTH = 0.2  # of the time until now, before the next line
REDRAW = 0.1  # seconds

T = TypeVar('T')


class Bars:
    """Bars on stderr, of the first of several processes.

    On a terminal they are rich's, and go when the work is done. A file or a pipe gets lines in their place, none if
    the work takes less than five seconds.

    Args:
        keep: Whether finished bars stay on the terminal.
        clock: Seconds that only grow.
    """

    def __init__(self, keep: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.keep = clock, keep
        self.started = clock()
        self._next_line = self.started + FIRST_LINE
        self._bars: list[Bar] = []
        self._rich: Any = None

    def __enter__(self) -> Bars:
        if is_first() and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
            self._rich = Progress(
                TextColumn('{task.description}', markup=False), BarColumn(), MofNCompleteColumn(),
                TextColumn('{task.fields[note]}', markup=False), TimeRemainingColumn(elapsed_when_finished=True),
                console=Console(stderr=True), transient=not self.keep, redirect_stdout=sys.stdout.isatty())
            self._rich.start()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._rich is not None:
            for bar in self._bars:
                bar.show()
            self._rich.stop()

    def add(self, name: str, total: int | None = None, done: int = 0) -> Bar:
        """A bar for so many steps, of which some may be done; None: their number is not known yet."""
        bar = Bar(self, name, total, done)
        if self._rich is not None:
            bar.task = self._rich.add_task(name, total=total, completed=done, note='')
        self._bars.append(bar)
        return bar

    def moved(self, bar: Bar) -> None:
        """Show a bar that has moved, unless something was shown a moment ago."""
        now = self.clock()
        if self._rich is not None:
            if now >= bar.shown + REDRAW or bar.done == bar.total:
                bar.shown = now
                bar.show()
        elif now >= self._next_line and is_first():
            self._next_line = now + max(NEXT_LINE, LEAST_GROWTH * (now - self.started))
            unfinished = [each for each in self._bars if each.done != each.total] or [bar]
            print('; '.join(each.words(now) for each in unfinished), file=sys.stderr, flush=True)


class Bar:
    """One bar of :class:`Bars`."""

    def __init__(self, bars: Bars, name: str, total: int | None, done: int) -> None:
        self.bars, self.name, self.total, self.done, self.note = bars, name, total, done, ''
        self.task: Any = None
        self.started, self.begun_with, self.shown = bars.clock(), done, 0.

    def update(self, done: int, total: int | None = None, note: str = '') -> None:
        """So many steps are done now, of ``total`` if it was not known or has changed; with a note for the reader."""
        self.done, self.total, self.note = done, self.total if total is None else total, note
        self.bars.moved(self)

    def advance(self, count: int = 1) -> None:
        """So many more steps are done."""
        self.update(self.done + count, note=self.note)

    def show(self) -> None:
        """Bring rich's bar up to date."""
        self.bars._rich.update(self.task, completed=self.done, total=self.total, note=self.note)

    def words(self, now: float) -> str:
        """The bar as a line: ``predicting: 120 of 640, 15 s, about 65 s to go``."""
        seconds, steps = now - self.started, self.done - self.begun_with
        parts = [f'{self.name}: {self.done}' + ('' if self.total is None else f' of {self.total}'), self.note,
                 duration(seconds)]
        if self.total is not None and steps > 0 and self.done < self.total:
            parts.append(f'about {duration(seconds / steps * (self.total - self.done))} to go')
        return ', '.join(part for part in parts if part)


def last_logged(run: Path) -> dict[str, float] | None:
    """What MMEngine has logged last of a training that runs in a folder; None where there is nothing yet."""
    for scalars in sorted(run.glob('*/vis_data/scalars.json'))[-1:]:
        with scalars.open('rb') as file:
            file.seek(max(0, scalars.stat().st_size - 8192))
            lines = file.read().splitlines()
        with contextlib.suppress(ValueError, IndexError):  # a line may be being written
            return json.loads(lines[-1])
    return None


def duration(seconds: float) -> str:
    """Seconds, minutes or hours in words.

    >>> duration(42), duration(600), duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 100:
        return f'{seconds:.0f} s'
    return f'{seconds / 60:.0f} min' if seconds < 6000 else f'{seconds / 3600:.1f} h'


def track(items: Iterable[T], name: str, total: int | None = None) -> Iterator[T]:
    """The items, with a bar of how many have been taken."""
    with Bars() as bars:
        bar = bars.add(name, len(items) if total is None and hasattr(items, '__len__') else total)
        for item in items:
            yield item
            bar.advance()
