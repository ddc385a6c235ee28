"""Make the file to publish from a checkpoint: the weights, and what MMPose needs to run them.

    pcloss publish work_dirs/NAME/iter_100000.pth -o published

writes published/NAME-<first 8 digits of its SHA-256>_<date>.pth, where NAME is that of the config. Optimizer,
schedulers, log buffers and the state of hooks are dropped. What is left are tensors and plain values, which
`torch.load(file, weights_only=True)`, from torch 2.0 on, reads without this package. The text of the config is part of
it, with the folders that it names.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from .arguments import checkpoint_file, out_folder
from .loading import load


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('checkpoint', type=checkpoint_file, metavar='CHECKPOINT',
                        help='a .pth file that a training wrote')
    parser.add_argument('-o', '--out', type=out_folder, metavar='DIR', help="default: the checkpoint's folder")


def run(args: Namespace) -> None:
    load('PyTorch', 'torch')
    from ..deploy.publish import publish
    checkpoint = Path(args.checkpoint)
    path, dropped = publish(checkpoint, args.out or checkpoint.parent)
    print(f"dropped: {', '.join(dropped) or 'nothing'}")
    print(f'{checkpoint}: {checkpoint.stat().st_size / 1e6:.1f} MB')
    print(f'{path}: {path.stat().st_size / 1e6:.1f} MB')
