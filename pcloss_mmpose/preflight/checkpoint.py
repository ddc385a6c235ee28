"""Whether a checkpoint fits the model of a runner."""

from __future__ import annotations

import logging
from typing import Any, Mapping

from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner

from ..checkpoints.fit import check_fit, landmark_difference
from ..metainfo import landmark_names
from .landmarks import converts


def check_checkpoint(runner: Runner, checkpoint: Mapping) -> None:
    """Refuse a checkpoint that does not fit a runner's model; say what of the model it does not fill.

    Raises:
        InputError: It does not fit, but for what the config's ``may_differ`` names for a training that begins with it.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    loops = [loop for loop in (runner._train_loop, runner._test_loop, runner._val_loop) if isinstance(loop, BaseLoop)]
    begins = bool(loops) and loops[0] is runner._train_loop and not runner._resume
    names = runner.cfg.get('may_differ') or []
    may_differ = ([names] if isinstance(names, str) else list(names)) if begins else None
    landmarks = data_landmarks(loops[0].dataloader.dataset) if loops else None
    name = runner._load_from or 'the checkpoint to resume'
    found = check_fit(model, checkpoint, name, landmarks, may_differ)
    left = [*(f'{weight} ({shapes})' for weight, shapes in found.reshaped.items()), *found.missing]
    if left:
        print_log(f"{name} fills the model but for these, which begin with the config's initial values, as may_differ "
                  f'allows: {", ".join(left)}', logger='current', level=logging.WARNING)
    for other in landmark_difference(checkpoint, landmarks) if begins else ():
        print_log(f'{name}: {other}', logger='current', level=logging.WARNING)


def data_landmarks(dataset: Any) -> list[str] | None:
    """Names of the landmarks of a data set; None where there are none, or its pipeline converts them."""
    if converts(dataset) or 'keypoint_id2name' not in (getattr(dataset, 'metainfo', None) or {}):
        return None
    return landmark_names(dataset.metainfo)
