"""Lets tests and scripts of this folder import ``toy_training``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
