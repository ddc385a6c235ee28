"""Predictions as they come, in files that survive a kill: nothing written is lost, and nothing is done twice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Iterable, Iterator, Mapping, NamedTuple, Sequence

from ..errors import InputError
from ..files import write_at_once

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PARTS = 'part-*.jsonl'
RESULT = 'predictions.jsonl'
MODEL = 'model.json'


class Place(NamedTuple):
    """Where a record lies, and whether it is an error: what fails is tried again."""

    file: Path
    start: int  # byte
    broken: bool


class Journal:
    """The folder of one job: a file of JSON lines for each process, all of them together once everything is done.

    A process writes its lines to a file of its own and reads those of all when it starts; so the number of processes
    may change from one start to the next. A line that a kill has cut off is not one, and is done again.

    Args:
        folder: Is made.
        model: All that decides predictions, by name: of each name, a folder has one value, and one that holds
            predictions by another is refused. A name that the folder does not have yet is added to it.
        rank, world: Of this process.

    Raises:
        InputError: The folder is a file or holds predictions of another model, or another process writes to it under
            the same rank.
    """

    def __init__(self, folder: Path, model: Mapping, rank: int = 0, world: int = 1) -> None:
        if folder.exists() and not folder.is_dir():
            raise InputError(f'{folder} is a file: name a folder')
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.writer = folder, f'{rank}-of-{world}'
        known = self._model()
        other = [name for name, value in model.items() if known.get(name, value) != value]
        if other:
            raise InputError(f'{folder} holds predictions of another model ({MODEL} in it differs in '
                             f'{", ".join(other)}): name another folder, or remove it')
        if model.keys() - known.keys():
            write_at_once(folder / MODEL, json.dumps({**known, **model}, indent=1), self.writer)
        self.part = folder / f'part-{self.writer}.jsonl'
        self._file = self.part.open('ab+')
        if fcntl is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise InputError(f'{self.part}: another process is writing to it; start several by torchrun, which '
                                 'numbers them') from None
        drop_torn_line(self._file)

    def _model(self) -> dict:
        path = self.folder / MODEL
        if not path.is_file():
            return {}
        try:
            return dict(json.loads(path.read_text(encoding='utf-8')))
        except (ValueError, TypeError):
            raise InputError(f'{path}: not what a job writes; name another folder, or remove it') from None

    def append(self, records: Iterable[Mapping]) -> None:
        """Write records, each a dict with ``key``, to this process's file.

        Raises:
            ValueError: A record holds a number that is not finite.
        """
        self._file.write(''.join(json.dumps(record, allow_nan=False) + '\n' for record in records).encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def done(self) -> set[str]:
        """Keys of what all processes have found; broken images are not among them."""
        return {key for key, place in self._places().items() if not place.broken}

    def finish(self, keys: Sequence[str]) -> bool:
        """Write the records of the keys, in their order, to ``predictions.jsonl``, unless any is missing."""
        places = self._places()
        if not places.keys() >= set(keys):
            return False
        files = {part: part.open('rb') for part in {places[key].file for key in keys}}
        try:
            lines = (_line_at(files[places[key].file], places[key].start) for key in keys)
            write_at_once(self.folder / RESULT, lines, self.writer)
        finally:
            for file in files.values():
                file.close()
        return True

    def records(self) -> Iterator[dict]:
        """What :meth:`finish` wrote."""
        with (self.folder / RESULT).open(encoding='utf-8') as file:
            yield from map(json.loads, file)

    def _places(self) -> dict[str, Place]:
        """Of every whole line, by key: the first that is no error, or else the first.

        Raises:
            InputError: A line is not one of this class's.
        """
        places: dict[str, Place] = {}
        for part in sorted(self.folder.glob(PARTS)):
            start = 0
            with part.open('rb') as file:
                for number, line in enumerate(file, 1):
                    if not line.endswith(b'\n'):
                        break
                    try:
                        record = json.loads(line)
                        key, broken = record['key'], 'error' in record
                    except (ValueError, TypeError, KeyError):
                        raise InputError(f'{part}, line {number}: not a prediction; remove the line, and its image '
                                         'is done again') from None
                    if key not in places or (places[key].broken and not broken):
                        places[key] = Place(part, start, broken)
                    start += len(line)
        return places


def _line_at(file, start: int) -> str:
    file.seek(start)
    return file.readline().decode()


def drop_torn_line(file) -> None:
    """Cut off what stands after the last line break of a binary file."""
    file.seek(0)
    file.truncate(sum(len(line) for line in file if line.endswith(b'\n')))
