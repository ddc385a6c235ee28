"""Runs for the tests to read: one that was really trained and tested, and folders like it."""

from __future__ import annotations

import copy
import json
import socket
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from pcloss_mmpose.configs import load_config
from reproduce.__main__ import main


@lru_cache(maxsize=None)
def load_once(path: Path):
    return load_config(path, custom_imports=False)


def load(path: Path):
    """A config of ours; each file is read once, and each caller has a copy."""
    return copy.deepcopy(load_once(path))


@pytest.fixture(scope='session')
def swept(tiny_config, tmp_path_factory):
    """The one beta of a really executed sweep: its folder, the sweep's arguments."""
    work_dir = tmp_path_factory.mktemp('runs') / tiny_config.stem
    with pytest.MonkeyPatch.context() as patch, socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
        probe.close()
        for name, value in dict(PORT=port, CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1').items():
            patch.setenv(name, value)
        arguments = ['sweep', str(tiny_config), '1', '--betas', '1e-3', '--work-dir', str(work_dir), '--cfg-options',
                     'train_dataloader.batch_size=4', 'val_cfg=None', 'val_dataloader=None', 'val_evaluator=None',
                     '--cfg-options', 'auto_scale_lr.base_batch_size=4', 'randomness.seed=1']
        main(arguments)
    return SimpleNamespace(folder=work_dir / 'beta_1e-3', config=tiny_config, arguments=arguments)


def write_run(folder, path, metrics=None, options=None, checkpoint=None, tested=None, test_options=None,
              processes=None, stamp='20260101_000000'):
    """A work folder as a training and, with ``metrics``, a test leave it.

    Args:
        folder: The work folder.
        path: The file of its config.
        metrics: What the test wrote, as a dict or as text; None: not tested.
        options: Options of the training.
        checkpoint: Name of the last one; by default that of a training that ended.
        tested: The checkpoint that was tested, by default the last one.
        test_options: Options of the test.
        processes: How many trained; by default as many as in the config's name.
        stamp: Time of the training; the test is a day later.
    """
    trained = load(path)
    trained.merge_from_dict({'work_dir': str(folder), 'launcher': 'pytorch', **(options or {})})
    loop = trained.train_cfg
    checkpoint = checkpoint or (f'iter_{loop.max_iters}.pth' if 'max_iters' in loop else f'epoch_{loop.max_epochs}.pth')
    training = folder / stamp
    write_config(training / 'vis_data' / 'config.py', trained)
    (training / 'vis_data' / 'scalars.json').write_text('{"loss": 0.1, "step": 50}\n')
    (training / f'{stamp}.log').write_text(f"    GPU number: {processes or path.stem.split('xb')[0][-1]}\n")
    (folder / 'last_checkpoint').write_text(str(folder / checkpoint))
    write_config(folder / path.name, trained)
    if metrics is not None:
        write_test(folder, path, metrics, f'{int(stamp[:8]) + 1}_000000', tested or folder / checkpoint, test_options)
    return folder


def write_test(folder, path, metrics, stamp, tested, options=None):
    """What a test leaves in a work folder."""
    config = load(path)
    config.merge_from_dict({'work_dir': str(folder), 'load_from': str(tested), **(options or {})})
    write_config(folder / stamp / 'vis_data' / 'config.py', config)
    (folder / stamp / f'{stamp}.json').write_text(metrics if isinstance(metrics, str) else json.dumps(metrics))


def write_config(path, config):
    """What ``Config.dump`` writes, not formatted, since that takes seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(f'{key} = {value!r}\n' for key, value in config.to_dict().items()))


@pytest.fixture
def runs():
    """The reader of configs, and the writers."""
    return SimpleNamespace(load=load, write=write_run, write_test=write_test)


@pytest.fixture
def call(capsys):
    """Run a command in this process: its exit code (or message), and what it printed."""

    def run(*arguments):
        try:
            main(list(map(str, arguments)))
            code = 0
        except SystemExit as stop:
            code = stop.code
        printed = capsys.readouterr()
        return SimpleNamespace(code=code, out=printed.out, err=printed.err)

    return run
