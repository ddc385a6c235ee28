"""What a resumed training would take over otherwise than its config says."""

from __future__ import annotations

from typing import Iterator, Mapping, Sequence

#: Where a scheduler stands, which a resumed training is to take over.
PROGRESS = {'last_step', '_global_step', '_last_value', 'verbose'}


def schedule_differences(schedulers: Sequence, loaded: Sequence[Mapping]) -> Iterator[str]:
    """What differs between the schedulers of a config and the states of those in a checkpoint, in words."""
    if len(schedulers) != len(loaded):
        yield f'it has {len(loaded)} parts, and the config {len(schedulers)}'
    for scheduler, state in zip(schedulers, loaded):
        own = scheduler.state_dict()
        for key in sorted(own.keys() & state.keys() - PROGRESS):
            if own[key] != state[key]:
                yield f'{type(scheduler).__name__} has {key} {state[key]}, and in the config {own[key]}'
