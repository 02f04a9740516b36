"""What a B-spline displacement costs for being curved."""

from __future__ import annotations

import numpy as np


def bending_energy(coefficients: np.ndarray, mesh_mm: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean squared curvature (1/mm^2) of the control points' displacement, and its gradient.

    sum over axes a, b of (d2u / da db)^2, by differences of the coefficients (3, z, y, x).
    """
    energy, gradient = 0.0, np.zeros_like(coefficients)
    cells = coefficients[0].size
    for a in range(3):
        for b in range(a, 3):
            scale = (1 if a == b else 2) / (float(mesh_mm[2 - a] * mesh_mm[2 - b]) ** 2 * cells)
            curved = np.diff(np.diff(coefficients, axis=a + 1), axis=b + 1)
            energy += scale * float((curved**2).sum())
            gradient += 2 * scale * _diff_transposed(_diff_transposed(curved, b + 1), a + 1)
    return energy, gradient


def _diff_transposed(values: np.ndarray, axis: int) -> np.ndarray:
    width = [(1, 1) if k == axis else (0, 0) for k in range(values.ndim)]
    return -np.diff(np.pad(values, width), axis=axis)
