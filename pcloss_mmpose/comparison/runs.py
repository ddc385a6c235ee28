"""The list of a comparison: which runs there are, where each is, and how far it has come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from ..errors import FileFormatError, InputError
from .arms import Arm
from .config import arm_config
from .fingerprint import decisive, difference

RESULT, BEGUN = 'result.json', 'begun.json'


class Run(NamedTuple):
    """An arm with a seed."""

    number: int  #: in the list
    arm: Arm
    seed: int

    def folder(self, work_dir: Path) -> Path:
        return work_dir / self.arm.name / f'seed{self.seed}'

    def __str__(self) -> str:
        return f'{self.arm.name}, seed {self.seed}'


def list_runs(arms: Sequence[Arm], seeds: Iterable[int]) -> list[Run]:
    """Seed by seed, so that a comparison that is stopped anywhere has pairs."""
    pairs = ((arm, seed) for seed in seeds for arm in arms)
    return [Run(number, arm, seed) for number, (arm, seed) in enumerate(pairs)]


def state(run: Run, work_dir: Path) -> str:
    """'done', 'begun' or 'waiting'."""
    folder = run.folder(work_dir)
    return 'done' if (folder / RESULT).is_file() else 'begun' if (folder / BEGUN).is_file() else 'waiting'


def read_result(path: Path) -> dict[str, Any]:
    """What a run has left: ``figures``, ``share``, ``seconds``, ``landmarks``, ``config``, ``versions``.

    Raises:
        FileFormatError: The file is something else.
    """
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        if all(isinstance(value, float) for value in content['figures'].values()) and content['config']:
            return content
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise FileFormatError.at(str(path), 'no result of a run', 'Remove it, and the run is done again.')


def read_results(runs: Sequence[Run], work_dir: Path) -> dict[str, dict[int, dict]]:
    """The results that there are, by the arm's name and the seed."""
    found: dict[str, dict[int, dict]] = {}
    for run in runs:
        path = run.folder(work_dir) / RESULT
        if path.is_file():
            found.setdefault(run.arm.name, {})[run.seed] = read_result(path)
    return found


def check_unchanged(comparable_config: Any, runs: Sequence[Run], work_dir: Path) -> None:
    """Refuse a comparison whose earlier runs were of another config: old and new ones would not be pairs.

    Raises:
        InputError: A run was begun with something else; the message says with what.
    """
    for run in runs:
        path = run.folder(work_dir) / BEGUN
        if path.is_file():
            check_begun(path, decisive(arm_config(comparable_config, run.arm, run.seed)))


def check_begun(path: Path, values: Mapping[str, str]) -> None:
    """Compare what decides a run with what it was begun with; InputError where they differ."""
    try:
        begun = json.loads(path.read_text(encoding='utf-8'))
    except ValueError:
        begun = None
    if not isinstance(begun, dict):
        raise FileFormatError.at(str(path), 'not what a run begins with', 'Remove its folder.')
    changed = difference(begun, values)
    if changed:
        raise InputError(f'{path.parent} was begun with another config ({changed}): name another --work-dir, or remove '
                         'what is there')
