"""Working grid of a stage, and resampling to and from it.

A stage works at a fixed pixel size, so that a lesion of 10 mm always has the same number of pixels. The slice
spacing of the volume is used as it is where it lies in the range that the stage was trained on, and clamped to
that range outside, since thick slices gain no detail by resampling.
"""

from __future__ import annotations

import math

import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError


def stage_grid(
    image: sitk.Image,
    *,
    in_plane_spacing_mm: float | None = None,
    in_plane_pixels: tuple[int, int] | None = None,
    slice_spacing_range_mm: tuple[float, float] | None = None,
) -> sitk.Image:
    """Return an empty image whose grid covers `image` at a stage's spacing.

    image: 3D, its slices along the third index axis (that is, brought to LPS order before).
    in_plane_spacing_mm: spacing of the first two index axes, exactly; None keeps the image's own.
    in_plane_pixels: rows and columns that the slices get instead, whatever spacing that gives.
    slice_spacing_range_mm: (smallest, largest); the image's own slice spacing is clamped to it. None keeps it.
    The grid has the image's direction, and its outer borders (voxel edges, not centers) start where the
    image's start and end at most one voxel beyond them; with `in_plane_pixels` they end where it ends.
    """
    old_spacing, old_size = image.GetSpacing(), image.GetSize()
    lowest, highest = slice_spacing_range_mm or (old_spacing[2], old_spacing[2])
    if (in_plane_spacing_mm is not None and in_plane_spacing_mm <= 0) or not 0 < lowest <= highest:
        raise InputError(
            f"a stage cannot work at {in_plane_spacing_mm} mm in plane and slices of "
            f"{lowest:g} to {highest:g} mm: spacings must be positive and the range must not be empty"
        )
    in_plane = [float(in_plane_spacing_mm or spacing) for spacing in old_spacing[:2]]
    if in_plane_pixels is not None:
        in_plane = [
            n * old / pixels
            for n, old, pixels in zip(old_size[:2], old_spacing[:2], in_plane_pixels[::-1], strict=True)
        ]
    spacing = (*in_plane, float(min(max(old_spacing[2], lowest), highest)))
    size = [
        max(1, math.ceil(n * old / new - 1e-6))
        for n, old, new in zip(old_size, old_spacing, spacing, strict=True)
    ]
    first_centre = [(new / old - 1.0) / 2.0 for old, new in zip(old_spacing, spacing, strict=True)]
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetSpacing(spacing)
    grid.SetDirection(image.GetDirection())
    grid.SetOrigin(image.TransformContinuousIndexToPhysicalPoint(first_centre))
    return grid


def resample_to_grid(
    image: sitk.Image,
    grid: sitk.Image,
    *,
    outside: float | None = None,
    transform: sitk.Transform | None = None,
) -> sitk.Image:
    """Resample a scalar image linearly onto another grid, as float32.

    Where the target is coarser, blocks of voxels are averaged first (an integer number of them along each
    axis), so that noise and fine detail do not alias.
    outside: value of everything more than half a voxel beyond the image's outermost centers; None repeats
    the border, which suits a stage grid: it ends less than one voxel beyond the image.
    transform: maps points of the grid to points of the image, in LPS mm; None is the identity. With a
    transform nothing is averaged first along axes that it could turn.
    """
    working = sitk.Cast(image, sitk.sitkFloat32)
    if transform is None:
        working = _averaged(working, grid)
    resampler = sitk.ResampleImageFilter()
    resampler.SetReferenceImage(grid)
    resampler.SetInterpolator(sitk.sitkLinear)
    if outside is None:
        resampler.UseNearestNeighborExtrapolatorOn()
    else:
        resampler.SetDefaultPixelValue(float(outside))
    resampler.SetOutputPixelType(sitk.sitkFloat32)
    if transform is not None:
        resampler.SetTransform(transform)
    return resampler.Execute(working)


def _averaged(image: sitk.Image, grid: sitk.Image) -> sitk.Image:
    """Average whole blocks of voxels where the grid's spacing is at least twice the image's."""
    factors = [
        max(1, int(new / old + 1e-6))
        for new, old in zip(_spacing_along(grid, image), image.GetSpacing(), strict=True)
    ]
    factors = [min(factor, size) for factor, size in zip(factors, image.GetSize(), strict=True)]
    if all(factor == 1 for factor in factors):
        return image
    padding = [-size % factor for size, factor in zip(image.GetSize(), factors, strict=True)]
    if any(padding):
        image = sitk.ZeroFluxNeumannPad(image, [0, 0, 0], padding)
    return sitk.BinShrink(image, factors)


def _spacing_along(grid: sitk.Image, image: sitk.Image) -> list[float]:
    """Return the grid's spacing along each index axis of the image, for grids whose axes run parallel."""
    grid_axes, image_axes = grid.GetDirection(), image.GetDirection()
    spacing = grid.GetSpacing()
    along = []
    for i in range(3):
        parallel = [
            abs(sum(image_axes[3 * r + i] * grid_axes[3 * r + g] for r in range(3))) for g in range(3)
        ]
        best = max(range(3), key=parallel.__getitem__)
        along.append(spacing[best])
    return along
