"""Checkpoints: read with suspicion, written whole."""

from .reading import read_checkpoint

__all__ = ['read_checkpoint']
