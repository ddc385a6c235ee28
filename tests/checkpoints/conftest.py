"""Lets tests and scripts of this folder import ``toy_training``."""

import gc
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def end_workers_soon(monkeypatch):
    """A loader that is dropped waits for each of its workers as long as this."""
    from torch.utils.data import _utils
    monkeypatch.setattr(_utils, 'MP_STATUS_CHECK_INTERVAL', 0.1)
    yield
    gc.collect()
