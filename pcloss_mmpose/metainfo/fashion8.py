"""The eight landmarks that DeepFashion's Category and Attribute benchmark and FLD share."""

from __future__ import annotations

from .builder import build_dataset_info

LANDMARKS = (
    'left_collar', 'right_collar', 'left_sleeve', 'right_sleeve', 'left_waistline', 'right_waistline', 'left_hem',
    'right_hem')

#: Name of each ``clothes_type`` of the raw files.
CLOTHES_TYPES: dict[int, str] = {1: 'upper', 2: 'lower', 3: 'full'}

CATEGORIES = tuple(CLOTHES_TYPES.values())

#: Landmark ids that each clothes_type defines, in the order of a row's landmarks.
CATEGORY_LANDMARKS: dict[str, tuple[int, ...]] = {
    'upper': (0, 1, 2, 3, 6, 7),
    'lower': (4, 5, 6, 7),
    'full': tuple(range(8)),
}


def fashion8_dataset_info(dataset_name: str, paper_info: dict) -> dict:
    """Metainfo of a dataset with these landmarks."""
    return build_dataset_info(
        dataset_name=dataset_name,
        landmarks=LANDMARKS,
        upper=LANDMARKS[:4],
        categories={category: [LANDMARKS[k] for k in own] for category, own in CATEGORY_LANDMARKS.items()},
        outline=(
            ('left_collar', 'right_collar'),
            ('left_collar', 'left_sleeve'),
            ('left_sleeve', 'left_waistline'),  # full
            ('left_sleeve', 'left_hem'),  # upper
            ('left_waistline', 'right_waistline'),
            ('left_waistline', 'left_hem'),
            ('left_hem', 'right_hem'),
        ),
        paper_info=paper_info)
