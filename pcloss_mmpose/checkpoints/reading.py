"""Reading a checkpoint, of whoever wrote it."""

from __future__ import annotations

import zipfile
from typing import Any

import torch

from ..errors import InputError


def read_checkpoint(path: str) -> dict[str, Any]:
    """The content of a local checkpoint, on the CPU.

    Raises:
        InputError: It is not there, not whole, or holds more than data; the message says which.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()  # torch writes these sums and never reads them
            if damaged:
                raise InputError(f'{path}: the checkpoint is damaged in {damaged}')
        return torch.load(path, map_location='cpu', weights_only=True)
    except InputError:
        raise
    except Exception as error:  # bytes that are no checkpoint make torch.load raise anything
        reason = f'{type(error).__name__}: {str(error).splitlines()[0]}'
        raise InputError(f'{path}: no whole checkpoint ({reason})') from error
