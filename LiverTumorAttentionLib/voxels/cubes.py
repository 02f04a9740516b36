"""Grids of cubes along the patient's axes, on which distances mean the same in every direction."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.voxels.boxes import Box, box_start
from LiverTumorAttentionLib.voxels.geometry import ImageAxes


def cubes_around(axes: ImageAxes, box: Box, cube_mm: float, margin_mm: float) -> sitk.Image:
    """Return an empty uint8 image of cubes in LPS order that hold a box of voxels, with a margin on every side.

    axes: of the image that the box, (z, y, x), belongs to, which may lie obliquely.
    """
    low, high = box_start(box) - 0.5, np.array([side.stop for side in box]) - 0.5
    corners = np.array([[(low, high)[i][k] for k, i in enumerate(which)] for which in np.ndindex(2, 2, 2)])
    place = axes.position_mm(corners)
    first, last = place.min(axis=0) - margin_mm, place.max(axis=0) + margin_mm
    size = np.ceil((last - first) / cube_mm).astype(int)
    cubes = sitk.Image([int(length) for length in size], sitk.sitkUInt8)
    cubes.SetOrigin([float(value) for value in first + 0.5 * cube_mm])
    cubes.SetSpacing((cube_mm,) * 3)
    return cubes
