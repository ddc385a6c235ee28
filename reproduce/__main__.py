"""Reproduce the paper: its tables from finished runs, and the sweep of its Figure 8.

    python tools/paper_tables.py work_dirs /results/other_seeds --schedule 150k
    python tools/sweep_beta.py configs/fashionai/spb/td-hm_res50-pcloss_4xb5-100k_fashionai-512x512.py 4

A run counts if it was trained to its end with the settings of its config and its last checkpoint was tested. The tables
end with the runs that do not count and why, and with the commands that are still to be run. A sweep keeps each beta in
its own folder, work_dirs/<name of the config>/beta_<beta>: started again, it skips what is done and resumes the rest.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Sequence

from pcloss_mmpose.cli import Parser
from pcloss_mmpose.cli.arguments import add_config_options, config_file, folder, merge_options, whole_number
from pcloss_mmpose.cli.errors import one_line_errors
from pcloss_mmpose.configs import load_config
from pcloss_mmpose.errors import InputError

from .paper import base_name
from .runs import WEIGHT, Run, beta_name, commands, find_runs, find_tests, read_run, with_beta
from .tables import BETAS, print_tables, sweep_table


def main(argv: Sequence[str] | None = None) -> None:
    """Run ``tables`` or ``sweep``; by default with the arguments of this process."""
    layout = dict(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser = Parser(prog='python -m reproduce', **layout)
    commands = parser.add_subparsers(required=True, metavar='{tables,sweep}')
    tables = commands.add_parser('tables', **layout)
    tables.set_defaults(run=lambda args: print_tables(list(map(Path, args.work_dirs)), args.schedule))
    tables.add_argument('work_dirs', type=folder, nargs='*', default=['work_dirs'], help='default: work_dirs')
    tables.add_argument('--schedule', choices=('100k', '150k'), default='100k', help='iterations of the fashion runs')
    sweep = commands.add_parser('sweep', **layout)
    sweep.set_defaults(run=run_sweep)
    sweep.add_argument('config', type=config_file, metavar='CONFIG', help='a config with PCLoss')
    sweep.add_argument('gpus', type=whole_number(1), metavar='GPUS', help='as for tools/dist_train.sh')
    sweep.add_argument('--betas', type=float, nargs='+', default=BETAS, help='default: 1e-6 1e-5 1e-4 1e-3 1e-2')
    sweep.add_argument('--work-dir', type=Path, help='default: work_dirs/<name of the config>')
    sweep.add_argument('--dry-run', action='store_true', help='print the commands, run nothing')
    add_config_options(sweep)
    args = parser.parse_args(argv)
    with one_line_errors():
        args.run(args)


def run_sweep(args: Namespace) -> None:
    """Train and test the betas that are not done yet, and print the table."""
    path, name, work_dir = args.config, args.config.stem, args.work_dir or Path('work_dirs', args.config.stem)
    if not all(0 < beta < float('inf') for beta in args.betas):
        raise InputError('a beta is a number above 0; the run without the loss is that of the base config')
    if any(option.startswith(f'{WEIGHT}=') for option in args.cfg_options):
        raise InputError(f'{WEIGHT} is what the sweep sets: give --betas')
    config = merge_options(load_config(path, custom_imports=False), args.cfg_options)
    if not config.get('train_cfg') or not config.get('model', {}).get('head', {}).get('pc_loss'):
        raise InputError(f'{path} has no train_cfg or no model.head.pc_loss: give a config with -pcloss in its name')
    if config.model.head.pc_loss.get('robust'):
        raise InputError(f"{path} sums lengths (robust=True), whose weight is none of the paper's betas: give a config "
                         "of the paper's loss, such as one without -tuned")
    images = config.train_dataloader.batch_size * args.gpus * int(os.environ.get('NNODES', 1))
    meant = config.get('auto_scale_lr', {}).get('base_batch_size', images)
    if images != meant:
        raise InputError(f'{images} images a step, where {path} is made for {meant}: give other GPUS, or --cfg-options '
                         f'train_dataloader.batch_size=..., or auto_scale_lr.base_batch_size={images} if that is meant')
    folders = {float(beta): work_dir / f'beta_{beta}' for beta in map(beta_name, args.betas)}

    def read(beta: float) -> Run:
        return read_run(folders[beta], with_beta(config, beta), find_tests([folders[beta]]))

    for run in map(read, folders):
        if run.state == 'other':
            raise InputError(f'{run.folder}: {run.problem}; give these settings, another --work-dir, or remove it')
    for beta in folders:
        options = [*args.cfg_options, f'{WEIGHT}={with_beta(config, beta).model.head.pc_loss.loss_weight!r}']
        for command in commands(read(beta), path, config, args.gpus, options):
            print(shlex.join(command), flush=True)
            if not args.dry_run and not succeeds(command):
                break
    if args.dry_run:
        return
    base, configs = path.with_name(f'{base_name(name)}.py'), {name: config}
    if base != path and base.is_file():
        options = [option for option in args.cfg_options if not re.match(r'model\.head\.(pc_loss|integral)\b', option)]
        configs[base.stem] = merge_options(load_config(base, custom_imports=False), options)
    runs = find_runs([work_dir, *(file.parent for file in work_dir.parent.glob(f'*/{base.name}'))], configs)
    print(f'\n{sweep_table(name, config, runs, folders)}')
    failed = [f'{run.folder}: {run.problem}' for run in map(read, folders) if run.state != 'tested']
    if failed:
        sys.exit('\n'.join([*failed, 'The same command goes on from here.']))


def succeeds(command: Sequence[str]) -> bool:
    process = subprocess.Popen(command, env={'PYTHON': sys.executable, **os.environ})
    try:
        return process.wait() == 0
    except KeyboardInterrupt:
        process.wait()  # torchrun was interrupted too, and ends its processes; killed, it would leave them running
        raise


if __name__ == '__main__':
    main()
