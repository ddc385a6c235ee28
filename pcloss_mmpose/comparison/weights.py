"""The loss_weight that gives a loss the wanted share of the gradient, found once for a comparison."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Callable, Sequence

from ..calibration import gradient_ratios, weight_of
from ..errors import FileFormatError, InputError
from ..files import write_at_once
from .arms import BASE, Arm
from .config import arm_config
from .fingerprint import decisive, digest

CALIBRATION = 'calibration.json'


def weighted(arms: Sequence[Arm], ratios: dict[str, float]) -> list[Arm]:
    """The arms, with a loss_weight for each share.

    Args:
        arms: Of :func:`~.arms.make_arms`.
        ratios: Gradient of each loss at weight 1 over that of the head's own, by the loss's name.

    Raises:
        InputError: A loss has no gradient, so that no weight gives it a share.
    """
    found = []
    for arm in arms:
        if arm.share is not None:
            ratio = ratios[arm.kind]
            if not 0 < ratio < math.inf:
                raise InputError(f'{arm.name}: no weight gives it a share, as its gradient is {ratio:g} times that of '
                                 "the head's own loss")
            arm = arm._replace(loss=dict(arm.loss, loss_weight=weight_of(arm.share, ratio, digits=3)))
        found.append(arm)
    return found


def missing(arms: Sequence[Arm], known: dict[str, float]) -> dict[str, dict]:
    """The losses, by name, whose ratio is needed and not known."""
    return {arm.kind: arm.loss for arm in arms if arm.share is not None and arm.kind not in known}


def read_ratios(comparable_config: Any, arms: Sequence[Arm], work_dir: Path) -> dict[str, float]:
    """What an earlier start has measured.

    Raises:
        InputError: It was of another config.
        FileFormatError: The file is something else.
    """
    path = work_dir / CALIBRATION
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        ratios, losses, config = content['ratios'], content['losses'], content['config']
    except (ValueError, TypeError, KeyError):
        raise FileFormatError.at(str(path), 'not what a calibration writes', 'Remove it.') from None
    own = {arm.kind: arm.loss for arm in arms if arm.share is not None}
    changed = [kind for kind in own if kind in losses and losses[kind] != json.loads(json.dumps(own[kind]))]
    if own and (changed or config != digest(decisive(comparable_config))):
        raise InputError(f'{path} was measured with another config: name another --work-dir, or remove what is there')
    return ratios


def measure_ratios(comparable_config: Any, arms: Sequence[Arm], known: dict[str, float], work_dir: Path,
                   progress: Callable[[int, int], None] = lambda done, total: None) -> dict[str, float]:
    """Measure what is missing, and keep it: the ratios of all.

    Args:
        comparable_config: Of :func:`~.config.comparable`.
        arms: Of which some have a share.
        known: Of :func:`read_ratios`.
        work_dir: Of the comparison.
        progress: Called after each step of the training with the steps that are done, and all.
    """
    wanted = missing(arms, known)
    if not wanted:
        return known
    config = arm_config(comparable_config, Arm(BASE, None, BASE), seed=0)
    ratios = {**known, **gradient_ratios(config, wanted, progress=progress)}
    losses = {arm.kind: arm.loss for arm in arms if arm.share is not None}
    path = work_dir / CALIBRATION
    if path.is_file():
        losses = {**json.loads(path.read_text(encoding='utf-8'))['losses'], **losses}
    content = dict(ratios=ratios, losses=losses, config=digest(decisive(comparable_config)))
    work_dir.mkdir(parents=True, exist_ok=True)
    write_at_once(path, json.dumps(content, indent=1))
    return ratios
