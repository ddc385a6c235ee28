"""Predictions drawn on their images."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from ..images import write_image
from ..visualization import draw_landmarks
from .items import Item


def drawing_names(items: Sequence[Item]) -> dict[str, str]:
    """Where each item's drawing lies below its folder, by key: as the images lie to each other."""
    split = {item.image: [part for part in re.split(r'[\\/]+', os.path.normpath(item.image))
                          if part not in ('', '..') and not part.endswith(':')] for item in items}
    common = len(os.path.commonprefix([parts[:-1] for parts in split.values()]))
    names, taken = {}, set()
    for item in items:
        name = stem = '/'.join(split[item.image][common:])
        number = 1
        while name in taken:
            number += 1
            name = f'{stem}#{number}'
        taken.add(name)
        names[item.key] = f'{name}.png'
    return names


def draw_prediction(path: Path, image: np.ndarray, landmarks: Mapping[str, Sequence[float]],
                    colors: Mapping[str, Sequence[int]]) -> None:
    """Write an image with its landmarks.

    Args:
        path: To write; its folder is made.
        image: (H, W, 3) uint8, BGR.
        landmarks: x, y and score by name.
        colors: RGB by name.

    Raises:
        OSError: It cannot be written.
    """
    points = np.array(list(landmarks.values()))
    drawn = draw_landmarks(image, points[:, :2], np.full(len(points), 2), np.array([colors[n] for n in landmarks]))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, drawn)
