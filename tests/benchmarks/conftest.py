"""The benchmarks are scripts beside the package, not modules of it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / 'benchmarks'))
