"""What landmarks are called, and what their names say about them."""

from __future__ import annotations

import re
from typing import Mapping


def side(name: str) -> str:
    """``'left'`` or ``'right'`` for a name such as cuff_left_in, L_Eye or LeftShoulder, ``''`` for any other."""
    words = {word.lower() for word in re.findall('[A-Z]?[a-z]+|[A-Z]+', name)}
    return next((word for word in ('left', 'right') if words & {word, word[0]}), '')


def mirrored(name: str) -> str:
    """Name of the landmark on the other side; the same name on the axis.

    >>> mirrored('cuff_left_in')
    'cuff_right_in'
    """
    other = {'left': 'right', 'right': 'left'}
    return '_'.join(other.get(word, word) for word in name.split('_'))


def landmark_names(metainfo: Mapping) -> list[str]:
    """Names of the landmarks of a parsed metainfo, in their order."""
    names = metainfo['keypoint_id2name']
    return [names[k] for k in range(len(names))]
