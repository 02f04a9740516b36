"""Input of a network: Hounsfield units to input values, neighboring slices as channels, and the stage's grid.

A stage works at a fixed pixel size, so that a lesion of 10 mm always has the same number of pixels. The slice
spacing of the volume is used as it is where it lies in the range that the stage was trained on, and clamped to
that range outside, since thick slices gain no detail by resampling.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.block_means import block_means
from LiverTumorAttentionLib.voxels.boxes import bounding_box
from LiverTumorAttentionLib.voxels.morphology import Mask
from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm, limit_mm


def window_hu(hu: ArrayLike, window: tuple[float, float]) -> NDArray[np.float32]:
    """Clip to a window and scale it to [0, 1].

    hu: any shape, in HU. window: (lowest, highest) HU, which become 0 and 1.
    Source: PA-ResSeg, section 3.A, clips to [-70, 180] HU. The paper does not say how the result is
    scaled; [0, 1] makes its "pixels outside the liver are set to zero" mean the window's lower end.
    Raises InputError when the window is empty.
    """
    low, high = float(window[0]), float(window[1])
    if not low < high:
        raise InputError(f"the HU window [{low:g}, {high:g}] is empty: give the lower value first")
    scaled = np.asarray(hu, dtype=np.float32)
    scaled = np.clip(scaled, low, high)
    scaled -= np.float32(low)
    scaled /= np.float32(high - low)
    return scaled


TISSUE_HU = (-150.0, 400.0)
"""What can be liver, healthy or not, with or without contrast; neither air, nor what lies outside a scan, nor metal."""


def liver_median_hu(
    hu: NDArray[np.floating[Any]], liver: Mask, *, erosion_mm: float, spacing_zyx_mm: Sequence[float]
) -> float:
    """Return the median of the liver in one phase, HU.

    hu: (z, y, x); for an arterial phase, registered. liver: the coarse liver on the same grid.
    erosion_mm: what lies nearer than this to the liver's border, voxel center to voxel center, does not count,
    because a coarse liver laps over its neighbors; a liver that is nowhere deeper counts whole. Values that are no
    tissue (TISSUE_HU), such as those outside a registered volume, do not count either.
    Raises `InputError` when nothing is left.
    """
    box = bounding_box(liver, (1, 1, 1))
    if box is not None:
        inside = liver[box]
        if erosion_mm > 0 and not inside.all():
            deep = distance_map_mm(~inside, spacing_zyx_mm) > limit_mm(erosion_mm)
            inside = deep if deep.any() else inside
        values = hu[box][inside]
        values = values[(values >= TISSUE_HU[0]) & (values <= TISSUE_HU[1])]
        if values.size:
            return float(np.median(values))
    raise InputError(
        f"no voxel of the liver lies between {TISSUE_HU[0]:g} and {TISSUE_HU[1]:g} HU, so its level cannot be "
        "measured: check that the volume is a CT in Hounsfield units, or choose another series"
    )


@dataclass(frozen=True, kw_only=True)
class Standard:
    """Z-score normalization of a volume, with clipped outliers.

    Source: DPC-Net, section III.A: the percentiles 0.5 and 99.5 of the volume clip it, then z-score.
    Departs: clipped and scaled after resampling instead of before; the numbers are those of the volume as
        it was scanned, so that they do not depend on the part of it that a network sees.
    """

    low: float
    high: float
    mean: float
    deviation: float

    @classmethod
    def of(cls, hu: ArrayLike, percentiles: tuple[float, float]) -> Standard:
        """Measure a whole volume, HU, of any shape. A volume of one value alone gets the deviation 1."""
        values = np.asarray(hu)
        low, high = (float(value) for value in np.percentile(values, percentiles))
        clipped = np.clip(values, low, high)
        deviation = float(clipped.std(dtype=np.float64))
        return cls(low=low, high=high, mean=float(clipped.mean(dtype=np.float64)), deviation=deviation or 1.0)

    def __call__(self, hu: ArrayLike) -> NDArray[np.float32]:
        """Return the clipped and scaled values, float32."""
        scaled = np.clip(np.asarray(hu, dtype=np.float32), self.low, self.high)
        scaled -= np.float32(self.mean)
        scaled /= np.float32(self.deviation)
        return scaled


def stack_neighbours(volume: NDArray[np.float32], index: int, neighbours: int = 1) -> NDArray[np.float32]:
    """Return slice `index` of a (z, y, x) volume with its neighbors, as (2 * neighbors + 1, y, x).

    Channels run from the lower to the higher z index; the slice itself stands in the middle. Beyond the
    first and the last slice the outermost one is repeated.
    Source: PA-ResSeg, section 4.B, stacks three adjacent slices of each phase.
    """
    if neighbours < 0 or not 0 <= index < volume.shape[0]:
        raise InputError(
            f"slice {index} with {neighbours} neighbours was asked of a volume of {volume.shape[0]} slices"
            ": choose one inside it"
        )
    wanted = np.arange(index - neighbours, index + neighbours + 1)
    return volume[np.clip(wanted, 0, volume.shape[0] - 1)]


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
            ": correct the grid"
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
    # Integers are read as they are: the interpolation computes in floating point anyway.
    working = _averaged(image, grid) if transform is None else image
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
    return block_means(image, factors, pad=True)


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
