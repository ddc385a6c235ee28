"""A tested run, from the folder that ``pcloss test`` has left. It is read as data: nothing in it runs."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Mapping

from ...configs import read_dumped_config
from ...errors import InputError
from ...evaluation.predictions import read_predictions
from ...metainfo import dataset_metainfo, read_annotations
from ...unpickling import NotDataError, load
from .results import RunResults, run_results

#: What ``--dump`` writes: our own form, and MMEngine's.
PREDICTIONS = ('predictions.jsonl', 'predictions.pkl')


def load_run(folder: Path, name: str = '', threshold: float | None = None) -> RunResults:
    """Read a test's config and its predictions, and measure them as the config says.

    Args:
        folder: The test's work folder, with one of ``PREDICTIONS`` in it; the newer counts.
        name: To show; that of the folder by default.
        threshold: Of outliers, as a fraction of T, in the place of the config's.

    Raises:
        PclossError: A file is missing, cannot be read or is a program, or nothing can be measured.
    """
    found = [path for path in map(folder.joinpath, PREDICTIONS) if path.is_file()]
    if not found:
        raise InputError(f'{folder / PREDICTIONS[0]}: no such file; test again with --dump')
    path = max(found, key=lambda path: path.stat().st_mtime)
    config = read_tested_config(folder)
    options = measure_options(config)
    if threshold is not None:
        options['threshold'] = threshold
    samples, metainfo = read_predictions(path) if path.suffix == '.jsonl' else (
        unpickle_predictions(path), tested_metainfo(config['test_dataloader']['dataset'], path))
    try:
        return run_results(name or folder.resolve().name, samples, metainfo, **options)
    except (AttributeError, KeyError, IndexError, TypeError) as error:  # of options and samples that no test leaves
        raise InputError(f'{folder}: predictions and config are not of one test ({type(error).__name__}: {error}); '
                         'test again') from error


def unpickle_predictions(path: Path) -> list[dict]:
    """What MMEngine's ``DumpResults`` wrote: arrays, tensors and plain values. Anything else is refused.

    Raises:
        InputError: It is missing, cannot be read, or holds more.
    """
    try:
        with path.open('rb') as file:
            samples = load(file)
    except (NotDataError, pickle.UnpicklingError) as error:
        if isinstance(error, NotDataError) or 'weights_only' in str(error):
            reason = str(error) if isinstance(error, NotDataError) else 'it asks for more inside of a tensor'
            raise InputError(f'{path}: refused, as it holds more than predictions ({reason})') from error
        raise InputError(f'{path}: not what a test dumps ({type(error).__name__}: {error}); test again') from error
    except Exception as error:  # a broken pickle raises anything
        raise InputError(f'{path}: not what a test dumps ({type(error).__name__}: {error}); test again') from error
    if not isinstance(samples, list) or not all(isinstance(each, dict) and 'img_path' in each for each in samples):
        raise InputError(f'{path}: not what a test dumps; test again')
    return samples


def tested_metainfo(dataset: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """Metainfo of the data that a config tests on, for predictions that come without it.

    Raises:
        InputError: It is known to a program alone, which a report does not run.
    """
    try:
        metainfo = dataset_metainfo(dataset, run=False)
    except InputError as error:
        raise InputError(f'{path} does not tell its landmarks, and the config of its test does not either: {error}; '
                         f'test again with --dump {path.with_suffix(".jsonl")}, which has them') from error
    classes = read_annotations(dataset).get('categories')  # COCO's annotations have the ids of categories alone
    return dict(metainfo, **(dict(CLASSES=classes) if classes else {}))


def read_tested_config(folder: Path) -> Mapping[str, Any]:
    """The config of the newest test or training in a work folder.

    Raises:
        InputError: There is none, or it cannot be read as data.
    """
    found = sorted(folder.glob('*/vis_data/config.py'), key=lambda path: path.parent.parent.name) or sorted(
        folder.glob('*.py'))
    if not found:
        raise InputError(f'{folder}: no config in it; name the --work-dir of a test')
    config = read_dumped_config(found[-1])
    loader = config.get('test_dataloader')
    if not isinstance(loader, Mapping) or not isinstance(loader.get('dataset'), Mapping):
        raise InputError(f'{found[-1]}: it has no test_dataloader, so that nothing was tested with it')
    return config


def measure_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a config's measure: the limits of its first FailureModes, the rest of its first NormalizedError.

    Where it has only one of the two, that gives all that it has. What they print, and where, is left out.
    """
    evaluators = config.get('test_evaluator') or []
    evaluators = evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]
    options: dict[str, Any] = {}
    for name in ('FailureModes', 'NormalizedError'):  # what both have, the second decides
        first = next((dict(each) for each in evaluators
                      if isinstance(each, Mapping) and each.get('type') == name), None)
        if first is not None:
            options = {key: options[key] for key in ('threshold', 'near', 'apart') if key in options}
            options.update((key, value) for key, value in first.items()
                           if key not in ('type', 'collect_device', 'prefix', 'landmarks'))
    return options
