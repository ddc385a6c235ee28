"""Whether a training's loop has a length, and validates."""

from __future__ import annotations

from typing import Any

from ..errors import InputError


def check_loop(loop: Any) -> None:
    """Refuse a loop of MMEngine's that would end before its first step, or fail at its first validation.

    Raises:
        InputError: Its length, or the interval of its validations, is no whole number from 1 on.
    """
    for name in ('max_epochs', 'max_iters', 'val_interval'):
        value = getattr(loop, name, 1)
        if not isinstance(value, (int, float)) or value < 1 or value % 1:
            raise InputError(f'train_cfg: {name} must be a whole number from 1, got {value!r}')
