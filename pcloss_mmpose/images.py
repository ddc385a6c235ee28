"""The one way to read an image: training, prediction, checks, reports and drawings all see the same pixels.

Pillow decodes, since it raises on a truncated file where OpenCV fills the missing part with grey and says nothing. What
OpenCV's ``IMREAD_COLOR`` makes of a sound file is the model for the rest: grey becomes three equal channels, a palette
its colors, transparency is dropped, EXIF turns the image upright, and of an animation or of several pages the first
counts. Unlike OpenCV, 16 bits become 8 by a division by 257 (12 bits by 4095 / 255), rounded.

An image of more pixels than :func:`pixel_limit` is refused by its header, before memory is taken for it.

Plain JPEG, which nearly all photographs are, is decoded by simplejpeg where that is installed: the same pixels in less
time (two thirds for 512x512 pixels, 0.4 for 3000x4000). What it objects to, Pillow judges.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from pathlib import Path
from typing import Any, Iterable, Iterator, NamedTuple

import cv2
import mmengine.fileio as fileio
import numpy as np
from PIL import Image, UnidentifiedImageError

from .errors import BrokenImageError, InputError
from .files import write_at_once
from .text import slash_hint

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

PIXEL_LIMIT = 'PCLOSS_MAX_PIXELS'
#: More than the 108 million of the largest common sensors, of medium format and of telephones.
DEFAULT_PIXEL_LIMIT = 120_000_000

_COLORS = ('1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'RGBX', 'RGBa', 'CMYK', 'YCbCr')
_DEEP_GREY = ('I;16', 'I;16B', 'I;16L', 'I;16N')
_REFUSED = {'F': 'floating-point numbers', 'I': 'whole numbers beyond 16 bits or with a sign', 'LAB': 'CIELAB colors'}
_OTHER_FORMAT = 'save it as JPEG, or as PNG with 8 or 16 bits'

_ORIENTATION = 0x0112  # EXIF; 5 to 8 swap width and height
_SWAPPED = (5, 6, 7, 8)
_WIDTH, _HEIGHT, _PHOTOMETRIC = 256, 257, 262  # tags of TIFF
_UPRIGHT = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels[::-1].swapaxes(0, 1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels[:, ::-1].swapaxes(0, 1),
}


def pixel_limit() -> int:
    """How many pixels an image may have: ``PCLOSS_MAX_PIXELS`` of the environment, which worker processes share.

    Raises:
        InputError: It is no whole number above 0.
    """
    text = os.environ.get(PIXEL_LIMIT, '') or str(DEFAULT_PIXEL_LIMIT)
    if not (text.isdecimal() and int(text)):
        raise InputError(f"{PIXEL_LIMIT} is '{text}': it must be a whole number above 0")
    return int(text)


class Header(NamedTuple):
    """What an image says of itself before its pixels."""

    width: int  #: as stored, before the image is turned upright
    height: int
    orientation: int | None  #: EXIF's; None where nothing is to be turned, and of TIFF, which is turned in decoding
    plain_jpeg: bool  #: 8 bits, grey or color: can be decoded at a half, a quarter and an eighth of its size

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height of the image as EXIF turns it."""
        return (self.height, self.width) if self.orientation in _SWAPPED else (self.width, self.height)


def read_image(path: str, backend_args: dict | None = None, upright: bool = True) -> np.ndarray:
    """An image from any storage that MMEngine reads: (H, W, 3) uint8, BGR. See :func:`decode_image`.

    Raises:
        BrokenImageError: The file is missing, empty, truncated, no image, too large, or of a kind that is not read.
    """
    content = read_content(path, backend_args)
    with naming(path):
        return np.ascontiguousarray(decode_image(content, upright))


def read_content(path: str, backend_args: dict | None = None) -> bytes:
    """The bytes of a file from any storage that MMEngine reads.

    Raises:
        BrokenImageError: They cannot be had.
    """
    try:
        return fileio.get(path, backend_args=backend_args)
    except Exception as error:  # remote storage raises what it likes
        reason = f'{type(error).__name__}: {error}'
        if isinstance(error, FileNotFoundError):
            reason += slash_hint(path)
        raise BrokenImageError(path, reason) from error


@contextlib.contextmanager
def naming(path: str) -> Iterator[None]:
    """A ``BrokenImageError`` from inside gets the path."""
    try:
        yield
    except BrokenImageError as error:
        raise BrokenImageError(path, error.reason) from error.__cause__


def read_header(content: bytes) -> Header:
    """The header of an image file.

    Raises:
        BrokenImageError: It is empty, no image, too large, or of a kind that is not read; without a path.
    """
    with _decoding(), _open(io.BytesIO(content)) as image:
        return Header(*image.size, _orientation(image), _is_plain_jpeg(image))


def decode_image(content: bytes, upright: bool = True, reduction: int = 1, header: Header | None = None) -> np.ndarray:
    """The pixels of an image file, (H, W, 3) uint8, BGR; where EXIF turns the image, a view of what is stored.

    Args:
        content: Of the file.
        upright: Turn the image as its EXIF data say, which is always done to a TIFF.
        reduction: 1, or, for a plain JPEG with sides of so many pixels at least, 2, 4 or 8: each pixel is the mean
            of so many squared, and the last of a line of what is left for it. Truncation is found as ever.
        header: What :func:`read_header` gives, if it is known already.

    Raises:
        BrokenImageError: It is empty, truncated, no image, too large, or of a kind that is not read; without a path.
    """
    header = header or read_header(content)
    pixels, orientation = _by_simplejpeg(content, header, reduction), header.orientation
    if pixels is None:
        with _decoding(), _open(io.BytesIO(content)) as image:
            if reduction > 1:
                image.draft(None, (image.width // reduction, image.height // reduction))
            raw_modes = [str(tile[3]) for tile in image.tile]  # before loading, which forgets them
            image.load()
            pixels, orientation = _bgr(image, raw_modes, content), _orientation(image)  # a PNG may give it last
    return _UPRIGHT[orientation](pixels) if upright and orientation in _UPRIGHT else pixels


@contextlib.contextmanager
def _decoding() -> Iterator[None]:
    """What decoders raise becomes ``BrokenImageError``."""
    try:
        yield
    except (BrokenImageError, InputError):
        raise
    except UnidentifiedImageError as error:  # it names the buffer's address
        raise BrokenImageError('', 'no image that Pillow can read') from error
    except Exception as error:  # decoders raise what they like
        raise BrokenImageError('', f'{type(error).__name__}: {error}') from error


def _by_simplejpeg(content: bytes, header: Header, reduction: int) -> np.ndarray | None:
    """BGR of a plain JPEG; None where simplejpeg is missing or objects, be it to truncation or to what Pillow reads."""
    if simplejpeg is None or not header.plain_jpeg:
        return None
    try:  # strict: libjpeg's warnings, such as that of a truncated file, are errors
        return simplejpeg.decode_jpeg(content, 'BGR', min_width=-(-header.width // reduction),
                                      min_height=-(-header.height // reduction), min_factor=reduction, strict=True)
    except ValueError:
        return None


def _is_plain_jpeg(image: Image.Image) -> bool:
    return image.format == 'JPEG' and image.mode in ('L', 'RGB')


def _orientation(image: Image.Image) -> int | None:
    # Pillow turns a TIFF as it loads, and some versions leave the tag as it was.
    return None if image.format == 'TIFF' else image.getexif().get(_ORIENTATION)


_lock = threading.Lock()
_readers: list[int | None] = []  # for each that reads now, Pillow's limit before the first came


@contextlib.contextmanager
def _open(file: Any) -> Iterator[Image.Image]:
    """An image of which the header alone was read, if it is one that is read.

    Pillow's own limit, above which it warns, or fails, is put aside meanwhile: it is one for all of a process.
    """
    with _lock:
        _readers.append(_readers[0] if _readers else Image.MAX_IMAGE_PIXELS)
        Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(file) as image:
            _refuse(image)
            yield image
    finally:
        with _lock:
            limit = _readers.pop()
            if not _readers:
                Image.MAX_IMAGE_PIXELS = limit


def _refuse(image: Image.Image) -> None:
    """Raise for what is too large, or would not be read rightly."""
    (width, height), limit = image.size, pixel_limit()
    if width * height > limit:
        raise BrokenImageError('', f'{width}x{height} are {width * height:,} pixels, more than the limit of {limit:,}: '
                               f'make it smaller, or set {PIXEL_LIMIT}={width * height} in the environment')
    if image.mode not in _COLORS and not _is_deep_grey(image):
        kind = _REFUSED.get(image.mode, 'pixels of an unknown kind')
        raise BrokenImageError('', f'{image.format} with {kind} (mode {image.mode}) is not read: {_OTHER_FORMAT}')


def _is_deep_grey(image: Image.Image) -> bool:
    """Whether the image is grey with 9 to 16 bits. For Netpbm and, in older versions, PNG, Pillow calls that 'I'."""
    return image.mode in _DEEP_GREY or (image.mode == 'I' and image.format in ('PNG', 'PPM'))


def _bgr(image: Image.Image, raw_modes: list[str], content: bytes) -> np.ndarray:
    if _is_deep_grey(image):
        grey = _eight_bits(np.asarray(image), 4095 if any('I;12' in mode for mode in raw_modes) else 65535)
        if image.format == 'TIFF' and image.tag_v2.get(_PHOTOMETRIC) == 0:  # 0 is white there; Pillow heeds 8 bits only
            grey = 255 - grey
        return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    if any(';16' in mode for mode in raw_modes):
        return _deep_color(image, content)
    if image.mode in ('P', 'PA'):
        image.info.pop('transparency', None)  # which Pillow would warn about
    elif image.mode == 'RGBa':
        image = image.convert('RGBA')
    return cv2.cvtColor(np.asarray(image if image.mode == 'RGB' else image.convert('RGB')), cv2.COLOR_RGB2BGR)


def _deep_color(image: Image.Image, content: bytes) -> np.ndarray:
    """BGR of color, or of grey with transparency, with 16 bits: Pillow keeps the upper 8 of them, OpenCV all."""
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    upper = np.asarray(image)[..., 2::-1]
    if values is None or values.dtype != np.uint16 or not np.array_equal(values[..., :3] >> 8, upper):
        raise BrokenImageError('', f'{image.format} of 16 bits a channel (mode {image.mode}) is read differently by '
                               f'OpenCV and Pillow: {_OTHER_FORMAT}')
    return _eight_bits(values[..., :3], 65535)


def _eight_bits(values: np.ndarray, largest: int) -> np.ndarray:
    """Values of 0 to ``largest``, not above 65535, as 0 to 255, rounded."""
    return ((values.astype(np.uint32) * 255 + largest // 2) // largest).astype(np.uint8)


def image_size(path: str) -> tuple[int, int]:
    """Width and height in pixels of an image as :func:`read_image` gives it, upright, from its header alone.

    Raises:
        BrokenImageError: There is no such file, it has no image's header, is too large, or of a kind that is not read.
            A truncated image is not found.
    """
    try:
        with _open(path) as image:
            size = image.size
            if image.format == 'TIFF':  # whose size some versions of Pillow have turned already
                size = image.tag_v2[_WIDTH], image.tag_v2[_HEIGHT]
            return size[::-1] if image.getexif().get(_ORIENTATION) in _SWAPPED else size
    except BrokenImageError as error:
        raise BrokenImageError(path, error.reason) from None
    except InputError:
        raise
    except FileNotFoundError:
        raise BrokenImageError(path, f'no such file{slash_hint(path)}') from None
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


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an image, (H, W, 3) uint8, BGR, at once; the ending of the path says in which format.

    Raises:
        InputError: The format cannot hold an image of this size.
        OSError: The file cannot be written.
    """
    fits, content = False, None
    with contextlib.suppress(cv2.error):  # what some versions raise where others say no
        fits, content = cv2.imencode(path.suffix, image)
    if not fits:
        raise InputError(f'{path} cannot be written: {image.shape[1]}x{image.shape[0]} pixels do not fit {path.suffix}')
    write_at_once(path, content.tobytes())
