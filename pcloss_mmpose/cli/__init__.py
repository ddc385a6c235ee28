"""The commands, a module each: ``pcloss COMMAND ...``.

A module has a docstring, which is its help, ``add_arguments(parser)`` and ``run(args)``. It imports nothing heavy at
its top, so that the help and faults of the arguments come at once. Exit codes: 2 for what cannot be done as it was
asked, 1 for a bad result, such as problems in a data set.
"""

from __future__ import annotations

import difflib
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from importlib import import_module
from typing import Sequence

from .. import __version__
from .arguments import with_both
from .errors import one_line_errors

COMMANDS = (
    'train', 'test', 'compare', 'calibrate', 'predict', 'detect', 'report', 'export', 'publish', 'check', 'browse',
    'labels', 'convert', 'add', 'generate', 'demo', 'configs')


class Parser(ArgumentParser):
    """Says what is wrong on one line, without the usage."""

    def error(self, message: str) -> None:
        self.exit(2, f'error: {message} ({self.prog} --help explains)\n')


def main(argv: Sequence[str] | None = None) -> None:
    """The console command ``pcloss``."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or ['--help']
    if name in COMMANDS:
        run_command(name, rest, prog=f'pcloss {name}')
    elif name in ('-h', '--help'):
        print(overview())
    elif name == '--version':
        print(f'pcloss-mmpose {__version__}')
    else:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f'did you mean {close[0]}?' if close else f'there are {", ".join(COMMANDS)}'
        print(f"error: no command '{name}': {hint}", file=sys.stderr)
        sys.exit(2)


def run_command(name: str, argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Run one command; by default on this process's arguments."""
    command = import_module(f'.{name}', __package__)
    parser = Parser(prog=prog, description=command.__doc__, formatter_class=RawDescriptionHelpFormatter)
    command.add_arguments(parser)
    argv = sys.argv[1:] if argv is None else argv
    args = parser.parse_args(with_both(parser, argv) if parser.get_default('has_model') else argv)
    with one_line_errors():
        command.run(args)


def overview() -> str:
    """The commands and what each does."""
    lines = [f'  {name:<10}{import_module(f".{name}", __package__).__doc__.splitlines()[0]}' for name in COMMANDS]
    return '\n'.join([
        'usage: pcloss COMMAND [ARGUMENTS]', '', 'Fashion landmark models with the Position Constraint Loss.', '',
        *lines, '', 'pcloss COMMAND --help explains one.'])
