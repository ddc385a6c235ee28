"""How many broken images a training run puts up with."""

from __future__ import annotations

import logging

from mmengine.logging import print_log

from ..errors import BrokenImageError, TooManyBrokenImagesError


class BrokenImageCount:
    """Counts what one worker reads, and stops it when broken images are no longer an exception.

    Args:
        tolerated: Fewer different broken images than this never stop the run.
        fraction: Nor do broken images up to this part of what the worker has read.
    """

    def __init__(self, tolerated: int = 10, fraction: float = 0.01) -> None:
        self.tolerated = tolerated
        self.fraction = fraction
        self.read = 0
        self.reasons: dict[str, str] = {}

    def add(self, error: BrokenImageError) -> None:
        """Log a broken image the first time it is met.

        Raises:
            TooManyBrokenImagesError: When both limits are passed.
        """
        if error.path not in self.reasons:
            self.reasons[error.path] = error.reason
            # As an error, since the other processes of a distributed run log nothing below.
            print_log(f'Skipped broken image {error} ({len(self.reasons)} of {self.read} read by this worker).',
                      logger='current', level=logging.ERROR)
        broken = len(self.reasons)
        if broken >= self.tolerated and broken > self.fraction * self.read:
            first = '\n'.join(f'  {path}: {reason}' for path, reason in list(self.reasons.items())[:self.tolerated])
            raise TooManyBrokenImagesError(
                f'{broken} different images are broken of {self.read} read by this worker, more than '
                f'{self.fraction:.0%}. Repair them, or take their rows out of the annotation file. The first:\n{first}')
