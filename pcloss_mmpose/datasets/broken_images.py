"""What becomes of broken images: a training replaces them, up to a limit, and a test stops at the first.

This holds for every data set that is built on MMEngine's ``BaseDataset``, MMPose's own and its ``CombinedDataset``
included, whichever pipeline has :class:`~.transforms.LoadImageStrict`, the only one to raise ``BrokenImageError``.
"""

from __future__ import annotations

import functools
import logging
from typing import Any

from mmengine.dataset import BaseDataset
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


def replace_broken_images() -> None:
    """Let ``BaseDataset.__getitem__`` take another image where one is broken, as it does where a pipeline gives None.

    A data set has its count as ``broken_images``. Nothing else changes: other errors pass, and so does
    ``BrokenImageError`` where the data set, or one that it combines, is in test mode.
    """
    stock = BaseDataset.__getitem__
    if hasattr(stock, 'replaces_broken_images'):
        return

    @functools.wraps(stock)
    def __getitem__(self: BaseDataset, idx: int) -> Any:
        count = self.__dict__.setdefault('broken_images', BrokenImageCount())
        for _ in range(self.max_refetch + 1):
            count.read += 1
            try:
                return stock(self, idx)
            except BrokenImageError as error:
                if _is_test(self):
                    raise
                count.add(error)
                idx = self._rand_another()
        raise TooManyBrokenImagesError(f'{count.read} tries have met broken images alone, such as '
                                       f'{next(iter(count.reasons))}. Repair them, or take their rows out.')

    __getitem__.replaces_broken_images = True
    BaseDataset.__getitem__ = __getitem__


def _is_test(dataset: Any) -> bool:
    """Whether a data set, or one that it combines, is in test mode: a combination need not say so itself."""
    return getattr(dataset, 'test_mode', False) or any(map(_is_test, getattr(dataset, 'datasets', ())))
