"""How much of a voxel lies on the far side of a plane, exactly.

A plane cuts a box into two polyhedra. The volume of one, as a function of the plane's distance from the box's
center, is a piecewise cubic: three uniform distributions, one an edge of the box, added up. It is the same
function for all voxels of a grid.
    share(d) = sum over subsets S of {1, 2, 3} of (-1)^|S| max(d + w/2 - sum_S m, 0)^3 / (6 m1 m2 m3)
with m_i = |n . s_i|, how far the edge s_i reaches along the normal n, and w = m1 + m2 + m3.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

THINNEST = 1e-4
"""Edges that lie in the plane count as reaching this share of the whole along the normal: the formula
divides by it. The share of no voxel changes by more, and their sum not at all."""


class VoxelShare:
    """The share of a voxel on the side of a plane to which its normal points.

    normal: (3,) unit vector. steps_mm: (3, 3), the voxel's edges as rows; any angles.
    """

    def __init__(self, normal: NDArray[np.float64], steps_mm: NDArray[np.float64]) -> None:
        reach = np.abs(steps_mm @ normal)
        self._reach = reach
        self.half_mm = 0.5 * float(np.maximum(reach, THINNEST * reach.sum()).sum())
        """Voxels whose centers lie farther than this from the plane are not cut by it."""

    def __call__(self, distance_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the shares of voxels whose centers lie so far from the plane, along its normal."""
        return share_beyond(distance_mm, self._reach)


def share_beyond(height: NDArray[np.float64], reach: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of voxels (...) that lies above 0 of a height, which changes evenly within a voxel.

    height: at the voxel's center. reach: (..., 3) or (3,), by how much it changes along each of the voxel's edges.
    """
    edges = np.maximum(reach, THINNEST * reach.sum(axis=-1, keepdims=True))
    half = 0.5 * edges.sum(axis=-1)
    place = np.clip(height, -half, half)
    # The lesser part is computed, where the terms are few and small, and the other is what is left.
    depth = half - np.abs(place)
    lesser = np.zeros_like(place)
    for chosen in product((0, 1), repeat=3):
        rest = np.maximum(depth - edges @ np.array(chosen, float), 0.0)
        lesser += (-1) ** sum(chosen) * rest**3
    lesser /= 6.0 * edges.prod(axis=-1)
    return np.where(place > 0, 1.0 - lesser, lesser)
