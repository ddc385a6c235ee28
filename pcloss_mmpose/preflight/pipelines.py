"""Whether pipelines give what the steps after them take."""

from __future__ import annotations

from typing import Any, Sequence

from mmpose.datasets.transforms import GenerateTarget

from ..datasets.transforms.deferred_image import check_deferred
from ..errors import InputError
from ..models.heatmap_targets import HeatmapTargets
from .landmarks import HEADS

#: Of these packages it is known which transforms make targets.
KNOWN = ('mmcv', 'mmpose', 'pcloss_mmpose')


def check_pixels(dataset: Any) -> None:
    """Raise InputError where a transform may need pixels that are not decoded yet; what has no pipeline passes."""
    check_deferred(_transforms(dataset))


def check_targets(model: Any, dataset: Any) -> None:
    """Compare what makes the targets of a training with its head; what cannot be known is passed over.

    Args:
        model: With a head and a data preprocessor.
        dataset: The training data.

    Raises:
        InputError: Nothing makes targets, two do, or those of another codec than the head's.
    """
    head, transforms = getattr(model, 'head', None), _transforms(dataset)
    if not transforms or not isinstance(head, HEADS):
        return
    augments = getattr(model.data_preprocessor, 'batch_augments', None) or ()
    makers = [augment for augment in augments if isinstance(augment, HeatmapTargets)]
    in_pipeline = any(isinstance(transform, GenerateTarget) for transform in transforms)
    if not makers and not in_pipeline and all(type(each).__module__.split('.')[0] in KNOWN for each in transforms):
        raise InputError("nothing makes the targets of the training: with the codec MSRAHeatmap, set model = dict("
                         "data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=codec)])); with "
                         "another, put dict(type='GenerateTarget', encoder=codec) before what packs in the training "
                         'pipeline')
    for maker in makers:
        if in_pipeline:
            raise InputError('GenerateTarget in the training pipeline and HeatmapTargets in batch_augments both make '
                             'targets: take one of them out')
        if codec_values(maker.codec) != codec_values(head.decoder):
            raise InputError(f'HeatmapTargets has the codec {codec_values(maker.codec)}, and the head the decoder '
                             f'{codec_values(head.decoder)}: they must be the same')


def codec_values(codec: Any) -> dict[str, Any]:
    """What makes the heatmaps of a codec what they are."""
    values = {key: getattr(codec, key, None) for key in ('input_size', 'heatmap_size', 'sigma')}
    return dict(type=type(codec).__name__, **{key: tuple(value) if isinstance(value, Sequence) else value
                                              for key, value in values.items()})


def _transforms(dataset: Any) -> Sequence:
    return getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
