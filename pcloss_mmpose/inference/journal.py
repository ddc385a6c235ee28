"""Predictions as they come, in files that survive a kill: nothing written is lost, and nothing is done twice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Iterable, Mapping, Sequence

PARTS = 'part-*.jsonl'
RESULT = 'predictions.jsonl'
MODEL = 'model.json'
LONGEST = 2**20  # bytes of a line, far more than any has


class JournalError(ValueError):
    """The folder cannot be gone on with; the message says why."""


class Journal:
    """The folder of one job: a file of JSON lines for each process, all of them together once everything is done.

    A process writes its lines to a file of its own and reads those of all when it starts; so the number of processes
    may change from one start to the next. A line that a kill has cut off is not one, and is done again.

    Args:
        folder: Is made.
        model: What the predictions come from; a folder with those of another is refused.
        rank, world: Of this process.

    Raises:
        JournalError: The folder holds the predictions of another model.
    """

    def __init__(self, folder: Path, model: Mapping, rank: int = 0, world: int = 1) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.part = folder / f'part-{rank}-of-{world}.jsonl'
        known = folder / MODEL
        if known.is_file() and json.loads(known.read_text()) != model:
            raise JournalError(f'{folder} holds predictions of another model or with other options ({known}): name '
                               'another folder, or remove it')
        replace(known, json.dumps(model, indent=1))

    def done(self) -> dict[str, dict]:
        """The records of all processes that were written to their end, by their key."""
        records = {}
        for part in sorted(self.folder.glob(PARTS)):
            for line in whole_lines(part):
                record = json.loads(line)
                records.setdefault(record['key'], record)
        return records

    def append(self, records: Iterable[Mapping]) -> None:
        """Write records, each a dict with ``key``, to this process's file."""
        self._drop_torn_line()
        with self.part.open('a', encoding='utf-8') as file:
            file.writelines(json.dumps(record) + '\n' for record in records)
            file.flush()
            os.fsync(file.fileno())

    def _drop_torn_line(self) -> None:
        if not self.part.is_file():
            return
        with self.part.open('rb+') as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - LONGEST))
            tail = file.read()
            if tail and not tail.endswith(b'\n'):
                file.truncate(end - len(tail) + tail.rfind(b'\n') + 1)

    def finish(self, keys: Sequence[str]) -> list[dict] | None:
        """Write the records of the keys, in their order, to ``predictions.jsonl``; None while any is missing."""
        records = self.done()
        if not set(keys) <= records.keys():
            return None
        ordered = [records[key] for key in keys]
        replace(self.folder / RESULT, ''.join(json.dumps(record) + '\n' for record in ordered))
        return ordered


def whole_lines(path: Path) -> list[str]:
    """Lines of a file, without the last if it is not ended."""
    return path.read_text(encoding='utf-8').split('\n')[:-1]


def replace(path: Path, text: str) -> None:
    """Write a file in one go: others see the old or the new one, never a half."""
    new = path.with_name(f'{path.name}.{os.getpid()}')
    new.write_text(text, encoding='utf-8')
    os.replace(new, path)
