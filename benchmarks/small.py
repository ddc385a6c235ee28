"""Configs made small enough for one core: EfficientNet-lite0 from its ImageNet weights, and smaller inputs."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config

from pcloss_mmpose.errors import InputError

#: Levels of EfficientNet-lite0 that stand for what a head gets in its config, by the head's name without PC, and their
#: channels. They have the strides of VGG's.
LEVELS = {
    'HeatmapHead': ((4, ), 320),
    'FashionNetHead': ((3, 4), (112, 320)),
    'DFAHead': ((4, ), 320),
    'DLANHead': ((3, ), 112),
    'FGNHead': ((2, ), 40),
}


def small_backbone(config: Config) -> None:
    """Put EfficientNet-lite0 in the place of the backbone, and narrow SPB's deconvolutions.

    Raises:
        InputError: There is no place for it.
    """
    model, name = config.model, config.model.head.type.replace('PC', '')
    if name not in LEVELS or name == 'HeatmapHead' and 'neck' in model:
        raise InputError(f"no small backbone is known for {model.head.type}{' with a neck' * ('neck' in model)}")
    levels, channels = LEVELS[name]
    model.backbone = dict(type='EfficientNetLite0', out_indices=levels)
    if name == 'DLANHead':
        model.neck.update(in_channels=channels, init_cfg=None)
    else:
        model.head.in_channels = channels
    if name == 'HeatmapHead':
        model.head.update(deconv_out_channels=(64, 64, 64), deconv_kernel_sizes=(4, 4, 4))
    model.data_preprocessor.update(mean=[127.5] * 3, std=[127.5] * 3)


def shrink(node: Any, divisor: int) -> None:
    """Divide the sides of inputs and heatmaps, and the heatmaps' sigma, wherever they stand in a config."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if key in ('input_size', 'heatmap_size'):
            node[key] = tuple(side // divisor for side in value)
        elif key == 'sigma':
            node[key] = value / divisor
        elif isinstance(value, (dict, list)):
            shrink(value, divisor)
