"""Bring a volume that covers a grid, or a part of it, onto that grid voxel by voxel, without interpolation."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.geometry import TOLERANCE_VOXELS, check_same_grid


def placed_on(
    image: sitk.Image, grid: sitk.Image, name: str, grid_name: str, *, part: bool = False
) -> sitk.Image:
    """Return `image` with the axes and the extent of `grid`.

    Axes may be in another order and run the other way. part: whether `image` may be smaller or larger than the
    grid, as segmentations are that were stored for their own extent alone; what is not covered becomes 0.
    name, grid_name: how the user knows them. Raises `InputError` when voxels do not lie on voxels, when
    `image` does not cover the grid and `part` is False, and when a voxel that is not 0 lies outside of it.
    """
    turned = _turned(image, grid)
    start = None if turned is None else _first_voxel(turned, grid)
    if turned is None or start is None:
        if not part or image.GetSize() == grid.GetSize():
            check_same_grid(grid, image, grid_name, name)
        raise InputError(
            f"the voxels of {name} do not lie on those of {grid_name}: resample it onto that grid first"
        )
    if turned.GetSize() == grid.GetSize() and not start.any():
        turned.CopyInformation(grid)
        return turned
    if not part:
        check_same_grid(grid, image, grid_name, name)
        raise InputError(f"{name} covers only a part of {grid_name}: give one that covers the whole")
    return _pasted(turned, grid, start, name, grid_name)


def _turned(image: sitk.Image, grid: sitk.Image) -> sitk.Image | None:
    """Return the image with its axes along those of the grid; None where they do not fit."""
    if image.GetDimension() != 3:
        return None
    agreement = np.reshape(image.GetDirection(), (3, 3)).T @ np.reshape(grid.GetDirection(), (3, 3))
    order = [int(axis) for axis in np.abs(agreement).argmax(axis=0)]
    if sorted(order) != [0, 1, 2]:
        return None
    signs = [agreement[axis, column] for column, axis in enumerate(order)]
    turned = sitk.Flip(sitk.PermuteAxes(image, order), [bool(sign < 0) for sign in signs], False)
    # What differs at the far corner counts, in voxels: the product of a small angle and a long way.
    reach = np.asarray(turned.GetSize()) * np.asarray(turned.GetSpacing())
    off = (np.reshape(turned.GetDirection(), (3, 3)) - np.reshape(grid.GetDirection(), (3, 3))) * reach
    stretch = (np.asarray(turned.GetSpacing()) - np.asarray(grid.GetSpacing())) * turned.GetSize()
    limit = TOLERANCE_VOXELS * min(grid.GetSpacing())
    return turned if max(np.abs(off).max(), np.abs(stretch).max()) <= limit else None


def _first_voxel(turned: sitk.Image, grid: sitk.Image) -> np.ndarray | None:
    """Return the index (x, y, z) in the grid at which the image begins; None between voxels."""
    place = np.asarray(grid.TransformPhysicalPointToContinuousIndex(turned.GetOrigin()))
    start = np.rint(place).astype(int)
    return start if np.abs(place - start).max() <= TOLERANCE_VOXELS else None


def _pasted(turned: sitk.Image, grid: sitk.Image, start: np.ndarray, name: str, grid_name: str) -> sitk.Image:
    voxels = sitk.GetArrayViewFromImage(turned)
    whole = np.zeros(grid.GetSize()[::-1], voxels.dtype)
    target, source = [], []
    for first, length, room in zip(start[::-1], voxels.shape, whole.shape, strict=True):
        low, high = max(0, first), max(0, min(first + length, room))
        target.append(slice(low, high))
        source.append(slice(low - first, max(low, high) - first))
    kept = voxels[tuple(source)]
    lost = int(np.count_nonzero(voxels)) - int(np.count_nonzero(kept))
    if lost:
        raise InputError(
            f"{name} reaches beyond {grid_name} ({lost} voxels lie outside): choose the volume that it was "
            "made on"
        )
    whole[tuple(target)] = kept
    image = sitk.GetImageFromArray(whole)
    image.CopyInformation(grid)
    return image
