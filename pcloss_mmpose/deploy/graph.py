"""A trained top-down model as one graph: crops in; coordinates, heatmaps or SimCC's two axes out."""

from __future__ import annotations

import torch
from mmpose.codecs import MSRAHeatmap, SimCCLabel
from mmpose.models.heads import HeatmapHead, RegressionHead, RTMCCHead, RTMWHead, SimCCHead
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import Tensor, nn

from ..codecs import IntegralHeatmap
from ..errors import InputError
from ..models.integral import readable_integral
from . import rtmlib

#: What a graph can give, each with the names of its outputs.
OUTPUTS = dict(coordinates=('coordinates', 'scores'), heatmaps=('heatmaps', ), simcc=('simcc_x', 'simcc_y'))
#: Heads by what they give before it is decoded.
HEADS = dict(heatmaps=(HeatmapHead, ), simcc=(SimCCHead, RTMCCHead, RTMWHead), regression=(RegressionHead, ))


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


def decode_simcc(x: Tensor, y: Tensor, split_ratio: float) -> tuple[Tensor, Tensor]:
    """What MMPose's ``SimCCLabel.decode`` finds without DARK, in operators that can be exported.

    Args:
        x: (B, K, split_ratio * W).
        y: (B, K, split_ratio * H).
        split_ratio: Bins in a pixel.

    Returns:
        Coordinates (B, K, 2), x then y, in pixels of the crop, and the lower one of both axes' peaks (B, K). A landmark
        without a positive one lies at -1 bin.
    """
    peaks, bins = zip(*(axis.max(dim=2) for axis in (x, y)))
    scores = torch.minimum(*peaks)
    points = torch.stack(bins, dim=-1).to(x.dtype)
    return torch.where((scores <= 0)[..., None], torch.full_like(points, -1), points) / split_ratio, scores


class DeployGraph(nn.Module):
    """Normalisation, backbone, neck, head and, on request, the decoding of a top-down model. PCLoss leaves no trace.

    Called with crops of the size that the model was trained on. Gives

    - with ``output='coordinates'``, of crops (B, H, W, 3), uint8, BGR as OpenCV reads images: points (B, K, 2), x and y
      in pixels of the crop, and scores (B, K): the heatmaps' peaks; of SimCC the lower of both axes' peaks; or 1 for
      regression, which has none;
    - with ``output='heatmaps'``, of the same crops: heatmaps (B, K, h, w);
    - with ``output='simcc'``, of crops (B, 3, H, W), float32, as rtmlib makes them (:func:`.rtmlib.normalized`): the
      two axes (B, K, Wx) and (B, K, Wy), as MMDeploy's graphs give them.

    Flip test is not in it.

    Args:
        model: MMPose's estimator, with a head of :data:`HEADS`.
        output: One of :data:`OUTPUTS`.

    Raises:
        InputError: The model is no top-down estimator, its head or codec has no such output, or ``output`` is unknown.
    """

    def __init__(self, model: TopdownPoseEstimator, output: str = 'coordinates') -> None:
        super().__init__()
        if output not in OUTPUTS:
            raise InputError(f'output must be one of {", ".join(OUTPUTS)}, got {output!r}')
        head = getattr(model, 'head', None)
        kinds = [kind for kind, classes in HEADS.items() if isinstance(head, classes)]
        if not isinstance(model, TopdownPoseEstimator) or not kinds:
            raise InputError(f'{type(model).__name__} with {type(head).__name__} cannot be exported: it must be a '
                             'TopdownPoseEstimator with a HeatmapHead, RegressionHead, SimCCHead, RTMCCHead or '
                             'RTMWHead, or a class of theirs')
        self.kind, codec = kinds[0], head.decoder
        if output != 'coordinates' and output != self.kind:
            other = '' if self.kind == 'regression' else f' or --output {self.kind}'
            raise InputError(f'{type(head).__name__} gives no {output}: use --output coordinates{other}')
        if output == 'coordinates' and self.kind == 'heatmaps' and (
                type(codec) not in (MSRAHeatmap, IntegralHeatmap) or codec.unbiased):
            raise InputError(f'the decoding of {type(codec).__name__} cannot be put into the graph, only that of a '
                             'plain MSRAHeatmap or an IntegralHeatmap can: use --output heatmaps and decode them '
                             'outside')
        if self.kind == 'simcc' and (not isinstance(codec, SimCCLabel) or codec.use_dark):
            raise InputError('only the decoding of a SimCCLabel without use_dark can be exported, and the decoder is a '
                             f'{type(codec).__name__}{" with it" * getattr(codec, "use_dark", False)}: write a config '
                             'whose decoder has use_dark=False, and test it again')
        self.output, self.model = output, model
        # Pixels of the crop in a pixel of the heatmap, or in the unit of a regression.
        unit = dict(heatmaps=getattr(codec, 'scale_factor', None), simcc=1., regression=codec.input_size)[self.kind]
        self.register_buffer('unit', torch.tensor(unit, dtype=torch.float32), persistent=False)
        for name, values in (('given_mean', rtmlib.MEAN), ('given_std', rtmlib.STD)):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)
        self.eval()  # the exporter restores the mode that it finds, of all modules

    def forward(self, crops: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """See the class."""
        if self.output == 'simcc':
            images = crops * self.given_std + self.given_mean
        else:
            images = crops.permute(0, 3, 1, 2).to(torch.float32)
        preprocessor = self.model.data_preprocessor
        if preprocessor._channel_conversion:
            images = images[:, [2, 1, 0]]
        if preprocessor._enable_normalize:
            images = (images - preprocessor.mean) / preprocessor.std
        output = self.model.head.forward(self.model.extract_feat(images))
        if self.output == 'simcc':  # with the number of landmarks as a constant, which the exporter loses on the way
            return tuple(axis.reshape(-1, self.model.head.out_channels, int(axis.shape[2])) for axis in output)
        if self.output == 'heatmaps':
            return output
        codec = self.model.head.decoder
        if isinstance(codec, IntegralHeatmap):
            points, scores = readable_integral(output, codec.alpha), output.amax((2, 3))
        elif self.kind == 'heatmaps':
            points, scores = decode_heatmaps(output)
        elif self.kind == 'simcc':
            points, scores = decode_simcc(*output, codec.simcc_split_ratio)
        else:
            points = output[0] if isinstance(output, tuple) else output  # FashionNet's stages: the last is first
            scores = torch.ones_like(points[..., 0])
        return points * self.unit, scores
