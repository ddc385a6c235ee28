"""Adds PCLoss to a top-down config, by the lines of one that inherits it. Both are loaded and compared."""

from __future__ import annotations

import copy
import inspect
import re
import tempfile
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from .configs import load_config
from .errors import InputError
from .metainfo import load_metainfo

#: Where to begin (docs/evidence.md): lengths, and weights that `pcloss calibrate` replaces by those of the user's data.
TOPK, ALPHA = 8, '30.'
HEATMAP_WEIGHT, COORDINATE_WEIGHT = '3e-4', '0.01'
BY_HAND = 'add the lines by hand as docs/any_model.md shows'


def add_pcloss(path: Path, base: str) -> tuple[str, Any, Any]:
    """Text of a config that inherits another and adds PCLoss; MMEngine's ``Config`` of the other and of the new one.

    Args:
        path: The other config.
        base: The same, as the new one names it: a path from its folder, or ``<package>::...``.

    Raises:
        InputError: The other does not qualify; the message says why.
    """
    if re.search(rb'^with read_base\(', path.read_bytes(), re.MULTILINE):
        raise InputError(f"{path}: it is written in MMEngine's pure Python style: {BY_HAND}")
    old = load_config(path)
    try:
        lines = ''.join(f'{line}\n' for line in pcloss_lines(old))
        with tempfile.TemporaryDirectory() as folder:  # from where a relative path leads elsewhere
            file = Path(folder, 'with_pcloss.py')
            file.write_text(f'_base_ = {base if "::" in base else str(path.absolute())!r}\n{lines}', encoding='utf-8')
            new = load_config(file)
        check(old, new)
    except Exception as error:  # a config may hold anything
        reason = str(error) if isinstance(error, InputError) else f'it does not convert ({error!r}): {BY_HAND}'
        raise InputError(f'{path}: {reason}') from error
    return f'_base_ = {base!r}\n{lines}', old, new


def pcloss_lines(cfg: Mapping) -> Iterator[str]:
    """What a config that inherits ``cfg`` says to add PCLoss; InputError where PCLoss does not fit."""
    head = head_with_pcloss(cfg)
    source, metainfo = training_metainfo(cfg)
    from .models import heads
    from .models.losses import partition_from_metainfo
    yield from import_lines(cfg)
    integral, weight, groups = '', COORDINATE_WEIGHT, ''
    if issubclass(getattr(heads, head), heads.PCHeatmapMixin):
        integral, weight = f'integral=dict(alpha={ALPHA}), ', HEATMAP_WEIGHT
    if metainfo['flip_pairs'] and isinstance(source, str):
        groups = f"partition='left_right', metainfo={source!r}, "
    elif metainfo['flip_pairs']:
        groups = f"partition={[list(group) for group in partition_from_metainfo(metainfo, 'left_right')]}, "
    yield f"model = dict(head=dict(type='{head}', {integral}pc_loss=dict("
    yield f"    type='PCLoss', topk={TOPK}, {groups}robust=True, loss_weight={weight})))"
    for *place, index in training_steps(cfg):
        if not at(cfg, (*place, index)).get('pack_transformed'):
            last = index == len(at(cfg, place)) - 1
            yield f"_base_.{dotted(place)}[{-1 if last else index}]['pack_transformed'] = True"


def import_lines(cfg: Mapping) -> Iterator[str]:
    """What a config that inherits ``cfg`` says to import this package and all that ``cfg`` imports, where it must."""
    imports = cfg.get('custom_imports') or dict(imports=[])
    modules = [imports['imports']] if isinstance(imports['imports'], str) else list(imports['imports'])
    if 'pcloss_mmpose' not in modules:  # the first, since the others may need what it makes importable
        yield (f"custom_imports = dict(imports={['pcloss_mmpose', *modules]}, "
               f"allow_failed_imports={imports.get('allow_failed_imports', False)})")


def head_with_pcloss(cfg: Mapping) -> str:
    """Name of the class that adds PCLoss to the config's head; InputError where there is none."""
    model = cfg.get('model') or {}
    kind, head = unscoped(model.get('type')), unscoped((model.get('head') or {}).get('type', 'missing head'))
    if not model:
        raise InputError('it defines no model')
    if kind != 'TopdownPoseEstimator':
        what = dict(PoseLifter=', which lifts poses to 3-D', BottomupPoseEstimator=', which works bottom-up')
        raise InputError(f'its model is a {kind}{what.get(kind, "")}; PCLoss is for a TopdownPoseEstimator')
    if head == 'VisPredictHead':
        raise InputError(f'a {head} holds the head that PCLoss belongs to in its pose_cfg: {BY_HAND}')
    from .models import heads
    if head.startswith('PC') and head in heads.__all__:
        raise InputError(f'its head is a {head} already')
    if f'PC{head}' not in heads.__all__:
        raise InputError(f'there is no class with PCLoss for its {head}; docs/any_model.md shows how to write one')
    return f'PC{head}'


def training_metainfo(cfg: Mapping) -> tuple[Any, Mapping]:
    """Metainfo of the training data, as PCLoss takes it and parsed; InputError where nothing names the landmarks."""
    root, *step = next(iter(training_steps(cfg)), ('', ))
    if root != 'train_dataloader':
        raise InputError('no pipeline of a train_dataloader in it has PackPoseInputs')
    data = [at(cfg[root], step[:end]) for end in range(len(step) - 1)]  # what holds the pipeline, the outermost first
    data = [each for each in data if isinstance(each, Mapping)]
    dataset = next((each for each in data if each.get('metainfo')), data[-1])
    source = dataset.get('metainfo') or unscoped(dataset.get('type'))
    if source == 'DeepFashionDataset':  # its subset says which of three metainfo files it takes
        source = f'configs/_base_/datasets/deepfashion_{dataset.get("subset") or "full"}.py'
    source = source.get('from_file', source) if isinstance(source, Mapping) else source
    return source, load_metainfo(source)


def training_steps(cfg: Mapping) -> list[tuple]:
    """Where training pipelines pack, those that a hook switches to included, and the train_dataloader's first."""
    roots = {root: cfg.get(root) for root in ('train_dataloader', 'custom_hooks', 'default_hooks')}
    return [place[:-1] for place, value in leaves(roots)
            if place[-1] == 'type' and unscoped(value) in ('PackPoseInputs', 'PackCrop')
            and not any(getattr(at(cfg, place[:end]), 'test_mode', False) for end in range(1, len(place)))]


def leaves(value: Any, place: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    """All that a config holds; without the ``_scope_`` that MMEngine adds where a base is ``<package>::...``."""
    if isinstance(value, (list, tuple)) and any(isinstance(item, (Mapping, list, tuple)) for item in value):
        value = dict(enumerate(value))
    if isinstance(value, Mapping) and value:
        for key in [key for key in value if key != '_scope_']:
            yield from leaves(value[key], (*place, key))
    else:
        yield place, value


def unscoped(type_: Any) -> str:
    """Name of a type without its scope, ``'mmpose.HeatmapHead'`` being ``'HeatmapHead'``; of a class, its name."""
    return getattr(type_, '__name__', str(type_)).split('.')[-1]


def at(value: Any, place: Sequence) -> Any:
    for key in place:
        value = value[key]
    return value


def dotted(place: Sequence) -> str:
    return ''.join(f'.{key}' if str(key).isidentifier() else f'[{key!r}]' for key in place).lstrip('.')


def changes(old: Any, new: Any) -> dict[tuple, list[str]]:
    """What differs between two Configs in what a Runner reads and in the imports: the lines of a diff, by place."""
    from mmengine.runner import Runner
    keys = (*inspect.signature(Runner.__init__).parameters, 'custom_imports')
    sides = [dict(leaves({key: cfg[key] for key in keys if key in cfg})) for cfg in (old, new)]
    return {place: [f'{sign} {dotted(place)} = {side[place]!r}' for sign, side in zip('-+', sides) if place in side]
            for place in {**sides[0], **sides[1]}
            if not all(place in side for side in sides) or sides[0][place] != sides[1][place]}


def check(old: Any, new: Any) -> None:
    """Raise InputError unless ``new`` is ``old`` with PCLoss and nothing else, and its head fits the training data."""
    intended = {('custom_imports', ), *(('model', 'head', key) for key in ('type', 'integral', 'pc_loss'))}
    intended.update((*step, 'pack_transformed') for step in training_steps(old))
    wrong = [place for place in changes(old, new) if not {place, place[:1], place[:3]} & intended]
    wrong += [step for step in training_steps(new) if not at(new, step).get('pack_transformed')]
    if wrong:
        raise InputError(f'the lines would change more or less than they should, see {dotted(wrong[0])}: {BY_HAND}')
    from mmpose.registry import MODELS

    from .preflight import count_landmarks
    channels = count_landmarks(MODELS.build(copy.deepcopy(new.model.head)))
    landmarks = training_metainfo(old)[1]['num_keypoints']
    if channels != landmarks:
        raise InputError(f'its head gives {channels} landmarks, and its training data have {landmarks}: {BY_HAND}')
