"""Real trainings, killed and resumed: benchmarks/kills.py says what is compared."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize('kills', [4, pytest.param(50, marks=pytest.mark.long)])
def test_kills_lose_nothing(kills):
    done = subprocess.run([sys.executable, '-m', 'benchmarks.kills', '--kills', str(kills), '--seed', '1'], cwd=ROOT,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    assert f'kills: {kills}, ' in done.stdout and 'nothing was lost, nothing differs' in done.stdout
