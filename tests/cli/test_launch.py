"""Real trainings and tests: by the launchers, by MMPose's own scripts, by the commands."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from pcloss_mmpose.cli.mmpose_tool import find_tool

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def start(*command, **environment):
    """Start a command in a folder of its own; the scripts must not need the repository's root."""
    environment = dict(os.environ, PYTHON=sys.executable, CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1', **environment)
    return subprocess.Popen(
        [str(part) for part in command], cwd=TOOLS.parent.parent, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def launch(*command, **environment):
    """Run a command as :func:`start` does and return what it did."""
    process = start(*command, **environment)
    output, _ = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, output)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])


def metrics_of(work_dir):
    """The metrics of the one test run in ``work_dir``, without the timings."""
    log, = work_dir.glob('*/*.json')
    return {name: value for name, value in json.loads(log.read_text()).items() if not name.endswith('time')}


def last_validation(work_dir):
    """The metrics of the last validation of the one training run in ``work_dir``."""
    log, = work_dir.glob('*/vis_data/scalars.json')
    return [line for line in map(json.loads, log.read_text().splitlines()) if 'EPE' in line][-1]


def test_two_and_three_processes_give_the_metric_of_one(tiny_config, tmp_path, call):
    """Of five images, which neither two nor three share evenly."""
    trained = launch(
        'bash', TOOLS / 'dist_train.sh', tiny_config, 2, '--work-dir', tmp_path / 'train', PORT=free_port())
    assert trained.returncode == 0, trained.stdout
    assert trained.stdout.count('loading MMPose ...\n') == 1  # the first process says it
    checkpoint = tmp_path / 'train' / 'epoch_1.pth'
    # Two processes of two images share the four: one step.
    assert torch.load(checkpoint)['meta']['iter'] == 1

    for count in (2, 3):
        tested = launch('bash', TOOLS / 'dist_test.sh', tiny_config, checkpoint, count, '--work-dir',
                        tmp_path / str(count), PORT=free_port())
        assert tested.returncode == 0, tested.stdout
    assert call('test', tiny_config, checkpoint, '--work-dir', tmp_path / 'one').code == 0

    one = metrics_of(tmp_path / 'one')
    assert one['EPE'] > 0 and one['PCK'] > 0 and one['NE'] > 0
    assert metrics_of(tmp_path / '2') == pytest.approx(one) and metrics_of(tmp_path / '3') == pytest.approx(one)
    assert last_validation(tmp_path / 'train')['EPE'] == pytest.approx(one['EPE'])


@pytest.mark.skipif(not Path('/proc/self/task').exists(), reason="finds the processes in Linux's /proc")
def test_a_killed_process_ends_the_others_within_seconds(tiny_config, tmp_path):
    """They would wait for its gradients for ever."""
    run = start('bash', TOOLS / 'dist_train.sh', tiny_config, 2, '--work-dir', tmp_path, '--cfg-options',
                'train_cfg.max_epochs=100000', 'train_cfg.val_interval=100000', 'default_hooks.checkpoint.interval=-1',
                PORT=free_port())
    try:
        said = next((line for line in run.stdout if 'Epoch(train)' in line), None)
        assert said is not None
        ranks = Path(f'/proc/{run.pid}/task/{run.pid}/children').read_text().split()
        assert len(ranks) == 2
        os.kill(int(ranks[1]), signal.SIGKILL)
        killed = time.monotonic()
        output, _ = run.communicate(timeout=60)
        assert run.returncode != 0 and 'Signal 9' in output
        assert time.monotonic() - killed < 30
        assert not [rank for rank in ranks if Path('/proc', rank).exists()]
    finally:
        run.terminate()  # which it passes on to its processes
        run.wait(60)


def test_mmpose_own_scripts_train_and_test_and_ours_resumes(tiny_config, tmp_path, call):
    """Its stock scripts know the package by the config's ``custom_imports`` line alone."""
    train, test = find_tool('train.py'), find_tool('test.py')
    trained = launch(sys.executable, train, tiny_config, '--work-dir', tmp_path, PYTHONPATH=str(TOOLS.parent))
    assert trained.returncode == 0, trained.stdout
    tested = launch(sys.executable, test, tiny_config, tmp_path / 'epoch_1.pth', '--work-dir', tmp_path / 'test',
                    PYTHONPATH=str(TOOLS.parent))
    assert tested.returncode == 0, tested.stdout
    assert metrics_of(tmp_path / 'test')['NE'] == pytest.approx(last_validation(tmp_path)['NE'])

    call('train', tiny_config, '--work-dir', tmp_path, '--resume', '--cfg-options', 'train_cfg.max_epochs=2')

    resumed = torch.load(tmp_path / 'epoch_2.pth')
    assert resumed['meta']['iter'] == 4
    assert {int(state['step']) for state in resumed['optimizer']['state'].values()} == {4}  # Adam's went on counting
    assert len(resumed['message_hub']['log_scalars']['train/loss_pc'].data[0]) == 4


@pytest.mark.parametrize(('option', 'words'), [
    ('train_dataloader.dataset.ann_file=gone.json', 'gone.json`does not exist); `pcloss check CONFIG` names what'),
    ('model.head.pc_loss.topk=0', 'topk must be None or a whole number from 1, got 0'),
    ('model.head.integral.alpha=-1', 'alpha must be a positive number, got -1'),
    ('train_dataloader.dataset.pipeline.4.pack_transformed=False', 'set pack_transformed=True on PackPoseInputs'),
])
def test_what_is_wrong_in_a_config_is_one_line(tiny_config, call, tmp_path, option, words):
    done = call('train', tiny_config, '--work-dir', tmp_path, '--cfg-options', option)
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith('error: ') and words in done.err.splitlines()[-1]


@pytest.mark.parametrize('script, arguments', [
    ('dist_train.sh', ['config.py']),
    ('dist_test.sh', ['config.py', 'checkpoint.pth']),
    ('slurm_train.sh', ['partition', 'job', 'config.py']),
    ('slurm_test.sh', ['partition', 'job', 'config.py']),
])
def test_too_few_arguments_show_the_usage(script, arguments):
    shown = launch('bash', TOOLS / script, *arguments)
    assert shown.returncode == 2
    assert shown.stdout.startswith('usage: ')


@pytest.mark.parametrize('script, target, passed_on', [
    ('slurm_train.sh', 'my runs', ['my config.py', '--work-dir=my runs', '--launcher=slurm', '--amp']),
    ('slurm_test.sh', 'a b.pth', ['my config.py', 'a b.pth', '--launcher=slurm', '--amp']),
])
def test_slurm_gets_every_argument_whole(tmp_path, script, target, passed_on):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')  # prints its arguments, one a line
    srun.chmod(0o755)
    shown = launch(
        'bash', TOOLS / script, 'gpu', 'my job', 'my config.py', target, '--amp',
        PATH=f'{tmp_path}{os.pathsep}{os.environ["PATH"]}',
        GPUS='4', GPUS_PER_NODE='2', SRUN_ARGS='--exclusive --mem=9G')
    arguments = shown.stdout.splitlines()
    assert shown.returncode == 0
    assert arguments[:9] == [
        '--partition=gpu', '--job-name=my job', '--ntasks=4', '--ntasks-per-node=2', '--gres=gpu:2',
        '--cpus-per-task=5', '--kill-on-bad-exit=1', '--exclusive', '--mem=9G']
    assert arguments[9:11] == [sys.executable, '-u']
    assert Path(arguments[11]) == TOOLS / script.replace('slurm_', '').replace('.sh', '.py')
    assert arguments[12:] == passed_on
