"""What is wrong with a data set, found before anyone trains on it."""

from .releases import RELEASES, Split, config_splits
from .report import Finding, Report, count_problems, describe, verdict
from .split import Track, check_split, check_splits, row_box, spread

__all__ = [
    'RELEASES', 'Finding', 'Report', 'Split', 'Track', 'check_split', 'check_splits', 'config_splits', 'count_problems',
    'describe', 'row_box', 'spread', 'verdict'
]
