"""Whether PyTorch runs what is called at once, so that operators with a gradient of their own may be used."""

from __future__ import annotations

import torch


def is_eager() -> bool:
    """False inside of torch.compile, torch.export, tracing, ONNX export and the transforms of torch.func.

    They look into what is computed, or compute it otherwise, and an ``autograd.Function`` is closed to them.
    """
    compiler = getattr(torch, 'compiler', None)  # came with torch 2.1
    compiling = getattr(compiler, 'is_compiling', bool)
    transforming = getattr(torch._C, '_are_functorch_transforms_active', bool)
    return not (compiling() or torch.jit.is_tracing() or transforming())
