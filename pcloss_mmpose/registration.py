"""Tells MMPose's registries, and one of MMDetection's, where this package's components are."""

from __future__ import annotations

import contextlib
from importlib import import_module
from typing import Iterator

#: Modules whose import registers components, each behind the name of the registry, for each package of registries.
LOCATIONS = {
    'mmpose.registry': (
        ('MODELS', 'pcloss_mmpose.models'),
        ('KEYPOINT_CODECS', 'pcloss_mmpose.codecs'),
        ('DATASETS', 'pcloss_mmpose.datasets'),
        ('TRANSFORMS', 'pcloss_mmpose.datasets.transforms'),
        ('METRICS', 'pcloss_mmpose.evaluation'),
        ('HOOKS', 'pcloss_mmpose.preflight'),
        ('HOOKS', 'pcloss_mmpose.checkpoints.hook'),
    ),
    'mmdet.registry': (('DATASETS', 'pcloss_mmpose.datasets.deepfashion2_boxes'), ),
}


@contextlib.contextmanager
def add_locations(package: str) -> Iterator[None]:
    """After a package of registries is imported: they import our modules behind its own.

    A registry that has been used already imports nothing any more, so that ours are imported at once.
    """
    yield
    registries = import_module(package)
    for name, module in LOCATIONS[package]:
        registry = getattr(registries, name)
        if registry._imported:
            import_module(module)
        else:
            registry._locations.append(module)
