"""A trained top-down model as one graph: crops in, heatmaps or coordinates out."""

from __future__ import annotations

import torch
from mmpose.codecs import MSRAHeatmap
from mmpose.models.heads import HeatmapHead, RegressionHead
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import Tensor, nn

from ..errors import InputError

OUTPUTS = ('coordinates', 'heatmaps')


def decode_heatmaps(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """What MMPose's ``MSRAHeatmap.decode`` finds, in operators that can be exported.

    The largest pixel, and from there a quarter of a pixel towards the larger neighbour, in x and in y each; no quarter
    next to the map's left and upper edges (columns and rows 0 and 1) and on its right and lower ones. A map without a
    positive value gives -1.

    Args:
        heatmaps: (B, K, H, W).

    Returns:
        Coordinates (B, K, 2), x then y, in pixels of the heatmap, and their heatmap's values (B, K).
    """
    height, width = heatmaps.shape[-2:]
    flat = heatmaps.flatten(2)
    scores, index = flat.max(dim=2)
    x, y = index % width, torch.div(index, width, rounding_mode='floor')
    last = height * width - 1
    inside_x, inside_y = (x > 1) & (x < width - 1), (y > 1) & (y < height - 1)

    def slope(step: int) -> Tensor:
        after, before = ((index + offset).clamp(0, last)[..., None] for offset in (step, -step))
        return torch.sign(flat.gather(2, after) - flat.gather(2, before))[..., 0]

    # The stock rule looks in x only where y is above 0, and in y only where x is.
    quarter_x = 0.25 * slope(1) * (inside_x & (y > 0)).to(flat.dtype)
    quarter_y = 0.25 * slope(width) * (inside_y & (x > 0)).to(flat.dtype)
    nothing = scores <= 0
    points = torch.stack([x.to(flat.dtype) + quarter_x, y.to(flat.dtype) + quarter_y], dim=-1)
    return torch.where(nothing[..., None], torch.full_like(points, -1), points), scores


class DeployGraph(nn.Module):
    """Normalisation, backbone, neck, head and, on request, the decoding of a top-down model. PCLoss leaves no trace.

    Called with crops (B, H, W, 3), uint8, BGR as OpenCV reads images, of the size that the model was trained on.
    Gives

    - with ``output='coordinates'``: points (B, K, 2), x and y in pixels of the crop, and scores (B, K): the heatmaps'
      peaks, or 1 for regression, which has none;
    - with ``output='heatmaps'``: heatmaps (B, K, h, w).

    Flip test is not in it.

    Args:
        model: MMPose's estimator, with a ``HeatmapHead`` or a ``RegressionHead``.
        output: 'coordinates' or 'heatmaps'.

    Raises:
        InputError: The model is no top-down estimator, its head or codec has no such output, or ``output`` is unknown.
    """

    def __init__(self, model: TopdownPoseEstimator, output: str = 'coordinates') -> None:
        super().__init__()
        if output not in OUTPUTS:
            raise InputError(f'output must be one of {", ".join(OUTPUTS)}, got {output!r}')
        head = getattr(model, 'head', None)
        if not isinstance(model, TopdownPoseEstimator) or not isinstance(head, (HeatmapHead, RegressionHead)):
            raise InputError(f'{type(model).__name__} with {type(head).__name__} cannot be exported: it must be a '
                             'TopdownPoseEstimator with a HeatmapHead or a RegressionHead, or a class of theirs')
        self.has_heatmaps = isinstance(head, HeatmapHead)
        codec = head.decoder
        if output == 'heatmaps' and not self.has_heatmaps:
            raise InputError(f"{type(head).__name__} gives coordinates: use output='coordinates'")
        if output == 'coordinates' and self.has_heatmaps and (not isinstance(codec, MSRAHeatmap) or codec.unbiased):
            raise InputError(f'the decoding of {type(codec).__name__} cannot be put into the graph, only that of a '
                             "plain MSRAHeatmap can: use output='heatmaps' and decode them outside")
        self.output, self.model = output, model
        # Pixels of the crop in a pixel of the heatmap, or in the unit of a regression.
        unit = torch.tensor(codec.scale_factor if self.has_heatmaps else codec.input_size, dtype=torch.float32)
        self.register_buffer('unit', unit, persistent=False)
        self.eval()  # the exporter restores the mode that it finds, of all modules

    def forward(self, crops: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """See the class."""
        images = crops.permute(0, 3, 1, 2).to(torch.float32)
        preprocessor = self.model.data_preprocessor
        if preprocessor._channel_conversion:
            images = images[:, [2, 1, 0]]
        if preprocessor._enable_normalize:
            images = (images - preprocessor.mean) / preprocessor.std
        output = self.model.head.forward(self.model.extract_feat(images))
        if self.output == 'heatmaps':
            return output
        if self.has_heatmaps:
            points, scores = decode_heatmaps(output)
        else:
            points = output[0] if isinstance(output, tuple) else output  # FashionNet's stages: the last is first
            scores = torch.ones_like(points[..., 0])
        return points * self.unit, scores
