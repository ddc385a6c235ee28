"""Tells MMPose's registries where this package's components are."""

from __future__ import annotations

import contextlib
from importlib import import_module
from typing import Iterator

#: Modules whose import registers components, each behind the name of MMPose's registry.
LOCATIONS = (
    ('MODELS', 'pcloss_mmpose.models'),
    ('KEYPOINT_CODECS', 'pcloss_mmpose.codecs'),
    ('DATASETS', 'pcloss_mmpose.datasets'),
    ('TRANSFORMS', 'pcloss_mmpose.datasets.transforms'),
    ('METRICS', 'pcloss_mmpose.evaluation'),
    ('HOOKS', 'pcloss_mmpose.preflight'),
    ('HOOKS', 'pcloss_mmpose.checkpoints.hook'),
)


@contextlib.contextmanager
def add_locations() -> Iterator[None]:
    """After ``mmpose.registry`` is imported: its registries import our modules behind MMPose's own.

    A registry that has been used already imports nothing any more, so that ours are imported at once.
    """
    yield
    registries = import_module('mmpose.registry')
    for name, module in LOCATIONS:
        registry = getattr(registries, name)
        if registry._imported:
            import_module(module)
        else:
            registry._locations.append(module)
