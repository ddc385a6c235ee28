"""Add PCLoss to an MMPose top-down config.

    python tools/add_pcloss.py CONFIG               # prints the lines, as a diff
    python tools/add_pcloss.py CONFIG NEW_CONFIG    # writes a config that inherits CONFIG, with the lines

In the second form CONFIG may be one of MMPose's own, as mmpose::body_2d_keypoint/...py. The head becomes its PCLoss
class with `pc_loss` (and `integral`, where it predicts heatmaps), and each training pipeline packs the keypoints in the
crop; test pipelines stay as they are. Before anything is printed or written, the new config is loaded and compared with
the old one, and its head is built. A config that does not qualify ends the tool with one line that says why.
docs/any_model.md explains the lines and the values.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import difflib
import inspect
import os
import re
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence, Tuple

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import MODELS

import pcloss_mmpose  # noqa: F401  (registers the heads)
from pcloss_mmpose.models import heads
from pcloss_mmpose.models.losses import load_metainfo, partition_from_metainfo

#: Where to begin (docs/evidence.md). k is the paper's on FashionAI, 3e-4 its beta in our units (docs/loss.md).
TOPK, ALPHA = 8, '30.'
HEATMAP_WEIGHT, COORDINATE_WEIGHT = '3e-4', '0.03'
BY_HAND = 'add the lines by hand as docs/any_model.md shows'

#: Where a config may have training pipelines, the first one in the first.
TRAINING_ROOTS = ('train_dataloader', 'custom_hooks', 'default_hooks')

Place = Tuple[Any, ...]  # keys and indices from the top of a config


class Unsuitable(Exception):
    """PCLoss cannot be added to the config; the message says why."""


@contextlib.contextmanager
def told_as(what: str) -> Iterator[None]:
    """Tell any error as one of the config, which is code and may raise anything."""
    try:
        yield
    except Unsuitable:
        raise
    except Exception as error:
        raise Unsuitable(f'{what}: {type(error).__name__}: {error}') from error


def stock_head(cfg: Mapping) -> str:
    """Name of the head that PCLoss can be added to.

    Raises:
        Unsuitable: It is another kind of model or head.
    """
    model = cfg.get('model') or {}
    kind = unscoped(model.get('type', ''))
    if not model:
        raise Unsuitable('it defines no model')
    if 'Lifter' in kind:
        raise Unsuitable(f'a {kind} lifts poses to 3-D, and PCLoss is about landmarks in the image')
    if 'Bottomup' in kind:
        raise Unsuitable(f'a {kind} works bottom-up, and PCLoss on one instance a sample, top-down')
    if kind != 'TopdownPoseEstimator':
        raise Unsuitable(f'its model is a {kind}, and PCLoss works in a TopdownPoseEstimator')
    name = unscoped((model.get('head') or {}).get('type', ''))
    if name in heads.__all__ and name.startswith('PC'):
        raise Unsuitable(f'its head is a {name} already')
    if name == 'VisPredictHead':
        raise Unsuitable(f'a {name} holds the head that PCLoss belongs to in its pose_cfg: {BY_HAND}')
    if not hasattr(heads, f'PC{name}'):
        raise Unsuitable(f'there is no PC{name} for its {name or "missing head"}; '
                         'docs/any_model.md shows how to add PCLoss to a head of your own')
    return name


def unscoped(type_: Any) -> str:
    """Name of a type without its scope, ``'mmpose.HeatmapHead'`` being ``'HeatmapHead'``; of a class, its name."""
    return getattr(type_, '__name__', str(type_)).split('.')[-1]


def packing_steps(value: Any, place: Place = ()) -> Iterator[Place]:
    """Places of the PackPoseInputs below ``value``, but for those in data sets that are marked as for tests."""
    if isinstance(value, Mapping):
        if unscoped(value.get('type', '')) == 'PackPoseInputs':
            yield place
        elif not value.get('test_mode'):
            for key, item in value.items():
                yield from packing_steps(item, (*place, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from packing_steps(item, (*place, index))


def training_steps(cfg: Mapping) -> list[Place]:
    """Where the training pipelines pack, those that a hook switches to included."""
    return list(packing_steps({root: cfg[root] for root in TRAINING_ROOTS if cfg.get(root)}))


def at(value: Any, place: Place) -> Any:
    for key in place:
        value = value[key]
    return value


def has(value: Any, place: Place) -> bool:
    try:
        at(value, place)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def subscripted(name: str, place: Place) -> str:
    return name + ''.join(f'[{key!r}]' for key in place)


def dotted(name: str, place: Place) -> str:
    return name + ''.join(f'.{key}' if str(key).isidentifier() else f'[{key!r}]' for key in place)


def group_arguments(cfg: Mapping, step: Place) -> str:
    """The arguments of PCLoss that name the groups of the landmarks that a step packs, with a comma after them, or ''.

    Raises:
        Unsuitable: Nothing tells the landmarks of the data set.
    """
    data = [at(cfg, step[:end]) for end in range(2, len(step) - 1)]  # the data sets that hold the step, outermost first
    data = [each for each in data if isinstance(each, Mapping) and 'type' in each]
    if not data:
        raise Unsuitable('the data set of its train_dataloader has no type')
    dataset = next((each for each in data if each.get('metainfo')), data[-1])
    source = dataset.get('metainfo') or unscoped(dataset['type'])
    if source == 'DeepFashionDataset':  # which of three metainfo files it takes, its subset says
        source = f'configs/_base_/datasets/deepfashion_{dataset.get("subset") or "full"}.py'
    if isinstance(source, Mapping) and 'from_file' in source:
        source = source['from_file']
    with told_as('the landmarks of its training data'):
        metainfo = load_metainfo(source)
    if not metainfo['flip_pairs']:
        return ''
    if isinstance(source, str):
        return f"partition='left_right', metainfo={source!r}, "
    return f"partition={[list(group) for group in partition_from_metainfo(metainfo, 'left_right')]}, "


def pcloss_lines(text: str, path: Path) -> list[str]:
    """The lines that add PCLoss to a config, to be written at the end of it.

    What the config sets itself is changed where it stands; what it inherits, in ``_base_``.

    Args:
        text: The config.
        path: Where it stands or will stand.

    Raises:
        Unsuitable: It does not qualify; the message says why.
    """
    # A base's values are not among the names of the file, so these are its own.
    names = ('model', *TRAINING_ROOTS)
    with told_as('it does not load'):
        cfg = load(f'{text}\nown_ = {{name: globals()[name] for name in {names} if name in globals()}}\n', path,
                   import_custom_modules=True)
    own = cfg.pop('own_')
    stock = stock_head(cfg)
    if not training_steps(cfg) or training_steps(cfg)[0][0] != 'train_dataloader':
        raise Unsuitable('no pipeline of a train_dataloader in it has PackPoseInputs')
    lines = [*import_lines(cfg), *head_lines(cfg, own, stock), *step_lines(cfg, own)]
    with told_as(f'with PCLoss it does not load; {BY_HAND}'):
        new = load(joined(text, lines), path)
    check(cfg, new)
    return lines


def import_lines(cfg: Mapping) -> list[str]:
    imports = cfg.get('custom_imports') or dict(imports=[], allow_failed_imports=False)
    names = [imports['imports']] if isinstance(imports['imports'], str) else list(imports['imports'])
    if 'pcloss_mmpose' in names:
        return []
    names.insert(0, 'pcloss_mmpose')  # first, since the others may need what it makes importable
    return [f"custom_imports = dict(imports={names}, "
            f"allow_failed_imports={imports.get('allow_failed_imports', False)})"]


def head_lines(cfg: Mapping, own: Mapping, stock: str) -> list[str]:
    integral, weight = '', COORDINATE_WEIGHT
    if issubclass(getattr(heads, f'PC{stock}'), heads.PCHeatmapMixin):
        integral, weight = f'integral=dict(alpha={ALPHA}), ', HEATMAP_WEIGHT
    start, end = 'model = dict(head=dict(', '))'
    if has(own, ('model', 'head')):
        start, end = "model['head'].update(", ')'
    elif has(own, ('model', )):
        start, end = "model['head'] = dict(", ')'
    groups = group_arguments(cfg, training_steps(cfg)[0])
    return [f"{start}type='PC{stock}', {integral}pc_loss=dict(",
            f"    type='PCLoss', topk={TOPK}, {groups}loss_weight={weight}){end}"]


def step_lines(cfg: Mapping, own: Mapping) -> list[str]:
    lines = []
    for step in training_steps(cfg):
        if not at(cfg, step).get('pack_transformed'):
            place = (*step[:-1], -1) if step[-1] == len(at(cfg, step[:-1])) - 1 else step
            target = subscripted(place[0], place[1:]) if has(own, place) else dotted('_base_', place)
            lines.append(f"{target}['pack_transformed'] = True")
    return lines


def joined(text: str, lines: Sequence[str]) -> str:
    """The text with lines after it, which end as its own do."""
    newline = '\r\n' if '\r\n' in text else '\n'
    return text + ('' if text.endswith('\n') else newline) + ''.join(line + newline for line in lines)


def load(text: str, path: Path, import_custom_modules: bool = False) -> Config:
    """The config that ``text`` would be in the place of ``path``, from a copy whose bases have absolute paths."""
    folder = str(path.absolute().parent)
    text = re.sub(r'\{\{\s*fileDirname\s*\}\}', folder.replace('\\', '/'), text)
    lines = text.split('\n')
    bases = [node.value for node in ast.parse(text).body if isinstance(node, ast.Assign)
             and isinstance(node.targets[0], ast.Name) and node.targets[0].id == '_base_']
    for node in ast.walk(bases[-1]) if bases else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not re.search('::|{{', node.value):
            base = repr(os.path.normpath(os.path.join(folder, node.value)))
            lines[node.lineno - 1] = re.sub(
                f'([\'"]){re.escape(node.value)}\\1', lambda _, base=base: base, lines[node.lineno - 1])
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / path.name
        file.write_text('\n'.join(lines), encoding='utf-8')
        return Config.fromfile(file, import_custom_modules=import_custom_modules)


def check(old: Config, new: Config) -> None:
    """Raise Unsuitable unless ``new`` is ``old`` with PCLoss, for all that a runner reads, and its head builds."""
    init_default_scope('mmpose')
    with told_as('its head does not build'):
        head = MODELS.build(copy.deepcopy(new.model.head))
    channels = new.model.head.get('out_channels', new.model.head.get('num_joints'))
    if getattr(head.decoder, 'heatmap_type', None) == 'combined':
        channels //= 3
    if head.pc_loss.groups and max(map(max, head.pc_loss.groups)) != channels - 1:
        raise Unsuitable(f'its head gives {channels} landmarks, and the metainfo of its training data has another '
                         f'number: {BY_HAND}')
    expected, found = old.to_dict(), new.to_dict()
    expected['model']['head'].update(
        (key, new.model.head[key]) for key in ('type', 'pc_loss', 'integral') if key in new.model.head)
    for step in training_steps(old):
        at(expected, step)['pack_transformed'] = True
    different = [key for key in inspect.signature(Runner.__init__).parameters
                 if expected.get(key) != found.get(key)]
    if set(different) & {'val_dataloader', 'test_dataloader'}:
        raise Unsuitable('training and test pipelines share a PackPoseInputs: give the training pipelines their own')
    if different:
        raise Unsuitable(f'the lines would change more than they should, in {different[0]}: {BY_HAND}')


def added(config: str, new_config: Path | None) -> tuple[str, str]:
    """A config's text without and with PCLoss: of ``config``, or of one at ``new_config`` that inherits it.

    Raises:
        Unsuitable: It does not qualify; the message says why.
    """
    path = new_config or Path(config)
    with told_as('it does not convert'):
        if new_config is not None:
            base = config if '::' in config else os.path.relpath(config, path.absolute().parent)
            text = f'_base_ = {Path(base).as_posix()!r}\n'
        else:
            with told_as('it does not load'), open(path, encoding='utf-8', newline='') as file:
                text = file.read()
        if re.search(r'^with read_base\(', text, re.MULTILINE):
            raise Unsuitable(f"it is written in MMEngine's pure Python style: {BY_HAND}")
        return text, joined(text, pcloss_lines(text, path))


def unified_diff(old: str, new: str, name: str) -> str:
    lines = difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), name, name)
    return ''.join(line if line.endswith('\n') else f'{line}\n\\ No newline at end of file\n' for line in lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', metavar='CONFIG', help='an MMPose config, .py')
    parser.add_argument('new_config', metavar='NEW_CONFIG', type=Path, nargs='?', help='the config to write')
    args = parser.parse_args(argv)
    if args.new_config is None and '::' in args.config:
        sys.exit(f'{args.config}: a config of an installed package is inherited, not changed: name a NEW_CONFIG too')
    if args.new_config is not None and args.new_config.exists():
        sys.exit(f'{args.new_config}: exists already')
    try:
        # What MMEngine says while it loads is no part of a diff.
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.filterwarnings('ignore', 'The metainfo config file')
            old, new = added(args.config, args.new_config)
    except Unsuitable as error:
        sys.exit(f'{args.config}: {" ".join(str(error).split())}')
    if args.new_config is None:
        sys.stdout.write(unified_diff(old, new, args.config))
    else:
        args.new_config.parent.mkdir(parents=True, exist_ok=True)
        args.new_config.write_text(new, encoding='utf-8')
    print('Look at pc_share in the log of the training, and change loss_weight until it is about 0.1 to 0.4 '
          '(docs/evidence.md).', file=sys.stderr)


if __name__ == '__main__':
    main()
