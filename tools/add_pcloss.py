"""Print the diff that turns an MMPose top-down config into a PCLoss config.

    python tools/add_pcloss.py CONFIG
    python tools/add_pcloss.py CONFIG | patch CONFIG -o NEW_CONFIG  # in the same folder, for its relative bases

The head becomes its PCLoss class with `pc_loss` (and `integral`, where it predicts heatmaps), and each training
pipeline packs the keypoints in the crop; test pipelines stay as they are. Before the diff is printed, the changed
config is loaded, compared with the old one, and its head is built. A config that does not qualify ends the tool with
one line that says why. docs/any_model.md explains the lines and the values.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

import pcloss_mmpose  # noqa: F401  (registers the heads)
from pcloss_mmpose.models import heads
from pcloss_mmpose.models.losses import load_metainfo

#: FashionAI's values in our units, where the output is heatmaps, and ours for coordinates (docs/loss.md).
TOPK, ALPHA = 8, '10.'
HEATMAP_WEIGHT, COORDINATE_WEIGHT = '3e-4', '0.03'
BY_HAND = 'change it by hand as docs/any_model.md shows'

Path_ = Sequence[Any]  # keys and indices from the top of a config


class Unsuitable(Exception):
    """The config cannot become a PCLoss config; the message says why."""


# ---- what the config says


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
    name = unscoped(model.get('head', {}).get('type', ''))
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


def packed_pipelines(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, int]]:
    """Path of each pipeline below ``value`` that packs inputs, and the index of the step that does."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        steps = [unscoped(step.get('type', '')) for step in item if isinstance(step, Mapping)] \
            if key in ('pipeline', 'switch_pipeline') and isinstance(item, list) else []
        if 'PackPoseInputs' in steps:
            yield (*path, key), steps.index('PackPoseInputs')
        else:
            yield from packed_pipelines(item, (*path, key))


def packing_steps(cfg: Mapping, roots: Sequence[str]) -> dict[Path_, int]:
    return dict(packed_pipelines({root: cfg[root] for root in roots if cfg.get(root)}))


def training_steps(cfg: Mapping) -> dict[Path_, int]:
    return packing_steps(cfg, ('train_dataloader', 'custom_hooks'))


def test_steps(cfg: Mapping) -> dict[Path_, int]:
    return packing_steps(cfg, ('val_dataloader', 'test_dataloader'))


def at(cfg: Any, path: Path_) -> Any:
    for key in path:
        cfg = cfg[key]
    return cfg


def partition_arguments(dataset: Mapping) -> str:
    """The arguments of PCLoss that name the groups of a training data set, with a comma after them, or ''.

    Raises:
        Unsuitable: Nothing tells the landmarks of the data set.
    """
    name = unscoped(dataset['type'])
    source = dataset.get('metainfo')
    if source is None and name == 'DeepFashionDataset':  # which of three metainfo files it takes, its subset says
        source = f'configs/_base_/datasets/deepfashion_{dataset.get("subset") or "full"}.py'
    if isinstance(source, Mapping) and 'from_file' in source:
        source = source['from_file']
    try:
        metainfo = load_metainfo(name if source is None else source)
    except ValueError as error:
        raise Unsuitable(str(error)) from error
    if not metainfo['flip_pairs']:
        return ''
    return f"partition='left_right', metainfo={name if source is None else source!r}, " if isinstance(source, str) \
        else f"partition='left_right', metainfo={name!r}, "


# ---- what its file says


class Source:
    """The text of a config, what it assigns, and the changes to make to it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self.lines = text.splitlines(keepends=True)
        self.changes: list[tuple[int, int, str]] = []

    def offset(self, line: int, column: int) -> int:
        """Index in the text of what ``ast`` numbers: lines from 1, columns in bytes."""
        return sum(map(len, self.lines[:line - 1])) + len(self.lines[line - 1].encode()[:column].decode())

    def start(self, node: ast.AST) -> int:
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: ast.AST) -> int:
        return self.offset(node.end_lineno, node.end_col_offset)

    def indent(self, line: int) -> str:
        text = self.lines[line - 1]
        return text[:len(text) - len(text.lstrip())]

    def assigned(self, name: str) -> ast.expr | None:
        """The value that the file gives to a name on its top level, the last one."""
        values = [node.value for node in self.tree.body if isinstance(node, ast.Assign)
                  for target in node.targets if isinstance(target, ast.Name) and target.id == name]
        return values[-1] if values else None

    def replace(self, node: ast.AST, text: str) -> None:
        self.changes.append((self.start(node), self.end(node), text))

    def insert(self, where: int, text: str) -> None:
        self.changes.append((where, where, text))

    def append(self, *lines: str) -> None:
        newline = '' if self.text.endswith('\n') else '\n'
        self.insert(len(self.text), newline + ''.join(f'{line}\n' for line in lines))

    def changed(self) -> str:
        parts, done = [], 0
        for start, end, new in sorted(self.changes, key=lambda change: change[0]):
            parts += [self.text[done:start], new]
            done = end
        return ''.join([*parts, self.text[done:]])


def dict_call(node: ast.AST | None, what: str) -> ast.Call:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict'):
        raise Unsuitable(f'its {what} is not written as dict(...): {BY_HAND}')
    return node


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((each.value for each in call.keywords if each.arg == name), None)


def packing_calls(source: Source) -> list[ast.Call]:
    """Each ``dict(type='PackPoseInputs')`` in the file."""
    return [node for node in ast.walk(source.tree) if isinstance(node, ast.Call) and any(
        each.arg == 'type' and isinstance(each.value, ast.Constant) and unscoped(each.value.value) == 'PackPoseInputs'
        for each in node.keywords)]


def load(text: str, path: Path) -> Config:
    """The config that ``text`` would be in the place of ``path``."""
    source = Source(text)
    for node in ast.walk(source.assigned('_base_') or ast.Module([], [])):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and '::' not in node.value:
            source.replace(node, repr(str(path.parent.absolute() / node.value)))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_text(source.changed())
        return Config.fromfile(copy, import_custom_modules=False)


def calls_of_steps(source: Source, path: Path) -> tuple[dict[Path_, int], set]:
    """Which of the file's packing calls stands in which training pipeline, and which stand in test pipelines."""
    marked = Source(source.text)
    for number, call in enumerate(packing_calls(marked)):
        marked.insert(marked.end(keyword(call, 'type')), f', number={number}')
    cfg = load(marked.changed(), path)

    def numbers(steps: dict[Path_, int]) -> dict:
        return {place: at(cfg, place)[index].get('number') for place, index in steps.items()}

    return numbers(training_steps(cfg)), set(numbers(test_steps(cfg)).values())


# ---- the changes


def import_package(source: Source, cfg: Config) -> None:
    line = "custom_imports = dict(imports=['pcloss_mmpose'], allow_failed_imports=False)"
    own = source.assigned('custom_imports')
    if own is not None:
        imports = keyword(dict_call(own, 'custom_imports'), 'imports')
        if not isinstance(imports, ast.List):
            raise Unsuitable(f'its custom_imports holds no list of imports: {BY_HAND}')
        # First, since the others may need what this one makes importable.
        source.insert(source.start(imports) + 1, "'pcloss_mmpose'" + (', ' if imports.elts else ''))
        return
    if cfg.get('custom_imports'):
        line = line.replace("']", "', *_base_.custom_imports.imports]")
    base = next((node for node in source.tree.body if isinstance(node, ast.Assign)
                 and isinstance(node.targets[0], ast.Name) and node.targets[0].id == '_base_'), None)
    where = sum(map(len, source.lines[:base.end_lineno])) if base else source.start(source.tree.body[0])
    source.insert(where, f'{line}\n')


def change_head(source: Source, stock: str, groups: str) -> None:
    is_heatmap = issubclass(getattr(heads, f'PC{stock}'), heads.PCHeatmapMixin)
    name = f"type='PC{stock}'"
    integral = f'integral=dict(alpha={ALPHA})' if is_heatmap else ''
    weight = HEATMAP_WEIGHT if is_heatmap else COORDINATE_WEIGHT
    arguments = f"type='PCLoss', topk={TOPK}, {groups}loss_weight={weight}"
    first = ', '.join(filter(None, (name, integral)))
    whole = f'head=dict({first}, pc_loss=dict(\n    {{indent}}{arguments}))'

    if source.assigned('model') is None:
        source.append(f'model = dict({whole.format(indent="")})')
        return
    model = dict_call(source.assigned('model'), 'model')
    head = keyword(model, 'head')
    if head is None:
        source.insert(source.end(model.func) + 1, f'\n    {whole.format(indent="    ")},')
        return
    head = dict_call(head, 'head')
    old = keyword(head, 'type')
    if old is None:
        indent = source.indent(head.lineno) + ' ' * 4
        source.insert(source.end(head.func) + 1, f'{first},\n{indent}pc_loss=dict({arguments}),\n{indent}')
        return
    indent = source.indent(old.lineno)
    if not source.lines[old.lineno - 1].lstrip().startswith('type'):
        indent += ' ' * 4
    lines = [f"'PC{stock}'", *filter(None, [integral]), f'pc_loss=dict({arguments})']
    source.replace(old, f',\n{indent}'.join(lines))


def pack_keypoints(source: Source, cfg: Config, path: Path) -> None:
    steps = training_steps(cfg)
    calls = packing_calls(source)
    training, testing = calls_of_steps(source, path)
    for number in {number for number in training.values() if number is not None}:
        if number in testing:
            raise Unsuitable(f'line {calls[number].lineno} serves training and test pipelines alike: give the '
                             'training pipelines a PackPoseInputs of their own')
        if keyword(calls[number], 'pack_transformed') is None:
            source.insert(source.end(keyword(calls[number], 'type')), ', pack_transformed=True')
    for place, number in training.items():
        if number is None:
            last = steps[place] == len(at(cfg, place)) - 1
            inherit_and_pack(source, place, -1 if last else steps[place])


def inherit_and_pack(source: Source, place: Path_, index: int) -> None:
    """Lines that take a pipeline over from the base config and let its step pack the keypoints."""
    root, *keys = place
    subscripts = ''.join(f'[{key!r}]' for key in keys)
    own = source.assigned(root)
    if root == 'custom_hooks':  # a list, which an inheriting config takes over as a whole
        lines = [f'custom_hooks = _base_.{root}']
    elif any(isinstance(key, int) for key in keys):
        raise Unsuitable(f'it inherits a pipeline at {root}{subscripts}: {BY_HAND}, or change the config it inherits')
    else:
        value = f'_base_.{root}.' + '.'.join(keys)
        given = []  # the keys that the file sets itself: an assignment to them would drop its values
        while own is not None and len(given) < len(keys):
            own = keyword(dict_call(own, '.'.join([root, *given])), keys[len(given)])
            given += [keys[len(given)]] if own is not None else []
        target, inner = keys[:len(given) + 1], keys[len(given) + 1:]
        if source.assigned(root) is None:
            target, inner = [], keys
        for key in reversed(inner):
            value = f'dict({key}={value})'
        lines = [f'{root}{"".join(f"[{key!r}]" for key in target)} = {value}']
    source.append(*lines, f"{root}{subscripts}[{index}]['pack_transformed'] = True")


# ---- the check


def check(old: Config, new: Config) -> None:
    """Raise Unsuitable unless ``new`` is ``old`` with PCLoss and nothing else changed, and its head builds."""
    try:
        head = MODELS.build(dict(new.model.head))
    except (KeyError, TypeError, ValueError) as error:
        raise Unsuitable(f'its head does not build: {error}') from error
    channels = new.model.head.get('out_channels', new.model.head.get('num_joints'))
    if getattr(head.decoder, 'heatmap_type', None) == 'combined':
        channels //= 3
    if head.pc_loss.groups and max(map(max, head.pc_loss.groups)) != channels - 1:
        raise Unsuitable(f'its head gives {channels} landmarks, and the metainfo of its training data has another '
                         f'number: {BY_HAND}')
    expected = old.to_dict()
    expected['model']['head'].update(
        (key, new.model.head[key]) for key in ('type', 'pc_loss', 'integral') if key in new.model.head)
    for place, index in training_steps(old).items():
        at(expected, place)[index]['pack_transformed'] = True
    roots = ('model', 'train_dataloader', 'val_dataloader', 'test_dataloader', 'custom_hooks', 'train_cfg',
             'optim_wrapper', 'param_scheduler', 'val_evaluator', 'test_evaluator', 'default_hooks')
    if any(expected.get(root) != new.to_dict().get(root) for root in roots):
        raise Unsuitable(f'the changes would not be the whole of it: {BY_HAND}')


def pcloss_text(path: Path) -> str:
    """Text of the config at ``path`` with PCLoss.

    Raises:
        Unsuitable: It does not qualify; the message says why.
    """
    try:
        text = path.read_text()
        if 'read_base' in text:
            raise Unsuitable(f"it is written in MMEngine's pure Python style: {BY_HAND}")
        cfg = Config.fromfile(path)
    except Unsuitable:
        raise
    except Exception as error:  # a config is code, which may raise anything
        raise Unsuitable(f'it does not load: {type(error).__name__}: {error}') from error
    init_default_scope('mmpose')
    stock = stock_head(cfg)
    pipelines = [place for place in training_steps(cfg) if place[0] == 'train_dataloader']
    if not pipelines:
        raise Unsuitable('no pipeline of a train_dataloader in it has PackPoseInputs')
    source = Source(text)
    import_package(source, cfg)
    change_head(source, stock, partition_arguments(at(cfg, pipelines[0][:-1])))
    pack_keypoints(source, cfg, path)
    try:
        new = load(source.changed(), path)
    except Exception as error:
        raise Unsuitable(f'changed, it would not load ({error}): {BY_HAND}') from error
    check(cfg, new)
    return source.changed()


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='an MMPose config, .py')
    path = parser.parse_args(argv).config
    try:
        new = pcloss_text(path)
    except Unsuitable as error:
        sys.exit(f'{path}: {" ".join(str(error).split())}')
    old = path.read_text()
    print(*difflib.unified_diff(old.splitlines(), new.splitlines(), str(path), str(path), lineterm=''), sep='\n')


if __name__ == '__main__':
    main()
