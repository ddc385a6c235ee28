"""What is wrong with a data set, found before anyone trains on it."""

from .releases import RELEASES, Split, config_splits
from .split import Finding, Report, Track, category_name, check_split, row_box, row_visibility, spread

__all__ = [
    'RELEASES', 'Finding', 'Report', 'Split', 'Track', 'category_name', 'check_split', 'config_splits', 'row_box',
    'row_visibility', 'spread'
]
