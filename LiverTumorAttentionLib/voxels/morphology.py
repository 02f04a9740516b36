"""Morphology on boolean arrays: holes, components, opening by a ball."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm, limit_mm

Mask = NDArray[np.bool_]

FACES = ndimage.generate_binary_structure(3, 1)
"""6-connectivity: voxels that share a face are connected."""

EDGES = ndimage.generate_binary_structure(3, 2)
"""18-connectivity: voxels that share a face or an edge are connected."""

CORNERS = ndimage.generate_binary_structure(3, 3)
"""26-connectivity: voxels that share a face, an edge or a corner are connected."""


def fill_holes(mask: Mask) -> Mask:
    """Return the mask with every cavity filled that no path through faces connects to the array's border.

    Of any dimension; an image of two dimensions has edges for faces.
    """
    faces = ndimage.generate_binary_structure(mask.ndim, 1)
    outside, _ = ndimage.label(np.pad(~mask, 1, constant_values=True), structure=faces)
    return (outside != outside.flat[0])[(slice(1, -1),) * mask.ndim]


def largest_component(mask: Mask, structure: Mask = FACES) -> Mask:
    """Return the largest component; of several that are equally large, the one that comes first in memory."""
    labels, count = ndimage.label(mask, structure=structure)
    if count <= 1:
        return mask.copy()
    sizes = np.zeros(count + 1, dtype=np.int64)
    for plane in labels:  # plane by plane: the count of all at once would take a copy of them as 64 bits
        sizes += np.bincount(plane.ravel(), minlength=count + 1)
    sizes[0] = 0
    return labels == int(sizes.argmax())


def opened(mask: Mask, radius_mm: float, spacing_zyx_mm: Sequence[float]) -> Mask:
    """Return the mask opened by a ball: what no ball of this radius inside the mask reaches is removed.

    Distances run between voxel centers, and to a border of the array there is no distance: what is cut off
    by the edge of the scan is not eroded from there.
    """
    if mask.all():
        return mask.copy()
    eroded = distance_map_mm(~mask, spacing_zyx_mm) > limit_mm(radius_mm)
    if not eroded.any():
        return eroded
    return mask & (distance_map_mm(eroded, spacing_zyx_mm) <= limit_mm(radius_mm))
