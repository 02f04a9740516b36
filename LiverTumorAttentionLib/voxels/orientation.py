"""Bring a volume to LPS axes and a result back, voxel by voxel, without any interpolation."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError

TOLERANCE_MM = 1e-2


def to_lps(image: sitk.Image) -> sitk.Image:
    """Return `image` with its axes permuted and flipped so that x, y, z run nearest to L, P, S.

    An oblique volume stays oblique; a left-handed one (negative determinant) becomes right-handed, since
    the flips act on the axes and never on the anatomy. No voxel value and no voxel position changes.
    """
    return sitk.DICOMOrient(image, "LPS")


def back_to(image: sitk.Image, reference: sitk.Image) -> sitk.Image:
    """Return `image`, which lies on an axis-permuted or flipped copy of `reference`'s grid, on that grid.

    The inverse of `to_lps`: ``back_to(to_lps(v), v)`` is `v` exactly, origin and direction included.
    Raises `InputError` when the two grids are not the same set of points.
    """
    # Columns of a direction matrix are the axes; their products give, for each axis of the
    # reference, the axis of the image that runs along it (+1) or against it (-1).
    agreement = _axes(image).T @ _axes(reference)
    order = [int(axis) for axis in np.abs(agreement).argmax(axis=0)]
    signs = [agreement[axis, column] for column, axis in enumerate(order)]
    if sorted(order) != [0, 1, 2] or min(abs(sign) for sign in signs) < 1 - 1e-4:
        raise InputError("the two volumes have different oblique axes: resample one onto the other first")
    permuted = sitk.PermuteAxes(image, order)
    result = sitk.Flip(permuted, [bool(sign < 0) for sign in signs], False)
    if not same_grid(result, reference):
        raise InputError(
            f"a volume of {_words(image)} does not fit the grid of {_words(reference)}: "
            "resample one onto the other first"
        )
    result.CopyInformation(reference)
    return result


def same_grid(image: sitk.Image, other: sitk.Image, *, tolerance_mm: float = TOLERANCE_MM) -> bool:
    """Tell whether both volumes have the same size and their corner voxels lie within `tolerance_mm`."""
    if image.GetSize() != other.GetSize():
        return False
    corners = np.asarray(list(np.ndindex(2, 2, 2))) * (np.asarray(image.GetSize()) - 1)
    return all(
        np.allclose(
            image.TransformIndexToPhysicalPoint([int(i) for i in corner]),
            other.TransformIndexToPhysicalPoint([int(i) for i in corner]),
            atol=tolerance_mm,
            rtol=0,
        )
        for corner in corners
    )


def _axes(image: sitk.Image) -> np.ndarray:
    return np.asarray(image.GetDirection()).reshape(3, 3)


def _words(image: sitk.Image) -> str:
    size = " x ".join(str(length) for length in image.GetSize())
    spacing = " x ".join(f"{length:.4g}" for length in image.GetSpacing())
    return f"{size} voxels of {spacing} mm"
