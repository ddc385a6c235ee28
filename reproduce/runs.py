"""Trainings and their test results, read from the folders that MMEngine's runner writes.

    <work dir>/<stem of the config>.py
               last_checkpoint                      the path of the newest checkpoint
               <timestamp>/<timestamp>.log
               <timestamp>/<timestamp>.json         of a test: the metrics
               <timestamp>/vis_data/config.py       the config as it ran, with every option of the command line
               <timestamp>/vis_data/scalars.json    of a training: what it logged

Kept beside the tools, since importing the package means importing MMPose, which takes longer than all of this.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import warnings
from pathlib import Path
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from mmengine.config import Config

#: The parts of a config that decide what a training or a test yields.
TRAINING = ('train_cfg', 'model', 'optim_wrapper', 'param_scheduler', 'train_dataloader', 'custom_hooks')
TEST = ('model', 'test_dataloader', 'test_evaluator')
#: Keys in them that do not: where files lie, and how fast they are read. Batches are compared as images a step.
_FREE = {
    'backend_args', 'batch_size', 'checkpoint', 'data_prefix', 'data_root', 'num_workers', 'persistent_workers',
    'pin_memory', 'prefetch_factor', 'val_interval'
}
_FILES = {'ann_file', 'bbox_file'}  # only the name counts, not the folder


class RunError(ValueError):
    """A file of a run cannot be read; the message names it."""


class Test(NamedTuple):
    """A test that ended: its metrics file, its config and the checkpoint that it loaded."""

    metrics: Path
    config: dict
    checkpoint: Path


class Run(NamedTuple):
    """A training and the test of its last checkpoint.

    state: ``'tested'``, ``'trained'`` (to its end, but no test counts), ``'unfinished'``, ``'untrained'``, or
    ``'other'`` (trained with other settings than those of the config).
    """

    folder: Path
    state: str
    problem: str = ''  # why it is not tested
    checkpoint: str = ''  # name of the last one
    metrics: Mapping[str, float] = {}


def load_config(path: Path) -> dict:
    """A config, or one that a run left, as a plain dict; neither MMPose nor this package is imported.

    Raises:
        RunError: It is missing or is no config.
    """
    if not path.is_file():
        raise RunError(f'{path}: no such file')
    logging.disable(logging.INFO)  # MMEngine tells of each environment variable
    try:
        with warnings.catch_warnings():  # pkg_resources warns of itself where a base is 'mmpose::...'
            warnings.simplefilter('ignore')
            return Config.fromfile(str(path), import_custom_modules=False).to_dict()
    except Exception as error:  # the file is Python: anything may go wrong
        raise RunError(f'{path}: not a complete config ({type(error).__name__}: {error})') from error
    finally:
        logging.disable(logging.NOTSET)


def read_metrics(path: Path) -> dict[str, float]:
    """The metrics that a test wrote.

    Raises:
        RunError: The file does not hold a JSON object.
    """
    try:
        metrics = json.loads(path.read_text())
    except ValueError as error:
        raise RunError(f'{path}: broken or half-written JSON ({error}); test again') from error
    if not isinstance(metrics, dict):
        raise RunError(f'{path}: expected the metrics of a test, found {type(metrics).__name__}; test again')
    return metrics


def percent(metrics: Mapping[str, Any], name: str) -> float | None:
    """A metric in percent, None where it is missing, not finite, or COCO's -1 for nothing to measure."""
    value = metrics.get(name)
    if not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        return None
    return 100 * value if name.startswith('coco/') else value


def average(metrics: Mapping[str, Any]) -> float | None:
    """The figure that the paper's tables end with: NE_macro, or COCO's AP, in percent; None without both."""
    value = percent(metrics, 'NE_macro')
    return percent(metrics, 'coco/AP') if value is None else value


def settings(config: Mapping[str, Any], parts: Iterable[str]) -> dict[str, Any]:
    """What decides the result, as flat names and values: ``{'train_cfg.max_iters': 100000, ...}``."""
    flat = {}
    for part in parts:
        value = config.get(part)
        if part == 'test_evaluator':  # `test.py --dump` adds one that measures nothing
            evaluators = value if isinstance(value, (list, tuple)) else [value]
            value = [evaluator for evaluator in evaluators if (evaluator or {}).get('type') != 'DumpResults']
        flat.update(_flatten(value, (part, )))
    if 'train_cfg' in parts:
        flat['load_from'] = None if config.get('resume') else config.get('load_from')
    return flat


def _flatten(value: Any, path: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        return {'.'.join(path): Path(value).name if _FILES.intersection(path) and isinstance(value, str) else value}
    return {name: leaf for key, item in items if key not in _FREE
            for name, leaf in _flatten(item, (*path, str(key))).items()}


def differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """What differs between two :func:`settings`, in words, the first three; empty where nothing does."""
    def shown(of: Mapping[str, Any], name: str) -> str:
        return repr(of[name]) if name in of else 'not set'

    lines = [f'{name} is {shown(found, name)} instead of {shown(expected, name)}'
             for name in {**expected, **found} if shown(found, name) != shown(expected, name)]
    return '; '.join(lines[:3] + ([f'and {len(lines) - 3} more'] if len(lines) > 3 else []))


def processes(log: Path) -> int | None:
    """How many processes wrote a run's log, None where it does not say."""
    found = re.search(r'GPU number: (\d+)', log.read_text(errors='replace')) if log.is_file() else None
    return int(found.group(1)) if found else None


def final_checkpoint(config: Mapping[str, Any]) -> str:
    """Name of the checkpoint that a training of this config ends with."""
    loop = config['train_cfg']
    return f"iter_{loop['max_iters']}.pth" if 'max_iters' in loop else f"epoch_{loop['max_epochs']}.pth"


def last_checkpoint(folder: Path) -> str:
    """Name of the newest checkpoint of a work folder, empty where there is none."""
    pointer = folder / 'last_checkpoint'
    return Path(pointer.read_text().strip()).name if pointer.is_file() else ''


def find_work_dirs(roots: Iterable[Path]) -> list[Path]:
    """Folders under ``roots`` in which something was trained."""
    marks = [path for root in roots for path in root.rglob('last_checkpoint')]
    logs = [path.parents[1] for root in roots for path in root.rglob('vis_data/scalars.json')]
    return sorted({path.parent for path in marks + logs})


def find_tests(roots: Iterable[Path]) -> tuple[list[Test], list[str]]:
    """Tests under ``roots``, oldest first, and one line for each whose config cannot be read."""
    tests, problems = [], []
    for folder in sorted({path.parents[1] for root in roots for path in root.rglob('vis_data/config.py')}):
        metrics = folder / f'{folder.name}.json'
        if not metrics.is_file():
            continue
        try:
            config = load_config(folder / 'vis_data' / 'config.py')
        except RunError as error:
            problems.append(str(error))
            continue
        if config.get('load_from'):
            tests.append(Test(metrics, config, _tested_checkpoint(config, folder.parent)))
    return sorted(tests, key=lambda test: test.metrics.stem), problems


def _tested_checkpoint(config: Mapping[str, Any], work_dir: Path) -> Path:
    """The checkpoint that a test loaded.

    A relative path starts where the test was started, and so does that of its work folder, which is known.
    """
    checkpoint, started = config['load_from'], config.get('work_dir', '.')
    if not os.path.isabs(checkpoint) and not os.path.isabs(started):
        checkpoint = os.path.join(work_dir, os.path.relpath(checkpoint, started))
    return Path(os.path.realpath(checkpoint))


def read_run(folder: Path, expected: Mapping[str, Any], tests: Sequence[Test], images: int | None = None) -> Run:
    """What became of a training.

    Args:
        folder: Its work folder.
        expected: The config that it should be a run of.
        tests: All tests, of this run and of others, oldest first. The newest of its last checkpoint counts.
        images: Images a step, over all processes, that are expected; None: any number.
    """
    trainings = sorted(path.parents[1] for path in folder.glob('*/vis_data/scalars.json'))
    checkpoint, final = last_checkpoint(folder), final_checkpoint(expected)
    if not trainings:
        return Run(folder, 'untrained', 'no <timestamp>/vis_data/scalars.json tells what was trained')
    for training in trainings:  # an earlier one may have made the weights, or those that a later one resumed
        try:
            changed = _changed(training, expected, images)
        except RunError as error:
            return Run(folder, 'other', str(error))
        if changed:
            which = '' if training == trainings[-1] else f' (the training of {training.name})'
            return Run(folder, 'other', f'trained with other settings: {changed}{which}')
    if checkpoint != final:
        reached = checkpoint or 'no checkpoint'
        return Run(folder, 'unfinished', f'training ended at {reached}, before {final}', checkpoint)
    return _read_test(Run(folder, 'trained', '', checkpoint), expected, tests, trainings[-1].name)


def _changed(training: Path, expected: Mapping[str, Any], images: int | None) -> str:
    """What a training did in another way than its config says, in words; empty where nothing."""
    config = load_config(training / 'vis_data' / 'config.py')
    changed = differences(settings(config, TRAINING), settings(expected, TRAINING))
    if changed:
        return changed
    count, batch_size = processes(training / f'{training.name}.log'), config['train_dataloader']['batch_size']
    if images and count and count * batch_size != images:
        return (f'{count * batch_size} images a step on {count} processes, not {images} '
                '(set train_dataloader.batch_size)')
    return ''


def _read_test(run: Run, expected: Mapping[str, Any], tests: Sequence[Test], since: str) -> Run:
    """The run with the newest test that counts, or with why none does."""
    folder = os.path.realpath(run.folder)
    own = [test for test in tests if str(test.checkpoint.parent) == folder and test.metrics.stem > since]
    if not own:
        return run._replace(problem='not tested yet')
    own = [test for test in own if test.checkpoint.name == run.checkpoint] or own
    changes = [differences(settings(test.config, TEST), settings(expected, TEST)) for test in own]
    if own[-1].checkpoint.name != run.checkpoint:
        return run._replace(problem=f'tested with {own[-1].checkpoint.name}; the last checkpoint counts')
    for test, changed in zip(reversed(own), reversed(changes)):
        if not changed:
            try:
                metrics = read_metrics(test.metrics)
            except RunError as error:
                return run._replace(problem=str(error))
            if average(metrics) is None:
                return run._replace(problem=f'{test.metrics}: it has no figure under NE_macro or coco/AP; test again')
            return run._replace(state='tested', metrics=metrics)
    return run._replace(problem=f'tested with other settings: {changes[-1]}')
