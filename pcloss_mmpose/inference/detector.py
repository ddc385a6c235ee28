"""Boxes of garments, or of anything else, from an MMDetection model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, Sequence

import numpy as np
from mmdet.apis import inference_detector, init_detector
from mmdet.models.detectors.base import BaseDetector

from ..configs import config_errors, load_config
from ..errors import BrokenImageError, InputError
from ..images import read_image
from .predictor import choose_device, load_model


class Boxes(NamedTuple):
    """The N boxes that were taken of an image."""

    corners: np.ndarray  #: (N, 4) x1 y1 x2 y2 in pixels
    scores: np.ndarray  #: (N,)
    labels: np.ndarray  #: (N,) which of the detector's classes


class Detector:
    """An MMDetection model, and what is taken of what it finds.

    Args:
        config: File of the detector's config.
        checkpoint: Path or address.
        classes: Names of the classes to take; None: all.
        threshold: Of the score.
        largest: Take only the box of the largest area.
        device: By default as :func:`~.predictor.choose_device` says.

    Raises:
        InputError: The config or the checkpoint cannot be used, or the model has no such class.
    """

    def __init__(self, config: str | Path, checkpoint: str, classes: Sequence[str] | None = None,
                 threshold: float = 0.5, largest: bool = False, device: str | None = None) -> None:
        with config_errors(config):
            self.model = load_model(init_detector, load_config(config), checkpoint, choose_device(device))
        if not isinstance(self.model, BaseDetector):
            raise InputError(f'{config}: its model is a {type(self.model).__name__}, and no detector of MMDetection')
        self.names = list(self.model.dataset_meta['classes'])
        unknown = sorted(set(classes or ()) - set(self.names))
        if unknown:
            raise InputError(f"unknown classes {', '.join(unknown)}: the detector has {', '.join(self.names)}")
        self.taken = [self.names.index(name) for name in classes or self.names]
        self.threshold, self.largest = threshold, largest

    def boxes(self, path: str, decimals: int = 1) -> Boxes | None:
        """What is found on an image, rounded, the best first (the largest, if only that is asked for); None if it
        cannot be read. Boxes are inside the image and have an area."""
        try:
            image = read_image(path)
        except BrokenImageError:
            return None
        found = inference_detector(self.model, image).pred_instances.numpy()
        height, width = image.shape[:2]
        corners = np.clip(found.bboxes.astype(np.float64), 0, [width, height, width, height]).round(decimals)
        area = (corners[:, 2:] - corners[:, :2]).clip(0).prod(axis=1)
        kept = np.flatnonzero((found.scores >= self.threshold) & (area > 0) & np.isin(found.labels, self.taken))
        kept = kept[np.argsort(-(area if self.largest else found.scores)[kept], kind='stable')]
        kept = kept[:1] if self.largest else kept
        return Boxes(corners[kept], found.scores[kept], found.labels[kept])

    def detect(self, path: str) -> list[dict] | None:
        """What :meth:`boxes` gives, as a list.

        An entry has ``image`` (an absolute path, so that a file of entries can lie anywhere), ``box`` (x1 y1 x2 y2 in
        pixels), ``category`` (the detector's class) and ``score``.
        """
        found = self.boxes(path)
        place = path if '://' in path else os.path.abspath(path)
        return found and [
            dict(image=place, box=box, category=self.names[label], score=round(float(score), 4))
            for box, score, label in zip(found.corners.tolist(), found.scores, found.labels)]
