"""Predictions drawn on their images."""

from __future__ import annotations

import os
import re
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

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


def in_threads(function: Callable, batches: Iterable[Iterable[tuple]], threads: int) -> Iterator[list[Any]]:
    """Call a function with the arguments in each batch, while the next batch comes; what it returns, batch by batch.

    Threads serve for what decodes, draws, encodes and writes: Python lets others run meanwhile. They begin with the
    first batch, behind a data loader's processes: a fork with threads about can hang.

    Args:
        function: Is called in the threads; what it raises is raised when its batch's turn comes, and nothing more is
            begun.
        batches: Of tuples of arguments.
        threads: 0: it is called here.
    """
    if not threads:
        yield from ([function(*arguments) for arguments in batch] for batch in batches)
        return
    waiting: deque = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for batch in batches:
            waiting.append([pool.submit(function, *arguments) for arguments in batch])
            if len(waiting) > 1:
                yield [future.result() for future in waiting[0]]
                waiting.popleft()
        for futures in waiting:
            yield [future.result() for future in futures]
    finally:
        for futures in waiting:
            for future in futures:
                future.cancel()
        pool.shutdown()
