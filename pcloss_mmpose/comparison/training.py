"""One run: trained, tested, and its figures written."""

from __future__ import annotations

import json
import platform
import shutil
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from ..checkpoints.finding import newest_checkpoint
from ..errors import InputError
from ..evaluation import DumpPredictions
from ..files import at_once, write_at_once
from ..metainfo import landmark_names
from ..preflight.hook import checked_training
from .config import arm_config, place
from .fingerprint import decisive, digest
from .runs import BEGUN, RESULT, Run, check_begun

PACKAGES = ('pcloss-mmpose', 'mmpose', 'mmengine', 'mmcv', 'mmcv-lite', 'torch', 'numpy')
PREDICTIONS = 'predictions.jsonl'
SHARES = ('train/structural_share', 'train/pc_share')


def train_and_test(comparable_config: Any, run: Run, work_dir: Path, keep_checkpoints: bool = False) -> dict[str, Any]:
    """The result of a run, which is in its folder afterwards; a run that was cut off goes on.

    Args:
        comparable_config: Of :func:`~.config.comparable`.
        run: With the weight of its loss.
        work_dir: Of the comparison.
        keep_checkpoints: Keep the last one. It is needed no more, and many runs' fill a disk.

    Raises:
        InputError: Another process trains the same run, or it was begun with another config.
    """
    from mmengine.runner import Runner
    folder = run.folder(work_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with at_once(folder / RESULT) as part:  # another process that trained this run would be refused here
        config = arm_config(comparable_config, run.arm, run.seed)
        values = decisive(config)
        if (folder / BEGUN).is_file():
            check_begun(folder / BEGUN, values)
        else:
            write_at_once(folder / BEGUN, json.dumps(values, indent=1))
        place(config, folder, f'{run.arm.name}-{run.seed}-{time.time_ns()}')
        config.resume = can_go_on(folder)
        if config.resume:
            config.load_from = None
        started = time.time()
        with checked_training():
            runner = Runner.from_cfg(config)
            runner.train()
            trained = time.time() - started
            metainfo = runner.test_dataloader.dataset.metainfo
            dump = DumpPredictions(str(folder / PREDICTIONS))
            dump.dataset_meta = metainfo
            runner.test_evaluator.metrics.append(dump)
            figures = runner.test()
        result = dict(
            figures={key: float(value) for key, value in figures.items()}, share=shares(runner),
            landmarks=landmark_names(metainfo), seconds=round(trained), resumed=bool(config.resume),
            config=digest(values), versions=versions(), date=time.strftime('%Y-%m-%d'))
        part.write_text(json.dumps(result, indent=1), encoding='utf-8')
    if not keep_checkpoints:
        remove_checkpoints(folder)
    return result


def can_go_on(folder: Path) -> bool:
    """Whether an earlier process has left a whole checkpoint."""
    if not any(folder.glob('*.pth')):
        return False
    try:
        newest_checkpoint(str(folder), str(folder))
    except InputError:
        return False
    return True


def shares(runner: Any) -> list[float] | None:
    """The loss's part of the gradient at the logged steps: mean of the first tenth, of all, and of the last tenth."""
    for key in SHARES:
        if key in runner.message_hub.log_scalars:
            values = runner.message_hub.log_scalars[key].data[0]
            tenth = max(1, len(values) // 10)
            return [float(part.mean()) for part in (values[:tenth], values, values[-tenth:])]
    return None


def versions() -> dict[str, str]:
    """Of Python and of what a run's figures may depend on, and the device."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU'
    found = dict(python=platform.python_version(), device=device)
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def remove_checkpoints(folder: Path) -> None:
    for path in (*folder.glob('*.pth'), folder / 'last_checkpoint'):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
