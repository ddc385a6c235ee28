"""What readers raise: each message says where the fault is and what to do about it."""

from __future__ import annotations


class DatasetFormatError(ValueError):
    """A raw annotation file does not hold what its format asks for."""

    @classmethod
    def at(cls, path: str, problem: str, advice: str = '', line: int | None = None, field: str | None = None,
           lines: int = 1) -> DatasetFormatError:
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


class BrokenImageError(OSError):
    """An image is missing, empty, truncated or no image."""

    # The reason is optional because a DataLoader raises a worker's exception again with one string.
    def __init__(self, path: str, reason: str = '') -> None:
        super().__init__(f'{path}: {reason}' if reason else path)
        self.path = path
        self.reason = reason

    def __reduce__(self):
        return type(self), (self.path, self.reason)


class TooManyBrokenImagesError(RuntimeError):
    """So many images are broken that training on the rest would not be the training that was asked for."""
