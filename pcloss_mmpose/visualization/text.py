"""Text on images, in whatever script it is written: OpenCV's own fonts have ASCII alone, and draw '?' for the rest."""

from __future__ import annotations

import contextlib
import sys
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Sequence

import cv2
import matplotlib
import numpy as np
from matplotlib.font_manager import findSystemFonts
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont, features

#: Latin, Greek, Cyrillic and more; it comes with matplotlib, which MMEngine needs.
FONT = str(Path(matplotlib.get_data_path(), 'fonts', 'ttf', 'DejaVuSans.ttf'))
WHITE, DARK = (255, 255, 255), (30, 30, 30)


def draw_text(image: np.ndarray, text: str, corner: Sequence[float], size: int, color: Sequence[int] = WHITE,
              casing: Sequence[int] | None = DARK) -> None:
    """Draw a line of text into an image; what goes over the edge is cut off.

    Args:
        image: (H, W, 3) uint8, BGR; is changed.
        text: Of letters that a font has (:func:`drawable`).
        corner: x, y of the left upper corner of :func:`text_size`.
        size: Of the font in pixels.
        color, casing: BGR of the letters, and of the rim around them; None: they have none.
    """
    glyphs, rim = _masks(text, size)
    left, top = (int(round(value)) for value in corner)
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + glyphs.shape[1], image.shape[1]), min(top + glyphs.shape[0], image.shape[0])
    if x1 >= x2 or y1 >= y2:
        return
    window, part = image[y1:y2, x1:x2], (slice(y1 - top, y2 - top), slice(x1 - left, x2 - left))
    if casing is not None:
        _blend(window, rim[part], casing)
    _blend(window, glyphs[part], color)


def text_size(text: str, size: int) -> tuple[int, int]:
    """Width and height in pixels of a line of text with its rim; all lines of a size have the same height."""
    height, width = _masks(text, size)[0].shape
    return width, height


def shortened(text: str, size: int, width: int) -> str:
    """The text, or as much of its beginning as fits into so many pixels, with an ellipsis behind it."""
    if text_size(text, size)[0] <= width:
        return text
    return next((short for short in (f'{text[:end].rstrip()}…' for end in range(len(text) - 1, 0, -1))
                 if text_size(short, size)[0] <= width), '…')


def drawable(names: Sequence[str]) -> tuple[list[str], str]:
    """Names as they can be drawn: one with letters that no font has is its number, from 0 on.

    Returns:
        A text for each name, and what to say about those that are numbers; '' if none is.
    """
    texts = [name if can_draw(name) else str(number) for number, name in enumerate(names)]
    numbered = [f'{text} = {name}' for text, name in zip(texts, names) if text != name]
    if not numbered:
        return texts, ''
    return texts, ('no font of this machine has the letters of these names, so that they are drawn as numbers: '
                   f'{", ".join(numbered)}. A font such as Noto Sans, where the system keeps its fonts, helps')


def warn_of_numbers(names: Sequence[str]) -> None:
    """Say on stderr which of the names will be numbers, if any."""
    text = drawable(names)[1]
    if text:
        print(f'warning: {text}', file=sys.stderr)


@lru_cache(maxsize=1024)
def can_draw(text: str) -> bool:
    """Whether a font has all letters of a text, and they are set as they must be."""
    return font_file(text) is not None and (features.check('raqm') or not _needs_shaping(text))


def _needs_shaping(text: str) -> bool:
    """Whether letters run from right to left or join: without Raqm, Pillow sets them one by one from the left."""
    return any(unicodedata.bidirectional(letter) in ('R', 'AL') or unicodedata.category(letter)[0] == 'M'
               for letter in unicodedata.normalize('NFC', text))


@lru_cache(maxsize=1024)
def font_file(text: str) -> str | None:
    """The font that has all letters of a text: matplotlib's, or else one of the system's; None where none has."""
    letters = {ord(letter) for letter in unicodedata.normalize('NFC', text) if not letter.isspace()}
    if letters <= _letters(FONT):
        return FONT
    return next((path for path in _system_fonts() if letters <= _letters(path)), None)


@lru_cache(maxsize=1)
def _system_fonts() -> list[str]:
    return sorted(findSystemFonts())


@lru_cache(maxsize=None)
def _letters(path: str) -> frozenset[int]:
    with contextlib.suppress(Exception):  # a font's file may be anything
        ImageFont.truetype(path, 12)
        return frozenset(FT2Font(path).get_charmap())
    return frozenset()


@lru_cache(maxsize=4096)
def _masks(text: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """How far each pixel is covered, (h, w) uint8: by the letters, and by letters with their rim."""
    text = unicodedata.normalize('NFC', text)
    font, rim = ImageFont.truetype(font_file(text) or FONT, size), max(1, round(size / 9))
    ascent, descent = font.getmetrics()
    left, _, right, _ = font.getbbox(text)
    mask = Image.new('L', (max(1, right - left) + 2 * rim, ascent + descent + 2 * rim))
    ImageDraw.Draw(mask).text((rim - left, rim), text, 255, font)
    glyphs = np.asarray(mask)
    return glyphs, cv2.dilate(glyphs, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1)))


def _blend(window: np.ndarray, cover: np.ndarray, color: Sequence[int]) -> None:
    part = cover[..., None].astype(np.float32) / 255
    window[:] = (window + (np.float32(color) - window) * part).round()
