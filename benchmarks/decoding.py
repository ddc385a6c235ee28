"""The kept models of a comparison, read by the integral operation in place of the heatmaps' highest pixels.

    pcloss compare ... --keep-checkpoints --work-dir FOLDER
    python -m benchmarks.decoding STUDY FOLDER --alphas 30,60
    python -m benchmarks.evidence_report

Writes benchmarks/evidence/STUDY.jsonl, with an arm for each loss and way of reading.
"""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Iterator, Sequence

from mmengine.config import Config

from benchmarks.ablation import start_worker
from benchmarks.evidence_report import FIGURES, RESULTS, collect
from pcloss_mmpose.files import write_at_once


def read_by_integral(folder: Path, alphas: Sequence[float]) -> Iterator[dict[str, float]]:
    """The figures of a run's last checkpoint with each alpha."""
    from mmengine.runner import Runner
    from mmpose.registry import KEYPOINT_CODECS
    config = Config.fromfile(next(folder.glob('*.py')))
    config.load_from, config.resume = str(next(folder.glob('*.pth'))), False
    config.work_dir = str(folder / 'decoding')
    config.experiment_name = config.visualizer.name = f'{folder.parent.name}-{folder.name}-{os.getpid()}'
    runner = Runner.from_cfg(config)
    for alpha in alphas:
        runner.model.head.decoder = KEYPOINT_CODECS.build(
            dict(config.model.head.decoder, type='IntegralHeatmap', alpha=alpha))
        yield {key: float(f'{value:.5g}') for key, value in runner.test().items() if key in FIGURES}


def records(folder: Path, alphas: Sequence[float]) -> Iterator[dict[str, Any]]:
    """Those of each run that has kept its checkpoint: as it was tested, and with each alpha."""
    for record in collect(folder):
        run = folder / record['arm'] / f"seed{record['seed']}"
        if not any(run.glob('*.pth')):
            continue
        yield dict(record, figures={key: record['figures'][key] for key in FIGURES}, landmarks=[])
        for alpha, figures in zip(alphas, read_by_integral(run, alphas)):
            print(run, alpha, figures, flush=True)
            yield dict(record, arm=f"{record['arm']}, alpha {alpha:g}", figures=figures, landmarks=[])


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('study')
    parser.add_argument('folder', type=Path)
    parser.add_argument('--alphas', type=lambda text: list(map(float, text.split(','))), default=[30.])
    args = parser.parse_args()
    start_worker()
    lines = [json.dumps(record) for record in records(args.folder, args.alphas)]
    write_at_once(RESULTS / f'{args.study}.jsonl', '\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
