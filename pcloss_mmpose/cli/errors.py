"""How a command ends where something that it was given is at fault: with one line."""

from __future__ import annotations

import contextlib
import pickle
import re
import sys
from typing import Iterator

from ..errors import PclossError


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Print what a user can mend as ``error: ...`` and exit with 2; any other error keeps its traceback."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit('interrupted')
    except Exception as error:
        message = explanation(error)
        if message is None:
            raise
        print(f'error: {message}', file=sys.stderr)
        sys.exit(2)


def explanation(error: Exception) -> str | None:
    """What an error says to a user, on one line; None for one that is no fault of theirs."""
    text = str(error)
    if isinstance(error, PclossError):
        if 'Original Traceback' in text:  # of a worker process; the last line is the error itself, after its class
            text = re.sub(r'^[\w.]+: ', '', text.strip().splitlines()[-1])
        return ' '.join(text.split())
    if isinstance(error, OSError):  # without a file's name where MMPose or a storage raises it
        return ' '.join(text.split()) if error.filename is None else f'{error.filename}: {error.strerror}'
    if isinstance(error, (pickle.UnpicklingError, EOFError)):  # of torch.load, whose advice is for other programs
        return f'the checkpoint is broken, or no checkpoint ({type(error).__name__})'
    return None
