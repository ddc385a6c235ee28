"""Whether a checkpoint is one of the model that it is to be loaded into."""

from __future__ import annotations

import contextlib
import re
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

import torch
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import checkpoint as mmengine_checkpoint
from torch import Tensor, nn

from ..configs import plain_values
from ..errors import InputError
from ..metainfo import landmark_names

#: Parts of a model in which nothing of a checkpoint may be left over. Other parts (a teacher, moving averages, a
#: detector's masks) need not be in the model.
PARTS = ('backbone', 'neck', 'head')
#: How many names an error has.
SHOWN = 3


class Differences(NamedTuple):
    """The weights of a checkpoint beside those of a model, by their names in the model."""

    missing: list[str]  #: the checkpoint has not
    left_over: list[str]  #: the model has not
    reshaped: dict[str, str]  #: both shapes, in words
    broken: list[str]  #: NaN or infinite in the checkpoint

    def without(self, layers: Sequence[str]) -> Differences:
        """Those outside of some layers, or of single weights; NaN and infinities stay."""
        def outside(name: str) -> bool:
            return not any(name == layer or name.startswith(f'{layer}.') for layer in layers)

        return Differences(
            list(filter(outside, self.missing)), list(filter(outside, self.left_over)),
            {name: shapes for name, shapes in self.reshaped.items() if outside(name)}, self.broken)


def differences(model: nn.Module, checkpoint: Mapping[str, Any]) -> Differences:
    """Load what fits into a model as MMEngine does, names of older versions included, and tell the rest.

    Counters of batch normalization are no weights. Nor are parts that are left over where a model has more in training:
    a loss, normalization of images, a teacher, a moving average.

    Raises:
        InputError: The checkpoint has no weights.
    """
    state = checkpoint.get('state_dict', checkpoint)
    if not isinstance(state, Mapping) or not any(isinstance(value, Tensor) for value in state.values()):
        raise InputError('there are no weights in it')
    versions = getattr(state, '_metadata', None) or {}
    missing: list[str] = []
    left_over: list[str] = []
    reshaped: dict[str, str] = {}
    broken: list[str] = []

    def load(module: nn.Module, own: dict[str, Any], prefix: str) -> None:
        if is_model_wrapper(module) or isinstance(module, BaseTTAModel):
            module = module.module
        module._load_from_state_dict(own, prefix, versions.get(prefix[:-1], {}), True, missing, left_over, [])
        for name, value in (*module._parameters.items(), *module._buffers.items()):
            found = own.get(prefix + name)
            if value is None or found is None or name in module._non_persistent_buffers_set:
                continue
            if not isinstance(found, Tensor):
                missing.append(prefix + name)
            elif found.shape != value.shape and not (value.dim() == 0 and found.shape == (1, )):
                reshaped[prefix + name] = f'{_shape(value)} in the model, {_shape(found)} in the checkpoint'
            elif not bool(torch.isfinite(found).all()):
                broken.append(prefix + name)
        for name, child in module._modules.items():
            if child is not None:
                below = f'{prefix}{name}.'
                load(child, {key: value for key, value in own.items() if key.startswith(below)}, below)

    try:
        load(model, {re.sub(r'^module\.', '', key): value for key, value in state.items()}, '')
    except Exception as error:  # of what renames the weights of older versions, and meets those of another model
        raise InputError(f'its weights are not like those of a {type(model).__name__} '
                         f'({type(error).__name__}: {error})') from error
    return Differences([name for name in missing if not name.endswith('num_batches_tracked')],
                       [name for name in left_over if _is_layer(name)], reshaped, broken)


def check_fit(model: nn.Module, checkpoint: Mapping[str, Any], name: str, landmarks: Sequence[str] | None = None,
              may_differ: Sequence[str] | None = None) -> Differences:
    """Refuse a checkpoint that does not fit a model.

    Args:
        model: As it was built; it is loaded in passing.
        checkpoint: Its content.
        name: Of the checkpoint, to show.
        landmarks: Names of those that the model is to find, of the config's data; None: not known.
        may_differ: Of a training that only begins with the checkpoint: names of layers and weights that it may have
            otherwise, and other landmarks of the same number are no error. None: of one that is used or resumed.

    Returns:
        What differs in those layers.

    Raises:
        InputError: Something else is missing, left over, of another shape, or NaN or infinite; a layer of
            ``may_differ`` is none of the model's; the landmarks are others; or IntegralHeatmap is to read a model that
            was trained with another codec's heatmaps.
    """
    try:
        found = differences(model, checkpoint)
    except InputError as error:
        raise InputError(f'{name}: {error}') from error
    _check_layers(model, found.left_over, may_differ or ())
    faults = list(_faults(found.without(may_differ or ())))
    others = landmark_difference(checkpoint, landmarks)
    if faults:
        advice = _advice(found) if may_differ is not None else ''
        raise InputError(f'{name} does not fit the {type(model).__name__}: {"; ".join([*faults, *others])}{advice}')
    if others and len(checkpoint_landmarks(checkpoint)) == len(landmarks) and may_differ is None:
        raise InputError(f'{name} is of other landmarks: {others[0]}')
    decoder = getattr(getattr(model, 'head', None), 'decoder', None)
    if may_differ is None and type(decoder).__name__ == 'IntegralHeatmap':
        codec = trained_codec(checkpoint)
        if codec not in (None, 'MSRAHeatmap', 'IntegralHeatmap'):
            raise InputError(f'{name} was trained with the heatmaps of {codec}, which IntegralHeatmap would misplace: '
                             "it reads those of MSRAHeatmap; take the decoder of the training's config")
    return found


def trained_codec(checkpoint: Mapping[str, Any]) -> str | None:
    """Name of the codec that a checkpoint's head was trained with, where the config in it tells."""
    try:
        kind = plain_values(checkpoint['meta']['cfg'])['model']['head']['decoder']['type']
        return kind.rpartition('.')[2]
    except (KeyError, SyntaxError, TypeError, ValueError, AttributeError):
        return None


@contextlib.contextmanager
def checked_loading(name: str, landmarks: Sequence[str] | None = None) -> Iterator[None]:
    """While MMEngine loads a whole model: :func:`check_fit` before."""
    stock = mmengine_checkpoint._load_checkpoint_to_model

    def load(model, checkpoint, *args, **kwargs):
        check_fit(model, checkpoint, name, landmarks)
        return stock(model, checkpoint, *args, **kwargs)

    mmengine_checkpoint._load_checkpoint_to_model = load
    try:
        yield
    finally:
        mmengine_checkpoint._load_checkpoint_to_model = stock


def checkpoint_landmarks(checkpoint: Mapping[str, Any]) -> list[str] | None:
    """Names of the landmarks that a checkpoint was trained on, where it tells."""
    try:
        return landmark_names(checkpoint['meta']['dataset_meta'])
    except (KeyError, TypeError):
        return None


def landmark_difference(checkpoint: Mapping[str, Any], landmarks: Sequence[str] | None) -> list[str]:
    """What a checkpoint was trained on, if it tells other landmarks than these, in words; empty if not."""
    trained = checkpoint_landmarks(checkpoint)
    if landmarks is None or trained is None or list(landmarks) == trained:
        return []
    text = f'it was trained on {_listed(trained)}, and the data of the config have {_listed(landmarks)}'
    if len(trained) == len(landmarks):
        number, (old, new) = next(
            (number, pair) for number, pair in enumerate(zip(trained, landmarks), 1) if pair[0] != pair[1])
        text += f": number {number} is '{old}' there and '{new}' here"
    return [text]


def _check_layers(model: nn.Module, left_over: Sequence[str], layers: Sequence[str]) -> None:
    weights = [*model.state_dict(), *left_over]
    for layer in layers:
        if not any(name == layer or name.startswith(f'{layer}.') for name in weights):
            raise InputError(f"may_differ names '{layer}', and neither the model nor the checkpoint has such a layer; "
                             f"a name is like '{weights[-1].rpartition('.')[0]}'")


def _advice(found: Differences) -> str:
    layers = sorted({name.rpartition('.')[0] for name in (*found.missing, *found.left_over, *found.reshaped)})
    if found.broken or len(layers) > SHOWN:
        return ''
    return f'; to begin a training without these, set may_differ={layers} in the config beside load_from'


def _is_layer(name: str) -> bool:
    return name.split('.')[0] in PARTS and name.endswith(('.weight', '.bias')) and 'loss' not in name


def _faults(found: Differences) -> Iterator[str]:
    if found.reshaped:
        yield f'{_counted(found.reshaped, "weight has another shape", "weights have other shapes")} (' + '; '.join(
            _first(f'{name}: {shapes}' for name, shapes in found.reshaped.items())) + ')'
    if found.missing:
        yield (f'{_counted(found.missing, "weight is", "weights are")} missing in it '
               f'({", ".join(_first(found.missing))})')
    if found.left_over:
        yield (f'{_counted(found.left_over, "weight", "weights")} of its own the model does not have '
               f'({", ".join(_first(found.left_over))})')
    if found.broken:
        yield (f'{_counted(found.broken, "weight is", "weights are")} NaN or infinite in it '
               f'({", ".join(_first(found.broken))})')


def _first(texts: Any) -> list[str]:
    texts = list(texts)
    return texts[:SHOWN] + [f'and {len(texts) - SHOWN} more'] * (len(texts) > SHOWN)


def _counted(names: Any, one: str, many: str) -> str:
    return f'{len(names)} {one if len(names) == 1 else many}'


def _listed(landmarks: Sequence[str]) -> str:
    return f'{len(landmarks)} landmarks ({", ".join(_first(landmarks))})'


def _shape(value: Tensor) -> str:
    return 'x'.join(map(str, value.shape)) or 'one number'
