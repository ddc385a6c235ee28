"""Predictions drawn on their images."""

from __future__ import annotations

import os
import re
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Mapping, NamedTuple, Sequence

import numpy as np

from ..images import write_image
from ..visualization import Look, draw_scored
from ..visualization.scored import HOLLOW_BELOW
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


class Style(NamedTuple):
    """How predictions are drawn."""

    names: bool = False  #: write the landmarks' names
    hollow_below: float = HOLLOW_BELOW  #: score below which a point is hollow


def draw_prediction(path: Path, image: np.ndarray, landmarks: Mapping[str, Sequence[float]], look: Look,
                    box: Sequence[float] | None = None, style: Style | None = None) -> None:
    """Write an image with its landmarks, their outline and box, and a legend below.

    Args:
        path: To write; its folder is made.
        image: (H, W, 3) uint8, BGR.
        landmarks: x, y and score by name.
        look: Of all landmarks of the model.
        box: x1 y1 x2 y2 in pixels.
        style: Names, and what is hollow; by default :class:`Style`'s own.

    Raises:
        OSError: It cannot be written.
    """
    style = style or Style()
    values = np.array([landmarks.get(name, (np.nan, np.nan, np.nan)) for name in look.names])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, draw_scored(image, values[:, :2], values[:, 2], look, box=box, names=style.names,
                                  hollow_below=style.hollow_below))


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
