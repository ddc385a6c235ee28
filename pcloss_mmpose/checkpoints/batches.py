"""Batches that can begin anywhere: each has random numbers of its own, so that none depends on those before."""

from __future__ import annotations

import itertools
import random
from typing import Any, Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import BatchSampler, Sampler


def seed_of(*numbers: int) -> int:
    """A seed of 32 bits for what the numbers stand for, such as a run, a process and a batch."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def set_seeds(seed: int) -> None:
    """Where Python's, numpy's and torch's random numbers go on from, on every device."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class Batch:
    """Indices of a batch; the random numbers of its images are set where a data loader begins to take them.

    That is in the process that loads them, whether a worker or not. So they are the same with any number of workers.
    """

    def __init__(self, indices: Sequence[int], seed: int) -> None:
        self.indices, self.seed = indices, seed

    def __iter__(self) -> Iterator[int]:
        set_seeds(self.seed)
        return iter(self.indices)


class SeededBatches(BatchSampler):
    """The batches of a sampler, each a :class:`Batch` with a seed of its own.

    Args:
        sampler, batch_size, drop_last: As torch's ``BatchSampler`` takes them.
        seed, rank: Of the run and of the process; the seed of a batch comes from these and the batch's number.
        first: The number of the batch to begin with. Numbers go on from one pass through the data to the next.
        endless: Begin the next pass after the last batch of one, as MMEngine's iteration-based loop does, and pass over
            the first batches, whose images are not loaded. Otherwise one pass is given at a time, and only the numbers
            begin at ``first``.
    """

    def __init__(self, sampler: Sampler, batch_size: int, drop_last: bool, seed: int, rank: int = 0, first: int = 0,
                 endless: bool = False) -> None:
        super().__init__(sampler, batch_size, drop_last)
        self.seed, self.rank, self.number, self.endless = seed, rank, first, endless
        self.to_pass = first if endless else 0

    def __iter__(self) -> Iterator[Batch]:
        batches = itertools.islice(self._all() if self.endless else super().__iter__(), self.to_pass, None)
        self.to_pass = 0
        for indices in batches:
            self.number += 1
            yield Batch(indices, seed_of(self.seed, self.rank, self.number))

    def _all(self) -> Iterator[list[int]]:
        for epoch in itertools.count():
            if hasattr(self.sampler, 'set_epoch'):
                self.sampler.set_epoch(epoch)
            batch = None
            for batch in super().__iter__():  # noqa: B007
                yield batch
            if batch is None:  # or an empty data set would never end
                return


class Advanced:
    """Batches of a loader that stands where it should already, though MMEngine's loop would advance it from the start.

    Args:
        batches: The loader's.
        calls: For how many batches the loop will ask to pass over them; it is given nothing.
    """

    def __init__(self, batches: Iterator, calls: int) -> None:
        self.batches, self.calls = batches, calls

    def __next__(self) -> Any:
        if self.calls:
            self.calls -= 1
            return None
        return next(self.batches)

    def skip_iter(self, count: int) -> None:
        """The same at once, which onedl-mmengine asks for."""
        self.calls -= count
