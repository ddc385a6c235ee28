"""Checkpoints as safetensors: weights, the meta beside them as JSON, and a checksum, which the format has not.

The file's ``__metadata__`` has ``format`` ('pt'), ``meta`` (that of the checkpoint), ``versions`` (of the modules, as
state dicts have them) and ``sha256``: of the header without that entry, as JSON with sorted keys, and of all that
follows it. Any program that reads safetensors reads the weights.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from typing import Any, Mapping

import torch

from ..errors import InputError, MissingPackageError

#: Bytes of the header's length, which begin the file.
LENGTH = 8
#: The longest header that safetensors reads.
LONGEST = 100_000_000


def is_safetensors(start: bytes) -> bool:
    """Whether a file with these first bytes, at least 9, is one."""
    return len(start) > LENGTH and int.from_bytes(start[:LENGTH], 'little') <= LONGEST and start[LENGTH:LENGTH + 1
                                                                                                ] == b'{'


def as_safetensors(checkpoint: Mapping[str, Any]) -> bytes:
    """A checkpoint's file: ``state_dict`` of contiguous tensors that share no memory, and ``meta`` of plain values.

    The same checkpoint gives the same bytes: the header is sorted, which the package leaves to chance.
    """
    weights = checkpoint['state_dict']
    content = _safetensors().save(dict(weights))
    metadata = dict(format='pt', meta=json.dumps(checkpoint['meta']),
                    versions=json.dumps(getattr(weights, '_metadata', None) or {}))
    header = dict(_header(content), __metadata__=metadata)
    data = memoryview(content)[_end(content):]
    metadata['sha256'] = _checksum(header, data)
    text = json.dumps(header, sort_keys=True).encode()
    text += b' ' * (-len(text) % LENGTH)  # tensors begin at a multiple of it
    return b''.join([len(text).to_bytes(LENGTH, 'little'), text, data])


def read_safetensors(content: bytes, name: str, map_location: Any = 'cpu') -> tuple[dict[str, Any], bool]:
    """A checkpoint, and whether it had a checksum.

    Args:
        content: Of the file.
        name: To show.
        map_location: Where tensors come to; functions, which ``torch.load`` takes too, leave them on the CPU.

    Raises:
        InputError: The file is not whole, or its checksum is not that of its content.
    """
    load = _safetensors().load
    try:
        header = _header(content)
        metadata = header.get('__metadata__') or {}
        if 'sha256' in metadata and metadata['sha256'] != _checksum(header, memoryview(content)[_end(content):]):
            raise InputError(f'{name}: the checkpoint is damaged: its checksum is that of another content')
        weights = OrderedDict(load(content))
        if isinstance(map_location, (str, torch.device)):
            weights.update((key, value.to(map_location)) for key, value in weights.items())
        meta, versions = (json.loads(metadata.get(key, '{}')) for key in ('meta', 'versions'))
        names = meta.get('dataset_meta', {}).get('keypoint_id2name')
        if names:  # JSON has no numbers for keys
            meta['dataset_meta']['keypoint_id2name'] = {int(key): value for key, value in names.items()}
    except (InputError, MemoryError):
        raise
    except Exception as error:  # the package has its own error, and a header can be anything
        raise InputError(f'{name}: no whole safetensors file ({type(error).__name__}: {str(error)[:200]})') from error
    if versions:
        weights._metadata = versions
    return dict(meta=meta, state_dict=weights), 'sha256' in metadata


def _checksum(header: Mapping[str, Any], data: memoryview) -> str:
    """SHA-256 of all but the place where it is written."""
    metadata = {key: value for key, value in header['__metadata__'].items() if key != 'sha256'}
    digest = hashlib.sha256(json.dumps(dict(header, __metadata__=metadata), sort_keys=True).encode())
    digest.update(data)
    return digest.hexdigest()


def _header(content: bytes) -> dict[str, Any]:
    return json.loads(content[LENGTH:_end(content)])


def _end(content: bytes) -> int:
    """Where the header ends."""
    return LENGTH + int.from_bytes(content[:LENGTH], 'little')


def _safetensors() -> Any:
    try:
        import safetensors.torch
    except ImportError:
        raise MissingPackageError('safetensors not installed: pip install safetensors') from None
    return safetensors.torch
