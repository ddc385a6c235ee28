"""Files that are written at once: others see all of one or nothing, and a kill leaves the old one."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import Iterable, Iterator

from .errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


#: How the name of a file ends that is still being written; a kill may leave one behind.
PART = '.part'


@contextlib.contextmanager
def at_once(path: Path, writer: str = '') -> Iterator[Path]:
    """A path to write to; what lies there gets its name where the block ends, and goes where it raises.

    The path is the name with ``.part`` after it, so that what a kill has left is written over by the next start.

    Args:
        path: Of the file; its folder is there.
        writer: Of several processes that write the same file at the same time, this one's name.

    Raises:
        InputError: Another process is writing the file.
    """
    part = path.with_name(f'{path.name}{writer and "."}{writer}{PART}')
    with _locked(part, path):
        try:
            yield part
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(part: Path, path: Path) -> Iterator[None]:
    if fcntl is None:  # Windows does not rename a file that is open
        yield
        return
    with part.open('ab') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f'{path}: another process is writing it') from None
        except OSError:  # a file system without locks
            pass
        yield


def write_at_once(path: Path, content: str | bytes | Iterable[str], writer: str = '') -> None:
    """Write a text as UTF-8 with its line ends as they are, a text in pieces, or bytes; see :func:`at_once`."""
    with at_once(path, writer) as part:
        if isinstance(content, bytes):
            part.write_bytes(content)
        else:
            with part.open('w', newline='', encoding='utf-8') as file:
                file.writelines([content] if isinstance(content, str) else content)


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file at once, and for good: it is on the disk before this returns, and no power cut takes it back.

    Several processes may write the same file; the last one's stays.

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
