"""Voxels of a mask as a graph: neighbors that share a face, an edge or a corner are joined by their distance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

_HALF = [step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]
"""One of each two opposite steps to a neighbor."""


def neighbor_pairs(
    mask: NDArray[np.bool_], spacing_zyx_mm: Sequence[float]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return all pairs of neighbors once, as numbers in the order of `np.argwhere(mask)`, and their distances in mm."""
    padded = np.pad(mask, 1)
    numbers = np.full(padded.shape, -1, np.intp)
    numbers[padded] = np.arange(np.count_nonzero(mask))
    inner = numbers[1:-1, 1:-1, 1:-1]
    first, second, length = [], [], []
    for step in _HALF:
        shifted = numbers[tuple(slice(1 + s, 1 + s + n) for s, n in zip(step, mask.shape, strict=True))]
        both = (inner >= 0) & (shifted >= 0)
        first.append(inner[both])
        second.append(shifted[both])
        away = float(np.linalg.norm(np.multiply(step, spacing_zyx_mm)))
        length.append(np.full(first[-1].size, away))
    return np.concatenate(first), np.concatenate(second), np.concatenate(length)
