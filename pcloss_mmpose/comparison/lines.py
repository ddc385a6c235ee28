"""What a user adds to their config to train with the arm that was chosen."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from ..add_pcloss import at, dotted, import_lines, training_steps
from .arms import Arm


def config_lines(config: Mapping, comparable_config: Any, arm: Arm) -> Iterator[str]:
    """Lines of a config that inherits the user's.

    Args:
        config: The user's.
        comparable_config: Of :func:`~.config.comparable`, whose head has the class that takes a structural loss.
        arm: With the weight in its loss.
    """
    head, own = comparable_config.model.head, config['model']['head']
    options = dict(type=head['type'])
    if head.get('integral'):
        options['integral'] = plain(head['integral'])
    if own.get('pc_loss'):
        options['pc_loss'] = None
    replaced = dict(_delete_=True) if own.get('structural_loss') else {}
    options['structural_loss'] = {**replaced, **arm.loss}
    yield from import_lines(config)
    yield f'model = dict(head={written(options)})'
    for *place, index in training_steps(config):
        if not at(config, (*place, index)).get('pack_transformed'):
            last = index == len(at(config, place)) - 1
            yield f"_base_.{dotted(place)}[{-1 if last else index}]['pack_transformed'] = True"


def plain(value: Any) -> Any:
    return value.to_dict() if hasattr(value, 'to_dict') else value


def written(options: Mapping) -> str:
    """``dict(key=value)``."""
    return 'dict(' + ', '.join(f'{key}={written(value) if isinstance(value, Mapping) else repr(value)}'
                               for key, value in options.items()) + ')'
