"""Whether a model can learn a few pictures by heart: NE on the pictures that it trains on, without augmentation.

    DEEPFASHION_ROOT=... OMP_NUM_THREADS=1 python -m benchmarks.overfit CONFIG [--images 16] [--divide 2] \\
        [--small] [--iterations 600] [--lr 1e-4] [--cfg-options NAME=VALUE ...]

CONFIG is any of a top-down model. The first pictures of its training set make one batch, at each iteration. Beside NE
stands the spread: how far the predictions of a landmark lie from their mean over the pictures, divided by the same of
the truth. A model that answers with the mean shape has a spread of 0, whatever its NE.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmpose.registry import DATASETS, MODELS
from torch import nn

from benchmarks.small import shrink, small_backbone
from benchmarks.spread import spread
from pcloss_mmpose.cli.arguments import add_config_options, config_file, merge_options, whole_number
from pcloss_mmpose.cli.errors import one_line_errors
from pcloss_mmpose.configs import load_config
from reproduce.tables import markdown_table

AUGMENTS = ('RandomFlip', 'RandomBox')


def first_pictures(config: Config, number: int) -> tuple[dict, Any]:
    """A batch of the first training pictures as they are, and their data set."""
    dataset = config.train_dataloader.dataset
    dataset.pipeline = [step for step in dataset.pipeline if step.type not in AUGMENTS]
    dataset.indices = number
    built = DATASETS.build(dataset)
    return pseudo_collate([built[index] for index in range(len(built))]), built


@torch.no_grad()
def measure(model: nn.Module, batch: dict, evaluator: Evaluator) -> tuple[float, float]:
    """NE in percent, and the spread of the predictions over that of the truth."""
    model.eval()
    samples = model.val_step(batch)
    model.train()
    evaluator.process(samples, batch)
    found, true, known = (np.concatenate([read(sample) for sample in samples]) for read in (
        lambda sample: sample.pred_instances.keypoints, lambda sample: sample.gt_instances.keypoints,
        lambda sample: sample.gt_instances.keypoints_visible > 0))
    boxes = np.stack([sample.gt_instances.bboxes[0] for sample in samples])[:, None]
    extent = boxes[..., 2:] - boxes[..., :2]
    return evaluator.evaluate(len(samples))['NE'], spread(
        *((points - boxes[..., :2]) / extent for points in (found, true)), known)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=config_file, metavar='CONFIG')
    parser.add_argument('--images', type=whole_number(2), default=16, help='default: %(default)s')
    parser.add_argument('--divide', type=whole_number(1), default=1, help='sides of the input (default: %(default)s)')
    parser.add_argument('--iterations', type=whole_number(6), default=600, help='default: %(default)s')
    parser.add_argument('--lr', type=float, default=1e-4, help='of Adam (default: %(default)s)')
    parser.add_argument('--small', action='store_true',
                        help='take EfficientNet-lite0 with its ImageNet weights for the backbone')
    add_config_options(parser)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with one_line_errors():
        config = merge_options(load_config(args.config), args.cfg_options)
        init_default_scope(config.default_scope)
        if args.small:
            small_backbone(config)
        shrink(config._cfg_dict, args.divide)
        batch, dataset = first_pictures(config, args.images)
    set_random_seed(0)
    model = MODELS.build(config.model)
    model.init_weights()
    optimizer = build_optim_wrapper(model, dict(config.optim_wrapper, optimizer=dict(type='Adam', lr=args.lr)))
    evaluator = Evaluator(config.val_evaluator)
    evaluator.dataset_meta = dataset.metainfo
    model.train()
    rows = []
    for iteration in range(1, args.iterations + 1):
        if iteration == args.iterations * 2 // 3:  # settles
            for group in optimizer.param_groups:
                group['lr'] *= 0.1
        model.train_step(batch, optimizer)
        if iteration % (args.iterations // 6) == 0:
            rows.append([str(iteration), *(f'{value:.3g}' for value in measure(model, batch, evaluator))])
            print(*rows[-1], flush=True)
    print(markdown_table([f'iterations of {args.config.stem}', 'NE', 'spread'], rows))


if __name__ == '__main__':
    main()
