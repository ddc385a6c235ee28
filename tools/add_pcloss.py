"""`pcloss add`, from a clone that need not be installed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pcloss_mmpose.cli import run_command  # noqa: E402

if __name__ == '__main__':
    run_command('add')
