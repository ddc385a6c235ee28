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

How the modes are found where landmarks are missing: by expectation maximization of probabilistic PCA on the landmarks
that are annotated. A shape with few of them is moved onto the mean by these few, which takes a part of its variation
away, so the modes come out a little short. The garment generator (pcloss_mmpose.synthetic.fit) has such a model too, of
complete shapes.
"""

from __future__ import annotations

import logging
from typing import Any, Iterator, NamedTuple, Sequence

import numpy as np
import torch
from mmengine.logging import print_log
from mmpose.registry import MODELS
from torch import Tensor

from ...errors import InputError
from ...metainfo import raw_category
from .structural import StructuralLoss, masked_error

MAX_ROWS = 10000  # of the training data, spread evenly
MAX_ROUNDS = 100  # of each iteration; most need a few
SMALLEST_VARIANCE = 1e-5  # left by the modes, where the mean shape's points lie 1 from their centre


class ShapeModel(NamedTuple):
    """One category's shapes; tensors of several models may be stacked in front. K: landmarks, M: modes."""

    landmarks: Tensor  # (K,) which the category has
    mean: Tensor  # (K, 2), 0 where it has none; its points lie 1 from their centre in the root of the mean square
    modes: Tensor  # (M, K, 2), each one standard deviation long; 0 beyond the category's own number
    variance: Tensor  # of a coordinate, left by the modes
    count: Tensor  # of the category's own modes


class Similarity(NamedTuple):
    """Moves ``source`` to ``goal``, (..., 2), and turns and scales about it by ``matrix``, (..., 2, 2)."""

    source: Tensor
    matrix: Tensor
    goal: Tensor

    def __call__(self, points: Tensor) -> Tensor:
        return _apply(self.matrix, points - self.source[..., None, :]) + self.goal[..., None, :]

    def undo_vectors(self, vectors: Tensor) -> Tensor:
        """Differences of points, taken back."""
        scale = self.matrix[..., 0, :].square().sum(-1)[..., None, None]
        return _apply(self.matrix.mT / scale, vectors)


def _apply(matrix: Tensor, points: Tensor) -> Tensor:
    # A product and a sum, since autocast would take a matrix product to half precision.
    return (matrix[..., None, :, :] * points[..., None, :]).sum(-1)


def similarity_onto(mean: Tensor, points: Tensor, valid: Tensor) -> Similarity:
    """The turn, scale and shift that take the valid points onto the mean shape (Procrustes).

    The scale makes both equally large; that of least squares would make shapes small that are unlike the mean.

    Args:
        mean, points: (..., K, 2), finite.
        valid: (..., K). Where their points coincide, they are only shifted.
    """
    mask = valid[..., None]
    number = mask.sum(-2).clamp(min=1)
    source, goal = ((mask * shape).sum(-2) / number for shape in (points, mean))
    p, q = (mask * (shape - centre[..., None, :]) for shape, centre in ((points, source), (mean, goal)))
    cos, sin = (p * q).sum((-1, -2)), (p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]).sum(-1)
    size, wanted = p.square().sum((-1, -2)), q.square().sum((-1, -2))
    length = torch.hypot(cos, sin)
    turns = length > 0  # not where either shape is one point
    scale = torch.where(turns, (wanted / size).sqrt() / length, 1.)
    cos, sin = torch.where(turns, cos, 1.) * scale, sin * scale
    matrix = torch.stack([cos, -sin, sin, cos], dim=-1).unflatten(-1, (2, 2))
    return Similarity(source, matrix, goal)


def residuals(points: Tensor, valid: Tensor, model: ShapeModel, onto_mean: Similarity) -> Tensor:
    """What the modes leave of points (..., K, 2), as vectors in the points' own unit; 0 where they are not valid."""
    off = torch.where(valid[..., None], onto_mean(points) - model.mean, 0.)
    modes = valid[..., None, :, None] * model.modes
    gram = (modes[..., :, None, :, :] * modes[..., None, :, :, :]).sum((-1, -2))
    ridge = model.variance[..., None, None] * torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    scores = torch.cholesky_solve((modes * off[..., None, :, :]).sum((-1, -2))[..., None],
                                  torch.linalg.cholesky_ex(gram + ridge).L)
    return onto_mean.undo_vectors(off - (scores[..., None] * modes).sum(-3))


def lengths(vectors: Tensor) -> Tensor:
    """Euclidean lengths along the last axis, with a gradient of 0 where they are 0."""
    square = vectors.square().sum(-1)
    some = square != 0
    return torch.where(some, torch.where(some, square, 1.).sqrt(), 0.)


def fit_shapes(points: Tensor, known: Tensor, modes: int) -> ShapeModel:
    """The model of one category.

    N: shapes, K: landmarks.

    Args:
        points: (N, K, 2) in a unit of the same size along x and y, whatever stands where a landmark is not known.
        known: (N, K) which are annotated. A landmark that fewer than ``modes`` + 2 shapes have is not the category's,
            nor one that no chain of shapes, each with two landmarks of the next, connects with the others.
        modes: The most to keep. At least half of the dimensions of a shape are left to it, so that it has n - 2 modes
            at the most, n being the number of its landmarks.

    Raises:
        InputError: Fewer than ``modes`` + 2 shapes have two landmarks in two places, or the category has fewer than 3.
    """
    mask = known[..., None]
    extent = torch.where(mask, points, -torch.inf).amax(1) - torch.where(mask, points, torch.inf).amin(1)
    rows = (known.sum(-1) >= 2) & (extent > 0).any(-1)
    if rows.sum() < modes + 2:
        raise InputError(f'{int(rows.sum())} shapes with two landmarks in two places, and {modes} modes take '
                         f'{modes + 2}')
    shapes, known = align_shapes(torch.where(mask, points, 0.)[rows], known[rows])
    landmarks = known.sum(0) >= modes + 2
    number = int(landmarks.sum())
    if number < 3:
        raise InputError(f'{number} landmarks that {modes + 2} shapes have, and it takes 3')
    count = min(modes, number - 2)
    found = principal_modes(shapes[:, landmarks], known[:, landmarks], count)
    mean, kept = shapes.new_zeros(shapes.shape[1:]), shapes.new_zeros(modes, *shapes.shape[1:])
    mean[landmarks], kept[:count, landmarks] = found[:2]
    return ShapeModel(landmarks, mean, kept, found[2], torch.tensor(count))


def align_shapes(points: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Shapes (N, K, 2) on their mean, and which of their landmarks are known there, (N, K).

    The mean begins as the shape with most landmarks and gains those of the shapes that have two in common with it.
    """
    first = known.sum(-1).argmax()
    mean, placed = points[first], known[first]
    for _ in range(MAX_ROUNDS):
        last, shared = mean, known & placed
        usable = (shared.sum(-1) >= 2)[:, None] & known
        shapes = torch.where(usable[..., None], similarity_onto(mean, points, shared)(points), 0.)
        mean = shapes.sum(0) / usable.sum(0)[:, None].clamp(min=1)
        placed = usable.any(0)
        mean = torch.where(placed[:, None], mean - mean[placed].mean(0), 0.)
        mean = mean / mean[placed].square().sum(-1).mean().sqrt()
        if (mean - last).abs().max() < 1e-4:
            break
    rows = usable.any(-1)
    return similarity_onto(mean, points[rows], usable[rows])(points[rows]), usable[rows]


def principal_modes(shapes: Tensor, known: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (K, 2), principal modes (count, K, 2) and the variance they leave, by EM of probabilistic PCA.

    Args:
        shapes: (N, K, 2).
        known: (N, K) which landmarks count; each counts in one shape at least.
    """
    size = shapes.shape[1:]
    seen = known.repeat_interleave(2, dim=1).to(shapes.dtype)
    values = seen * shapes.flatten(1)
    observed = seen.sum(0)
    mean = values.sum(0) / observed
    centred = seen * (values - mean)
    spread, axes = torch.linalg.eigh(centred.T @ centred / len(shapes))
    variance = spread[:-count].mean().clamp(min=SMALLEST_VARIANCE)
    loadings = axes[:, -count:] * (spread[-count:] - variance).clamp(min=SMALLEST_VARIANCE).sqrt()
    one = torch.eye(count, dtype=shapes.dtype)
    for _ in range(MAX_ROUNDS):
        # The scores of each shape: their posterior mean and second moment, with a 1 for the mean shape beside them.
        squares = (loadings[:, :, None] * loadings[:, None, :]).flatten(1)
        inverse = torch.linalg.inv((seen @ squares).unflatten(1, (count, count)) + variance * one)
        scores = (inverse @ ((seen * (values - mean)) @ loadings)[..., None]).squeeze(-1)
        scores = torch.cat([scores, scores.new_ones(len(scores), 1)], dim=1)
        second = scores[:, :, None] * scores[:, None, :]
        second[:, :count, :count] += variance * inverse
        # For each coordinate, the regression on the scores of the shapes that have it.
        normal = (seen.T @ second.flatten(1)).unflatten(1, (count + 1, count + 1))
        right = values.T @ scores
        solution = torch.linalg.solve(normal, right[..., None]).squeeze(-1)
        last, loadings, mean = variance, solution[:, :count], solution[:, count]
        variance = ((values.square().sum() - (solution * right).sum()) / observed.sum()).clamp(min=SMALLEST_VARIANCE)
        if (variance - last).abs() < 1e-4 * last:
            break
    axes, spread, _ = torch.linalg.svd(loadings, full_matrices=False)
    return mean.unflatten(0, size), (axes * spread).T.unflatten(1, size), variance


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
            raise InputError('ShapePriorLoss knows no shapes yet: call fit(dataset) with the training data, as a '
                             'training of MMPose with this package does before it begins')
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
            allowed = lengths(residuals(target, valid, model, onto_mean) / size)
        excess = torch.relu(lengths(residuals(pred, valid, model, onto_mean) / size) - allowed)
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
    left = lengths(residuals(target, valid, model, onto_mean)).sum(-1) / number.clamp(min=1)
    return torch.where(fits, left, torch.inf)


def read_shapes(dataset: Any) -> tuple[tuple[int, int], dict[str, tuple[Tensor, Tensor]]]:
    """Width and height of the input, and of each category the shapes (N, K, 2) and which landmarks are known (N, K).

    Raises:
        InputError: The pipelines have no input size or several, or convert landmarks.
    """
    sizes, found, parts = set(), {}, list(_parts(dataset))
    every = max(1, -(-sum(len(part) for part, _ in parts) // MAX_ROWS))
    for part, steps in parts:
        kinds = {type(step).__name__ for step in steps}
        if 'KeypointConverter' in kinds:
            raise InputError('ShapePriorLoss reads the annotations, whose landmarks the training pipeline converts to '
                             'others (KeypointConverter): convert the annotations, or take another loss')
        metainfo = part.metainfo
        size = next((tuple(step.input_size) for step in steps if hasattr(step, 'input_size')), None)
        sizes.add(size)
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
    if len(sizes) != 1 or None in sizes:
        raise InputError("ShapePriorLoss takes the input's aspect ratio from the crop of the training pipeline, as in "
                         f'TopdownAffine(input_size=(192, 256)), and found {sorted(filter(None, sizes)) or "none"}')
    return sizes.pop(), {category: tuple(torch.from_numpy(np.stack(each)) for each in zip(*shapes))
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
