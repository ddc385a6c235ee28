"""What `pcloss predict` keeps of a model's speed: images a second of a whole job, against the bare model's.

    python -m benchmarks.predict_speed [--config CONFIG] [--images 64] [--batch-size 8]

The job loads drawn images of 512x512 from disk in worker processes, crops, predicts, and writes its journal. The bare
model gets the same batches from memory. Both run in turns, and the median of three ratios counts. Weights are random.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from torch.utils.data import DataLoader

from pcloss_mmpose.configs import find_config, load_config
from pcloss_mmpose.inference import Journal, find_items
from pcloss_mmpose.inference.predictor import ImageDataset, choose_device, predict
from pcloss_mmpose.metainfo import landmark_names
from pcloss_mmpose.synthetic import write_fashionai


def main() -> None:
    from mmpose.apis import init_model  # after the package, which makes it importable
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', default='td-hm_res50-pcloss_4xb5-100k_fashionai-512x512')
    parser.add_argument('--images', type=int, default=64)
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--workers', type=int, default=1)
    parser.add_argument('--device')
    args = parser.parse_args()
    config = load_config(find_config(args.config))
    device = choose_device(args.device)
    model = init_model(config, device=device)
    meta = model.dataset_meta
    names = landmark_names(meta)

    with tempfile.TemporaryDirectory() as folder:
        write_fashionai(Path(folder), 'test', args.images, size=512)
        dataset = ImageDataset(find_items([folder]), config.test_dataloader.dataset.pipeline, meta)
        batches = [[dataset[i] for i in range(start, min(start + args.batch_size, len(dataset)))]
                   for start in range(0, len(dataset), args.batch_size)]
        ratios = []
        for turn in range(3):
            start = time.perf_counter()
            for _ in predict(model, batches, names, {}):
                pass
            bare = time.perf_counter() - start
            start = time.perf_counter()
            journal = Journal(Path(folder) / f'out{turn}', {})
            loader = DataLoader(dataset, args.batch_size, num_workers=args.workers, collate_fn=list)
            for _, records in predict(model, loader, names, {}):
                journal.append(records)
            job = time.perf_counter() - start
            ratios.append(bare / job)
            print(f'bare model {args.images / bare:.2f} images a second, job {args.images / job:.2f}: '
                  f'{bare / job:.0%}', flush=True)
    print(f'{Path(args.config).stem}, {device}: the job keeps {statistics.median(ratios):.0%} of the speed')


if __name__ == '__main__':
    main()
