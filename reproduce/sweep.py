"""The paper's Figure 8: train and test a PCLoss config once for each beta.

    python tools/sweep_beta.py configs/fashionai/spb/td-hm_res50-pcloss_4xb5-100k_fashionai-512x512.py 4

Every beta has a work folder of its own, work_dirs/<stem of the config>/beta_<beta>. One that is trained and tested is
passed over and an interrupted training is resumed: after an interruption, run the same command again. At the end
beta_sweep.png and beta_sweep.md lie beside those folders. They show the base config as well, where a folder beside the
sweep's holds its tested run. Options that are not listed here are passed on to tools/train.py.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Sequence

from matplotlib.figure import Figure
from mmengine.config import Config, DictAction
from report_tables import MISSING, averages, change, markdown_table, mean, shown
from work_dirs import Run, RunError, final_checkpoint, find_tests, last_checkpoint, load_config, read_run

TOOLS = Path(__file__).resolve().parent
BETAS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)  # ours: the paper's grid is not at hand
WEIGHT = 'model.head.pc_loss.loss_weight'


class Point(NamedTuple):
    """One beta of a sweep, and the average figures of its runs."""

    beta: float
    loss_weight: float
    values: list[float]


def beta_name(beta: float) -> str:
    """``2e-4`` for 0.0002."""
    mantissa, exponent = f'{beta:e}'.split('e')
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def weight_per_beta(config: Mapping[str, Any]) -> float:
    """What turns the paper's beta into a loss_weight; 1 where the conversion, which is for heatmaps, does not apply."""
    return config.get('weight_per_beta', 1.) if 'integral' in config['model']['head'] else 1.


def base_config(path: Path) -> Path:
    """The config of the arm without PCLoss."""
    return path.with_name(re.sub(r'-pcloss(-[a-z]+)?(?=_)', '', path.name))


def with_beta(config: Mapping[str, Any], beta: float) -> dict:
    """A config whose loss_weight is that of ``beta``."""
    config = copy.deepcopy(dict(config))
    config['model']['head']['pc_loss']['loss_weight'] = beta * weight_per_beta(config)
    return config


def sweep_table(points: Sequence[Point], base: Sequence[float], digits: int = 2) -> str:
    """Markdown: a row for the base config's runs and one for each beta."""
    rows = [['without PCLoss', MISSING, str(len(base)), shown(base, digits), MISSING]]
    rows += [[beta_name(point.beta), f'{point.loss_weight:.4g}', str(len(point.values)), shown(point.values, digits),
              change(mean(point.values), mean(base), digits)] for point in points]
    return markdown_table(['beta', 'loss_weight', 'n', 'average', 'delta'], rows)


def sweep_figure(points: Sequence[Point], base: float | None, title: str) -> Figure:
    """The averages over beta, and the base config's as a horizontal line."""
    figure = Figure(figsize=(6.4, 4), layout='constrained')
    axes = figure.subplots()
    points = [point for point in points if point.values]
    axes.semilogx([point.beta for point in points], [mean(point.values) for point in points], 'o-', label='with PCLoss')
    if base is not None:
        axes.axhline(base, color='0.4', linestyle='--', label='without PCLoss')
    axes.set_title(title, fontsize=9)
    axes.set(xlabel='beta', ylabel='average in % (NE, or AP on COCO)')
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def parse_args() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     usage='%(prog)s CONFIG GPUS [options] [options of tools/train.py]')
    parser.add_argument('config', type=Path, metavar='CONFIG', help='a config with PCLoss')
    parser.add_argument('gpus', type=positive_int, metavar='GPUS', help='as for tools/dist_train.sh')
    parser.add_argument('--betas', type=positive_float, nargs='+', default=BETAS, metavar='BETA',
                        help=f"default, a grid of ours: {' '.join(map(beta_name, BETAS))}")
    parser.add_argument('--work-dir', type=Path, help='default: work_dirs/<stem of the config>')
    parser.add_argument('--cfg-options', nargs='+', action='extend', default=[], metavar='KEY=VALUE',
                        help='for the training and the test of every beta')
    parser.add_argument('--dry-run', action='store_true', help='print the commands, run nothing')
    args, further = parser.parse_known_args()
    if args.work_dir is None:
        args.work_dir = Path('work_dirs', args.config.stem)
    if any(option.startswith(f'{WEIGHT}=') for option in args.cfg_options):
        parser.error(f'{WEIGHT} is what the sweep sets: give --betas')
    if any(re.match('--resume|--launcher', option) for option in further):
        parser.error('the sweep resumes by itself, and tools/dist_train.sh sets the launcher')
    return args, further


def positive_float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(
            f'a beta is a number above 0, got {text}; the base config is the run without the loss')
    return float(beta_name(value))  # what its folder tells


def positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f'needs at least 1, got {text}')
    return value


def images_a_step(config: Mapping[str, Any], gpus: int) -> int:
    """Over all processes of all nodes, as tools/dist_train.sh starts them."""
    return config['train_dataloader']['batch_size'] * gpus * int(os.environ.get('NNODES', 1))


def as_trained(path: Path, options: Sequence[str], further: Sequence[str]) -> dict:
    """The config with the options of the command line, as tools/train.py makes it.

    Raises:
        RunError: The file is no config, or an option does not fit it.
    """
    config = Config(load_config(path))
    if '--amp' in further:
        config.merge_from_dict({'optim_wrapper.type': 'AmpOptimWrapper', 'optim_wrapper.loss_scale': 'dynamic'})
    parser = argparse.ArgumentParser()
    parser.add_argument('options', nargs='*', action=DictAction)
    try:
        config.merge_from_dict(parser.parse_args(options).options or {})
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"--cfg-options {' '.join(options)} do not fit {path}: {error}") from error
    return config.to_dict()


def commands(args: argparse.Namespace, further: Sequence[str], run: Run,
             expected: Mapping[str, Any]) -> list[list[str]]:
    """What is still to be run for a beta: its training and its test, its test alone, or nothing."""
    options = ['--cfg-options', *args.cfg_options, f"{WEIGHT}={expected['model']['head']['pc_loss']['loss_weight']!r}"]
    tools, folder = Path(os.path.relpath(TOOLS)), str(run.folder)
    train = ['bash', str(tools / 'dist_train.sh'), str(args.config), str(args.gpus), '--work-dir', folder]
    train += ['--resume'] * bool(last_checkpoint(run.folder)) + [*further, *options]
    test = ['bash', str(tools / 'dist_test.sh'), str(args.config), str(run.folder / final_checkpoint(expected)),
            str(args.gpus), '--work-dir', folder, *options]
    return {'tested': [], 'trained': [test]}.get(run.state, [train, test])


def read_base(args: argparse.Namespace, further: Sequence[str]) -> list[float]:
    """Averages of the base config's tested runs in the folders beside the sweep's."""
    path = base_config(args.config)
    if path == args.config or not path.is_file():
        return []
    options = [option for option in args.cfg_options if not re.match(r'model\.head\.(pc_loss|integral)\b', option)]
    expected = as_trained(path, options, further)
    folders = sorted(file.parent for file in args.work_dir.parent.glob(f'*/{path.name}'))
    tests, _ = find_tests(folders)
    return averages(read_run(folder, expected, tests, images_a_step(expected, args.gpus)) for folder in folders)


def main() -> None:
    args, further = parse_args()
    try:
        config = as_trained(args.config, args.cfg_options, further)
        base = read_base(args, further)
    except RunError as error:
        sys.exit(str(error))
    if not config.get('model', {}).get('head', {}).get('pc_loss'):
        sys.exit(f'{args.config} has no model.head.pc_loss: give a config with -pcloss in its name')
    if not config.get('train_cfg'):
        sys.exit(f'{args.config} has no train_cfg: it cannot be trained')
    factor, images = weight_per_beta(config), images_a_step(config, args.gpus)
    meant = config.get('auto_scale_lr', {}).get('base_batch_size', images)
    if images != meant:
        print(f'{images} images a step, where {args.config} is made for {meant}: tools/paper_tables.py will not count '
              'these runs. Other GPUS or --cfg-options train_dataloader.batch_size=... would change it.', flush=True)
    expected = {beta: with_beta(config, beta) for beta in sorted(set(args.betas))}

    def read(beta: float) -> Run:
        folder = args.work_dir / f'beta_{beta_name(beta)}'
        return read_run(folder, expected[beta], find_tests([folder])[0], images)

    others = [run for run in map(read, expected) if run.state == 'other']
    if others:
        sys.exit('\n'.join([*(f'{run.folder}: {run.problem}' for run in others),
                            'Give these settings, another --work-dir, or remove the folder.']))
    print(f'loss_weight = beta * {factor:g}' if factor != 1 else 'beta is the loss_weight itself: the conversion from '
          "the paper's units is for heatmaps, in configs with weight_per_beta", flush=True)

    for beta in expected:
        steps = commands(args, further, read(beta), expected[beta])
        if not steps:
            print(f'beta {beta_name(beta)}: trained and tested already', flush=True)
        for step in steps:
            print(shlex.join(step), flush=True)
            if not args.dry_run and not run_command(step):
                break
    if args.dry_run:
        return
    runs = {beta: read(beta) for beta in expected}
    if any(run.state == 'tested' for run in runs.values()):
        report(args, [Point(beta, beta * factor, averages([run])) for beta, run in runs.items()], base)
    failed = [f'{run.folder}: {run.problem}' for run in runs.values() if run.state != 'tested']
    if failed:
        sys.exit('\n'.join([*failed, 'What failed is in the output above. The same command goes on from here.']))


def run_command(command: Sequence[str]) -> bool:
    """Whether it succeeded; an interruption from the keyboard ends the sweep."""
    process = subprocess.Popen(command, env={'PYTHON': sys.executable, **os.environ})
    try:
        return process.wait() == 0
    except KeyboardInterrupt:
        process.wait()  # torchrun was interrupted too, and ends its processes; killed, it would leave them running
        sys.exit('interrupted; the same command goes on from here')


def report(args: argparse.Namespace, points: Sequence[Point], base: Sequence[float]) -> None:
    """Write and print the table, draw the figure."""
    table = sweep_table(points, base)
    picture = args.work_dir / 'beta_sweep.png'
    (args.work_dir / 'beta_sweep.md').write_text(f'{args.config.stem}\n\n{table}\n')
    sweep_figure(points, mean(base), args.config.stem).savefig(picture, dpi=150)
    print(f'\n{table}\n\n{picture}, {picture.with_suffix(".md").name}')


if __name__ == '__main__':
    main()
