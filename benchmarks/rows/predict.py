"""What `pcloss predict` keeps of a model's speed: a job from files to its results, against the bare model.

The job decodes and crops drawn garments of 512x512 in a worker process, predicts, writes its
journal and its result, and, with --draw, each image with its landmarks. The bare model gets the same batches from
memory. Weights are random, and the start of the job, with the loading of the model, is not counted.
"""

from __future__ import annotations

import json
import tempfile
import time
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Iterator, Sequence

import torch
from mmengine.config import Config

from benchmarks.paired import Case, Cost
from pcloss_mmpose.configs import find_config, load_config
from pcloss_mmpose.inference import find_items
from pcloss_mmpose.synthetic import write_fashionai

#: Config, side of the input, images and batch size. The peer of each takes some seconds on a CPU.
MODELS = {
    'SimpleBaselines ResNet-50': ('td-hm_res50-pcloss_4xb5-100k_fashionai-512x512', 256, 48, 4),
    'EfficientNet-lite0': ('td-hm_efflite0-pcloss_1xb12-600_garments-128x128', 128, 192, 32),
}
TARGET = 1 / 0.95


def cases(device: str, scale: int = 1) -> Iterator[Case]:
    from mmpose.apis import init_model

    from pcloss_mmpose.inference.predictor import ImageDataset, predict
    for name, (config_name, side, images, batch_size) in MODELS.items():
        with tempfile.TemporaryDirectory() as text:
            folder = Path(text)
            write_fashionai(folder / 'garments', 'test', images * scale, size=512)
            config = resized(load_config(find_config(config_name)), side)
            config.dump(folder / 'config.py')
            torch.manual_seed(0)
            model = init_model(config, device=device)
            torch.save(dict(state_dict=model.state_dict()), folder / 'model.pth')

            items = find_items([str(folder / 'garments')])
            dataset = ImageDataset(items, config.test_dataloader.dataset.pipeline, model.dataset_meta)
            batches = [[dataset[i] for i in range(start, min(start + batch_size, len(dataset)))]
                       for start in range(0, len(dataset), batch_size)]
            landmarks = list(model.dataset_meta['keypoint_id2name'].values())
            runs = count()

            def bare(model=model, batches=batches, landmarks=landmarks):
                return [record for _, records in predict(model, batches, landmarks, {}) for record in records]

            for draw in (False, True):
                job = partial(timed_job, folder, items, batch_size, device, draw, runs)
                yield Case(f'predict{" --draw" * draw}, {name}, {side}x{side}', job, bare, is_same, TARGET,
                           count=len(items), rounds=5)


def resized(config: Config, side: int) -> Any:
    """The config with square inputs of another size, and heatmaps of a quarter of it."""
    config.model.head.decoder.update(input_size=(side, side), heatmap_size=(side // 4, side // 4))
    for step in config.test_dataloader.dataset.pipeline:
        if 'input_size' in step:
            step.input_size = (side, side)
    return config


def timed_job(folder: Path, items: Sequence, batch_size: int, device: str, draw: bool, runs: Iterator[int]) -> Cost:
    """The seconds of a new job without its start, and the records that it has written."""
    from pcloss_mmpose.inference.job import Job
    job = Job(folder / 'config.py', str(folder / 'model.pth'), items, folder / f'out{next(runs)}', draw=draw,
              device=device)
    start = time.perf_counter()
    for _ in job.run(batch_size, workers=1):
        pass
    result = job.finish()
    seconds = time.perf_counter() - start
    return Cost(seconds, 0, [json.loads(line) for line in result.read_text().splitlines()])


def is_same(ours: list[dict], peer: list[dict]) -> None:
    assert ours == json.loads(json.dumps(peer))
