"""What landmarks are called, and what their names say about them."""

from __future__ import annotations

import re
from typing import Mapping, NamedTuple, Sequence

from ..errors import InputError

_WORDS = re.compile(r'LEFT|RIGHT|[Ll]eft|[Rr]ight|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+').findall


class Meaning(NamedTuple):
    """What a name says, however it is written."""

    side: str  #: 'left', 'right' or ''
    part: tuple[str, ...]  #: the other words, in lower case

    @property
    def mirrored(self) -> Meaning:
        """The same part on the other side; itself on the axis."""
        return self._replace(side={'left': 'right', 'right': 'left', '': ''}[self.side])


def understand(name: str) -> Meaning:
    """Read a name: ``cuff_left_in``, ``Left-Cuff``, ``leftCuff``, ``L cuff`` and ``LCuff`` all have a side.

    >>> understand('L_Cuff').mirrored == understand('right cuff')
    True
    """
    words = [word.lower() for word in _WORDS(name)]
    for left, right in (('left', 'right'), ('l', 'r')):
        if (left in words) != (right in words):
            own = left if left in words else right
            return Meaning('left' if own == left else 'right', tuple(word for word in words if word != own))
    return Meaning('', tuple(words))


def side(name: str) -> str:
    """``'left'`` or ``'right'``, or ``''`` where the name says neither, or both."""
    return understand(name).side


def mirror_names(landmarks: Sequence[str]) -> dict[str, str]:
    """Which landmark each one becomes in a mirror, by name; one without a side stays itself.

    Raises:
        InputError: A landmark has a side, and there is none or more than one for its other side.
    """
    by_meaning: dict[Meaning, str] = {}
    for name in landmarks:
        meaning = understand(name)
        if meaning.side and meaning in by_meaning:
            raise InputError(f"the landmarks '{by_meaning[meaning]}' and '{name}' have names of the same meaning, so "
                             'that no flip pairs follow from them: rename one')
        by_meaning[meaning] = name
    mirrored = {name: by_meaning.get(meaning.mirrored, '') if meaning.side else name
                for name, meaning in ((name, understand(name)) for name in landmarks)}
    half = [name for name, other in mirrored.items() if not other]
    if half:
        raise InputError(f"half a flip pair: {', '.join(map(repr, half))} without a landmark for the other side; add "
                         'it, or take left or right out of the name')
    return mirrored


def likely_pairs(landmarks: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of landmarks, left and right, that the names suggest; also where left and right are part of a word."""
    by_text = {name.lower(): name for name in landmarks}
    by_meaning = {understand(name): name for name in landmarks}
    others = {name: by_meaning.get(understand(name).mirrored) if side(name) else
              by_text.get(name.lower().replace('left', 'right')) for name in landmarks}
    return [(name, other) for name, other in others.items()
            if other and other != name and side(name) != 'right']


def landmark_names(metainfo: Mapping) -> list[str]:
    """Names of the landmarks of a parsed metainfo, in their order."""
    names = metainfo['keypoint_id2name']
    return [names[k] for k in range(len(names))]
