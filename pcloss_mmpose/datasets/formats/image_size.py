"""Width and height of images, from their headers alone."""

from __future__ import annotations

from typing import Iterable

from PIL import Image

from ...errors import BrokenImageError

_ORIENTATION = 0x0112  # EXIF; 5 to 8 swap width and height
_SWAPPED = (5, 6, 7, 8)


def image_size(path: str) -> tuple[int, int]:
    """Width and height in pixels of an image as it is loaded, upright, from its header.

    Raises:
        BrokenImageError: There is no such file, or it has no image's header. A truncated image is not found.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            return (height, width) if image.getexif().get(_ORIENTATION) in _SWAPPED else (width, height)
    except FileNotFoundError:
        raise BrokenImageError(path, 'no such file') from None
    except Exception as error:  # decoders raise what they like
        raise BrokenImageError(path, f'no readable image ({type(error).__name__})') from error


def image_sizes(paths: Iterable[str]) -> tuple[list[tuple[int, int]], list[BrokenImageError]]:
    """:func:`image_size` of every image that can be read, and an error for every other one."""
    sizes, broken = [], []
    for path in paths:
        try:
            sizes.append(image_size(path))
        except BrokenImageError as error:
            broken.append(error)
    return sizes, broken
