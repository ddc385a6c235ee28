"""Write a trained model as ONNX, and compare it with PyTorch.

    python tools/export_onnx.py CONFIG CHECKPOINT -o model.onnx
    python tools/export_onnx.py CONFIG CHECKPOINT -o model.onnx --pictures photos/ --output heatmaps

The graph takes a batch of any size of crops, uint8 (B, H, W, 3), BGR as OpenCV reads pictures, and gives
`coordinates` (B, K, 2) in pixels of the crop and `scores` (B, K), or `heatmaps` (B, K, h, w). It normalises the colours
itself. Its metadata say how boxes are cut and what the landmarks are called; examples/onnx_predict.py goes by them,
with onnxruntime, numpy and OpenCV alone.

What ONNX Runtime finds is then compared with MMPose's own prediction, on the pictures given (whole) or on the first of
the config's test set. A difference of more than 1e-3 pixels of the heatmap (of the crop, for regression) is an error.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
import warnings
from pathlib import Path
from typing import Sequence

import mmpose_tool  # first: it makes the package and MMPose importable
import numpy as np
import torch
from mmengine.config import Config
from mmpose.apis import init_model
from mmpose.registry import DATASETS
from torch import nn

from pcloss_mmpose.deploy import OUTPUTS, DeployGraph, crop_rule
from pcloss_mmpose.inference import PictureDataset, find_items
from pcloss_mmpose.metainfo import landmark_names

try:
    import onnx
    import onnxruntime
except ImportError as error:
    sys.exit(f'{error}: pip install -e .[onnx] in the folder {Path(__file__).resolve().parents[1]}')

TOLERANCE = 1e-3  # pixels of the heatmap


def export(graph: DeployGraph, crops: np.ndarray, path: Path, metadata: dict[str, str]) -> None:
    """Write the graph for crops like these, in batches of any size."""
    names = ['heatmaps'] if graph.output == 'heatmaps' else ['coordinates', 'scores']
    # Torch's newer exporter is missing from the older versions that MMPose runs on.
    options = dict(dynamo=False) if 'dynamo' in inspect.signature(torch.onnx.export).parameters else {}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')  # about constants of the trace: the size of the crop is one
        torch.onnx.export(
            graph, (torch.from_numpy(crops), ), str(path), input_names=['crops'], output_names=names,
            dynamic_axes={name: {0: 'batch'} for name in ('crops', *names)}, opset_version=17, **options)
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def metadata_of(config: Config, dataset_meta: dict) -> dict[str, str]:
    """What a program must know to use the graph, as JSON strings."""
    values = dict(
        crop_rule(config.test_dataloader.dataset.pipeline)._asdict(), landmarks=landmark_names(dataset_meta))
    return {key: json.dumps(value) for key, value in values.items()}


def load_samples(config: Config, dataset_meta: dict, places: Sequence[str], count: int) -> list[dict]:
    """Crops with their data samples, as the test pipeline gives them: of pictures, or of the test set.

    Raises:
        ValueError: A picture cannot be read, or the test set is empty.
    """
    options = config.test_dataloader.dataset
    entries = PictureDataset(find_items(places), options.pipeline, dataset_meta) if places else DATASETS.build(options)
    if not len(entries):
        raise ValueError('the test set is empty: name some --pictures')
    samples = [entries[index] for index in range(min(count, len(entries)))]
    for sample in samples:
        if 'error' in sample:
            raise ValueError(f"{sample['item'].image}: {sample['error']}")
    return [sample.get('sample', sample) for sample in samples]


def in_crop(sample, input_size: np.ndarray) -> np.ndarray:
    """Predicted landmarks (K, 2) of a data sample, taken back to pixels of the crop."""
    meta = sample.metainfo
    corner = np.asarray(meta['input_center']) - np.asarray(meta['input_scale']) / 2
    return (sample.pred_instances.keypoints[0, :, :2] - corner) / np.asarray(meta['input_scale']) * input_size


def compare(session: onnxruntime.InferenceSession, model: nn.Module, samples: Sequence[dict]) -> float:
    """The largest difference of a landmark between MMPose's own prediction and ONNX Runtime's, in heatmap pixels."""
    codec = model.head.decoder
    input_size = np.asarray(codec.input_size, dtype=np.float64)
    unit = np.asarray(getattr(codec, 'scale_factor', 1.))
    batch = {key: [sample[key] for sample in samples] for key in ('inputs', 'data_samples')}
    with torch.no_grad():
        expected = np.stack([in_crop(sample, input_size) for sample in model.test_step(batch)])
    crops = np.stack([sample['inputs'].numpy().transpose(1, 2, 0) for sample in samples])
    largest = 0.
    for size in (1, len(crops)):  # batches of two sizes, since any is promised
        found = [session.run(None, {'crops': crops[start:start + size]})[0] for start in range(0, len(crops), size)]
        found = np.concatenate(found)
        if found.ndim == 4:
            found = np.concatenate([codec.decode(heatmaps)[0] for heatmaps in found])
        largest = max(largest, float(np.abs((found - expected) / unit).max()))
    return largest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('-o', '--out', type=Path, required=True, help='file to write')
    parser.add_argument('--output', choices=OUTPUTS, default='coordinates', help='of the graph (default: %(default)s)')
    parser.add_argument('--pictures', nargs='+', default=[], metavar='INPUT', help='what to compare on, as '
                        'tools/predict.py takes it; the test set serves without')
    parser.add_argument('--count', type=int, default=16, help='how many to compare on (default: %(default)s)')
    args = parser.parse_args()
    if args.count < 1:
        parser.error(f'--count must be at least 1, got {args.count}')
    mmpose_tool.check_out_file(parser, args.out, ('.onnx', ))
    with mmpose_tool.readable_errors():
        config = Config.fromfile(args.config)
        model = init_model(config, args.checkpoint, device='cpu')
        model.test_cfg['flip_test'] = False
        samples = load_samples(config, model.dataset_meta, args.pictures, args.count)
        graph = DeployGraph(model, args.output)
        metadata = metadata_of(config, model.dataset_meta)
    new = args.out.with_suffix('.new.onnx')  # what is there stays until the new one has been compared
    export(graph, samples[0]['inputs'].numpy().transpose(1, 2, 0)[None], new, metadata)
    session = onnxruntime.InferenceSession(str(new), providers=['CPUExecutionProvider'])
    difference = compare(session, model, samples)
    unit = 'heatmap' if hasattr(model.head.decoder, 'scale_factor') else 'crop'
    print(f'On {len(samples)} pictures, the landmarks of ONNX Runtime and of MMPose differ by {difference:.2g} pixels '
          f'of the {unit} at most')
    if not difference <= TOLERANCE:
        sys.exit(f'error: more than {TOLERANCE:g}; {new} is wrong')
    new.replace(args.out)
    print(f'{args.out}: {args.out.stat().st_size / 1e6:.1f} MB')


if __name__ == '__main__':
    main()
