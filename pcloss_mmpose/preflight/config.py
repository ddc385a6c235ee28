"""What a config's model and evaluation do not have in common with its data, which would end a training late."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any, Callable, Iterator, Mapping, Sequence

from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import METRICS, MODELS, TRANSFORMS

from ..datasets.checks import Finding, Report, leaves
from ..errors import PclossError
from .landmarks import check_landmarks
from .losses import fit_losses
from .pipelines import check_pixels, check_targets
from .rehearsal import in_silence, monitored_figures, rehearse


def config_findings(config: Mapping[str, Any], reports: Sequence[Report]) -> list[Finding]:
    """Problems of the head, the training's pipeline and the evaluators with the data sets that were read.

    Args:
        config: Of MMPose.
        reports: Of its splits.
    """
    model = config.get('model') or {}
    head = model.get('head')
    hooks = filter(None, [*(config.get('default_hooks') or {}).values(), *(config.get('custom_hooks') or ())])
    findings = []
    if head:
        read, data = _dataset(config, 'train', reports), (config.get('train_dataloader') or {}).get('dataset') or {}
        findings += _problems('model', lambda: check_landmarks(MODELS.build(copy.deepcopy(head)), read))
        findings += _problems('train_dataloader', lambda: _check_pipeline(model, data))
        findings += _problems('model', lambda: _check_losses(head, read, data))
    for name in ('val', 'test'):
        dataset, evaluator = _dataset(config, name, reports), config.get(f'{name}_evaluator')
        if dataset is not None and evaluator:
            findings += _problems(f'{name}_evaluator', lambda dataset=dataset, evaluator=evaluator, name=name: rehearse(
                [_metric(each, dataset) for each in ([evaluator] if isinstance(evaluator, Mapping) else evaluator)],
                dataset, monitored_figures(hooks) if name == 'val' else ()))
    texts = {finding.text.partition(': ')[2]: finding for finding in reversed(findings)}  # val and test are often one
    return list(reversed(texts.values()))


def _check_pipeline(model: Mapping[str, Any], dataset: Mapping[str, Any]) -> None:
    """Compare the pipeline of one data set with the model; those of several are compared when a training begins."""
    if 'pipeline' not in dataset or {'dataset', 'datasets'} & dataset.keys():
        return
    parts = {name: MODELS.build(copy.deepcopy(model[name])) for name in ('head', 'data_preprocessor') if name in model}
    data = SimpleNamespace(pipeline=_pipeline(dataset))
    check_pixels(data)
    check_targets(SimpleNamespace(**dict(dict(data_preprocessor=None), **parts)), data)


def _check_losses(head: Mapping, dataset: BaseCocoStyleDataset | None, config: Mapping[str, Any]) -> None:
    """Compare a head's losses with the training data, which were read without the pipeline in their config."""
    built = MODELS.build(copy.deepcopy(head))
    check_landmarks(built, dataset)  # of which the losses would say the same in other words
    if dataset is not None and 'pipeline' in config and not {'dataset', 'datasets'} & config.keys():
        dataset = copy.copy(dataset)
        dataset.pipeline = _pipeline(config)
        fit_losses(built, built, dataset)


def _pipeline(config: Mapping[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(transforms=[TRANSFORMS.build(step) for step in copy.deepcopy(config['pipeline'])])


def _problems(what: str, act: Callable[[], None]) -> Iterator[Finding]:
    try:
        with in_silence():
            act()
    except Exception as error:  # what a config can get wrong has no bounds
        text = ' '.join(str(error).split())
        yield Finding(what, f'{what}: {text if isinstance(error, PclossError) else f"{type(error).__name__}: {text}"}')


def _metric(config: Mapping, dataset: BaseCocoStyleDataset) -> Any:
    metric = METRICS.build(copy.deepcopy(config))
    metric.dataset_meta = dataset.metainfo
    return metric


def _dataset(config: Mapping[str, Any], name: str, reports: Sequence[Report]) -> BaseCocoStyleDataset | None:
    """The one data set of a loader; None where it was not read, or its landmarks are converted."""
    loader = config.get(f'{name}_dataloader') or {}
    if 'KeypointConverter' in str(loader):
        return None
    own = list(leaves(loader.get('dataset') or {}))
    found = [report.dataset for report in reports if own == [report.split.config]]
    return found[0] if found else None
