"""What would end a comparison late: its heads, its data and the figure it decides by, tried before a run begins."""

from __future__ import annotations

import copy
from typing import Any, Sequence

from mmpose.registry import DATASETS, METRICS, MODELS

from ..errors import InputError
from ..preflight.landmarks import check_landmarks
from ..preflight.losses import fit_losses
from ..preflight.rehearsal import is_measurable, rehearse
from .arms import Arm
from .directions import sign


def check_metric(metric: str) -> None:
    """Raise InputError where it is not known whether more of a figure is better."""
    if sign(metric) is None:
        raise InputError(f"--metric {metric}: it is not known whether a higher '{metric}' is better; take NE, or a "
                         'figure of AP, AR, PCK, AUC, EPE, NME, outliers, duplicates or exchanged sides')


def check_runs(comparable_config: Any, arms: Sequence[Arm], metric: str) -> None:
    """Build the head of each arm and both data sets, fit the losses, and measure labels against themselves.

    Args:
        comparable_config: Of :func:`~.config.comparable`.
        arms: Of :func:`~.arms.make_arms`, with or without weights.
        metric: That decides.

    Raises:
        InputError: Something does not fit, or no evaluator gives the metric.
    """
    heads = [MODELS.build(dict(copy.deepcopy(comparable_config.model.head), structural_loss=copy.deepcopy(arm.loss)))
             for arm in arms]
    train, tested = (DATASETS.build(copy.deepcopy(comparable_config[f'{name}_dataloader'].dataset))
                     for name in ('train', 'test'))
    check_landmarks(heads[0], train)
    for arm, head in {arm.kind: (arm, head) for arm, head in zip(arms, heads)}.values():
        if arm.loss is not None and arm.share is None:  # those of a share are fitted when their weight is found
            fit_losses(head.pc_loss, head, train)
    metrics = [METRICS.build(copy.deepcopy(each)) for each in comparable_config.test_evaluator]
    for each in metrics:
        each.dataset_meta = tested.metainfo
    if is_measurable(tested):
        rehearse(metrics, tested, [metric])
