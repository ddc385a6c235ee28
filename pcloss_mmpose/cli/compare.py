"""Find out which structural loss helps on your config and data: paired trainings, and intervals.

    pcloss compare CONFIG --losses robust,bones --share 0.1,0.3 --seeds 5

trains CONFIG without and with each loss, with the same seeds, over the GPUs or cores of this machine, and says what
the pairs show: a table, a plot, a page of errors, and the lines for your config. The same command goes on where it was
stopped. On a Slurm cluster:

    pcloss compare CONFIG ... --list
    sbatch --array=0-24 --wrap 'pcloss compare CONFIG ... --run $SLURM_ARRAY_TASK_ID'
    pcloss compare CONFIG ... --report

Losses: none (always among them), config (what stands in the config), pc (PCLoss with the paper's squares), robust
(with lengths), pc-all and robust-all (all pairs), coordinates and coordinates2 (no pairs: lengths and squares), bones,
variance, shape, star, oks, or the class of a registered loss. docs/compare.md says what each costs and how to read the
table.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any, Callable, Sequence

from ..errors import InputError
from .arguments import config_file, key_value, merge_options, out_folder, whole_number
from .loading import load, read_config, say
from .mmpose_tool import add_options, as_argv, has_begun
from .progress import Bars, last_logged


def listed(check: Callable[[str], Any]) -> Callable[[str], str]:
    """A type for values with commas between them; the text stays as it is."""

    def convert(text: str) -> str:
        for part in text.split(','):
            check(part)
        return text

    return convert


def name(text: str) -> str:
    if not text.replace('-', '').replace('_', '').isalnum():
        raise ArgumentTypeError(f"'{text}' is no name of a loss")
    return text


def between(least: float, most: float) -> Callable[[str], float]:
    """A type for numbers between two others."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ArgumentTypeError(f"'{text}' is not a number") from None
        if not least < value < most:
            raise ArgumentTypeError(f'must be above {least:g} and below {most:g}, got {text}')
        return value

    return convert


#: What decides the list and its runs.
DECISIVE = {
    '--losses': dict(type=listed(name), default='pc,robust', metavar='NAME,...', help='default: %(default)s'),
    '--seeds': dict(type=whole_number(1, 1000), default=5, metavar='N', help='of each arm (default: %(default)s)'),
    '--first-seed': dict(type=whole_number(0), default=0, metavar='SEED',
                         help='others than those that a setting was chosen with are needed for the final word '
                              '(default: %(default)s)'),
    '--share': dict(type=listed(between(0, 1)), metavar='PART,...',
                    help='part of the gradient that each loss gets, measured as pcloss calibrate does, an arm for each '
                         '(default: 0.4)'),
    '--weight': dict(type=listed(between(0, float('inf'))), metavar='WEIGHT,...',
                     help='in its place, the loss_weight'),
    '--split': dict(choices=('val', 'test'), default='val', metavar='val|test',
                    help='whose images the runs are measured on; a choice by test images flatters (default: val)'),
    '--outlier': dict(type=between(0, float('inf')), metavar='PART',
                      help="of T, above which a landmark is an outlier (default: the config's, or else 0.1)"),
    '--near': dict(type=between(0, float('inf')), metavar='PART',
                   help='of T, below which two landmarks are found on one spot (default: likewise, 0.03)'),
    '--apart': dict(type=between(0, float('inf')), metavar='PART',
                    help='of T, above which their true places are apart (default: likewise, 0.1)'),
    '--work-dir': dict(type=out_folder, metavar='FOLDER',
                       help='for runs and results (default: work_dirs/compare/<name of the config>)'),
    '--cfg-options': dict(nargs='+', type=key_value, action='extend', default=[], metavar='KEY=VALUE',
                          help='changes to the config, such as train_cfg.max_iters=2000'),
    '--keep-checkpoints': dict(action='store_true', help="keep each run's last checkpoint"),
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('config', type=config_file, metavar='CONFIG', help='a top-down config, with PCLoss or without')
    add_options(parser, DECISIVE)
    parser.add_argument('--metric', default='NE', help='the figure that decides (default: %(default)s)')
    parser.add_argument('--processes', type=whole_number(1), metavar='N',
                        help='runs at a time (default: one for each GPU, or else core)')
    parser.add_argument('--no-early-stop', action='store_true',
                        help='give seeds also to arms that are worse on each of 3 seeds, and by 5 %% on average')
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument('--list', action='store_true', help='find the weights, and print the runs')
    ways.add_argument('--run', type=whole_number(0), metavar='NUMBER', help='train that one of the list')
    ways.add_argument('--report', action='store_true', help='say what the runs show that are done')
    ways.add_argument('--ray', action='store_true', help='run the list in a Ray cluster (RAY_ADDRESS)')


def run(args: Namespace) -> None:
    if args.share and args.weight:
        raise InputError('--share and --weight exclude each other')
    if args.ray:
        from ..comparison.schedule import need_ray
        need_ray()
    from ..configs import config_errors
    config = merge_options(read_config(args.config), args.cfg_options)
    load('MMPose', 'mmpose.apis', 'mmengine.runner')
    from mmengine.registry import init_default_scope

    from ..comparison.arms import SHARE, make_arms
    from ..comparison.checks import check_metric
    from ..comparison.config import Measure, comparable, detected_boxes
    from ..comparison.runs import check_unchanged, list_runs
    from ..comparison.weights import missing, read_ratios, weighted
    init_default_scope('mmpose')
    warnings.filterwarnings('ignore', 'The metainfo config file')  # MMPose's, of its own files
    check_metric(args.metric)
    shares, weights = numbers(args.share), numbers(args.weight)
    arms = make_arms(config, args.losses.split(','), shares or ([] if weights else [SHARE]), weights)
    measure = Measure(args.split, args.outlier, args.near, args.apart)
    with config_errors(args.config):
        base = comparable(config, measure)
    work_dir = args.work_dir or Path('work_dirs', 'compare', args.config.stem)
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    ratios = read_ratios(base, arms, work_dir)
    runs = list_runs(arms, seeds)
    if args.run is not None and args.run >= len(runs):
        raise InputError(f'--run {args.run}: the list has the numbers 0 to {len(runs) - 1}')
    if missing(arms, ratios):
        if args.run is not None:
            raise InputError(f'--run {args.run}: the weights are not found yet; the same command with --list in the '
                             'place of --run finds them')
        if args.report:
            raise InputError(f'{work_dir} has no results of such a comparison')
        ratios = prepare(args, base, arms, ratios, work_dir)
    elif args.run is None and not args.report:
        prepare(args, base, arms, ratios, work_dir)
    runs = list_runs(weighted(arms, ratios), seeds)
    if args.run is None:
        check_unchanged(base, runs, work_dir)
        if detected_boxes(config, args.split):
            print(f'the runs are measured in the annotated boxes, and not in those of '
                  f'{detected_boxes(config, args.split)}', file=sys.stderr)
    if args.list:
        print_list(runs, work_dir)
    elif args.run is not None:
        train(args, base, runs[args.run], work_dir)
    elif args.report:
        report(args, config, base, runs, work_dir)
    else:
        failed = train_all(args, runs, work_dir)
        report(args, config, base, runs, work_dir)
        if failed:
            sys.exit(1)


def numbers(text: str | None) -> list[float]:
    return [float(part) for part in text.split(',')] if text else []


def prepare(args: Namespace, base: Any, arms: Sequence, ratios: dict, work_dir: Path) -> dict[str, float]:
    """Check what would end a run, and find the weights that are not known: the ratios of all losses."""
    from ..comparison.checks import check_runs
    from ..comparison.weights import measure_ratios, missing
    from ..configs import config_errors
    from ..preflight.rehearsal import in_silence
    with config_errors(args.config), in_silence():
        check_runs(base, arms, args.metric)
    wanted = missing(arms, ratios)
    if not wanted:
        return ratios
    say(f'measuring the gradients of {", ".join(wanted)}')
    with contextlib.redirect_stdout(sys.stderr), config_errors(args.config, passes=has_begun), Bars() as bars:
        return measure_ratios(base, arms, ratios, work_dir, bars.add('steps').update)


def print_list(runs: Sequence, work_dir: Path) -> None:
    from ..comparison.runs import state
    for run in runs:
        weight = f'loss_weight {run.arm.loss.get("loss_weight", 1.):g}' if run.arm.loss else ''
        print(f'{run.number:>4}  {run.arm.name:<20} seed {run.seed:<4} {state(run, work_dir):<8} {weight}'.rstrip())


def train(args: Namespace, base: Any, run: Any, work_dir: Path) -> None:
    from ..comparison.runs import state
    from ..comparison.training import train_and_test
    from ..configs import config_errors
    if state(run, work_dir) == 'done':
        print(f'{run}: is done')
        return
    with config_errors(args.config, passes=has_begun):
        result = train_and_test(base, run, work_dir, args.keep_checkpoints)
    print(f'{run}: {args.metric} {result["figures"].get(args.metric, float("nan")):.4g}')


def train_all(args: Namespace, runs: Sequence, work_dir: Path) -> list:
    """Train what has not been; returns the runs that failed."""
    from ..comparison.progress import Progress
    from ..comparison.runs import state
    from ..comparison.schedule import LOG, Task, local, on_ray, run_tasks, usable_cores, visible_gpus
    if args.ray:
        start, slots = on_ray()
    else:
        gpus = visible_gpus()
        start, slots = local(gpus), len(gpus) or usable_cores()
    command = [sys.executable, '-m', 'pcloss_mmpose.cli', 'compare', str(args.config), '--metric', args.metric,
               *as_argv(args, DECISIVE)]
    progress = Progress(runs, work_dir, args.metric, not args.no_early_stop)

    def task_of(run: Any) -> Task:
        return Task(str(run), [*command, '--run', str(run.number)], run.folder(work_dir) / LOG)

    waiting = [run for run in runs if state(run, work_dir) != 'done']
    print(f'{len(runs) - len(waiting)} runs are done, {len(waiting)} to go, {args.processes or slots} at a time; '
          f'{"checkpoints are kept" if args.keep_checkpoints else "checkpoints are removed as each run ends"}',
          flush=True)
    try:
        with Bars() as bars:
            bar = bars.add('trainings', len(runs), len(runs) - progress.left)
            run_tasks(waiting, task_of, start, args.processes or slots, progress.skips, progress.ended,
                      lambda running: bar.update(len(runs) - progress.left, note=steps_of(running, work_dir)))
    except KeyboardInterrupt:
        sys.exit('stopped: the same command goes on, and --report says what the runs show that are done')
    return progress.failed


def steps_of(running: Sequence, work_dir: Path) -> str:
    """How far the trainings are that run, as their logs say."""
    logged = [(run, last_logged(run.folder(work_dir)) or {}) for run in running[:4]]
    return '; '.join(f"{run}, step {last.get('step', 0)}" for run, last in logged)


def report(args: Namespace, config: Any, base: Any, runs: Sequence, work_dir: Path) -> None:
    from ..comparison.conclusion import conclude, read_outcome
    conclude(read_outcome(runs, work_dir, args.metric), config, base, runs, work_dir)
