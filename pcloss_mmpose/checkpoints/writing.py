"""Files that are there whole or not at all, whatever ends the program."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

#: How the name of a file ends that is still being written; a kill may leave one behind.
PART = '.part'


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file so that its name stands for all of it, or for what stood there before.

    The content goes to a file beside it, to the disk, and then under its name, which POSIX does in one step.

    Raises:
        OSError: It cannot be written, a full disk being one reason; what stood there before is left as it was.
    """
    path = os.path.realpath(path)  # a link stays one
    if os.path.exists(path) and not os.path.isfile(path):  # a device, which must not be replaced by a file
        Path(path).write_bytes(content)
        return
    part = f'{path}.{uuid.uuid4().hex[:8]}{PART}'
    try:
        with open(part, 'xb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        error.filename = path  # a full disk names no file
        raise
    finally:
        with contextlib.suppress(OSError):
            os.unlink(part)
    with contextlib.suppress(OSError):  # the new name, too; some network folders cannot
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
