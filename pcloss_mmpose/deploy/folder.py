"""The folder that a model is shared as: weights, config, graph, page and picture."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

import torch
from mmengine.config import Config
from mmpose.apis import init_model
from torch import nn

from ..checkpoints.safetensors_file import as_safetensors
from ..configs import config_errors, plain_values
from ..errors import InputError, PclossError
from ..images import read_image
from ..inference import Item
from ..inference.drawings import draw_prediction
from ..inference.predictor import load_model
from ..metainfo import known_categories, landmark_names, load_metainfo, raw_category
from ..model_folder import CONFIG, WEIGHTS, check_config
from ..visualization import Look
from .card import Card, readme
from .export import TOLERANCE, best_output, export_model, load_samples
from .portable import config_text, portable_config, raw_info
from .publish import config_name, content_name, halved, plain, read_published

GRAPH = 'model.onnx'
PICTURE = 'picture.jpg'
PAGE = 'README.md'
#: Images that a graph is compared on.
COMPARED = 16


class Shared(NamedTuple):
    """What was made."""

    folder: Path
    dropped: list[str]  #: names of what is not in it of the checkpoint
    notes: list[str]  #: what the user should know, a line each


def share(checkpoint: Path, folder: Path, items: Sequence[Item] = (), metrics: Mapping[str, float] | None = None,
          license: str | None = None, dataset: str | None = None, half: bool = False) -> Shared:
    """Write the folder of a checkpoint into another, which is made if it is missing; all of it or nothing.

    Args:
        checkpoint: Its file.
        folder: Where that of the model comes to, ``<name>-<hash of the weights' file>_<date>``.
        items: Images to compare the graph on, the first of which is drawn; without any, the config's test set.
        metrics: Figures by name, for the page.
        license: Identifier, for the page.
        dataset: Name of the data that the model was trained and measured on, for the page.
        half: Weights in half precision, in half of the space.

    Raises:
        InputError: The file is no whole checkpoint of a training, it does not fit its config, that is more than data
            (:func:`~pcloss_mmpose.model_folder.check_config`), or the folder is there.
    """
    result, dropped = read_published(checkpoint)
    meta = result['meta']
    try:
        own = Config(plain_values(meta['cfg']))
    except (KeyError, SyntaxError, ValueError) as error:
        raise InputError(f'{checkpoint}: no config in its meta that can be read ({type(error).__name__}: {error}): '
                         '--pth publishes the weights alone') from error
    name, dataset_meta = config_name(checkpoint, meta), meta.get('dataset_meta')
    with config_errors(f'the config of {checkpoint}'):
        portable = portable_config(own.to_dict(), lambda path: raw_metainfo(path, own, dataset_meta))
        meta['cfg'] = config_text(portable)
    if half:
        result['state_dict'] = halved(result['state_dict'])
    content = as_safetensors(result)
    target = folder / content_name(checkpoint, meta, content)
    if target.exists():
        raise InputError(f'{target} is there already')
    folder.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f'{target.name}.', suffix='.part', dir=folder))
    try:
        (part / WEIGHTS).write_bytes(content)
        (part / CONFIG).write_text(meta['cfg'], encoding='utf-8')
        facts = dict(name=name, metrics=metrics or {}, license=license, dataset=dataset,
                     weights_hash=hashlib.sha256(content).hexdigest())
        notes = list(_fill(part, own, items, meta, facts))
        part.chmod(0o755)
        os.replace(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Shared(target, dropped, notes)


def raw_metainfo(path: str, config: Mapping, trained: Mapping | None) -> dict[str, Any]:
    """The dataset_info of a metainfo file, or where it is not there any more, that which was trained with.

    Categories that only the COCO files tell become part of it.
    """
    try:
        parsed = load_metainfo(path)
    except (PclossError, OSError):
        if not trained:
            raise
        parsed = trained
    if not parsed.get('categories') and trained and landmark_names(parsed) == landmark_names(trained):
        parsed = dict(parsed, categories=known_categories(config, parsed))
    return plain(raw_info(parsed))


def _fill(folder: Path, own: Config, items: Sequence[Item], meta: Mapping, facts: Mapping[str, Any]) -> Iterator[str]:
    """Write what follows from weights and config, which are there; yields the notes.

    Args:
        folder: Of the model.
        own: The config with this machine's folders.
        items: As for :func:`share`.
        meta: Of the checkpoint.
        facts: What is known of the page.
    """
    files = {WEIGHTS: 'the weights, and what MMPose keeps beside them', CONFIG: 'the config, flat'}
    try:
        check_config(folder / CONFIG)
    except InputError as error:  # nobody could use it, and it is not built here either
        raise InputError(f'{str(error).replace(str(folder), facts["name"])}: --pth publishes the weights alone'
                         ) from error
    with config_errors(f'the config of {facts["name"]}'), contextlib.redirect_stdout(io.StringIO()):
        model = load_model(init_model, Config.fromfile(str(folder / CONFIG)), str(folder / WEIGHTS), 'cpu')
    options = (own.get('test_dataloader') or {}).get('dataset')
    fault = _no_images(model, options, items)
    if fault:
        yield (f'no {PICTURE} and no {GRAPH}, as there is no image to draw and to compare on ({fault}): name one by '
               '--picture')
    else:
        files[PICTURE] = 'an image with the landmarks that the model finds'
        yield f'{PICTURE} shows {draw(folder / PICTURE, model, own, options, items)}: others will see it'
        try:
            files[GRAPH] = graph(folder / GRAPH, model, options, items)
        except PclossError as error:
            yield f'no {GRAPH}: {error}'
    if not facts['license']:
        yield 'no license in the page, so that nobody may use the model: --license names one'
    if facts['metrics'] and not facts['dataset']:
        yield 'no figures in the front matter of the page, which would have to say on which data: --dataset names them'
    training = {key: meta[key] for key in ('epoch', 'iter', 'seed', 'mmengine_version', 'pcloss_mmpose_version')
                if key in meta}
    names = landmark_names(model.dataset_meta)
    categories = {category: [names[k] for k in landmarks]
                  for category, landmarks in known_categories(own, model.dataset_meta).items()}
    card = Card(landmarks=names, categories=categories, training=training, files=files,
                picture=PICTURE if PICTURE in files else None, **facts)
    (folder / PAGE).write_text(readme(card), encoding='utf-8')


def _no_images(model: nn.Module, options: Mapping | None, items: Sequence[Item]) -> str:
    """Why there is no image; empty if there is one."""
    if options is None:
        return 'the config has no test set'
    try:
        load_samples(options, model.dataset_meta, items, 1)
    except (PclossError, OSError) as error:
        if items:
            raise
        return str(error).partition(': name some --pictures')[0]
    return ''


def draw(path: Path, model: nn.Module, config: Mapping, options: Mapping, items: Sequence[Item]) -> str:
    """Write the first image with the landmarks that a model finds on it, those of its category; the image's path."""
    sample, = load_samples(options, model.dataset_meta, items, 1)
    with torch.no_grad():
        found, = model.test_step({key: [sample[key]] for key in ('inputs', 'data_samples')})
    names = landmark_names(model.dataset_meta)
    category = items[0].category if items else raw_category(found.get('raw_ann_info'), model.dataset_meta)
    own = known_categories(config, model.dataset_meta).get(category, range(len(names))) if category else range(
        len(names))
    points, scores = found.pred_instances.keypoints[0], found.pred_instances.keypoint_scores[0]
    draw_prediction(path, read_image(found.img_path), {names[k]: [*points[k, :2], scores[k]] for k in own},
                    Look.of(model.dataset_meta))
    return found.img_path


def graph(path: Path, model: nn.Module, options: Mapping, items: Sequence[Item]) -> str:
    """Write the ONNX file: what it takes and gives, in words.

    Raises:
        InputError: The model cannot be exported, or not rightly.
    """
    missing = [name for name in ('onnx', 'onnxruntime') if find_spec(name) is None]
    if missing:
        raise InputError(f'{" and ".join(missing)} not installed')
    output = best_output(model, options['pipeline'])
    made = export_model(model, options, path, output, items, COMPARED)
    if not made.is_right:
        with contextlib.suppress(OSError):
            made.path.unlink()
        raise InputError(f'it would differ by {made.difference:.2g} pixels of the {made.unit}, more than {TOLERANCE:g}')
    return {'simcc': 'the graph as rtmlib and `rtmlib.Custom` run it; from crops, not decoded',
            'coordinates': 'the graph with its decoding, for examples/onnx_predict.py of pcloss-mmpose',
            'heatmaps': 'the graph, from crops to heatmaps, not decoded'}[output]
