"""Which landmarks the garments of a category have."""

from __future__ import annotations

import contextlib
import json
import os.path as osp
from typing import Container, Mapping

from ..errors import InputError
from .load import dataset_metainfo
from .names import landmark_names


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


def as_known(category: str | None, known: Container[str]) -> str | None:
    """The name of a category as it is known, where only blanks stand for its underscores, as in DeepFashion2's files.
    """
    own = category and category.replace(' ', '_')
    return own if category not in known and own in known else category


def read_annotations(dataset: Mapping) -> Mapping:
    """The COCO file of a data set that a config describes; empty where there is none that can be read."""
    file = dataset.get('ann_file')
    if not isinstance(file, str) or not file.endswith('.json'):
        return {}
    from mmengine.fileio import get
    try:
        content = json.loads(get(osp.join(dataset.get('data_root') or '', file)))
    except Exception:  # a storage raises what it likes
        return {}
    return content if isinstance(content, dict) else {}


def _datasets(config: Mapping) -> list[Mapping]:
    return [config[key]['dataset'] for key in ('test_dataloader', 'train_dataloader', 'val_dataloader')
            if config.get(key)]


def declared_categories(config: Mapping, model_metainfo: Mapping) -> dict[str, tuple[int, ...]]:
    """Landmark ids of each category, by its name, as metainfo has them; empty where none has any.

    The metainfo of the test data, of the training data and of the model are asked, in this order. What cannot be read,
    and metainfo of other landmarks than the model's, says nothing.

    Args:
        config: Of the model, with its data sets.
        model_metainfo: Parsed.
    """
    names = landmark_names(model_metainfo)
    for dataset in _datasets(config):
        with contextlib.suppress(InputError):
            metainfo = dataset_metainfo(dataset)
            if metainfo.get('categories') and landmark_names(metainfo) == names:
                return dict(metainfo['categories'])
    return dict(model_metainfo.get('categories') or {})


def known_categories(config: Mapping, model_metainfo: Mapping) -> dict[str, tuple[int, ...]]:
    """Landmark ids of each category, by its name, as far as anything is known of it.

    What no metainfo has (:func:`declared_categories`), the COCO files of the config say, in which a category has the
    landmarks that are labelled anywhere. Arguments are the same.
    """
    declared = declared_categories(config, model_metainfo)
    if declared:
        return declared
    names = landmark_names(model_metainfo)
    files = {(dataset.get('data_root'), str(dataset.get('ann_file'))): dataset for dataset in _datasets(config)}
    labelled: dict[str, set[int]] = {}
    for coco in map(read_annotations, files.values()):
        with contextlib.suppress(KeyError, TypeError, AttributeError):  # of a faulty file
            if all(category.get('keypoints') in (None, [], names) for category in coco['categories']):
                for category, own in labelled_landmarks(coco).items():
                    labelled.setdefault(category, set()).update(own)
    return {category: tuple(sorted(own)) for category, own in labelled.items() if max(own) < len(names)}
