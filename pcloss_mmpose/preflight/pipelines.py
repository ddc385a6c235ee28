"""Whether pipelines give what the steps after them take."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmpose.codecs import MSRAHeatmap, SimCCLabel
from mmpose.datasets.transforms import GenerateTarget

from ..datasets.transforms.deferred_image import check_deferred
from ..errors import InputError
from ..models.batch_targets import BatchTargets
from ..models.heatmap_targets import makes_gaussians
from .landmarks import HEADS

#: Of these packages it is known which transforms make targets.
KNOWN = ('mmcv', 'mmpose', 'pcloss_mmpose')


def check_pixels(dataset: Any) -> None:
    """Raise InputError where a transform may need pixels that are not decoded yet; what has no pipeline passes."""
    for transforms in _pipelines(dataset):
        check_deferred(transforms)


def check_targets(model: Any, dataset: Any) -> None:
    """Compare what makes the targets of a training with its head; what cannot be known is passed over.

    Args:
        model: With a head and a data preprocessor.
        dataset: The training data.

    Raises:
        InputError: Nothing makes targets, two do, or those of another codec than the head's.
    """
    head = getattr(model, 'head', None)
    if not isinstance(head, HEADS):
        return
    augments = getattr(model.data_preprocessor, 'batch_augments', None) or ()
    makers = [augment for augment in augments if isinstance(augment, BatchTargets)]
    for maker in makers:
        if head.decoder is not None and codec_values(maker.codec) != codec_values(head.decoder):
            raise InputError(f'{type(maker).__name__} has the codec {codec_values(maker.codec)}, and the head the '
                             f'decoder {codec_values(head.decoder)}: they must be the same')
    for transforms in _pipelines(dataset):
        in_pipeline = any(isinstance(transform, GenerateTarget) for transform in transforms)
        if makers and in_pipeline:
            raise InputError(f'GenerateTarget in the training pipeline and {type(makers[0]).__name__} in '
                             'batch_augments both make targets: take one of them out')
        known = transforms and all(type(each).__module__.split('.')[0] in KNOWN for each in transforms)
        if known and not makers and not in_pipeline:
            raise InputError("nothing makes the targets of the training: with the codec MSRAHeatmap, set model = dict("
                             "data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=codec)])), "
                             "with SimCCLabel the same with 'SimCCTargets'; with another, put "
                             "dict(type='GenerateTarget', encoder=codec) before what packs in the training pipeline")


def codec_values(codec: Any) -> dict[str, Any]:
    """What makes the targets of a codec what they are, however it reads them."""
    keys = ('input_size', 'sigma', *(('simcc_split_ratio', 'normalize', 'smoothing_type')
                                     if isinstance(codec, SimCCLabel) else ('heatmap_size', )))
    values = {key: getattr(codec, key, None) for key in keys}
    kind = MSRAHeatmap if makes_gaussians(codec) else type(codec)
    return dict(type=kind.__name__, **{key: tuple(value) if isinstance(value, (tuple, list, np.ndarray))
                                              else value for key, value in values.items()})


def _pipelines(dataset: Any) -> list[list]:
    """The transforms that a sample passes: of a combination of data sets, for each of them, its own and the joint."""
    own = getattr(getattr(dataset, 'pipeline', None), 'transforms', [])
    return [[*first, *own] for each in getattr(dataset, 'datasets', ()) for first in _pipelines(each)] or [own]
