"""What PCLoss costs a training step, the paper's section 4.5: the integral and the loss for 20 images of FashionAI.

    python -m benchmarks.loss_time work_dirs/loss_time.json [--device cuda]

Heatmaps of 24 landmarks at 128x128, k 8, the left and the right half, alpha 10: as in the paper's model. The paper
gives 2.433 ms and neither the GPU nor whether the gradient is in it, so we time both. `python tools/paper_tables.py`
shows what is in the file beside the paper's figure.
"""

from __future__ import annotations

import argparse
import json
import platform

import torch
from torch.utils.benchmark import Timer

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.cli.arguments import out_file
from pcloss_mmpose.models import PCLoss, integral_coordinates

IMAGES, LANDMARKS, SIDE = 20, 24, 128
PARTS = {
    'forward': 'with torch.no_grad(): pcloss(heatmaps)',
    'forward and backward': 'pcloss(heatmaps).backward()',
}


def milliseconds(device: str, seconds: float = 2.) -> dict[str, float]:
    """The median time of each part; each is repeated for that many seconds."""
    heatmaps = torch.rand(IMAGES, LANDMARKS, SIDE, SIDE, device=device, requires_grad=True)
    target = torch.rand(IMAGES, LANDMARKS, 2, device=device)
    loss = PCLoss(topk=8, partition='left_right', metainfo='FashionAIDataset')

    def pcloss(heatmaps: torch.Tensor) -> torch.Tensor:
        return loss(integral_coordinates(heatmaps, alpha=10.) / SIDE, target)

    timers = {name: Timer(code, globals=dict(torch=torch, pcloss=pcloss, heatmaps=heatmaps))
              for name, code in PARTS.items()}
    return {name: round(1000 * timer.blocked_autorange(min_run_time=seconds).median, 3)
            for name, timer in timers.items()}


def device_name(device: str) -> str:
    """The GPU's name, or the processor's kind."""
    if torch.device(device).type == 'cuda':
        return torch.cuda.get_device_name(device)
    return f'{platform.machine()} CPU, 1 thread'  # Timer sets one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', type=out_file('.json'), metavar='FILE', help='where the result goes')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu', help='default: %(default)s')
    args = parser.parse_args()
    result = dict(device=device_name(args.device), torch=torch.__version__, milliseconds=milliseconds(args.device))
    args.file.write_text(json.dumps(result, indent=1) + '\n')
    print(args.file.read_text(), end='')


if __name__ == '__main__':
    main()
