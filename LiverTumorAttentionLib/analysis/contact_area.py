"""Contact area and length of two bodies of voxels, mm² and mm.

The faces between the voxels of both are summed, each foreshortened by the angle between it and the true
surface, whose normal is the gradient of the smoothed body, so that staircases count as slopes.
Measured on balls, tubes and planes turned at random, from 6 voxels across on, the area comes out 1 % too large
in the mean on voxels of 1 mm, 5 % on 0.75 x 0.75 x 3 mm and 9 % on 0.7 x 0.7 x 5 mm; the faces alone would
give half as much again. On thinner tubes it is up to a tenth too small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.analysis.longest_3d_diameter import farthest_pairs, hull_corners

Mask = NDArray[np.bool_]

SMOOTHING_VOXELS = 1.0
"""Standard deviation of the Gaussian before the gradient."""


@dataclass(frozen=True, kw_only=True)
class Contact:
    """A contact between two bodies.

    area_mm2: its area. length_mm: its greatest extent, between the middles of its outermost faces.
    middle_index: the face nearest to its center, in voxels (z, y, x) of the masks.
    """

    area_mm2: float
    length_mm: float
    middle_index: tuple[float, float, float]


def contact_between(wall: Mask, other: Mask, steps_mm: NDArray[np.float64]) -> Contact | None:
    """Return the contact of a body with the outer surface of another one; None when they share no face.

    wall, other: (z, y, x); what belongs to both belongs to the wall's body. steps_mm: (3, 3), the steps in
    space along z, y and x.
    """
    faces = [_faces(wall, other & ~wall, axis) for axis in range(3)]
    middles = np.concatenate(faces)
    if len(middles) == 0:
        return None
    axes = np.repeat(np.arange(3), [len(found) for found in faces])
    area = np.stack([np.cross(steps_mm[(axis + 1) % 3], steps_mm[(axis + 2) % 3]) for axis in range(3)])[axes]
    normals = _normals(wall, middles, steps_mm)
    places = middles @ steps_mm
    ends = places[hull_corners(places)]
    first, last = farthest_pairs(ends)[0]
    middle = middles[int(np.linalg.norm(places - places.mean(axis=0), axis=1).argmin())]
    return Contact(
        area_mm2=float(np.abs((area * normals).sum(axis=1)).sum()),
        length_mm=float(np.linalg.norm(ends[last] - ends[first])),
        middle_index=(float(middle[0]), float(middle[1]), float(middle[2])),
    )


def _faces(wall: Mask, other: Mask, axis: int) -> NDArray[np.float64]:
    """Return the middles (N, 3) of the faces across an axis between the two, in voxels."""
    lower = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
    upper = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
    between = (wall[lower] & other[upper]) | (other[lower] & wall[upper])
    return np.argwhere(between) + 0.5 * np.eye(3)[axis]


def _normals(wall: Mask, middles: NDArray[np.float64], steps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit normals (N, 3) of a body's smoothed surface at some places, in space."""
    smooth = ndimage.gaussian_filter(wall.astype(np.float32), SMOOTHING_VOXELS)
    slopes = np.stack(
        [
            ndimage.map_coordinates(np.gradient(smooth, axis=axis), middles.T, order=1)
            if smooth.shape[axis] > 1
            else np.zeros(len(middles))
            for axis in range(3)
        ],
        axis=1,
    )
    gradients = slopes @ np.linalg.inv(steps_mm).T
    length = np.linalg.norm(gradients, axis=1, keepdims=True)
    units: NDArray[np.float64] = gradients / np.maximum(length, np.finfo(float).tiny)
    return units
