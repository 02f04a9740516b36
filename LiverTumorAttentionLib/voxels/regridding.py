"""Bring a volume onto another grid of the same voxels: axes permuted, flipped, padded or cut, never interpolated."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.geometry import TOLERANCE_VOXELS, check_same_grid, same_grid


def to_lps(image: sitk.Image) -> sitk.Image:
    """Return `image` with its axes permuted and flipped so that x, y, z run nearest to L, P, S.

    An oblique volume stays oblique; a left-handed one (negative determinant) becomes right-handed, since
    the flips act on the axes and never on the anatomy. No voxel value and no voxel position changes.
    """
    return sitk.DICOMOrient(image, "LPS")


def from_lps(image: sitk.Image, reference: sitk.Image) -> sitk.Image:
    """Return `image`, which lies on an axis-permuted or flipped copy of `reference`'s grid, on that grid.

    The inverse of `to_lps`: ``from_lps(to_lps(v), v)`` is `v` exactly, origin and direction included.
    Raises `InputError` when the two grids are not the same set of points.
    """
    aligned = _axes_aligned(image, reference)
    if aligned is None or np.min(np.sum(_axes(aligned) * _axes(reference), axis=0)) < 1 - 1e-4:
        raise InputError("the two volumes have different oblique axes: resample one onto the other first")
    if not same_grid(aligned, reference):
        raise InputError(
            f"a volume of {_words(image)} does not fit the grid of {_words(reference)}: "
            "resample one onto the other first"
        )
    aligned.CopyInformation(reference)
    return aligned


def regridded(
    image: sitk.Image, grid: sitk.Image, name: str, grid_name: str, *, part: bool = False
) -> sitk.Image:
    """Return `image` with the axes and the extent of `grid`.

    Axes may be in another order and run the other way. part: whether `image` may be smaller or larger than the
    grid, as segmentations are that were stored for their own extent alone; what is not covered becomes 0.
    name, grid_name: how the user knows them. Raises `InputError` when voxels do not lie on voxels, when
    `image` does not cover the grid and `part` is False, and when a voxel that is not 0 lies outside of it.
    """
    aligned = _axes_aligned(image, grid)
    start = None if aligned is None or not _same_steps(aligned, grid) else _first_voxel(aligned, grid)
    if aligned is None or start is None:
        if not part or image.GetSize() == grid.GetSize():
            check_same_grid(grid, image, grid_name, name)
        raise InputError(
            f"the voxels of {name} do not lie on those of {grid_name}: resample it onto that grid first"
        )
    if aligned.GetSize() == grid.GetSize() and not start.any():
        aligned.CopyInformation(grid)
        return aligned
    if not part:
        check_same_grid(grid, image, grid_name, name)
        raise InputError(f"{name} covers only a part of {grid_name}: give one that covers the whole")
    return _pasted(aligned, grid, start, name, grid_name)


def _axes_aligned(image: sitk.Image, grid: sitk.Image) -> sitk.Image | None:
    """Return the image with its axes permuted and flipped to run nearest to the grid's; None when they cannot.

    Columns of a direction matrix are the axes; their products give, for each axis of the grid, the axis of the
    image that runs along it (+1) or against it (-1).
    """
    if image.GetDimension() != 3:
        return None
    agreement = _axes(image).T @ _axes(grid)
    order = [int(axis) for axis in np.abs(agreement).argmax(axis=0)]
    if sorted(order) != [0, 1, 2]:
        return None
    flips = [bool(agreement[axis, column] < 0) for column, axis in enumerate(order)]
    return sitk.Flip(sitk.PermuteAxes(image, order), flips, False)


def _same_steps(aligned: sitk.Image, grid: sitk.Image) -> bool:
    """Return whether directions and spacings agree: at the image's far corner, within a share of a voxel."""
    extent = np.asarray(aligned.GetSize()) * np.asarray(aligned.GetSpacing())
    rotation = (_axes(aligned) - _axes(grid)) * extent
    stretch = (np.asarray(aligned.GetSpacing()) - np.asarray(grid.GetSpacing())) * aligned.GetSize()
    limit = TOLERANCE_VOXELS * min(grid.GetSpacing())
    return bool(max(np.abs(rotation).max(), np.abs(stretch).max()) <= limit)


def _first_voxel(aligned: sitk.Image, grid: sitk.Image) -> np.ndarray | None:
    """Return the index (x, y, z) in the grid at which the image begins; None between voxels."""
    position = np.asarray(grid.TransformPhysicalPointToContinuousIndex(aligned.GetOrigin()))
    start = np.rint(position).astype(int)
    return start if np.abs(position - start).max() <= TOLERANCE_VOXELS else None


def _pasted(
    aligned: sitk.Image, grid: sitk.Image, start: np.ndarray, name: str, grid_name: str
) -> sitk.Image:
    voxels = sitk.GetArrayViewFromImage(aligned)
    whole = np.zeros(grid.GetSize()[::-1], voxels.dtype)
    target, source = [], []
    for first, length, room in zip(start[::-1], voxels.shape, whole.shape, strict=True):
        low, high = max(0, first), max(0, min(first + length, room))
        target.append(slice(low, high))
        source.append(slice(low - first, max(low, high) - first))
    inside = voxels[tuple(source)]
    lost = int(np.count_nonzero(voxels)) - int(np.count_nonzero(inside))
    if lost:
        raise InputError(
            f"{name} reaches beyond {grid_name} ({lost} voxels lie outside): choose the volume that it was "
            "made on"
        )
    whole[tuple(target)] = inside
    image = sitk.GetImageFromArray(whole)
    image.CopyInformation(grid)
    return image


def _axes(image: sitk.Image) -> np.ndarray:
    return np.asarray(image.GetDirection()).reshape(3, 3)


def _words(image: sitk.Image) -> str:
    size = " x ".join(str(length) for length in image.GetSize())
    spacing = " x ".join(f"{length:.4g}" for length in image.GetSpacing())
    return f"{size} voxels of {spacing} mm"
