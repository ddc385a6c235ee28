"""Boxes of garments, or of anything else, from an MMDetection model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Collection, Iterable, Iterator, Sequence

import numpy as np
from mmdet.apis import inference_detector, init_detector
from torch import nn

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
        InputError: The config is none, there is no such device, or the model has no such class.
    """

    def __init__(self, config: str | Path, checkpoint: str, classes: Sequence[str] | None = None,
                 threshold: float = 0.5, largest: bool = False, device: str | None = None) -> None:
        self.model = load_model(init_detector, load_config(config), checkpoint, choose_device(device))
        self.classes = list(self.model.dataset_meta['classes'])
        unknown = sorted(set(classes or ()) - set(self.classes))
        if unknown:
            raise InputError(f"unknown classes {', '.join(unknown)}: the detector has {', '.join(self.classes)}")
        self.taken = [self.classes.index(name) for name in classes or self.classes]
        self.threshold, self.largest = threshold, largest

    def detect(self, paths: Iterable[str]) -> Iterator[list[dict] | None]:
        """Entries of each image, the best first; None of one that cannot be read.

        An entry has ``image`` (an absolute path, so that a file of entries can lie anywhere), ``box`` (x1 y1 x2 y2),
        ``category`` (the detector's class) and ``score``.
        """
        for path in paths:
            image = read_image(path)
            place = path if '://' in path else os.path.abspath(path)
            yield None if image is None else [
                dict(image=place, box=box, category=self.classes[label], score=score)
                for box, label, score in boxes_in(self.model, image, self.taken, self.threshold, self.largest)]


def boxes_in(model: nn.Module, image: np.ndarray, classes: Collection[int], threshold: float,
             largest: bool) -> Iterator[tuple[list[float], int, float]]:
    """Boxes x1 y1 x2 y2 in pixels, inside the image, with class and score, the best first.

    Args:
        model: MMDetection's.
        image: (H, W, 3) BGR.
        classes: To take.
        threshold: Of the score.
        largest: Only the box of the largest area.
    """
    found = inference_detector(model, image).pred_instances.numpy()
    height, width = image.shape[:2]
    boxes = np.clip(found.bboxes.astype(np.float64), 0, [width, height, width, height]).round(1)
    area = (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1)
    kept = np.flatnonzero((found.scores >= threshold) & (area > 0) & np.isin(found.labels, list(classes)))
    kept = kept[np.argsort(-(area if largest else found.scores)[kept], kind='stable')]
    for index in kept[:1] if largest else kept:
        yield boxes[index].tolist(), int(found.labels[index]), round(float(found.scores[index]), 4)
