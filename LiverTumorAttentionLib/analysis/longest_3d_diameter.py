"""Longest 3D diameter of a lesion, in any direction.

The two voxel centers that lie farthest apart are found exactly, and the line between them is extended by
half a step at both ends, as `voxels.surfaces` does for gaps: a row of n voxels is n voxels long. Measured on
voxels of 1 mm (a voxel belongs to the body when its center does, bodies of 6 to 60 mm turned at random),
balls come out 0.4 to 0.8 mm too long, slender ellipsoids between 1.0 mm too short and 0.6 too long. On
0.7 x 0.7 x 5 mm balls come out 0.0 to 0.6 mm too long in the mean, but ellipsoids of less than 15 mm, which
are seen in few slices, 2.6 mm too short. The corners of the outline of `analysis.axial_diameter`, carried into
space, would make balls on such slices 2 to 4 mm too long: half a slice at either end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist

from LiverTumorAttentionLib.analysis.axial_diameter import Chord
from LiverTumorAttentionLib.voxels.surfaces import EQUAL, half_step_share

Points = NDArray[np.float64]

FEW_POINTS = 200
"""Up to this many points are compared pair by pair; of more, the corners of their convex hull."""
ROWS = 512
"""Points that are compared with all others at a time, to bound memory."""


def longest_3d_diameter(mask: NDArray[Any], steps_mm: Points) -> Chord:
    """Return the longest straight line through a body from surface to surface.

    mask: (z, y, x) with at least one voxel. steps_mm: (3, 3); its rows are the steps in space from one voxel
    to the next along z, y and x, at any angle to each other. The end points are in mm from the center of the
    mask's first voxel on.
    """
    ends = _row_ends(np.asarray(mask, bool))
    if len(ends) == 1 or not np.any(ends != ends[0]):
        half = 0.5 * steps_mm[int(np.linalg.norm(steps_mm, axis=1).argmax())]
        return Chord(start=ends[0] @ steps_mm - half, end=ends[0] @ steps_mm + half)
    ends = ends[hull_corners(ends)]
    pairs = ends[farthest_pairs(ends @ steps_mm)]
    # Of pairs that are equally far apart, that which is drawn out most: as the grid lies must not matter.
    share = half_step_share(pairs[:, 1] - pairs[:, 0])
    best = int(share.argmax())
    start, end = pairs[best] @ steps_mm
    beyond = share[best] * (end - start)
    return Chord(start=start - beyond, end=end + beyond)


def farthest_pairs(points: Points) -> NDArray[np.intp]:
    """Return the indices (M, 2) of the points (N, D) that lie farthest apart: one pair, or several equals."""
    longest = 0.0
    found: list[NDArray[np.intp]] = [np.zeros((1, 2), dtype=np.intp)]
    for first in range(0, len(points), ROWS):
        squared = cdist(points[first : first + ROWS], points, "sqeuclidean")
        if squared.max() > longest * (1 + EQUAL):
            longest, found = float(squared.max()), []
        if squared.max() >= longest * (1 - EQUAL):
            pairs: NDArray[np.intp] = np.argwhere(squared >= longest * (1 - EQUAL))
            found.append(pairs + np.array([first, 0], dtype=np.intp))
    return np.concatenate(found)


def hull_corners(points: NDArray[Any]) -> NDArray[np.intp]:
    """Return the indices of those points (N, 3) that can be an end of the longest line between two."""
    if len(points) <= FEW_POINTS:
        return np.arange(len(points))
    try:
        corners = ConvexHull(points).vertices
    except QhullError:
        # All in one plane: joggled a little they have a hull in space, and none of its corners is lost.
        corners = ConvexHull(points, qhull_options="QJ").vertices
    return np.asarray(corners, dtype=np.intp)


def _row_ends(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the first and the last voxel of every row along x, (N, 3): the others lie between them."""
    rows = np.argwhere(mask.any(axis=2))
    solid = mask[rows[:, 0], rows[:, 1]]
    first = solid.argmax(axis=1)
    last = mask.shape[2] - 1 - solid[:, ::-1].argmax(axis=1)
    return np.column_stack([np.concatenate([rows, rows]), np.concatenate([first, last])])
