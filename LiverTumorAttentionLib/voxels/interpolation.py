"""Linear interpolation of arrays: at scattered points, with the derivative, and axis by axis onto a grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy import ndimage


def interpolate(
    values: NDArray[Any], index: NDArray[np.floating[Any]], dtype: DTypeLike | None = None
) -> NDArray[np.floating[Any]]:
    """Return the values of an array at continuous indices (axes, ...); beyond it the nearest value inside.

    The rows of `index` run along the array's axes. dtype: of the result; None is the array's own.
    """
    result: NDArray[np.floating[Any]] = ndimage.map_coordinates(
        values, index, order=1, mode="nearest", output=dtype
    )
    return result


def interpolate_with_derivative(
    volume: NDArray[np.float32], at: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the values (n,) of `volume` at continuous indices and their derivative (3, n) by these.

    volume: (z, y, x) with at least two voxels along each axis. at: (3, n) indices along x, y, z, and so the
    derivative's rows; beyond the volume the nearest value inside is read. The derivative is exactly that of the
    value, as a line search wants it; taking both from the same eight voxels is twice as fast as reading the
    volume and three volumes of its gradient.
    """
    nz, ny, nx = volume.shape
    x, y, z = at
    i, j, k = (np.clip(p.astype(np.int32), 0, n - 2) for p, n in ((x, nx), (y, ny), (z, nz)))
    fx, fy, fz = (np.clip(p - whole, 0, 1).astype(np.float32) for p, whole in ((x, i), (y, j), (z, k)))
    voxels, corner = volume.ravel(), (k * ny + j) * nx + i

    def plane(first: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the value in one of the two planes around the point, and its derivatives by x and y."""
        near, far = voxels[first], voxels[first + nx]
        slope_near, slope_far = voxels[first + 1] - near, voxels[first + nx + 1] - far
        low = near + fx * slope_near
        by_y = far + fx * slope_far - low
        return low + fy * by_y, slope_near + fy * (slope_far - slope_near), by_y

    below, above = plane(corner), plane(corner + ny * nx)
    value, by_x, by_y = (a + fz * (b - a) for a, b in zip(below, above, strict=True))
    return value, np.stack([by_x, by_y, above[0] - below[0]])


def interpolate_axis(
    values: NDArray[np.float32], axis: int, origin: float, spacing: float, at: NDArray[np.floating[Any]]
) -> NDArray[np.float32]:
    """Return the values at positions `at` (mm) along one array axis; beyond it the nearest value inside.

    origin, spacing: position (mm) of the first value along the axis, and the distance of neighbors. Axis by axis
    onto a grid this is much faster than `interpolate` at all of the grid's points.
    """
    position = np.clip((at - np.float32(origin)) / np.float32(spacing), 0, values.shape[axis] - 1)
    low = np.minimum(position.astype(np.intp), max(values.shape[axis] - 2, 0))
    high = np.minimum(low + 1, values.shape[axis] - 1)
    weight = (position - low).astype(np.float32)
    weight = weight.reshape([-1 if k == axis else 1 for k in range(values.ndim)])
    below = np.take(values, low, axis=axis)
    below += weight * (np.take(values, high, axis=axis) - below)
    return below
