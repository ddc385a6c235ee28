"""Which landmarks the garments of a category have."""

from __future__ import annotations

from typing import Mapping


def labelled_landmarks(coco: Mapping) -> dict[str, tuple[int, ...]]:
    """Landmark ids that the annotations of each category of a COCO file label, by the category's name.

    A category without a labelled landmark is left out: nothing is known of it.
    """
    labelled: dict[int, set[int]] = {}
    for annotation in coco['annotations']:
        visible = annotation.get('keypoints', ())[2::3]
        labelled.setdefault(annotation['category_id'], set()).update(k for k, v in enumerate(visible) if v > 0)
    return {category['name']: tuple(sorted(labelled[category['id']])) for category in coco['categories']
            if labelled.get(category['id'])}
