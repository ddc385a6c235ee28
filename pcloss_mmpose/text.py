"""Text from other people's files: decoded, with what names of images and coordinates may hold, and shown in messages.

A leaf that imports nothing heavy.
"""

from __future__ import annotations

import os.path as osp
import re
from reprlib import Repr
from typing import Callable

from .errors import FileFormatError

#: Pixels. No image is as wide: coordinates and boxes beyond are slips, and would count as far outside unseen.
LARGEST_COORDINATE = 100_000

#: How the names of images end, in lower case.
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.jfif', '.png', '.bmp', '.gif', '.webp', '.tif', '.tiff')

#: Characters of a path, as most systems have it.
LONGEST_NAME = 4096

_shown = Repr()
_shown.maxstring, _shown.maxother, _shown.maxlist, _shown.maxtuple, _shown.maxlevel = 200, 40, 8, 8, 3

#: Control characters, line separators, the byte order mark, and halves of characters, which JSON can hold and no file
#: system takes.
_UNFIT = r'\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff'
is_name = re.compile(f'[^{_UNFIT}]{{1,{LONGEST_NAME}}}').fullmatch

#: Characters of a line about a data set.
LONGEST_LINE = 1000


def brief(value: object) -> str:
    """A value as Python writes it, with control characters visible; the middle of a long one is left out."""
    return _short(_shown.repr(value), 203)


def decode(path: str, content: bytes) -> str:
    """Text of a file: UTF-8 with or without byte order mark, and any kind of line ends, which become line feeds.

    Raises:
        FileFormatError: It is not UTF-8.
    """
    try:
        text = content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        found = 'UTF-16 text' if content[:2] in (b'\xff\xfe', b'\xfe\xff') else 'not UTF-8'
        line = len(re.findall(b'\r\n|\r|\n', content[:error.start])) + 1
        raise FileFormatError.at(path, found, 'Save it as UTF-8.', line=line) from None
    return text.replace('\r\n', '\n').replace('\r', '\n')


def name_fault(name: str) -> str:
    """What is wrong with the name of an image that is not :func:`is_name`."""
    if not name:
        return 'the image name is empty'
    if len(name) > LONGEST_NAME:
        return f'the image name has {len(name):,} characters: {brief(name)}'
    return f'the image name holds control characters: {brief(name)}'


def is_below(name: str, root: str) -> bool:
    """Whether an image that someone's file names lies below a folder.

    What has no ``..`` and starts from the folder lies below it, wherever a link in there leads: the user made it.
    Backslashes count as slashes.

    Args:
        name: The image, relative to ``root`` or not; :func:`is_name`.
        root: A folder, also on a storage (``s3://photos``); '' for the current one, '/' for any local one, and
            'https://' for any address of that kind.
    """
    name = name.replace('\\', '/')
    climbs = '..' in name and '..' in name.split('/')
    if '://' in name:
        return '://' in root and not climbs and name.startswith(osp.join(root, ''))
    if not climbs and not name.startswith('/'):
        return True
    if '://' in root:
        return not name.startswith('/') and osp.normpath(name).split('/')[0] != '..'
    if not climbs and name.startswith(osp.join(osp.abspath(root), '')):
        return True
    return osp.realpath(osp.join(root, name)).startswith(osp.join(osp.realpath(root), ''))


def root_fault(name: str, root: str) -> str:
    """What is wrong with the name of an image that is not :func:`is_below`."""
    return f"{brief(name)} is not below {root or 'the current folder'}"


def one_line(text: str) -> str:
    """``text`` without control characters, and without its middle where it is long."""
    return _short(' '.join(re.sub(f'[{_UNFIT}]', ' ', text).split()), LONGEST_LINE)


def _short(text: str, longest: int) -> str:
    half = (longest - 3) // 2
    return text if len(text) <= longest else f'{text[:half]}...{text[-half:]}'


def slash_hint(path: str) -> str:
    """What to add to the message that there is no such file."""
    return '. The path has backslashes, as Windows writes them: write slashes' if '\\' in path else ''


def with_slashes(path: str, exists: Callable[[str], bool]) -> str:
    """``path``, as long as it exists or has no backslash; else as Windows means it, where that exists."""
    if '\\' not in path or exists(path):
        return path
    slashed = path.replace('\\', '/')
    return slashed if exists(slashed) else path
