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
        self._reach = np.maximum(reach, THINNEST * reach.sum())
        self.half_mm = 0.5 * float(self._reach.sum())
        """Voxels whose centers lie farther than this from the plane are not cut by it."""

    def __call__(self, distance_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the shares of voxels whose centers lie so far from the plane, along its normal."""
        place = np.clip(distance_mm, -self.half_mm, self.half_mm)
        # The lesser part is computed, where the terms are few and small, and the other is what is left.
        depth = self.half_mm - np.abs(place)
        lesser = np.zeros_like(place)
        for chosen in product((0, 1), repeat=3):
            rest = np.maximum(depth - np.dot(chosen, self._reach), 0.0)
            lesser += (-1) ** sum(chosen) * rest**3
        lesser /= 6.0 * self._reach.prod()
        return np.where(place > 0, 1.0 - lesser, lesser)
