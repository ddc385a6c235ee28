"""List the configs by name; every command takes a config by that name.

    pcloss configs
    pcloss configs fashionai pcloss      # those with all of these words in their path
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ..configs import list_configs, package_folder
from ..errors import InputError


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('words', nargs='*', metavar='WORD', help='only configs with this word in their path')
    parser.add_argument('--paths', action='store_true', help='print the files instead of the names')
    parser.add_argument('--folder', action='store_true', help='print only the folder that they and _base_ are in')


def run(args: Namespace) -> None:
    folder = package_folder('pcloss_mmpose') / 'configs'
    if args.folder:
        print(folder)
        return
    found = [path for path in list_configs()
             if all(word in path.relative_to(folder).as_posix() for word in args.words)]
    if not found:
        raise InputError(f'no config has {" and ".join(args.words)} in its path; `pcloss configs` lists all')
    for path in found:
        print(path if args.paths else path.stem)
