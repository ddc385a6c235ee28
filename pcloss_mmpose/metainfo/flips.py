"""What a flip does with landmarks, as a parsed metainfo says it."""

from __future__ import annotations

from typing import Mapping

from ..errors import InputError
from .names import side


def check_flips(metainfo: Mapping) -> None:
    """Refuse a metainfo in which flipping twice does not give every landmark back.

    Raises:
        InputError: A landmark's partner has another partner, or none.
    """
    flip, names = metainfo['flip_indices'], metainfo['keypoint_id2name']
    for k, other in enumerate(flip):
        if flip[other] != k:
            answer = 'nothing' if flip[other] == other else f"'{names[flip[other]]}'"
            raise InputError(
                f"metainfo of '{metainfo['dataset_name']}': '{names[k]}' swaps with '{names[other]}', and "
                f"'{names[other]}' with {answer}, so that a flip would put two landmarks in one place; let the two "
                'name each other as swap')


def left_right_pairs(metainfo: Mapping) -> list[tuple[int, int]]:
    """Indices of the landmarks of each flip pair, the left one first, in ascending order.

    Names decide what is left; where they do not tell (300w, wflw, deepfashion2), the lower index is taken as left.
    """
    names, pairs = metainfo['keypoint_id2name'], sorted({tuple(sorted(pair)) for pair in metainfo['flip_pairs']})
    return [(second, first) if (side(names[first]), side(names[second])) == ('right', 'left') else (first, second)
            for first, second in pairs]
