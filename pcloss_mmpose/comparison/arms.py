"""What is compared: an arm is a name and the structural loss that its trainings have."""

from __future__ import annotations

import copy
import inspect
from typing import Any, Mapping, NamedTuple, Sequence

from ..add_pcloss import TOPK, training_metainfo, unscoped
from ..calibration import find_loss
from ..errors import InputError

#: Class and options of the losses by name, beside those that PCLoss takes from the config (``none`` and ``config`` have
#: neither).
LOSSES: dict[str, dict[str, Any]] = {
    'pc': dict(type='PCLoss'),
    'robust': dict(type='PCLoss', robust=True),
    'pc-all': dict(type='PCLoss', partition=None),
    'robust-all': dict(type='PCLoss', robust=True, partition=None),
    'coordinates': dict(type='CoordinateLoss', power=1),
    'coordinates2': dict(type='CoordinateLoss', power=2),
    'bones': dict(type='BoneVectorLoss'),
    'variance': dict(type='PairVarianceLoss'),
    'shape': dict(type='ShapePriorLoss'),
    'star': dict(type='STARLoss'),
    'oks': dict(type='KeypointSimilarityLoss'),
}
BASE, AS_CONFIGURED = 'none', 'config'
NAMES = (BASE, AS_CONFIGURED, *LOSSES)

#: Part of the gradient that a loss gets where nothing else is asked for.
SHARE = 0.4


class Arm(NamedTuple):
    """One of the settings that are compared."""

    name: str
    loss: dict | None  #: config of the head's ``structural_loss``
    kind: str  #: the loss's name, which arms of several shares have in common
    share: float | None = None  #: after a tenth of a training without it; its ``loss_weight`` is found for that


def make_arms(config: Mapping, names: Sequence[str], shares: Sequence[float] = (),
              weights: Sequence[float] = ()) -> list[Arm]:
    """The arms of a comparison, ``none`` among them and first.

    Args:
        config: MMEngine's ``Config``, with the modules imported that it names.
        names: Of :data:`NAMES`, or of a registered class of losses.
        shares: An arm for each loss and share, such as ``robust@0.3``.
        weights: In place of shares; an arm for each loss and loss_weight, such as ``robust:0.001``.

    Raises:
        InputError: A name is unknown, a name, share or weight stands twice, or ``config`` where the config has no such
            loss.
    """
    check_once(names)
    arms = [Arm(BASE, None, BASE)]
    for name in names:
        if name == AS_CONFIGURED:
            arms.append(Arm(name, configured_loss(config), name))
        elif name != BASE:
            loss = named_loss(config, name)
            arms += [Arm(f'{name}:{weight:g}', dict(loss, loss_weight=weight), name) for weight in weights]
            arms += [Arm(f'{name}@{share:g}', loss, name, share) for share in shares]
    if len(arms) == 1:
        raise InputError(f"there is nothing to compare with '{BASE}': name a loss")
    check_once([arm.name for arm in arms])  # which their folders are called by
    return arms


def check_once(names: Sequence[str]) -> None:
    """Raise InputError where a name stands twice."""
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"'{twice[0]}' is listed twice")


def configured_loss(config: Mapping) -> dict:
    """The structural loss that a config has; InputError where it has none, or two."""
    loss = _own_loss(config)
    if not loss:
        raise InputError(f"'{AS_CONFIGURED}' stands for the pc_loss or structural_loss of the config, which has none")
    return loss


def named_loss(config: Mapping, name: str) -> dict:
    """Config of a loss by its name, without a weight; PCLoss's options are the config's where it has them.

    Raises:
        InputError: There is no such loss.
    """
    from mmpose.registry import MODELS

    from ..models.losses import StructuralLoss
    loss = dict(LOSSES.get(name, dict(type=name)))
    kind = MODELS.get(loss['type'])
    if not (inspect.isclass(kind) and issubclass(kind, StructuralLoss)):
        given = '' if name == loss['type'] else f" ({loss['type']}, which this version does not have)"
        raise InputError(f"there is no loss '{name}'{given}: there are {', '.join(NAMES)}, and any structural loss "
                         'that is registered, by the name of its class')
    source, metainfo = training_metainfo(config)
    if loss['type'] == 'PCLoss':
        return {'type': 'PCLoss', **pcloss_options(config, source, metainfo), **loss}
    return dict(loss, metainfo=source) if 'metainfo' in inspect.signature(kind.__init__).parameters else loss


def pcloss_options(config: Mapping, source: Any, metainfo: Mapping) -> dict[str, Any]:
    """``topk``, ``partition`` and ``metainfo`` of the PCLoss in a config; else those that ``pcloss add`` writes."""
    own = _own_loss(config)
    if own and unscoped(own.get('type')) == 'PCLoss':
        return {key: own[key] for key in ('topk', 'partition', 'metainfo') if key in own}
    groups = dict(partition='left_right', metainfo=source) if metainfo['flip_pairs'] else {}
    return dict(topk=TOPK, **groups)


def _own_loss(config: Mapping) -> dict | None:
    _, own = find_loss(config)
    return copy.deepcopy(own.to_dict() if hasattr(own, 'to_dict') else own)
