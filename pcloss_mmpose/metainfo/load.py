"""Parsed metainfo, by name, file or dict. MMPose parses it, and is imported only when something is loaded."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Mapping

from ..configs import package_folder, read_dumped_config
from ..errors import InputError


def parse(info: Mapping) -> dict:
    """What MMPose's ``parse_pose_metainfo`` gives of a dataset_info, and ``categories``, which it drops.

    Raises:
        InputError: A category names a landmark that there is not.
    """
    from mmpose.datasets.datasets.utils import parse_pose_metainfo
    parsed = parse_pose_metainfo(dict(info))
    ids = parsed['keypoint_name2id']
    parsed['categories'] = {}
    for category, names in info.get('categories', {}).items():
        unknown = [name for name in names if name not in ids]
        if unknown:
            raise InputError(f"metainfo of '{parsed['dataset_name']}': the category '{category}' has the landmark "
                               f"'{unknown[0]}', which keypoint_info does not have")
        parsed['categories'][category] = tuple(ids[name] for name in names)
    return parsed


def load_metainfo(source: str | Mapping, run: bool = True) -> Mapping:
    """Parsed metainfo of a registered data set's name, a metainfo file's path, or a raw or parsed metainfo dict.

    Args:
        source: One of these.
        run: A metainfo file is a program, and a name with dots is imported. False, for a source of unknown origin: a
            file is read as plain values, and only what is registered is a name.

    Raises:
        InputError: A string is neither a file nor a registered data set with landmarks of its own, or would have to be
            run.
    """
    if isinstance(source, Mapping):
        if 'from_file' in source:
            return load_metainfo(source['from_file'], run)
        return source if 'keypoint_id2name' in source else parse(source)
    if not isinstance(source, str):
        raise InputError(f'metainfo {source!r} is neither a name, nor a file, nor a dict')
    if not run and '.' in source and not source.endswith('.py'):
        raise InputError(f"metainfo '{source}' is the name of a module, which is not imported here")
    info = _read_file(source, run) if source.endswith('.py') else _of_dataset(source)
    if not run and source.endswith('.py') and 'from_file' in info:  # MMPose's parser would run that
        raise InputError(f"metainfo '{source}' names another file, which is not run here")
    return parse(info)


def dataset_metainfo(config: Mapping, run: bool = True) -> Mapping:
    """Parsed metainfo of a data set that a config describes: of its ``metainfo``, or else of its ``type``."""
    return load_metainfo(config.get('metainfo') or config.get('type'), run)


def _of_dataset(name: str) -> Mapping:
    from mmpose.datasets import DeepFashionDataset
    from mmpose.registry import DATASETS
    dataset = DATASETS.get(name)
    if dataset is None:
        raise InputError(f"metainfo '{name}' is neither a registered data set nor a metainfo file (.py)")
    if issubclass(dataset, DeepFashionDataset):  # its METAINFO is that of the last one built, whatever its subset
        raise InputError(f"metainfo '{name}': this data set chooses its landmarks by `subset`; name the metainfo "
                           "file instead, 'configs/_base_/datasets/deepfashion_full.py', ..._upper.py or ..._lower.py")
    if not getattr(dataset, 'METAINFO', None):
        raise InputError(f"metainfo '{name}': this data set has no landmarks of its own; name the metainfo file "
                           "instead, such as 'configs/_base_/datasets/coco.py'")
    return dataset.METAINFO


def _read_file(path: str, run: bool) -> Mapping:
    """The dataset_info of a file that MMPose would find: at the path, or among its own by its name."""
    from mmengine.config import Config
    file = Path(path)
    if not file.is_file():
        file = package_folder('mmpose') / 'configs' / '_base_' / 'datasets' / file.name
        if not file.is_file():
            raise InputError(f"metainfo '{path}' is neither a registered data set nor a metainfo file")
        warnings.warn(f"metainfo '{path}': no such file here, so that MMPose's own {file} is taken", stacklevel=4)
    try:
        return (Config.fromfile(file) if run else read_dumped_config(file))['dataset_info']
    except KeyError:
        raise InputError(f"metainfo '{path}': this file defines no dataset_info") from None
    except RuntimeError as error:
        raise InputError(other_style(path)) from error


def other_style(path: str) -> str:
    """What to do about MMEngine's bare RuntimeError for a file that imports and calls something."""
    return (f"metainfo '{path}': MMEngine takes this file for a config in its pure Python style; write `_base_ = []` "
            'above all other lines')
