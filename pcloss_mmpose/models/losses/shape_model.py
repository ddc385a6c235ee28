"""A point distribution model of the shapes of one category, of which landmarks may be missing.

Its modes are found by expectation maximization of probabilistic PCA on the landmarks that are annotated. A shape with
few of them is moved onto the mean by these few, which takes a part of its variation away, so the modes come out a
little short. The garment generator (pcloss_mmpose.synthetic.fit) has such a model too, of complete shapes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import InputError

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
