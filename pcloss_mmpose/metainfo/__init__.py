"""What a landmark, a pair and a category is: names, their sides, each data set's metainfo, and how it is loaded.

A leaf: nothing here imports MMPose before a metainfo is parsed. Each data set has a module with its ``dataset_info``.
"""

from .annotations import category_names, coco_box, raw_box, raw_category, raw_visibility
from .builder import build_dataset_info
from .categories import as_known, declared_categories, known_categories, labelled_landmarks, read_annotations
from .flips import left_right_pairs
from .load import dataset_metainfo, load_metainfo
from .names import landmark_names, likely_pairs, mirror_names, side

__all__ = [
    'as_known', 'build_dataset_info', 'category_names', 'coco_box', 'dataset_metainfo', 'declared_categories',
    'known_categories', 'labelled_landmarks', 'landmark_names', 'left_right_pairs', 'likely_pairs', 'load_metainfo',
    'mirror_names', 'raw_box', 'raw_category', 'raw_visibility', 'read_annotations', 'side'
]
