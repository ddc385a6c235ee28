"""What is wrong with a data set, found before anyone trains on it."""

from .releases import RELEASES, Split, config_splits, leaves
from .report import Finding, Report, count_problems, describe, describe_findings, verdict
from .rows import row_box
from .split import Track, check_split, check_splits, spread

__all__ = [
    'RELEASES', 'Finding', 'Report', 'Split', 'Track', 'check_split', 'check_splits', 'config_splits', 'count_problems',
    'describe', 'describe_findings', 'leaves', 'row_box', 'spread', 'verdict'
]
