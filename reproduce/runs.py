"""Trainings and their tests, read from the work folders of MMEngine's runner.

Both leave <timestamp>/vis_data/config.py, the config as it ran; a training also vis_data/scalars.json and, in the work
folder, last_checkpoint; a test also <timestamp>/<timestamp>.json, its metrics.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from pcloss_mmpose.configs import package_folder, read_dumped_config

TOOLS = package_folder('pcloss_mmpose') / 'tools'
#: The parts of a config that decide what a training or a test yields.
TRAINING = ('train_cfg', 'model', 'optim_wrapper', 'param_scheduler', 'train_dataloader', 'custom_hooks', 'load_from')
TEST = ('model', 'test_dataloader', 'test_evaluator')
#: Keys in them that do not: where files lie, and how fast they are read. Batches are compared as images a step.
FREE = {'backend_args', 'batch_size', 'checkpoint', 'data_prefix', 'data_root', 'num_workers', 'persistent_workers',
        'pin_memory', 'prefetch_factor', 'val_interval'}
FILES = {'ann_file', 'bbox_file'}  # only the name counts, not the folder
STATES = ('tested', 'trained', 'unfinished', 'other')  # 'trained': no test counts; 'other': with other settings
WEIGHT = 'model.head.pc_loss.loss_weight'
WEIGHT_PER_BETA = 128**2 / 100**2  # for heatmaps (docs/loss.md, "Units")


class Run(NamedTuple):
    """A training and the test of its last checkpoint: one of STATES, and why it does not count or what was measured."""

    folder: Path
    state: str
    problem: str = ''
    metrics: Mapping[str, float] = {}


def averages(runs: Iterable[Run]) -> list[float]:
    """The figure that is compared with the paper's, of each run that is tested."""
    return [run.metrics['average'] for run in runs if run.state == 'tested']


def read_metrics(path: Path) -> dict[str, float]:
    """The metrics of a test in percent, NE_macro or COCO's AP also as ``average``; empty where the file is broken."""
    try:
        metrics = {name: value * (100 if name.startswith('coco/') else 1)
                   for name, value in json.loads(path.read_text()).items()
                   if isinstance(value, (int, float)) and 0 <= value < float('inf')}  # COCO's -1: nothing to measure
    except (AttributeError, ValueError):
        return {}
    average = metrics.get('NE_macro', metrics.get('coco/AP'))
    return metrics if average is None else {**metrics, 'average': average}


def settings(config: Any, parts: Iterable[str]) -> dict[str, str]:
    """What decides the result, as flat names and values: ``{'train_cfg.max_iters': '100000', ...}``."""
    chosen = {part: None if part == 'load_from' and config.get('resume') else config.get(part) for part in parts}
    if isinstance(chosen.get('test_evaluator'), list):  # `test.py --dump` adds one that measures nothing
        first, *others = [each for each in chosen['test_evaluator'] if not each['type'].startswith('Dump')]
        chosen.update(test_evaluator=[first, *others] if others else first)
    return flatten(chosen)


def flatten(value: Any, path: tuple[str, ...] = ()) -> dict[str, str]:
    if isinstance(value, (Mapping, list, tuple)):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        return {name: leaf for key, item in items if key not in FREE
                for name, leaf in flatten(item, (*path, str(key))).items()}
    return {'.'.join(path): repr(Path(value).name if FILES.intersection(path) and isinstance(value, str) else value)}


def differences(found: Any, expected: Any, parts: Iterable[str]) -> str:
    """What differs between the settings of two configs, in words, the first three; empty where nothing does."""
    found, expected = settings(found, parts), settings(expected, parts)
    lines = [f"{name} is {found.get(name, 'not set')} instead of {expected.get(name, 'not set')}"
             for name in {**expected, **found} if found.get(name) != expected.get(name)]
    return '; '.join(lines[:3] + [f'and {len(lines) - 3} more'] * (len(lines) > 3))


def find_tests(roots: Iterable[Path]) -> dict[str, list[tuple[Path, Any]]]:
    """Metrics file and config of every test under ``roots``, oldest first, by the checkpoint that it loaded."""
    tests = defaultdict(list)
    folders = {path.parents[1] for root in roots for path in root.rglob('vis_data/config.py')}
    for folder in sorted(folders, key=lambda folder: folder.name):
        metrics = folder / f'{folder.name}.json'
        config = read_dumped_config(folder / 'vis_data/config.py') if metrics.is_file() else {}
        checkpoint, started = config.get('load_from'), config.get('work_dir', '.')
        if checkpoint and not os.path.isabs(checkpoint) and not os.path.isabs(started):  # from one folder, not known
            checkpoint = os.path.join(folder.parent, os.path.relpath(checkpoint, started))
        if checkpoint:
            tests[os.path.realpath(checkpoint)].append((metrics, config))
    return tests


def final_checkpoint(config: Any) -> str:
    """Name of the checkpoint that a training of this config ends with."""
    loop = config['train_cfg']
    return f"iter_{loop['max_iters']}.pth" if 'max_iters' in loop else f"epoch_{loop['max_epochs']}.pth"


def training_changes(training: Path, expected: Any) -> str:
    """What a training did in another way than its config says, in words; empty where nothing."""
    config, log = read_dumped_config(training / 'vis_data/config.py'), training / f'{training.name}.log'
    processes = re.search(r'GPU number: (\d+)', log.read_text(errors='replace') if log.is_file() else '')
    images = config.train_dataloader.batch_size * int(processes.group(1)) if processes else None
    meant = expected.get('auto_scale_lr', {}).get('base_batch_size', images)
    return differences(config, expected, TRAINING) or (
        '' if images in (None, meant) else f'{images} images a step, not {meant}: set train_dataloader.batch_size')


def read_run(folder: Path, expected: Any, tests: Mapping[str, Sequence[tuple[Path, Any]]]) -> Run:
    """What became of the training in a work folder, as a run of the config ``expected``; ``tests`` may be of others."""
    trainings = sorted(path.parents[1] for path in folder.glob('*/vis_data/scalars.json'))
    for training in trainings:  # an earlier one may have made the weights, or those that a later one resumed
        changed = training_changes(training, expected)
        if changed:
            return Run(folder, 'other', f'trained with other settings: {changed} (the training of {training.name})')
    pointer, final = folder / 'last_checkpoint', final_checkpoint(expected)
    reached = Path(pointer.read_text().strip()).name if pointer.is_file() else 'no checkpoint'
    if pointer.is_file() and not trainings:
        return Run(folder, 'other', 'no <timestamp>/vis_data/scalars.json shows how it was trained')
    if reached != final:
        return Run(folder, 'unfinished', f'training ended at {reached}, before {final}')
    run = Run(folder, 'trained', 'its last checkpoint is not tested yet')
    for path, config in tests.get(os.path.join(os.path.realpath(folder), final), ()):
        changed, metrics = differences(config, expected, TEST), read_metrics(path)
        if path.stem > trainings[-1].name and not changed and 'average' in metrics:
            run = Run(folder, 'tested', '', metrics)
        elif path.stem > trainings[-1].name and run.state == 'trained':
            run = run._replace(problem=f'tested with other settings: {changed}' if changed else
                               f'{path}: half-written, or without NE_macro and coco/AP; test again')
    return run


def find_runs(roots: Iterable[Path], configs: Mapping[str, Any]) -> dict[tuple[str, float | None], list[Run]]:
    """The runs under ``roots`` by the name of their config and their beta, which is None outside of a sweep."""
    tests, runs = find_tests(roots), defaultdict(list)
    for folder in sorted({path.parents[2] for root in roots for path in root.rglob('vis_data/scalars.json')}):
        for name in sorted(path.stem for path in folder.glob('*.py') if path.stem in configs):
            swept = re.fullmatch(r'beta_(\d+(?:\.\d+)?e-?\d+)', folder.name)
            beta = float(swept.group(1)) if swept and configs[name].model.head.get('pc_loss') else None
            runs[name, beta].append(read_run(folder, with_beta(configs[name], beta), tests))
    return runs


def beta_name(beta: float) -> str:
    """``2e-4`` for 0.0002."""
    mantissa, exponent = f'{beta:e}'.split('e')
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def with_beta(config: Any, beta: float | None) -> Any:
    """A config with the loss_weight that stands for the paper's beta (beta itself without heatmaps), or as it is."""
    config = copy.deepcopy(config)
    if beta is not None:
        config.model.head.pc_loss.loss_weight = beta * (WEIGHT_PER_BETA if 'integral' in config.model.head else 1.)
    return config


def commands(run: Run, path: Path, config: Any, gpus: int, options: Sequence[str]) -> list[list[str]]:
    """What is still to be run until a run counts: its training and its test, its test alone, or nothing."""
    options = [str(gpus), '--work-dir', str(run.folder), *(['--cfg-options', *options] if options else [])]
    train = ['bash', os.path.relpath(TOOLS / 'dist_train.sh'), os.path.relpath(path), *options]
    train += ['--resume'] * (run.folder / 'last_checkpoint').is_file()
    checkpoint = str(run.folder / final_checkpoint(config))
    test = ['bash', os.path.relpath(TOOLS / 'dist_test.sh'), os.path.relpath(path), checkpoint, *options]
    return {'tested': [], 'trained': [test]}.get(run.state, [train, test])
