"""Groups of landmarks for PCLoss, named after the garment's sides (the paper's section 3.4)."""

from __future__ import annotations

from typing import Mapping, Sequence

from ...errors import InputError
from ...metainfo import left_right_pairs, load_metainfo

Groups = Sequence[Sequence[int]]

_INSTEAD = 'use partition=None for one group, or lists of landmark indices such as partition=[[0, 1, 2], [2, 3, 4]]'


def partition_from_metainfo(metainfo: Mapping, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Index groups of a parsed metainfo.

    ``'left_right'`` is the paper's skeleton-like split: of each flip pair the left landmark goes to the first group
    and the right one to the second, an unpaired landmark to both. Names decide what is left; where they do not tell
    (300w, wflw, deepfashion2), the lower index of the pair is taken as left. ``'top_bottom'`` is the paper's other
    split: upper_body_ids and lower_body_ids.

    Args:
        metainfo: What MMPose's ``parse_pose_metainfo`` returns, also every dataset's ``metainfo``.
        name: ``'left_right'`` or ``'top_bottom'``.

    Returns:
        Two ascending tuples of landmark indices.

    Raises:
        InputError: The name is unknown, the data set has no flip pairs, or a group would be empty.
    """
    dataset = metainfo.get('dataset_name')
    if name == 'left_right':
        pairs = left_right_pairs(metainfo)
        if not pairs:
            raise InputError(f"partition 'left_right': the data set '{dataset}' has no flip pairs; {_INSTEAD}")
        lefts, rights = zip(*pairs)
        shared = set(range(metainfo['num_keypoints'])).difference(lefts, rights)
        groups = tuple(sorted(shared.union(lefts))), tuple(sorted(shared.union(rights)))
    elif name == 'top_bottom':
        groups = tuple(metainfo['upper_body_ids']), tuple(metainfo['lower_body_ids'])
        for ids, key in zip(groups, ('upper_body_ids', 'lower_body_ids')):
            if not ids:
                raise InputError(f"partition 'top_bottom': the data set '{dataset}' has no {key}; {_INSTEAD}")
    else:
        raise InputError(f"partition must be 'left_right', 'top_bottom', lists of indices or None, got '{name}'")
    return groups


def groups_of(partition: str | Groups | None, metainfo: str | Mapping | None) -> Groups | None:
    """The groups that a loss's option ``partition`` stands for; None for one of all landmarks.

    Args:
        partition: None, lists of landmark indices, or a name that :func:`partition_from_metainfo` knows.
        metainfo: Where a name is looked up, as :func:`~pcloss_mmpose.metainfo.load_metainfo` takes it.

    Raises:
        InputError: A name comes without metainfo, or the groups cannot be made.
    """
    if isinstance(partition, str):
        if metainfo is None:
            raise InputError(f"partition '{partition}' needs metainfo, such as metainfo='CocoDataset'")
        return partition_from_metainfo(load_metainfo(metainfo), partition)
    if partition is not None:
        check_groups(partition)
    return partition


def check_groups(groups: Groups, num_landmarks: int | None = None) -> None:
    """Raise InputError unless ``groups`` are lists of distinct indices, each from 0 and below ``num_landmarks``."""
    if len(groups) == 0:
        raise InputError('a partition needs at least one group; for one group of all landmarks use None')
    for group in groups:
        if not isinstance(group, Sequence) or isinstance(group, str):
            raise InputError(f'a partition is a list of lists of landmark indices, got {groups!r}')
        if len(group) == 0:
            raise InputError(f'a partition must not have an empty group, got {groups}')
        if len(set(group)) != len(group):
            raise InputError(f'a group must not name a landmark twice, got {list(group)}')
        for index in group:
            if not isinstance(index, int) or isinstance(index, bool) or index < 0:
                raise InputError(f'a partition holds landmark indices from 0, got {index!r}')
            if num_landmarks is not None and index >= num_landmarks:
                raise InputError(f'partition index {index} is out of range: there are {num_landmarks} landmarks, '
                                 f'0 to {num_landmarks - 1}')
