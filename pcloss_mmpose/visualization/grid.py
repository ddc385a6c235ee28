"""Pictures in a table."""

from __future__ import annotations

from typing import Iterable, Sequence

import cv2
import numpy as np

from .legend import Entry, with_legend
from .text import DARK, draw_text, drawable, shortened, text_size

HEADER, FONT = 28, 14  # heights of the titles and their letters above cells of 256; they grow with these
MARGIN = 2  # around a picture in its cell


def draw_grid(rows: Sequence[Sequence[np.ndarray]], titles: Sequence[str], cell: int = 256,
              legend: Iterable[Entry] = ()) -> np.ndarray:
    """Images of any size in a table with a title over each column, and a legend below.

    Args:
        rows: Images (H, W, 3) uint8, BGR; each row as long as ``titles``.
        titles: One a column.
        cell: Side of a cell in pixels; images are fitted into it, without a change of their shape.
        legend: Of all images.

    Returns:
        The table, uint8, BGR.

    Raises:
        ValueError: There is no row, or a row's length is not that of the titles.
    """
    if not rows or any(len(row) != len(titles) for row in rows):
        raise ValueError(f'need at least one row, and {len(titles)} images in each for the titles {list(titles)}')
    height, font = (round(value * max(1, cell / 256)) for value in (HEADER, FONT))
    header = np.full((height, cell * len(titles), 3), 255, np.uint8)
    for column, title in enumerate(drawable(titles)[0]):
        title = shortened(title, font, cell - font)
        corner = column * cell + font / 2, (height - text_size(title, font)[1]) / 2
        draw_text(header, title, corner, font, DARK, casing=None)
    table = np.vstack([header, *(np.hstack([_fit(image, cell) for image in row]) for row in rows)])
    return with_legend(table, legend, font)


def _fit(image: np.ndarray, cell: int) -> np.ndarray:
    height, width = image.shape[:2]
    scale = (cell - 2 * MARGIN) / max(height, width)
    resized = cv2.resize(image, (max(1, round(width * scale)), max(1, round(height * scale))),
                         interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    canvas = np.full((cell, cell, 3), 255, np.uint8)
    top, left = (cell - resized.shape[0]) // 2, (cell - resized.shape[1]) // 2
    canvas[top:top + resized.shape[0], left:left + resized.shape[1]] = resized
    return canvas
