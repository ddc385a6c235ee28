"""Reading a checkpoint, of whoever wrote it."""

from __future__ import annotations

import logging
import os
import re
import tarfile
import zipfile
from typing import Any, BinaryIO

import torch
from mmengine.logging import print_log

from ..errors import InputError, PclossError
from ..model_folder import weights_file
from .safetensors_file import is_safetensors, read_safetensors

#: What is said of a pickle that asks for more than data, by torch or by :mod:`pcloss_mmpose.unpickling`.
REFUSED = re.compile(r'(?:unsupported global:?|(?:it|the checkpoint) asks for|trying to call reduce) .*', re.I)

#: What an archive begins with.
ARCHIVE = b'PK\x03\x04'
#: The mark of a folder among the attributes of an archive's entry.
MS_DOS_FOLDER = 0x10


def read_checkpoint(source: str | os.PathLike | BinaryIO, map_location: Any = 'cpu', name: str | None = None
                    ) -> dict[str, Any]:
    """The content of a checkpoint: data alone, and only if every byte is as it was written.

    Torch writes a checksum of each tensor and reads none. Checkpoints in the format before torch 1.6, as MMPose's zoo
    still has them, and safetensors of others than this package have no checksums; the log says so.

    Args:
        source: Its file, by path or open; it is closed. Or a model's folder, or the name of one on the hub
            (:mod:`~pcloss_mmpose.model_folder`).
        map_location: Where tensors come to, as ``torch.load`` takes it.
        name: To show, by default the path.

    Raises:
        InputError: It is not there, not whole, or holds more than data; the message says which.
    """
    if isinstance(source, (str, os.PathLike)):
        source = weights_file(os.fspath(source))
    name = name or source
    try:
        with open(source, 'rb') if isinstance(source, (str, os.PathLike)) else source as file:
            start = file.read(9)
            file.seek(0)
            if is_safetensors(start):
                content, has_sums = read_safetensors(file.read(), name, map_location)
                kind = 'is a safetensors file of another program'
            else:
                content, has_sums = _unpickled(file, name, map_location), start.startswith(ARCHIVE)
                kind = 'has the format before torch 1.6'
    except PclossError:
        raise
    except OSError as error:
        raise InputError(f'{name}: {error.strerror or error}') from error
    except Exception as error:  # bytes that are no checkpoint make torch.load raise anything
        raise InputError(f'{name}: {_fault(error)}') from error
    if not isinstance(content, dict):
        raise InputError(f'{name}: no checkpoint: it holds one {type(content).__name__}')
    if not has_sums:
        print_log(f'{name} {kind}, which has no checksums: a damage inside of it cannot be seen', logger='current',
                  level=logging.WARNING)
    return content


def _unpickled(file: BinaryIO, name: str, map_location: Any) -> Any:
    """The content of a file that torch has written."""
    if file.read(len(ARCHIVE)) == ARCHIVE:  # torch will take it for one
        _check_archive(file, name)
    elif _is_tar(file):
        raise InputError(f'{name}: a checkpoint in the format of torch 0.1, which is not read')
    file.seek(0)
    return torch.load(file, map_location=map_location, weights_only=True)


def _is_tar(file: BinaryIO) -> bool:
    """Whether older torch would unpack it to files, whatever it is told of its content."""
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode='r:'):
            return True
    except tarfile.TarError:
        return False


def _check_archive(file: BinaryIO, name: str) -> None:
    """Read every entry against its checksum.

    Of one that is marked as a folder, which ``ZipFile.testzip`` passes over, torch reads nothing, and leaves the memory
    of its tensor as it was.
    """
    with zipfile.ZipFile(file) as archive:
        if any(entry.endswith('/constants.pkl') for entry in archive.namelist()):
            raise InputError(f'{name}: a TorchScript program, and no checkpoint')
        for entry in archive.infolist():
            try:
                if entry.external_attr & MS_DOS_FOLDER:
                    raise zipfile.BadZipFile
                with archive.open(entry) as content:
                    while content.read(2**20):
                        pass
            except (zipfile.BadZipFile, EOFError) as error:
                raise InputError(f'{name}: the checkpoint is damaged in {entry.filename}') from error


def _fault(error: Exception) -> str:
    """What was wrong with a file that ``torch.load`` could not read, without torch's advice."""
    text = ' '.join(str(error).split()).partition(' Check the documentation')[0]
    text = re.split(r'WeightsUnpickler error: |trusted source\. ', text)[-1]
    refused = REFUSED.search(text)
    if refused:
        return f'refused, as the checkpoint holds more than data ({_shortened(refused.group())})'
    return 'no whole checkpoint ' + f'({type(error).__name__}: {_shortened(text)}'.rstrip(': ') + ')'


def _shortened(text: str) -> str:
    return text.partition('. ')[0].rstrip('.')[:200]
