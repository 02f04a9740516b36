"""Interpolation of a volume at points: linear for intensities, nearest neighbor for classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional


def resampled(
    values: NDArray, points: NDArray[np.float32], *, origin: Sequence[int], linear: bool
) -> NDArray:
    """Return the values at points; beyond its border a volume continues with the value at the border.

    values: (C, *box), part of a volume that begins at its voxel `origin`. points: (axes, *size), in voxels of the
    whole volume. linear: intensities, interpolated, float32; otherwise classes, those of the nearest voxel, in their
    own type. Returns (C, *size).
    """
    return _linear(values, points, origin) if linear else _nearest(values, points, origin)


def _linear(values: NDArray, points: NDArray[np.float32], origin: Sequence[int]) -> NDArray[np.float32]:
    """By torch: half the time of scipy's `map_coordinates`, to a few millionths of a voxel."""
    axes = len(points)
    grid = np.empty((*points.shape[1:], axes), np.float32)
    for axis, (first, n) in enumerate(zip(origin, values.shape[1:], strict=True)):
        scale = 2 / max(n - 1, 1)
        along = grid[
            ..., axes - 1 - axis
        ]  # torch wants x first, and -1 to 1 from the first to the last voxel
        np.multiply(points[axis], np.float32(scale), out=along)
        along -= np.float32(1 + first * scale)
    image = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None]
    sampled = functional.grid_sample(
        image, torch.from_numpy(grid)[None], mode="bilinear", padding_mode="border", align_corners=True
    )
    return sampled[0].numpy()


def _nearest(values: NDArray, points: NDArray[np.float32], origin: Sequence[int]) -> NDArray:
    """By numpy: a third of the time of torch."""
    places = np.zeros(points.shape[1:], np.int64)
    for axis, (first, n) in enumerate(zip(origin, values.shape[1:], strict=True)):
        voxel = np.rint(points[axis])
        np.clip(voxel, first, first + n - 1, out=voxel)
        places *= n
        places += voxel.astype(np.int64) - first
    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    return np.stack([channel.take(places) for channel in flat])
