"""A model's graph as an ONNX file, and the comparison of ONNX Runtime with MMPose's own prediction. B: crops."""

from __future__ import annotations

import inspect
import json
import warnings
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmpose.apis import init_model
from mmpose.registry import DATASETS
from torch import nn

from ..configs import config_errors
from ..errors import InputError, PclossError
from ..inference import Item
from ..inference.predictor import ImageDataset, load_model
from ..metainfo import declared_categories, landmark_names, raw_category
from . import rtmlib
from .crops import CropRule, crop_rule
from .graph import OUTPUTS, DeployGraph

#: What :func:`compare` may find.
TOLERANCE = 1e-3


class Export(NamedTuple):
    """What an export made."""

    path: Path  #: the file to which it was written, that asked for if it is right
    images: int  #: on which it was compared
    difference: float  #: of the landmarks, see :func:`compare`
    unit: str  #: of the difference: pixels of the heatmap or of the crop
    flip_test: bool  #: whether the config tests with flipped images too, which a graph does not

    @property
    def is_right(self) -> bool:
        """Whether ONNX Runtime finds what MMPose finds."""
        return self.difference <= TOLERANCE  # False for NaN


def export(config: Config, checkpoint: str, path: Path, output: str, items: Sequence[Item], count: int) -> Export:
    """Write a trained model to ``path``, unless it is wrong: then it stays beside that, as ``.new.onnx``.

    Args:
        config: Of the model.
        checkpoint: Path or address of its weights.
        path: The ``.onnx`` file.
        output: As for :class:`DeployGraph`.
        items: As for :func:`load_samples`.
        count: Alike.

    Raises:
        InputError: The config has no test set, or what :class:`DeployGraph`, :func:`.rtmlib.check_runs` and
            :func:`load_samples` refuse.
    """
    with config_errors(config.filename):
        options = (config.get('test_dataloader') or {}).get('dataset')
        if options is None or 'model' not in config:
            raise InputError('the config must have a model, and a test_dataloader with a dataset')
        model = load_model(init_model, config, checkpoint, 'cpu')
    return export_model(model, options, path, output, items, count)


def export_model(model: nn.Module, options: Mapping, path: Path, output: str, items: Sequence[Item], count: int
                 ) -> Export:
    """:func:`export` of a model that is built; ``options``: config of its test set. Its flip test is switched off."""
    flip_test = bool(model.test_cfg.get('flip_test'))
    model.test_cfg['flip_test'] = False
    graph = DeployGraph(model, output)
    rule = crop_rule(options['pipeline'])
    categories = declared_categories(dict(test_dataloader=dict(dataset=options)), model.dataset_meta)
    metadata = graph_metadata(rule, landmark_names(model.dataset_meta), categories)
    if output == 'simcc':
        rtmlib.check_runs(rule, model.head.decoder)
        metadata.update(rtmlib.METADATA)
    samples = load_samples(options, model.dataset_meta, items, count)
    new = path.with_suffix('.new.onnx')  # what is there stays until the new one has been compared
    write_onnx(graph, images_of(samples[:1]), new, metadata)
    unit = 'heatmap' if hasattr(model.head.decoder, 'scale_factor') else 'crop'
    made = Export(new, len(samples), compare(new, model, samples, categories), unit, flip_test)
    return made._replace(path=new.replace(path)) if made.is_right else made


def best_output(model: nn.Module, pipeline: Sequence[Mapping]) -> str:
    """The output of a graph that others can do most with: what rtmlib runs, or else coordinates, or else heatmaps.

    Raises:
        InputError: There is none.
    """
    rule = crop_rule(pipeline)
    faults = {}
    for output in ('simcc', 'coordinates', 'heatmaps'):
        try:
            DeployGraph(model, output)
            if output == 'simcc':
                rtmlib.check_runs(rule, model.head.decoder)
            return output
        except InputError as error:
            faults[output] = error
    raise faults['coordinates']


def write_onnx(graph: DeployGraph, crops: np.ndarray, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the graph for crops like these, (B, H, W, 3) uint8, in batches of any size."""
    import onnx
    name, crops = graph_input(graph.output, crops)
    outputs = OUTPUTS[graph.output]
    # Torch's newer exporter is missing from the older versions that MMPose runs on.
    options = dict(dynamo=False) if 'dynamo' in inspect.signature(torch.onnx.export).parameters else {}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')  # about constants of the trace: the size of the crop is one
        torch.onnx.export(
            graph, (torch.from_numpy(crops), ), str(path), input_names=[name], output_names=list(outputs),
            dynamic_axes={each: {0: 'batch'} for each in (name, *outputs)}, opset_version=17, **options)
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def graph_input(output: str, crops: np.ndarray) -> tuple[str, np.ndarray]:
    """The name of a graph's input, and what it takes for crops (B, H, W, 3) uint8."""
    return ('input', rtmlib.normalized(crops)) if output == 'simcc' else ('crops', crops)


def graph_metadata(rule: CropRule, names: Sequence[str], categories: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """What a program must know to use the graph of a model, as JSON strings."""
    values = dict(rule._asdict(), landmarks=names)
    if categories:
        values['categories'] = {category: [names[k] for k in own] for category, own in categories.items()}
    return {key: json.dumps(value) for key, value in values.items()}


def load_samples(options: Mapping, dataset_meta: Mapping, items: Sequence[Item], count: int) -> list[dict]:
    """Crops with their data samples, as the test pipeline gives them.

    Args:
        options: Config of the test set.
        dataset_meta: Parsed metainfo.
        items: What to cut from images; without any, the test set is taken.
        count: At most so many.

    Raises:
        InputError: An image cannot be read, or the test set cannot or is empty.
    """
    if items:
        entries = ImageDataset(items, options.pipeline, dataset_meta)
    else:
        try:
            with config_errors('the test set'):
                entries = DATASETS.build(options)
        except (PclossError, OSError) as error:
            raise InputError(f'no test set to compare on ({error}): name some --pictures') from error
    if not len(entries):
        raise InputError('the test set is empty: name some --pictures')
    samples = [entries[index] for index in range(min(count, len(entries)))]
    for sample in samples:
        if 'error' in sample:
            raise InputError(f"{sample['item'].image}: {sample['error']}")
    return [sample.get('sample', sample) for sample in samples]


def compare(path: Path, model: nn.Module, samples: Sequence[dict],
            categories: Mapping[str, Sequence[int]] | None = None) -> float:
    """The largest difference of a landmark between MMPose's own prediction and ONNX Runtime's.

    In pixels of the heatmap; for a regression, which has none, of the crop. Of garments whose category is known, its
    landmarks alone are compared.
    """
    import onnxruntime
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    codec = model.head.decoder
    input_size = np.asarray(codec.input_size, dtype=np.float64)
    unit = np.asarray(getattr(codec, 'scale_factor', 1.))
    batch = {key: [sample[key] for sample in samples] for key in ('inputs', 'data_samples')}
    with torch.no_grad():
        expected = np.stack([_in_crop(sample, input_size) for sample in model.test_step(batch)])
    outputs = tuple(output.name for output in session.get_outputs())
    name, crops = graph_input('simcc' if outputs == OUTPUTS['simcc'] else 'coordinates', images_of(samples))
    own = own_landmarks(samples, model.dataset_meta, categories or {})
    largest = 0.
    for size in (1, len(crops)):  # batches of two sizes, since any is promised
        found = [session.run(None, {name: crops[start:start + size]}) for start in range(0, len(crops), size)]
        found = [np.concatenate(parts) for parts in zip(*found)]
        if outputs == OUTPUTS['coordinates']:
            points = found[0]
        else:
            points = np.concatenate([codec.decode(*parts)[0] for parts in zip(*found)])
        largest = max(largest, float(np.abs((points - expected) / unit)[own].max()))
    return largest


def own_landmarks(samples: Sequence[dict], dataset_meta: Mapping, categories: Mapping[str, Sequence[int]]
                  ) -> np.ndarray:
    """(B, K) bool, which landmarks the category of each sample has; all of them where it is not known.

    Of a landmark that a garment does not have, a map can be flat, so that it is chance which pixel is the highest.
    """
    own = np.ones((len(samples), len(landmark_names(dataset_meta))), dtype=bool)
    for row, sample in zip(own, samples):
        category = raw_category(sample['data_samples'].get('raw_ann_info'), dataset_meta)
        if category in categories:
            row[:] = np.isin(np.arange(len(row)), categories[category])
    return own


def images_of(samples: Sequence[dict]) -> np.ndarray:
    """The crops (B, H, W, 3), uint8, of samples."""
    return np.stack([sample['inputs'].numpy().transpose(1, 2, 0) for sample in samples])


def _in_crop(sample: Any, input_size: np.ndarray) -> np.ndarray:
    """Predicted landmarks (K, 2) of a data sample, taken back to pixels of the crop."""
    meta = sample.metainfo
    corner = np.asarray(meta['input_center']) - np.asarray(meta['input_scale']) / 2
    return (sample.pred_instances.keypoints[0, :, :2] - corner) / np.asarray(meta['input_scale']) * input_size
