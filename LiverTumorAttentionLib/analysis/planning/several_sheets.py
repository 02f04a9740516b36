"""What share of a voxel lies beyond several sheets, planes or curved surfaces, at once.

Where one sheet cuts a voxel its share is exact (`halfspace`). Where several do, along their common edge, the voxel is
sampled; each sheet is taken for the plane that touches it at the voxel's center.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SAMPLES = 256
"""In a voxel that several sheets cut."""
SPREAD = np.array([0.8191725133961645, 0.6710436067037893, 0.5497004779019703])
"""Powers of 1 / g with g^4 = g + 1: multiples of them, less whole numbers, fill a cube evenly and repeat no
coordinate, so that a slab between two sheets is sampled as finely as there are samples."""
BLOCK = 1 << 13
"""So many voxels are sampled at a time."""


def share_beyond_all(shares: Floats, height: Floats, slope: Floats, steps_mm: Floats) -> Floats:
    """Return the share of each voxel that lies beyond all sheets, (N,).

    shares: (N, sheets) beyond each sheet alone. height: (N, sheets) of the voxels' centers above each, any unit.
    slope: how it changes with the position per mm, (sheets, 3) where it does so everywhere alike, else (N, sheets, 3).
    steps_mm: (3, 3) the voxels' edges as rows.
    """
    result = np.asarray(shares.min(axis=1))
    several = np.flatnonzero((((shares > 0) & (shares < 1)).sum(axis=1) > 1) & (result > 0))
    slope = np.broadcast_to(slope, (*height.shape, 3))
    inside = _inside_voxel(steps_mm).T
    for begin in range(0, len(several), BLOCK):
        some = several[begin : begin + BLOCK]
        beyond = np.ones((len(some), SAMPLES), dtype=bool)
        for sheet in range(shares.shape[1]):  # one by one, for the memory
            beyond &= height[some, sheet, None] + slope[some, sheet] @ inside > 0
        result[some] = beyond.mean(axis=1)
    return result


def _inside_voxel(steps_mm: Floats) -> Floats:
    """Return places (`SAMPLES`, 3) spread evenly in a voxel about its center, mm. steps_mm: its edges as rows."""
    return np.asarray(((0.5 + np.arange(1, SAMPLES + 1)[:, None] * SPREAD) % 1.0 - 0.5) @ steps_mm)
