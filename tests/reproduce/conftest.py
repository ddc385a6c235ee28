"""The tools that read runs, and runs for them to read: one that was really trained and tested, and folders like it."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
sys.path += [str(TOOLS), str(TOOLS.parent / 'examples')]  # last, since tools/test.py has the name of a standard module


@pytest.fixture(scope='session')
def swept(tiny_config, tmp_path_factory):
    """The one beta of a really executed sweep: its folder, the sweep's arguments."""
    import sweep_beta
    work_dir = tmp_path_factory.mktemp('runs') / tiny_config.stem
    with pytest.MonkeyPatch.context() as patch, socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
        probe.close()
        for name, value in dict(PORT=port, CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1').items():
            patch.setenv(name, value)
        arguments = [str(tiny_config), '1', '--betas', '1e-3', '--work-dir', str(work_dir), '--no-validate',
                     '--cfg-options', 'train_dataloader.batch_size=4', '--cfg-options', 'randomness.seed=1']
        patch.setattr(sys, 'argv', ['sweep_beta.py', *arguments])
        sweep_beta.main()
    return SimpleNamespace(folder=work_dir / 'beta_1e-3', config=tiny_config, arguments=arguments)


def write_run(folder, config, metrics=None, options=None, checkpoint=None, tested=None, test_options=None,
              processes=None, stamp='20260101_000000'):
    """A work folder as a training and, with ``metrics``, a test leave it.

    Args:
        folder: The work folder.
        config: The file of its config.
        metrics: What the test wrote, as a dict or as text; None: not tested.
        options: Options of the training.
        checkpoint: Name of the last one; by default that of a training that ended.
        tested: The checkpoint that was tested, by default the last one.
        test_options: Options of the test.
        processes: How many trained; by default as many as in the config's name.
        stamp: Time of the training; the test is a day later.
    """
    trained = Config.fromfile(str(config), import_custom_modules=False)
    final = trained.train_cfg.get('max_iters', trained.train_cfg.get('max_epochs'))
    checkpoint = checkpoint or f"{'iter' if 'max_iters' in trained.train_cfg else 'epoch'}_{final}.pth"
    trained.merge_from_dict(dict(work_dir=str(folder), launcher='pytorch', load_from=None, resume=False))
    test = Config.fromfile(str(config), import_custom_modules=False)
    test.merge_from_dict(dict(work_dir=str(folder), load_from=str(tested or folder / checkpoint)))
    trained.merge_from_dict(options or {})
    test.merge_from_dict(test_options or {})

    training = folder / stamp
    (training / 'vis_data').mkdir(parents=True)
    trained.dump(training / 'vis_data' / 'config.py')
    (training / 'vis_data' / 'scalars.json').write_text('{"loss": 0.1, "step": 50}\n')
    (training / f'{stamp}.log').write_text(f"    GPU number: {processes or config.stem.split('xb')[0][-1]}\n")
    (folder / 'last_checkpoint').write_text(str(folder / checkpoint))
    trained.dump(folder / config.name)
    if metrics is not None:
        add_test(folder, test, metrics, f'{int(stamp[:8]) + 1}_000000')
    return folder


def add_test(folder, config, metrics, stamp):
    """What a test leaves in a work folder."""
    (folder / stamp / 'vis_data').mkdir(parents=True)
    config.dump(folder / stamp / 'vis_data' / 'config.py')
    (folder / stamp / f'{stamp}.json').write_text(metrics if isinstance(metrics, str) else json.dumps(metrics))


@pytest.fixture
def runs():
    """The writers."""
    return SimpleNamespace(write=write_run, add_test=add_test)


@pytest.fixture
def call(monkeypatch, capsys):
    """Run the ``main`` of a tool in this process: its exit code (or message), and what it printed."""

    def run(tool, *arguments):
        monkeypatch.setattr(sys, 'argv', [tool.__name__, *map(str, arguments)])
        try:
            tool.main()
            code = 0
        except SystemExit as stop:
            code = stop.code
        printed = capsys.readouterr()
        return SimpleNamespace(code=code, out=printed.out, err=printed.err)

    return run
