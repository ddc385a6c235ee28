"""Which images are for training, validation and test: decided by the image's name alone."""

from __future__ import annotations

import hashlib
import re
from typing import Sequence

from ..errors import InputError

PARTS = ('train', 'val', 'test')


def part_of(name: str, percent: Sequence[int], piece: re.Pattern | None = None) -> str:
    """The part of an image, which stays the same when other images are added.

    Args:
        name: Of the image.
        percent: Shares of :data:`PARTS`, 100 together.
        piece: Where it matches, the first group, or else the match, stands for the name: images of one piece of
            clothing stay together.
    """
    match = piece.search(name) if piece else None
    key = (match.group(1) if piece.groups else None) or match.group() if match else name
    place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], 'big') % 10_000 / 100  # evenly over 0 to 100
    limit = 0
    for part, share in zip(PARTS, percent):
        limit += share
        if place < limit:
            return part
    raise ValueError(f'the shares {percent} are not 100 together')


def check_percent(percent: Sequence[int]) -> None:
    """Raise InputError unless they are two or three shares of 100."""
    if len(percent) not in (2, 3) or sum(percent) != 100 or min(percent) < 1:
        raise InputError(f"--split takes the percent of {', '.join(PARTS)}, 100 together (two numbers: no test set); "
                         f"got {' '.join(map(str, percent))}")


def check_piece(piece: re.Pattern | None, names: Sequence[str]) -> list[str]:
    """The names that a pattern does not match, if there is one; InputError where it matches none."""
    without = [name for name in names if piece and not piece.search(name)]
    if len(without) == len(names):
        raise InputError(f"--piece: '{piece.pattern}' matches no image, such as {next(iter(names))}")
    return without
