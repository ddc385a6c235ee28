"""What colors and marks of a drawing mean, in a strip below it."""

from __future__ import annotations

from functools import lru_cache
from typing import Iterable, NamedTuple, Sequence

import cv2
import numpy as np

from ..metainfo import side
from .landmarks import BOX_COLOR, DARK, FILLED, HOLLOW, WHITE, Look, draw_line, draw_point, sizes
from .text import draw_text, shortened, text_size

NARROWEST = 160  # pixels of a strip; a narrower picture gets white beside it
SWATCHES = 3  # colors of a side that are shown
GREY = (128, 128, 128)


_side = lru_cache(maxsize=4096)(side)


class Entry(NamedTuple):
    """A mark and what it means."""

    text: str
    mark: str = 'filled'  #: 'filled', 'hollow', 'truth' or 'box'
    colors: tuple[tuple[int, ...], ...] = (GREY, )  #: BGR, of a point each


def entries(look: Look, states: Sequence[np.ndarray], hollow: str, truth: bool = False, box: bool = False
            ) -> list[Entry]:
    """The legend of drawings that :func:`~.landmarks.draw_landmarks` made: of what is on any of them, and no more.

    A side gets its colors where no landmark of another side has them, so that the color alone tells the side.

    Args:
        look: That of all drawings.
        states: (K,) of each drawing, 0 not drawn, 1 hollow, 2 filled.
        hollow: What a hollow point means.
        truth: Whether there are lines to the true places.
        box: Whether there are boxes.
    """
    drawn = np.zeros(len(look.names), dtype=bool)
    for each in states:
        drawn |= each > 0
    of_side: dict[str, dict[tuple[int, ...], None]] = {}
    for k in np.flatnonzero(drawn):
        of_side.setdefault(_side(look.names[k]), {})[tuple(int(value) for value in look.colors[k][::-1])] = None
    legend = []
    for name, text in (('left', 'left'), ('right', 'right'), ('', 'middle')):
        others = {color for other, colors in of_side.items() if other != name for color in colors}
        own = [color for color in of_side.get(name, ()) if color not in others]
        if own and of_side.keys() != {''}:
            chosen = np.unique(np.linspace(0, len(own) - 1, SWATCHES).round().astype(int))
            legend.append(Entry(text, colors=tuple(own[index] for index in chosen)))
    if any((each == HOLLOW).any() for each in states):
        legend.append(Entry(hollow, 'hollow'))
    return legend + [Entry('true place', 'truth')] * truth + [Entry('box', 'box')] * box


def with_legend(picture: np.ndarray, legend: Iterable[Entry], font: int | None = None) -> np.ndarray:
    """A picture, (H, W, 3) uint8, BGR, above its legend; unchanged where that is empty.

    ``font`` is the height of the letters in pixels; by default it goes with the picture.
    """
    whole, place = above_legend(picture.shape, legend, font)
    place[:] = picture
    return whole


def above_legend(shape: Sequence[int], legend: Iterable[Entry], font: int | None = None
                 ) -> tuple[np.ndarray, np.ndarray]:
    """A canvas with a legend at its lower edge, and the view of it that takes a picture, (height, width, 3)."""
    legend, (height, width) = tuple(legend), shape[:2]
    if not legend:
        whole = np.empty((height, width, 3), np.uint8)
        return whole, whole
    strip = _strip(legend, max(width, NARROWEST), font or sizes(shape).font)
    whole = np.empty((height + len(strip), strip.shape[1], 3), np.uint8)
    whole[:height, width:], whole[height:] = WHITE, strip
    return whole, whole[:height, :width]


@lru_cache(maxsize=64)
def _strip(legend: tuple[Entry, ...], width: int, font: int) -> np.ndarray:
    line, unit = text_size('x', font)[1], font
    rows: list[list[tuple[Entry, str, int]]] = [[]]
    at = unit // 2
    for entry in legend:
        marks = unit * (len(entry.colors) + (entry.mark == 'truth')) + unit // 3
        text = shortened(entry.text, font, width - marks - unit)
        room = marks + text_size(text, font)[0] + unit
        if rows[-1] and at + room > width:
            rows.append([])
            at = unit // 2
        rows[-1].append((entry, text, at))
        at += room
    strip = np.full((round(line * (len(rows) + 0.4)), width, 3), 255, np.uint8)
    for number, row in enumerate(rows):
        top = round(line * (number + 0.2))
        for entry, text, left in row:
            end = _draw_mark(strip, entry, left, top + line / 2, unit)
            draw_text(strip, text, (end + unit // 3, top), font, DARK, casing=None)
    strip.flags.writeable = False
    return strip


def _draw_mark(strip: np.ndarray, entry: Entry, left: float, middle: float, unit: int) -> float:
    """Draw an entry's mark; returns where it ends."""
    radius = unit / 3.2
    width = max(1, round(radius / 3))
    if entry.mark == 'box':
        cv2.rectangle(strip, (round(left), round(middle - radius)), (round(left + unit), round(middle + radius)),
                      BOX_COLOR, width)
        return left + unit
    if entry.mark == 'truth':
        draw_line(strip, (left + radius, middle), (left + 2 * unit - radius, middle), WHITE, width)
        draw_point(strip, (left + radius, middle), FILLED, WHITE, max(2, radius / 2))
        draw_point(strip, (left + 2 * unit - radius, middle), FILLED, GREY, radius)
        return left + 2 * unit
    for number, color in enumerate(entry.colors):
        state = FILLED if entry.mark == 'filled' else HOLLOW
        draw_point(strip, (left + (number + 0.5) * unit, middle), state, color, radius)
    return left + unit * len(entry.colors)
