"""A volume moved by a displacement field, slice by slice in the processor's cache.

Values and rounding are those of SimpleITK's resampling through a displacement field, which looks the field up anew for
every voxel. Here the field lies along the axes of the wanted grid, so that it is interpolated axis by axis.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.voxels.geometry import interpolate_inside

Between = tuple[NDArray[np.intp], NDArray[np.float64]]
"""For each voxel along an axis of the grid: the field's point before it, and its share of the way to the next one."""


def resampled_by_field(
    moving: sitk.Image, grid: sitk.Image, field: sitk.Image, outside: float
) -> sitk.Image | None:
    """Return `moving` at the voxels of `grid` moved by `field`, linear in between, in moving's own voxel type.

    field: displacement (LPS, mm) with the axes of `grid`, which it covers; None is returned where its axes are others,
    and for a volume of a single slice. outside: of what lies more than half a voxel beyond the outermost voxel centers.
    """
    voxels = sitk.GetArrayViewFromImage(moving)
    if min(voxels.shape) < 2 or not np.allclose(grid.GetDirection(), field.GetDirection(), rtol=0, atol=1e-9):
        return None
    along_x, along_y, along_z = (_between(grid, field, axis) for axis in range(3))
    at = _moving_index(moving, field)
    size = np.array(moving.GetSize(), np.float32)[:, None]
    result = np.empty(grid.GetSize()[::-1], voxels.dtype)
    if result.dtype.kind in "iu":
        outside = float(np.clip(outside, np.iinfo(result.dtype).min, np.iinfo(result.dtype).max))
    for k, (low, share) in enumerate(zip(*along_z, strict=True)):
        plane = at[:, low] + share * (at[:, low + 1] - at[:, low])
        plane = _interpolated(plane, along_y, 1).astype(np.float32)
        index = _interpolated(plane, along_x, 2).reshape(3, -1)
        values = interpolate_inside(voxels, index)
        inside = np.all((index >= -0.5) & (index <= size - np.float32(0.5)), axis=0)
        values[~inside] = outside
        result[k] = values.reshape(result.shape[1:])  # integers by cutting off, as ITK does
    image = sitk.GetImageFromArray(result)
    image.CopyInformation(grid)
    return image


def _between(grid: sitk.Image, field: sitk.Image, axis: int) -> Between:
    """Return where the voxels of an axis (0 is x) of the grid lie on that of the field."""
    start = field.TransformPhysicalPointToContinuousIndex(grid.GetOrigin())[axis]
    step = grid.GetSpacing()[axis] / field.GetSpacing()[axis]
    place = np.clip(start + step * np.arange(grid.GetSize()[axis]), 0, field.GetSize()[axis] - 1)
    low = np.minimum(place.astype(np.intp), field.GetSize()[axis] - 2)
    return low, place - low


def _moving_index(moving: sitk.Image, field: sitk.Image) -> NDArray[np.float64]:
    """Return the index (x, y, z) in `moving` to which each point of the field is moved, (3, z, y, x)."""
    moved = np.moveaxis(sitk.GetArrayFromImage(field).astype(np.float64), -1, 0)
    z, y, x = (np.arange(n, dtype=float) for n in moved.shape[1:])
    steps = np.array(field.GetDirection()).reshape(3, 3) * np.array(field.GetSpacing())
    for k in range(3):
        moved[k] += field.GetOrigin()[k] - moving.GetOrigin()[k]
        moved[k] += steps[k, 0] * x + (steps[k, 1] * y)[:, None] + (steps[k, 2] * z)[:, None, None]
    to_index = np.linalg.inv(np.array(moving.GetDirection()).reshape(3, 3) * np.array(moving.GetSpacing()))
    return np.tensordot(to_index, moved, axes=1)


def _interpolated(values: NDArray[np.floating], along: Between, axis: int) -> NDArray[np.floating]:
    """Return values between the points of an axis (1 or 2) of (3, y, x)."""
    low, share = along
    weight = share.astype(values.dtype)
    weight = weight[:, None] if axis == 1 else weight
    first = np.take(values, low, axis=axis)
    second = np.take(values, low + 1, axis=axis)
    second -= first
    second *= weight
    second += first
    return second
