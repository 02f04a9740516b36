"""Smooth random fields, for the randomization of shape and intensity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

VALUES_TOGETHER = 2**17
"""Values computed at a time, few enough for a processor's cache."""


def smooth_noise(
    rng: np.random.Generator,
    shape: Sequence[int],
    spacing_mm: Sequence[float],
    wavelength_mm: float,
    *,
    components: int | None = None,
) -> NDArray[np.float32]:
    """Return smooth noise of zero mean and about unit standard deviation on a (z, y, x) or (y, x) grid.

    White noise on a control grid of `wavelength_mm`, interpolated by cubic B-splines (separable, so cheap).
    components: when given, that many independent fields are stacked along a new first axis.
    """
    steps = [spacing / wavelength_mm for spacing in spacing_mm]
    controls = [int(np.ceil((n - 1) * step)) + 4 for n, step in zip(shape, steps, strict=True)]
    many = 1 if components is None else components
    field = rng.standard_normal((many, *controls)).astype(np.float32)
    # the last axis first, while there is little of it to gather from far apart
    for axis, n, step in reversed(list(zip(range(1, field.ndim), shape, steps, strict=True))):
        field = _interpolated(field, axis, n, step)
    # mean of the squared B-spline weights over one cell, along each axis
    field /= np.float32(0.479365 ** (len(controls) / 2))
    return field[0] if components is None else field


def _interpolated(field: NDArray[np.float32], axis: int, count: int, step: float) -> NDArray[np.float32]:
    """Return `count` values along an axis, `step` control points apart, from the second control point on.

    Each is a sum of four. Without a matrix product, whose threads would stand in the way of those of other
    processes, and whose rounding depends on their number.
    """
    position = np.arange(count) * step
    first = position.astype(int)
    t = position - first
    spline = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3]) / 6
    weights = spline.astype(np.float32).reshape((4, -1) + (1,) * (field.ndim - 1 - axis))
    result = np.empty((*field.shape[:axis], count, *field.shape[axis + 1 :]), np.float32)
    along = np.moveaxis(result, axis, 0)
    together = max(1, VALUES_TOGETHER * count // result.size)
    for start in range(0, count, together):
        part = slice(start, start + together)
        total = np.moveaxis(along[part], 0, axis)
        np.multiply(field.take(first[part], axis), weights[0, part], out=total)
        for k in (1, 2, 3):
            term = field.take(first[part] + k, axis)
            term *= weights[k, part]
            total += term
    return result
