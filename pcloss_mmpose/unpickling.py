"""Unpickling what strangers wrote: containers, numbers, tensors and arrays are built, and no code of theirs runs.

The module has the two names that ``torch.load`` asks of what it unpickles with: ``Unpickler`` and ``load``.
"""

from __future__ import annotations

import _compat_pickle
import functools
import io
import pickle
from collections import Counter, OrderedDict
from typing import Any, BinaryIO, Callable

import numpy as np
import torch
from mmengine.logging import HistoryBuffer


class NotDataError(pickle.UnpicklingError):
    """A pickle asks for what is no data."""


class Unpickler(pickle.Unpickler):
    """Python's own, with :func:`allowed_globals` in the place of every module."""

    def find_class(self, module: str, name: str) -> Any:
        """The value of that name.

        Raises:
            NotDataError: It is not allowed.
        """
        if (module, name) in _compat_pickle.NAME_MAPPING:  # protocol 2 has the names of Python 2
            module, name = _compat_pickle.NAME_MAPPING[module, name]
        module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        try:
            return allowed_globals()[f'{module}.{name}']
        except KeyError:
            raise NotDataError(f'it asks for {module}.{name}') from None


def load(file: BinaryIO, **options) -> Any:
    """As ``pickle.load``, see :class:`Unpickler`."""
    return Unpickler(file, **options).load()


def mmengine_globals() -> list[Any]:
    """What MMEngine's checkpoints hold beside tensors, as ``add_safe_globals`` takes it.

    Numpy's numeric arrays and scalars, under their names in numpy 1 and 2, and ``HistoryBuffer``. The buffer holds its
    own methods, which pickle stores as calls of ``builtins.getattr``; that name is mapped to a function that hands out
    nothing else.
    """
    dtypes = {type(np.dtype(code)) for code in '?' + np.typecodes['AllInteger'] + np.typecodes['AllFloat']}
    rebuilders = [value.__reduce__()[0] for value in (np.zeros(1), np.float64(0))]  # array's and scalar's, private both
    functions = [(rebuild, f'numpy.{core}.multiarray.{rebuild.__name__}')
                 for rebuild in rebuilders for core in ('core', '_core')]
    return [HistoryBuffer, np.ndarray, np.dtype, *dtypes, *functions, (_history_statistic, 'builtins.getattr'),
            (_no_bytes, 'builtins.bytes')]


@functools.lru_cache(maxsize=None)
def allowed_globals() -> dict[str, Any]:
    """What :class:`Unpickler` finds, by its full name."""
    import _codecs
    named = [each if isinstance(each, tuple) else (each, f'{each.__module__}.{each.__qualname__}')
             for each in (*mmengine_globals(), Counter, OrderedDict, set, bytearray, complex)]
    dtypes = [each for each in vars(torch).values() if isinstance(each, torch.dtype)]
    rebuilders = [value for name, value in vars(torch._utils).items()
                  if name in ('_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_tensor_v3', '_rebuild_parameter')]
    return {
        **{name: value for value, name in named},
        **{str(each): each for each in dtypes},
        **{f'torch._utils.{each.__name__}': each for each in rebuilders},
        **{f'{each.__module__}.{each.__name__}': each for each in (*torch._storage_classes, *torch._tensor_classes)},
        '_codecs.encode': _codecs.encode,  # protocol 2 writes bytes with it
        'torch.Size': torch.Size,
        'torch.Tensor': torch.Tensor,
        'torch.device': torch.device,
        'torch.nn.parameter.Parameter': torch.nn.Parameter,
        'torch.storage._load_from_bytes': _load_from_bytes,
    }


def _history_statistic(owner: Any, name: str) -> Callable:
    """The one use of ``getattr`` that MMEngine's checkpoints make: a statistic of ``HistoryBuffer``."""
    if owner is HistoryBuffer and name in ('min', 'max', 'current', 'mean'):
        return getattr(HistoryBuffer, name)
    raise NotDataError(f'the checkpoint asks for {name!r} of {owner!r}, which no MMEngine checkpoint does')


def _no_bytes() -> bytes:
    """What an array of size 0 is made from, as a data set without a skeleton has them."""
    return b''


def _load_from_bytes(content: bytes) -> Any:
    """The storage of a tensor that was pickled by itself; torch's own function of that name unpickles anything."""
    return torch.load(io.BytesIO(content), weights_only=True)
