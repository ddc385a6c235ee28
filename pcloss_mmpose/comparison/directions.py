"""Which way a figure is better."""

from __future__ import annotations

import re

#: The first of these words in a figure's name decides.
HIGHER = ('AP', 'AR', 'PCK', 'PCKh', 'tPCK', 'AUC')
LOWER = ('NE', 'EPE', 'NME', 'MPJPE', 'outliers', 'outlier', 'duplicates', 'duplicate', 'exchanged')


def sign(key: str) -> int | None:
    """1 where a higher figure is better, -1 where a lower one is, None where it is not known.

    >>> sign('coco/AP .5'), sign('NE/left_cuff'), sign('inference_time')
    (1, -1, None)
    """
    for word in re.findall('[A-Za-z]+', key):
        if word in HIGHER:
            return 1
        if word in LOWER:
            return -1
    return None
