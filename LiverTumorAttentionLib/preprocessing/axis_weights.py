"""Resampling of an axis as a matrix: splines are linear and separable, so that a volume is resampled axis by axis.

Source: scipy.ndimage.zoom and map_coordinates, whose answer to unit vectors is the matrix.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SMALLEST_WEIGHT = 1e-9
"""A cubic spline reaches over the whole axis, with weights that fall by 0.27 a voxel; smaller ones are left out."""


class AxisWeights:
    """The weights with which an axis of n voxels becomes one of m voxels.

    weights: (m, n); row i gives voxel i of the new axis.
    """

    def __init__(self, weights: NDArray[np.float64]) -> None:
        kept = np.where(np.abs(weights) < SMALLEST_WEIGHT, 0.0, weights)
        self.weights = kept.astype(np.float32)
        used = self.weights != 0
        self._first = used.argmax(axis=1)
        self._last = used.shape[1] - used[:, ::-1].argmax(axis=1)
        self.is_identity = kept.shape[0] == kept.shape[1] and np.allclose(
            kept, np.eye(len(kept)), rtol=0, atol=1e-7
        )

    @property
    def new_length(self) -> int:
        """Voxels of the new axis."""
        return int(self.weights.shape[0])

    @property
    def length(self) -> int:
        """Voxels of the axis that is resampled."""
        return int(self.weights.shape[1])

    def needed(self, start: int, stop: int) -> slice:
        """Return the part of the axis that voxels start to stop - 1 of the new one are made of."""
        return slice(int(self._first[start:stop].min()), int(self._last[start:stop].max()))


@lru_cache(maxsize=64)
def zoom_weights(length: int, new_length: int, order: int) -> AxisWeights:
    """Return the weights of a resize by a spline of an order, the borders repeated, voxel borders on voxel borders.

    As skimage.transform.resize with mode "edge" resamples each axis, but for its clipping.
    """
    if length == new_length:
        return AxisWeights(np.eye(length))
    factor = 1 / (length / new_length)
    columns = [
        ndimage.zoom(unit, factor, order=order, mode="nearest", grid_mode=True) for unit in np.eye(length)
    ]
    return AxisWeights(np.stack(columns, axis=1))


@lru_cache(maxsize=64)
def sampled_weights(length: int, new_length: int, order: int) -> AxisWeights:
    """Return the weights of sampling an axis at the centers of new voxels; order 0 takes the nearest, 1 is linear."""
    at = float(length) / new_length * (np.arange(new_length) + 0.5) - 0.5
    columns = [
        ndimage.map_coordinates(unit, at[None], order=order, mode="nearest") for unit in np.eye(length)
    ]
    return AxisWeights(np.stack(columns, axis=1))


@lru_cache(maxsize=64)
def linear_weights(length: int, new_length: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return what each voxel of a linearly resized axis is made of, in double precision: a voxel and the next one.

    Returns the number of the first, (m,), and the weights of both, (m, 2); otherwise as `zoom_weights`.
    """
    if length == new_length:
        return np.arange(length), np.tile([1.0, 0.0], (length, 1))
    factor = 1 / (length / new_length)
    matrix = np.stack(
        [ndimage.zoom(unit, factor, order=1, mode="nearest", grid_mode=True) for unit in np.eye(length)],
        axis=1,
    )
    first = (matrix != 0).argmax(axis=1)
    padded = np.pad(matrix, [(0, 0), (0, 1)])
    every = np.arange(new_length)
    return first, np.stack([padded[every, first], padded[every, first + 1]], axis=1)
