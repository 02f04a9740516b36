"""Smooth random fields: the one building block of all shape and intensity randomisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def _basis(count: int, step: float, controls: int) -> NDArray[np.float32]:
    """Return the (count, controls) matrix of uniform cubic B-spline weights; `step` in control spacings."""
    position = np.arange(count) * step + 1.0
    distance = np.abs(position[:, None] - np.arange(controls)[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - np.minimum(distance, 2)) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


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
    for axis, (n, step, k) in enumerate(zip(shape, steps, controls, strict=True), start=1):
        field = np.moveaxis(np.tensordot(_basis(n, step, k), field, axes=(1, axis)), 0, axis)
    # mean of the squared B-spline weights over one cell, along each axis
    field /= np.float32(0.479365 ** (len(controls) / 2))
    return np.ascontiguousarray(field[0] if components is None else field)
