"""What a user can mend: every message says where the fault is and what to do about it."""

from __future__ import annotations


class PclossError(Exception):
    """Base of all errors that a user can mend. The commands print one as a single line, without a traceback."""


class InputError(PclossError, ValueError):
    """What was given (an option, a config, data, a model) does not fit, by itself or beside the rest."""


class FileFormatError(PclossError, ValueError):
    """A file does not hold what it should."""

    @classmethod
    def at(cls, path: str, problem: str, advice: str = '', line: int | None = None, field: str | None = None,
           lines: int = 1) -> FileFormatError:
        """Compose the message.

        Args:
            path: The file.
            problem: What is there, against what was expected.
            advice: What to do.
            line: The first offending line, from 1.
            field: The offending column.
            lines: How many lines have this fault.
        """
        place = ', '.join(filter(None, (path, line and f'line {line}', field and f'field {field}')))
        others = f' ({lines} lines have this fault; this is the first)' if lines > 1 else ''
        return cls(f'{place}: {problem}{others}.' + (f' {advice}' if advice else ''))


class MissingPackageError(PclossError, ImportError):
    """A package is missing or out of range; the message has the command that installs it."""


class BrokenImageError(PclossError, OSError):
    """An image is missing, empty, truncated or no image."""

    # The reason is optional because a DataLoader raises a worker's exception again with one string.
    def __init__(self, path: str, reason: str = '') -> None:
        super().__init__(f'{path}: {reason}' if reason else path)
        self.path = path
        self.reason = reason

    def __reduce__(self):
        return type(self), (self.path, self.reason)


class TooManyBrokenImagesError(PclossError, RuntimeError):
    """So many images are broken that training on the rest would not be the training that was asked for."""


class DivergedTrainingError(PclossError, RuntimeError):
    """The loss of a training is no number any more."""
