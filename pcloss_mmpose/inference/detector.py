"""Boxes of garments, or of anything else, from an MMDetection model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Sequence

import numpy as np
from mmdet.apis import inference_detector, init_detector

from ..configs import load_config
from ..errors import InputError
from ..visualization import read_image
from .predictor import choose_device, load_model


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
        self.model = load_model(init_detector, load_config(config), checkpoint, choose_device(device))
        self.names = list(self.model.dataset_meta['classes'])
        unknown = sorted(set(classes or ()) - set(self.names))
        if unknown:
            raise InputError(f"unknown classes {', '.join(unknown)}: the detector has {', '.join(self.names)}")
        self.taken = [self.names.index(name) for name in classes or self.names]
        self.threshold, self.largest = threshold, largest

    def detect(self, path: str) -> list[dict] | None:
        """What is found on an image, the best first; None if it cannot be read.

        An entry has ``image`` (an absolute path, so that a file of entries can lie anywhere), ``box`` (x1 y1 x2 y2 in
        pixels, inside the image), ``category`` (the detector's class) and ``score``.
        """
        image = read_image(path)
        if image is None:
            return None
        found = inference_detector(self.model, image).pred_instances.numpy()
        height, width = image.shape[:2]
        boxes = np.clip(found.bboxes.astype(np.float64), 0, [width, height, width, height]).round(1)
        area = (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1)
        kept = np.flatnonzero((found.scores >= self.threshold) & (area > 0) & np.isin(found.labels, self.taken))
        kept = kept[np.argsort(-(area if self.largest else found.scores)[kept], kind='stable')]
        place = path if '://' in path else os.path.abspath(path)
        return [dict(image=place, box=boxes[index].tolist(), category=self.names[found.labels[index]],
                     score=round(float(found.scores[index]), 4)) for index in (kept[:1] if self.largest else kept)]
