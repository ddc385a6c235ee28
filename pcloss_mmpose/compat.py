"""Every work-around for an upstream fault, each with its thread and the condition under which it can go."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import types
from typing import Iterator


class _MissingOps(types.ModuleType):
    """Stands for ``mmcv._ext``: every name is a function that says what to install."""

    def __getattr__(self, name: str):
        if name.startswith('__'):
            raise AttributeError(name)

        def missing(*args, **kwargs):
            raise ImportError(
                f"the compiled operator '{name}' needs the full mmcv, and mmcv-lite is installed. "
                'Replace it: `pip uninstall mmcv-lite`, then follow "Full mmcv" in docs/install.md.')

        return missing


@contextlib.contextmanager
def importable_mmcv_ops() -> Iterator[None]:
    """Let ``mmcv.ops`` be imported where only mmcv-lite is installed.

    MMPose 1.3.2 imports ``mmcv.ops`` (EDPose head) and mmdet (RTMO head) whatever the model is, so mmcv-lite alone
    fails at ``mmcv._ext``. Inside this context that module is a stand-in; after it, nothing of that name is left,
    because MMEngine later asks for ``mmcv._ext`` to find out whether compiled operators exist.

    Upstream: https://github.com/open-mmlab/mmpose/issues/3250. It can go once MMPose imports ``mmcv.ops`` lazily.
    """
    if 'mmcv._ext' in sys.modules or importlib.util.find_spec('mmcv._ext') is not None:
        yield
        return
    stand_in = _MissingOps('mmcv._ext')
    sys.modules['mmcv._ext'] = stand_in
    try:
        import mmcv.ops  # noqa: F401
        yield
    finally:
        sys.modules.pop('mmcv._ext', None)
        import mmcv
        if getattr(mmcv, '_ext', None) is stand_in:
            del mmcv._ext
