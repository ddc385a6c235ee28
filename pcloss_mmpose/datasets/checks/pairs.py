"""Whether a metainfo has the flip pairs that its landmarks' names suggest."""

from __future__ import annotations

from typing import Iterator, Mapping

from ...metainfo import landmark_names, left_right_pairs, likely_pairs
from .report import Finding

MOST, FEW = 30, 6  # pairs, or landmarks without one, that are all shown; examples of more


def describe_pairs(metainfo: Mapping) -> str:
    """The flip pairs of a parsed metainfo, in words."""
    names = landmark_names(metainfo)
    pairs = [f'{names[left]}/{names[right]}' for left, right in left_right_pairs(metainfo)]
    alone = [names[k] for k, other in enumerate(metainfo['flip_indices']) if k == other]
    return f'flip pairs: {_listed(pairs) or "none"}' + (f'; without a pair: {_listed(alone)}' if alone else '')


def _listed(texts: list[str]) -> str:
    if len(texts) <= MOST:
        return ', '.join(texts)
    return f'{", ".join(texts[:FEW])}, and {len(texts) - FEW} more'


def pair_findings(metainfo: Mapping) -> Iterator[Finding]:
    """Pairs that the names suggest and the metainfo does not have: a flip would teach two landmarks one label."""
    names, flip = landmark_names(metainfo), metainfo['flip_indices']
    lacking = [f'{one}/{other}' for one, other in likely_pairs(names) if names[flip[names.index(one)]] != other]
    if lacking:
        yield Finding('flip pairs', f"metainfo of '{metainfo['dataset_name']}': are {', '.join(lacking)} pairs of left "
                      'and right? A flip does not swap them. Let each name the other as swap, or give them names that '
                      'say something else')
