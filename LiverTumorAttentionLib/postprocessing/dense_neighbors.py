"""What a coarse liver takes in of dense neighbors: bowel filled with contrast agent, bone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.voxels.boxes import bounding_box, margin_voxels
from LiverTumorAttentionLib.voxels.morphology import FACES, Mask, largest_component, opened
from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm, limit_mm

AROUND_MM = 20.0
"""How far beyond the liver a dense body is followed."""
SMOOTHING_MM = 1.0
THICK_MM = 8.0
"""Half the width, within a slice, from which a dense part is bowel or bone and no vessel of the liver."""
LEAST_OUTSIDE = 0.5
"""Share of a dense body outside of the liver from which it is a neighbor; lipiodol in a tumor lies inside."""
WALL_MM = 4.0
"""Of bowel around its contents, which is as dense as liver and goes with them."""
BRIDGE_MM = 3.0
"""Radius of the opening that removes what is left of a neighbor by thin bridges."""


def without_dense_neighbors(
    liver: Mask, hu: NDArray[Any], spacing_zyx_mm: Sequence[float], *, denser_hu: float
) -> Mask:
    """Return the liver without what belongs to bodies that are denser by `denser_hu` than its median.

    liver: (z, y, x). hu: likewise, of one volume. A body is what is connected (faces) above that value within
    `AROUND_MM` of the liver. Where one lies outside of it for the most part and is thicker inside than a vessel, that
    part goes, with the wall around it and what then hangs on by thin bridges. Returns the liver itself where there is
    none.
    """
    box = bounding_box(liver, margin_voxels(AROUND_MM, tuple(spacing_zyx_mm)))
    if box is None:
        return liver
    inside, values = liver[box], hu[box]
    limit = float(np.median(values[inside])) + denser_hu
    deviation = [SMOOTHING_MM / step for step in spacing_zyx_mm]
    dense = ndimage.gaussian_filter(values.astype(np.float32), deviation) > limit
    thick = _thick(dense & inside, spacing_zyx_mm)
    if not thick.any():
        return liver
    bodies, count = ndimage.label(dense, FACES)
    sizes = np.bincount(bodies.ravel(), minlength=count + 1)
    within = np.bincount(bodies[inside], minlength=count + 1)
    outside = within <= (1 - LEAST_OUTSIDE) * sizes
    outside[0] = False
    thick &= outside[bodies]
    if not thick.any():
        return liver
    to_thick_mm = distance_map_mm(thick, spacing_zyx_mm)
    neighbor = dense & inside & (to_thick_mm <= limit_mm(THICK_MM))
    to_neighbor_mm = distance_map_mm(neighbor, spacing_zyx_mm)
    cut = inside & (to_neighbor_mm > limit_mm(WALL_MM))
    around = to_neighbor_mm <= WALL_MM + AROUND_MM
    result = np.zeros_like(liver)
    result[box] = largest_component(np.where(around, opened(cut, BRIDGE_MM, spacing_zyx_mm), cut))
    return result


def _thick(mask: Mask, spacing_zyx_mm: Sequence[float]) -> Mask:
    """Return where a mask is thicker than a vessel: its opening by a disk of `THICK_MM`, slice by slice."""
    return np.stack([opened(plane, THICK_MM, spacing_zyx_mm[1:]) if plane.any() else plane for plane in mask])
