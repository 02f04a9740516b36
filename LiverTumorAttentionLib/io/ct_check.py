"""Is this a CT volume in Hounsfield units that can be segmented at all?"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.headers import check_axes, check_spacing, colour, not_finite

MIN_SLICES = 3
"""PA-ResSeg looks at a slice and its two neighbours; with fewer there is nothing to look at."""

SPACING_RANGE_MM = (0.05, 25.0)
"""Voxel sizes outside this range are those of a header in metres, or of no CT."""

ORTHONORMAL_TOLERANCE = 1e-3

FAT_HU = -20.0
"""Below this lie fat (-150 to -50 HU), lung and air, and nothing of a normalised or MR volume."""

MIN_FAT_OR_AIR_SHARE = 0.002
SOFT_TISSUE_HU = (-200.0, 400.0)
MIN_SOFT_TISSUE_SHARE = 0.01
MAX_HU_99_PERCENT = 4000.0
"""Bone ends near 2000 HU and the 12-bit scale at 3071; only a few metal voxels may lie above."""


def check_ct(image: sitk.Image, name: str = "portal volume") -> sitk.Image:
    """Return `image` as one 3D volume, or raise `InputError` when it cannot be a CT in HU.

    A 4D image that holds a single volume is squeezed. Volumes that were cropped, masked with zero or
    clipped to a window such as [-200, 250] HU pass: what is asked for is some fat or air and some soft
    tissue, nothing more. name: what to call the volume in the message.
    """
    volume = as_volume(image, name)
    check_geometry(volume, name)
    check_values(volume, name)
    return volume


def as_volume(image: sitk.Image, name: str, path: object = "") -> sitk.Image:
    """Return a scalar 3D image; squeeze a 4D one that holds one volume; else raise `InputError`."""
    where = str(path)
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise colour(where, name)
    if "complex" in image.GetPixelIDTypeAsString():
        raise InputError(f"the {name} '{where}' holds complex numbers: choose a CT volume in HU")
    check_axes(image.GetSize(), where, name)
    while image.GetDimension() > 3:
        size = list(image.GetSize())
        size[-1] = 0
        image = sitk.Extract(
            image, size, [0] * len(size), sitk.ExtractImageFilter.DIRECTIONCOLLAPSETOSUBMATRIX
        )
    return image


def check_geometry(image: sitk.Image, name: str) -> None:
    """Raise `InputError` for too few slices, impossible voxel sizes or axes that are not at right angles."""
    size = image.GetSize()
    if min(size) < MIN_SLICES:
        got = " x ".join(str(length) for length in size)
        raise InputError(
            f"the {name} has only {min(size)} slice(s) ({got} voxels), at least {MIN_SLICES} are needed: "
            "choose the whole series"
        )
    spacing = image.GetSpacing()
    check_spacing(spacing, "", name)
    low, high = SPACING_RANGE_MM
    if min(spacing) < low or max(spacing) > high:
        got = " x ".join(f"{length:.4g}" for length in spacing)
        raise InputError(
            f"the {name} has voxels of {got} mm, which no CT has ({low:g} to {high:g} mm): "
            "export it again with its true spacing"
        )
    axes = np.asarray(image.GetDirection()).reshape(3, 3)
    if not np.isfinite(axes).all() or np.abs(axes.T @ axes - np.eye(3)).max() > ORTHONORMAL_TOLERANCE:
        raise InputError(
            f"the axes of the {name} are not at right angles (gantry tilt or a sheared export): "
            "resample it to an upright grid first"
        )


def check_values(image: sitk.Image, name: str) -> None:
    """Raise `InputError` for voxels that are not finite, all alike, or not on the Hounsfield scale."""
    voxels = sitk.GetArrayViewFromImage(image)
    if voxels.dtype.kind == "f":
        bad = int(voxels.size - np.count_nonzero(np.isfinite(voxels)))
        if bad:
            raise not_finite(bad, name)
    low, high = float(voxels.min()), float(voxels.max())
    if low == high:
        raise InputError(f"all voxels of the {name} have the value {low:g}: choose a CT volume in HU")
    problem = _not_hounsfield(voxels, low, high)
    if problem is not None:
        raise InputError(f"the {name} is not in Hounsfield units (values {low:g} to {high:g}): {problem}")


def _not_hounsfield(voxels: np.ndarray, low: float, high: float) -> str | None:
    """Return why the values cannot be HU and what to do, or None."""
    step = max(1, voxels.size // 2_000_000)
    sample = voxels.reshape(-1)[::step]
    if low >= 0 and 64 <= high <= 256:
        return "it looks like a picture of grey values 0 to 255; choose the original CT series"
    if low >= 0 and high >= 2000 and float(np.mean((sample > 900) & (sample < 1300))) > 0.05:
        return (
            "it looks like stored CT values without the rescale offset; subtract 1024 or export the "
            "series again with its rescale intercept"
        )
    if float(np.mean(sample < FAT_HU)) < MIN_FAT_OR_AIR_SHARE:
        return (
            "it has no fat or air below -20 HU, so it may be an MR or a normalised volume; choose a CT series"
        )
    inside = (sample >= SOFT_TISSUE_HU[0]) & (sample <= SOFT_TISSUE_HU[1])
    if float(np.mean(inside)) < MIN_SOFT_TISSUE_SHARE:
        return "it has hardly any soft tissue between -200 and 400 HU; check its rescale intercept and slope"
    if float(np.percentile(sample, 99)) > MAX_HU_99_PERCENT:
        return "too many voxels lie above 4000 HU; check its rescale intercept and slope"
    return None
