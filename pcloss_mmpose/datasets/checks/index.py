"""Every row of a data set, read once."""

from __future__ import annotations

from collections import Counter
from typing import Callable, Iterable, NamedTuple, Sequence

import numpy as np
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from ...metainfo import raw_category
from .releases import ROWS
from .rows import Row, at_origin, read_row

#: Wraps what is looped over, to show how far it is: items and what they are.
Track = Callable[[Sequence, str], Iterable]


class Index(NamedTuple):
    """What the rows of a data set say, without their images."""

    rows: dict[str, list[int]]  #: of each image, by its path
    counts: Counter  #: number of rows: :data:`ROWS`, and by name of category
    labelled: Counter  #: number of rows that label each landmark, by its id
    at_origin: list[Row]  #: with a landmark at 0 0
    ids: set  #: of the annotations


def index_rows(dataset: BaseCocoStyleDataset, track: Track) -> Index:
    """Read every row once."""
    metainfo = dataset.metainfo  # a copy, each time that it is asked for
    index = Index({}, Counter({ROWS: len(dataset)}), Counter(), [], set())
    for number in track(range(len(dataset)), 'rows'):
        info = dataset.get_data_info(number)
        row = read_row(info)
        index.rows.setdefault(row.path, []).append(number)
        index.counts[raw_category(info.get('raw_ann_info'), metainfo)] += 1
        index.labelled.update(np.flatnonzero(row.known).tolist())
        index.ids.add(info.get('id'))
        if at_origin(row).any():
            index.at_origin.append(row)
    return index
