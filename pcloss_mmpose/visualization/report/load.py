"""A tested run, from the folder that ``pcloss test`` has left."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Mapping

from ...configs import load_config
from ...errors import InputError
from ...metainfo import dataset_metainfo, read_annotations
from .results import RunResults, run_results

PREDICTIONS = 'predictions.pkl'


def load_run(folder: Path, name: str = '', threshold: float | None = None) -> RunResults:
    """Read a test's config and its predictions, and measure them as the config says.

    Args:
        folder: The test's work folder, with ``predictions.pkl`` in it.
        name: To show; that of the folder by default.
        threshold: Of outliers, as a fraction of T, in the place of the config's.

    Raises:
        InputError: A file is missing or cannot be read, or nothing can be measured.
    """
    samples, config = read_predictions(folder / PREDICTIONS), read_tested_config(folder)
    options = measure_options(config)
    if threshold is not None:
        options['threshold'] = threshold
    dataset = config['test_dataloader']['dataset']
    classes = read_annotations(dataset).get('categories')  # COCO's annotations have the ids of categories alone
    metainfo = dict(dataset_metainfo(dataset), **(dict(CLASSES=classes) if classes else {}))
    return run_results(name or folder.resolve().name, samples, metainfo, **options)


def read_predictions(path: Path) -> list[dict]:
    """What ``--dump`` wrote.

    Raises:
        InputError: It is missing or cannot be read.
    """
    try:
        samples = pickle.loads(path.read_bytes())
    except Exception as error:  # a broken pickle raises anything
        raise InputError(f'{path}: not what a test dumps ({type(error).__name__}: {error}); test again') from error
    if not isinstance(samples, list) or not all('img_path' in sample for sample in samples):
        raise InputError(f'{path}: not what a test dumps; test again')
    return samples


def read_tested_config(folder: Path) -> Mapping[str, Any]:
    """The config of the newest test or training in a work folder.

    Raises:
        InputError: There is none, or it cannot be read.
    """
    found = sorted(folder.glob('*/vis_data/config.py'), key=lambda path: path.parent.parent.name) or sorted(
        folder.glob('*.py'))
    if not found:
        raise InputError(f'{folder}: no config in it; name the --work-dir of a test')
    config = load_config(found[-1])
    if not (config.get('test_dataloader') or {}).get('dataset'):
        raise InputError(f'{found[-1]}: it has no test_dataloader, so that nothing was tested with it')
    return config


def measure_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a config's measure: the limits of its first FailureModes, the rest of its first NormalizedError.

    Where it has only one of the two, that gives all that it has.
    """
    evaluators = config.get('test_evaluator') or []
    evaluators = evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]
    options: dict[str, Any] = {}
    for name in ('FailureModes', 'NormalizedError'):  # what both have, the second decides
        first = next((dict(each) for each in evaluators if each.get('type') == name), None)
        if first is not None:
            options = {key: options[key] for key in ('threshold', 'near', 'apart') if key in options}
            options.update((key, value) for key, value in first.items()
                           if key not in ('type', 'collect_device', 'prefix'))
    return options
