"""PCLoss's part of the gradient (pc_share) under each reading of the paper's beta, measured while a small model trains.

    DEEPFASHION_ROOT=... OMP_NUM_THREADS=1 python -m benchmarks.shares CONFIG [--divide 4] [--iterations 600]

CONFIG is one of SPB's or FashionNet's with PCLoss. It trains as it is, on one core, but with EfficientNet-lite0 from
its ImageNet weights in the place of ResNet or VGG, fewer images a step, another learning rate, and sides divided by
--divide, sigma with them. After each third of the iterations, the table gives the mean share over fresh batches: of
the config as it is, of the paper's beta under each reading (docs/loss.md), and of a few weights of our own. Only the
first row's weight has trained the model. A share depends on the errors that the model makes, so the peak of its
heatmaps stands below: before there are peaks, shares mean nothing.
"""

from __future__ import annotations

import argparse
from itertools import islice
from typing import Any, Iterator, NamedTuple

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, set_random_seed
from mmpose.registry import MODELS
from rich.console import Console
from rich.progress import track
from torch import nn

from benchmarks.small import shrink, small_backbone
from pcloss_mmpose.cli.arguments import add_config_options, config_file, merge_options, whole_number
from pcloss_mmpose.cli.errors import one_line_errors
from pcloss_mmpose.configs import load_config
from pcloss_mmpose.errors import InputError
from reproduce.paper import BETA, POINT_LOSS_READINGS, READINGS
from reproduce.tables import markdown_table

MEASURED_BATCHES = 8


class Setting(NamedTuple):
    """What decides a share beside the model; ``alpha`` is None without heatmaps."""

    weight: float
    alpha: float | None
    robust: bool = False


OURS = dict(heatmap=[Setting(weight, 30., True) for weight in (1e-4, 2e-4, 3e-4, 1e-3)],
            regression=[Setting(weight, None) for weight in (3e-3, 1e-2, 2e-2, 3e-2)] + [Setting(1e-2, None, True)])


def small_config(config: Config, divisor: int, batch_size: int) -> Config:
    """With the small backbone, small pictures and few of them, without end."""
    if not config.model.head.get('pc_loss'):
        raise InputError('give a config with PCLoss')
    small_backbone(config)
    shrink(config._cfg_dict, divisor)
    config.train_dataloader.update(batch_size=batch_size, num_workers=0, persistent_workers=False,
                                   sampler=dict(type='InfiniteSampler', shuffle=True))
    return config


def settings(config: Config) -> dict[str, Setting]:
    """The rows of the table: the config, the readings of the paper's beta for its data set, and weights of our own."""
    head = config.model.head
    alpha = head.integral.alpha if 'integral' in head else None
    beta, landmarks = BETA[config.dataset_type], head.get('out_channels', head.get('num_joints'))
    rows = {'as configured': Setting(head.pc_loss.loss_weight, alpha, head.pc_loss.get('robust', False))}
    if alpha is None:
        rows.update((name, Setting(beta / (2 * landmarks if summed else 1), None))
                    for name, summed in POINT_LOSS_READINGS.items())
    else:
        rows.update((name, Setting(beta * factor, alpha)) for name, (factor, alpha) in READINGS.items())
    for ours in OURS['regression' if alpha is None else 'heatmap']:
        integral = '' if ours.alpha is None else f', alpha {ours.alpha:g}'
        rows[f"{'lengths' if ours.robust else 'squares'}{integral}, weight {ours.weight:g}"] = ours
    return rows


@torch.no_grad()
def peak(head: nn.Module, feats: Any, samples: Any) -> float:
    """Mean of the highest value in the heatmap of each landmark that trains."""
    heatmaps = head.forward(feats)
    weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in samples])
    return heatmaps.amax((2, 3))[weights > 0].mean().item()


def ratio(head: nn.Module, feats: Any, samples: Any, setting: Setting) -> float:
    """PCLoss's gradient at weight 1 over that of the other losses, at the head's output."""
    kept = head.pc_loss.loss_weight, head.pc_loss.robust, getattr(head, 'integral', None)
    head.pc_loss.loss_weight, head.pc_loss.robust = 1., setting.robust
    if setting.alpha is not None:
        head.integral = dict(alpha=setting.alpha)  # the configs' heatmaps peak at 1
    share = head.loss(feats, samples)['pc_share'].item()
    head.pc_loss.loss_weight, head.pc_loss.robust, integral = kept
    if setting.alpha is not None:
        head.integral = integral
    return share / (1 - share)


def measure(model: nn.Module, batches: Iterator, rows: dict[str, Setting]) -> list[str]:
    """The cells of one moment: a share for each row, and the peak."""
    shares, peaks = {name: [] for name in rows}, []
    for batch in islice(batches, MEASURED_BATCHES):
        data = model.data_preprocessor(batch, training=True)
        with torch.no_grad():
            feats = model.extract_feat(data['inputs'])
        ratios = {key: ratio(model.head, feats, data['data_samples'], Setting(1., *key))
                  for key in {(row.alpha, row.robust) for row in rows.values()}}
        for name, row in rows.items():
            weighted = row.weight * ratios[row.alpha, row.robust]
            shares[name].append(weighted / (1 + weighted))
        if hasattr(model.head, 'integral'):
            peaks.append(peak(model.head, feats, data['data_samples']))
    return [f'{sum(values) / len(values):.2g}' for values in [*shares.values(), *[peaks] * bool(peaks)]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=config_file, metavar='CONFIG')
    parser.add_argument('--divide', type=whole_number(1), default=1, help='sides of the input (default: %(default)s)')
    parser.add_argument('--iterations', type=whole_number(3), default=600, help='default: %(default)s')
    parser.add_argument('--batch-size', type=whole_number(1), default=8, help='default: %(default)s')
    parser.add_argument('--lr', type=float, default=1e-3, help='of Adam (default: %(default)s)')
    add_config_options(parser)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with one_line_errors():
        config = merge_options(load_config(args.config), args.cfg_options)
        config = small_config(config, args.divide, args.batch_size)
    rows = settings(config)
    init_default_scope(config.default_scope)
    set_random_seed(0)
    model = MODELS.build(config.model)
    model.init_weights()
    optimizer = build_optim_wrapper(model, dict(optimizer=dict(type='Adam', lr=args.lr)))
    batches = iter(Runner.build_dataloader(config.train_dataloader, seed=0))
    model.train()
    moments = [args.iterations * third // 3 for third in (1, 2, 3)]
    columns = []
    for iteration in track(range(1, args.iterations + 1), 'training', console=Console(stderr=True)):
        model.train_step(next(batches), optimizer)
        if iteration in moments:
            columns.append(measure(model, batches, rows))
    names = [(name, f'{row.weight:.2g}') for name, row in rows.items()]
    names += [('mean peak of the heatmaps', '')] * (len(columns[0]) - len(rows))
    print(markdown_table([f'pc_share, {args.config.stem}', 'loss_weight', *map(str, moments)],
                         [[*name, *cells] for name, cells in zip(names, zip(*columns))]))


if __name__ == '__main__':
    main()
