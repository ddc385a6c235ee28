r"""Shape prior: the distance of a prediction to the principal modes of the training shapes.

Per category, a point distribution model (Cootes et al., "Active Shape Models", CVIU 1995): shapes are moved, turned and
scaled onto their mean (Procrustes), and the largest M principal components are kept. Lightning Pose's pca_singleview
(Biderman et al., Nature Methods 2024, https://doi.org/10.1038/s41592-024-02319-1) is the same penalty for videos of one
animal. For a sample, with T the similarity that takes the true valid landmarks onto the mean m,

    r(p) = T^-1 (T p - m - B b),    b = (B' B + s I)^-1 B' (T p - m)

over the valid landmarks. B holds the modes, each one standard deviation long, and s is the variance that they leave, so
that b is the posterior mean of probabilistic PCA (Tipping and Bishop, JRSS B 1999): least squares with a small ridge,
which keeps a few landmarks from choosing wild shapes. T comes from the true landmarks alone and is held fixed.

    L = mean over the valid landmarks of max(0, |r(prediction)| - |r(truth)|)

No shape lies on M modes exactly, and without what is taken off, the prior would pull a perfect prediction away from the
truth. Lightning Pose allows every landmark the same residual, a percentile over its training data, since its frames
have no labels; here the truth is known, so each landmark is allowed its own.
"""

from __future__ import annotations

import logging
from typing import Any, Iterator, Sequence

import numpy as np
import torch
from mmengine.logging import print_log
from mmpose.registry import MODELS
from torch import Tensor

from ...errors import InputError
from ...metainfo import raw_category
from .shape_model import ShapeModel, fit_shapes, residuals, similarity_onto
from .structural import StructuralLoss, masked_error, sizes

MAX_ROWS = 10000  # of the training data, spread evenly


@MODELS.register_module()
class ShapePriorLoss(StructuralLoss):
    """How much less than the truth the prediction looks like a training shape, in fractions of the input.

    The categories are those of the annotations, and what is learned of them belongs to no checkpoint: a training finds
    it anew, in seconds, from at most 10,000 rows. A batch has no categories, so that of a sample is the one whose modes
    leave least of its true landmarks, among those that have all of them. A sample counts if it has at least 3 valid
    landmarks and more dimensions, 2 for each less 4, than its category has modes.

    The input's aspect ratio is the training pipeline's. Where it stretches the boxes (``TopdownStretch``), the shapes
    are those in the stretched box; without boxes in the annotations they are those in the picture. Where the pipeline
    flips, mirrored shapes are added.

    Args:
        modes: The most modes of a category.
        loss_weight: Factor of the value.

    Raises:
        InputError: ``modes`` is not a whole number from 1.
    """

    def __init__(self, modes: int = 8, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)
        if not isinstance(modes, int) or isinstance(modes, bool) or modes < 1:
            raise InputError(f'modes must be a whole number from 1, got {modes!r}')
        self.modes = modes
        self.input_size: tuple[int, int] | None = None
        self.models: dict[str, ShapeModel] = {}
        self._stacked: dict[tuple, tuple[Tensor, ShapeModel]] = {}

    def fit(self, dataset: Any) -> None:
        """Learn the shapes of each category; one with too few is left out, and the log names it.

        Args:
            dataset: The built data set, with ``metainfo``, ``get_data_info`` and ``pipeline``, or a combination.

        Raises:
            InputError: No category can be learned, or the pipeline does not say how large the input is.
        """
        self.input_size, shapes = read_shapes(dataset)
        self.models, left_out = {}, []
        for category, (points, known) in shapes.items():
            try:
                self.models[category] = fit_shapes(points, known, self.modes)
            except InputError as error:
                left_out.append(f'{category} ({error})')
        self._stacked = {}
        if not self.models:
            raise InputError(f'ShapePriorLoss finds no category to learn: {"; ".join(left_out)}. Take fewer modes or '
                             'another loss')
        found = ', '.join(f'{category} ({int(model.count)} modes of {int(model.landmarks.sum())} landmarks)'
                          for category, model in self.models.items())
        print_log(f'ShapePriorLoss has learned {found}', logger='current')
        if left_out:
            print_log(f'ShapePriorLoss leaves out {"; ".join(left_out)}', logger='current', level=logging.WARNING)

    def value(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Scalar from (B, K, 2), (B, K, 2) and (B, K) or (B, K, 1).

        Raises:
            InputError: The loss is not fitted, or was fitted to another number of landmarks.
        """
        _, valid = masked_error(pred, target, weight)
        if not self.models:
            raise self.not_fitted('shapes')
        dtype = torch.promote_types(pred.dtype, torch.float32)
        size, models = self._constants(pred.device, dtype)
        if models.landmarks.shape[1] != pred.shape[1]:
            raise InputError(f'ShapePriorLoss was fitted to {models.landmarks.shape[1]} landmarks, and the head gives '
                             f'{pred.shape[1]}')
        # where, not a product: 0 * NaN would let a masked landmark in.
        pred, target = (size * torch.where(valid[..., None], each.to(dtype), 0.) for each in (pred, target))
        with torch.no_grad():
            misfits = torch.stack([misfit(target, valid, ShapeModel(*model)) for model in zip(*models)])
            least, category = misfits.min(0)
            counted = least != torch.inf
            valid = valid & counted[:, None]
            model = ShapeModel(*(each[category] for each in models))
            onto_mean = similarity_onto(model.mean, target, valid)
            allowed = sizes(residuals(target, valid, model, onto_mean) / size, 1)
        excess = torch.relu(sizes(residuals(pred, valid, model, onto_mean) / size, 1) - allowed)
        return (excess.sum(-1) / valid.sum(-1).clamp(min=1)).sum() / counted.sum().clamp(min=1)

    def _constants(self, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, ShapeModel]:
        """Size of the input (2,) and the models of all categories, stacked, on a device."""
        if (device, dtype) not in self._stacked:
            def there(tensor: Tensor) -> Tensor:
                return tensor.to(device, dtype if tensor.is_floating_point() else None)

            models = ShapeModel(*(there(torch.stack(each)) for each in zip(*self.models.values())))
            self._stacked[device, dtype] = there(torch.tensor(self.input_size, dtype=torch.float64)), models
        return self._stacked[device, dtype]

    def extra_repr(self) -> str:
        return f'modes={self.modes}, {super().extra_repr()}'


def misfit(target: Tensor, valid: Tensor, model: ShapeModel) -> Tensor:
    """Mean length (B,) of what the modes leave of (B, K, 2); infinite for a sample that is not of this category."""
    number = valid.sum(-1)
    fits = (~valid | model.landmarks).all(-1) & (number >= 3) & (2 * number - 4 > model.count)
    onto_mean = similarity_onto(model.mean, target, valid)
    left = sizes(residuals(target, valid, model, onto_mean), 1).sum(-1) / number.clamp(min=1)
    return torch.where(fits, left, torch.inf)


def read_shapes(dataset: Any) -> tuple[tuple[int, int], dict[str, tuple[Tensor, Tensor]]]:
    """Width and height of the input, and of each category the shapes (N, K, 2) and which landmarks are known (N, K).

    Raises:
        InputError: The pipelines have no input size or several, or convert landmarks.
    """
    input_sizes, found, parts = set(), {}, list(_parts(dataset))
    every = max(1, -(-sum(len(part) for part, _ in parts) // MAX_ROWS))
    for part, steps in parts:
        kinds = {type(step).__name__ for step in steps}
        if 'KeypointConverter' in kinds:
            raise InputError('ShapePriorLoss reads the annotations, whose landmarks the training pipeline converts to '
                             'others (KeypointConverter): convert the annotations, or take another loss')
        metainfo = part.metainfo
        size = next((tuple(step.input_size) for step in steps if hasattr(step, 'input_size')), None)
        input_sizes.add(size)
        for row in range(0, len(part), every):
            info = part.get_data_info(row)
            points, known = info['keypoints'][0].astype(float), info['keypoints_visible'][0] > 0
            if 'TopdownStretch' in kinds and size and 'bbox' in info:
                x1, y1, x2, y2 = info['bbox'][0]
                points = points * size / np.maximum([x2 - x1, y2 - y1], 1)
            shapes = found.setdefault(raw_category(info.get('raw_ann_info'), metainfo) or 'all', [])
            shapes.append((points, known))
            if 'RandomFlip' in kinds:
                flipped = metainfo['flip_indices']
                shapes.append((points[flipped] * (-1, 1), known[flipped]))
    if len(input_sizes) != 1 or None in input_sizes:
        raise InputError("ShapePriorLoss takes the input's aspect ratio from the crop of the training pipeline, as in "
                         f'TopdownAffine(input_size=(192, 256)), and found '
                         f'{sorted(filter(None, input_sizes)) or "none"}')
    return input_sizes.pop(), {category: tuple(torch.from_numpy(np.stack(each)) for each in zip(*shapes))
                         for category, shapes in found.items()}


def _parts(dataset: Any, after: Sequence = ()) -> Iterator[tuple[Any, list]]:
    """The data sets that one is made of, and the transforms that a sample of each passes."""
    steps = [*getattr(getattr(dataset, 'pipeline', None), 'transforms', ()), *after]
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    if inner == [None]:
        yield dataset, steps
        return
    for each in inner:
        yield from _parts(each, steps)
