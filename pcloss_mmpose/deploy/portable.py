"""A training's config as others can use it: without the places of this machine."""

from __future__ import annotations

import os
import pprint
import re
from typing import Any, Callable, Mapping

from ..metainfo import landmark_names

#: What belongs to the training alone.
DROPPED = ('work_dir', 'load_from', 'resume', 'may_differ')
#: What begins with the path of a place on some machine: of Unix, a home, of Windows, or an address of a file.
LOCAL = re.compile(r'/|~|[A-Za-z]:[\\/]|\\\\|file:')


def portable_config(config: Mapping[str, Any], raw_metainfo: Callable[[str], Mapping]) -> dict[str, Any]:
    """A flat config, of plain values, with neither paths of a machine nor files beside it.

    ``data_root`` becomes ``data/<its last folder>``; what lies below it starts from there, and of other absolute paths
    the last name is left. Metainfo stands in the place of the file that held it.

    Args:
        config: As a training has dumped it.
        raw_metainfo: Gives the dataset_info of a metainfo file's path.
    """
    roots = sorted(_roots(config), key=len, reverse=True)

    def convert(key: Any, value: Any) -> Any:
        if isinstance(value, Mapping):
            if isinstance(value.get('from_file'), str):
                return convert(key, raw_metainfo(value['from_file']))
            names = list(value)
            if all(isinstance(name, int) for name in names):  # MMEngine dumps 10 before 2, and MMPose goes by the order
                names.sort()
            return {name: convert(name, value[name]) for name in names}
        if isinstance(value, (list, tuple)):
            return type(value)(convert(key, item) for item in value)
        if not isinstance(value, str):
            return value
        if key == 'metainfo' and value.endswith('.py'):
            return convert(key, raw_metainfo(value))
        return placeless(value, roots)

    return {name: convert(name, value) for name, value in config.items() if name not in DROPPED}


def config_text(config: Mapping[str, Any]) -> str:
    """A config of plain values as a file, in its order, on which metainfo depend; MMEngine's own dump sorts it."""
    return ''.join(f'{name} = {pprint.pformat(value, width=116, sort_dicts=False)}\n' for name, value in config.items())


def placeless(text: str, roots: list[str]) -> str:
    """A text that may be a path, without the place of this machine.

    >>> placeless('/home/ann/garments/Images', ['/home/ann/garments'])
    'data/garments/Images'
    >>> placeless('/mnt/weights/resnet50.pth', [])
    'resnet50.pth'
    """
    if not LOCAL.match(text):
        return text
    for root in roots:
        if text.rstrip('/\\') == root or text.startswith((f'{root}/', f'{root}\\')):
            return f'data/{_last(root)}{text[len(root):]}'.replace('\\', '/')
    return _last(text)


def raw_info(parsed: Mapping[str, Any]) -> dict[str, Any]:
    """The dataset_info that MMPose's ``parse_pose_metainfo`` makes a parsed metainfo of."""
    names = landmark_names(parsed)
    upper, lower = parsed.get('upper_body_ids', ()), parsed.get('lower_body_ids', ())
    info = dict(
        dataset_name=parsed['dataset_name'],
        keypoint_info={
            k: dict(name=name, id=k, color=list(parsed['keypoint_colors'][k]),
                    type='upper' if k in upper else 'lower' if k in lower else '',
                    swap='' if parsed['flip_indices'][k] == k else names[parsed['flip_indices'][k]])
            for k, name in enumerate(names)},
        skeleton_info={
            number: dict(link=tuple(names[k] for k in link), id=number, color=list(color))
            for number, (link, color) in enumerate(zip(parsed['skeleton_links'], parsed['skeleton_link_colors']))},
        joint_weights=list(parsed['dataset_keypoint_weights']),
        sigmas=list(parsed['sigmas']))
    if parsed.get('categories'):
        info['categories'] = {category: [names[k] for k in own] for category, own in parsed['categories'].items()}
    return info


def _roots(value: Any) -> set[str]:
    """Every ``data_root`` in a config."""
    if isinstance(value, Mapping):
        own = {root.rstrip('/\\') for root in [value.get('data_root')] if isinstance(root, str)}
        return own.union(*map(_roots, value.values())) - {''}
    return set().union(*map(_roots, value)) if isinstance(value, (list, tuple)) else set()


def _last(path: str) -> str:
    return re.split(r'[\\/]', path.rstrip('/\\'))[-1] or os.curdir
