"""What importing the package and its commands loads, and where its modules point."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import pcloss_mmpose
from pcloss_mmpose.cli import COMMANDS

PACKAGE = Path(pcloss_mmpose.__file__).parent
HEAVY = {'torch', 'mmengine', 'mmcv', 'mmpose', 'mmdet', 'cv2', 'matplotlib', 'scipy'}

WITHOUT_WORK = f"""
import contextlib, io, sys
from pcloss_mmpose.cli import COMMANDS, main
for command in COMMANDS:
    for arguments in (['--help'], ['--no-such-option'], ['no/such/config.py', 'no/such', 'no/such', '-o', 'x']):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                main([command, *arguments])
                code = 0
            except SystemExit as stop:
                code = stop.code
        text = out.getvalue()
        assert code == (0 if arguments == ['--help'] else 2), (command, arguments, code, text)
        assert text.startswith('usage: pcloss ' if code == 0 else 'error: '), (command, arguments, text)
        assert code == 0 or text.count('\\n') == 1, (command, arguments, text)
        assert not {HEAVY!r} & set(sys.modules), (command, arguments, {HEAVY!r} & set(sys.modules))
"""

LATE = """
from mmpose.registry import METRICS, MODELS
METRICS.get('EPE')  # MMPose's metrics are imported, and its registry of them will import nothing more
import pcloss_mmpose
print(METRICS.get('NormalizedError').__module__, MODELS.get('PCLoss').__module__)
"""


def run(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=PACKAGE.parent, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_help_and_faults_of_the_arguments_come_before_anything_heavy_is_imported():
    done = run(WITHOUT_WORK)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not any(metadata.distributions(name='xtcocotools')), reason='MMPose alone does not import here')
def test_it_registers_with_an_mmpose_that_is_in_use():
    done = run(LATE)
    assert done.stdout.split()[-2:] == [
        'pcloss_mmpose.evaluation.ne', 'pcloss_mmpose.models.losses.position_constraint'], done.stdout


def imports_of(path: Path) -> set[str]:
    """The parts of the package (its modules and folders) that a file imports, at its top or later."""
    below = path.relative_to(PACKAGE).parts
    parts = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom) and node.level:
            target = [*below[:len(below) - node.level], *(node.module or '').split('.')]
            names = [target[0]] if target[0] else [alias.name for alias in node.names]
            parts.update(names)
    return parts - {below[0], below[0].replace('.py', ''), '__version__'}


def arrows() -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for path in PACKAGE.rglob('*.py'):
        part = path.relative_to(PACKAGE).parts[0].replace('.py', '')
        graph.setdefault(part, set()).update(imports_of(path))
    return graph


def test_the_import_arrows_run_one_way():
    graphlib = pytest.importorskip('graphlib')  # from Python 3.9 on
    graph = arrows()
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError
    assert graph['errors'] == set()
    assert graph['metainfo'] <= {'errors', 'configs'}
    assert not any('cli' in parts for part, parts in graph.items() if part != 'cli')
    assert {'models', 'datasets', 'evaluation'} <= graph.keys()


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_has_a_help_that_starts_with_one_sentence(command):
    first = ast.get_docstring(ast.parse((PACKAGE / 'cli' / f'{command}.py').read_text())).splitlines()[0]
    assert first.endswith('.') and len(first) < 100
