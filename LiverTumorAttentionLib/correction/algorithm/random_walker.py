"""Random walker segmentation with priors, two labels.

Source: Grady, Multilabel random walker image segmentation using prior models, CVPR 2005; for two labels it is the
    minimum of  sum_ij w_ij (x_i - x_j)^2 + sum_i g_i (x_i - u_i)^2  with x given at the seeds.
Departs: g_i, how much a voxel's own evidence u_i counts, falls where the evidence is undecided; weights are divided
    by the squared distance between the voxels, so that anisotropic grids are solved in millimetres.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.correction.algorithm.block_grid import Field, Mask
from LiverTumorAttentionLib.progress import Progress

LEAST_WEIGHT = 1e-3
"""Least weight of an edge, between voxels of very different intensity."""
LEAST_EVIDENCE = 0.1
"""Share of its weight that undecided evidence (probability 1/2) has."""
TOLERANCE = 1e-3
"""Residual, relative to the right-hand side in the norm of the preconditioner, at which the solver stops."""
MOST_ROUNDS = 80
"""Upper limit of iterations of the solver."""


def random_walk(
    evidence: Field,
    images: Sequence[Field],
    spacing_mm: NDArray[np.float64],
    fixed: Mask,
    fixed_values: Field,
    *,
    contrast: float,
    trust: float,
    progress: Progress,
) -> Field:
    """Return for each voxel the probability (0 to 1) that the walker reaches foreground first.

    evidence: (z, y, x), the probability of foreground by the voxel alone. images: (z, y, x) each, in units of their
    noise. fixed: voxels whose probability is that in `fixed_values`. contrast: fall of the weight of an edge with the
    squared difference of its ends. trust: weight of the evidence. Raises `Cancelled`.
    Solved by conjugate gradients, preconditioned by the diagonal; sums run in numpy and not through BLAS, so that the
    number of threads changes no bit of the result.
    """
    weights = [_weights(images, axis, spacing_mm, contrast) for axis in range(3)]
    own = (trust * (np.abs(2 * evidence - 1) + LEAST_EVIDENCE)).astype(np.float32)
    diagonal = own.copy()
    for axis, weight in enumerate(weights):
        low, high = _sides(axis)
        diagonal[low] += weight
        diagonal[high] += weight
    free = ~fixed
    boundary = np.where(fixed, fixed_values, 0).astype(np.float32)
    right = np.where(free, own * evidence + _neighbor_sum(boundary, weights), 0)
    x = np.where(free, evidence, 0).astype(np.float32)
    residual = right - np.where(free, diagonal * x - _neighbor_sum(x, weights), 0)
    scaled = residual / diagonal
    direction = scaled.copy()
    energy = float((residual * scaled).sum())
    enough = TOLERANCE**2 * float((right * right / diagonal).sum())
    for _ in range(MOST_ROUNDS):
        if energy <= enough:
            break
        progress.check()
        image = np.where(free, diagonal * direction - _neighbor_sum(direction, weights), 0)
        step = energy / float((direction * image).sum())
        x += np.float32(step) * direction
        residual -= np.float32(step) * image
        scaled = residual / diagonal
        before, energy = energy, float((residual * scaled).sum())
        direction = scaled + np.float32(energy / before) * direction
    return np.where(fixed, fixed_values, x).astype(np.float32)


def _weights(images: Sequence[Field], axis: int, spacing_mm: NDArray[np.float64], contrast: float) -> Field:
    """Return the weights of the edges along an axis; 1 between equal voxels along the shortest axis."""
    difference = sum(np.diff(image, axis=axis) ** 2 for image in images)
    nearness = (spacing_mm.min() / spacing_mm[axis]) ** 2
    return np.asarray((np.exp(-contrast * difference) + LEAST_WEIGHT) * nearness, dtype=np.float32)


def _neighbor_sum(x: Field, weights: Sequence[Field]) -> Field:
    """Return the weighted sum of each voxel's neighbors."""
    total = np.zeros_like(x)
    for axis, weight in enumerate(weights):
        low, high = _sides(axis)
        total[low] += weight * x[high]
        total[high] += weight * x[low]
    return total


def _sides(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the voxels that have a next one along an axis, and those next ones."""
    low, high = [slice(None)] * 3, [slice(None)] * 3
    low[axis], high[axis] = slice(0, -1), slice(1, None)
    return tuple(low), tuple(high)
