"""Liver, tumors and vessels as smoothed volumes on one isotropic grid, to be rendered.

The grid's axes are the patient's: z towards the head, y towards the back, x towards the left. A mask is smoothed
by a Gaussian of the size of its voxels and interpolated, so that thick slices do not appear as staircases. Nothing is
measured on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.planning import CutSurface
from LiverTumorAttentionLib.voxels.boxes import Box, box_start
from LiverTumorAttentionLib.voxels.geometry import ImageAxes

MIN_SMOOTHING_MM = 0.8
LEVEL = 0.5
RESAMPLED_SMOOTHING = 0.35
"""Standard deviation of the smoothing after resampling, in voxels of the coarsest axis."""
CUBES_ALONG = 300
"""Voxels along the longest side of the grid."""
SMALLEST_CUBE_MM = 0.5
BORDER_VOXELS = 5
"""Padding around a mask before it is smoothed."""
ROOM_MM = 4.0
"""Margin around the bodies."""

COARSE_CUBES = 4
"""Every so many cubes the height above a curved cut is computed."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class IsotropicGrid:
    """A grid of cubic voxels. origin_mm: LPS position of the first center; step_mm: edge; shape: (z, y, x)."""

    origin_mm: NDArray[np.float64]
    step_mm: float
    shape: tuple[int, int, int]

    @classmethod
    def around(cls, box: Box, axes: ImageAxes) -> IsotropicGrid:
        """Return the grid around what lies in a box of an image."""
        ends = np.array([[part.start - 0.5, part.stop - 0.5] for part in box])
        corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
        positions = axes.position_mm(corners)
        low, high = positions.min(axis=0) - ROOM_MM, positions.max(axis=0) + ROOM_MM
        step = max(SMALLEST_CUBE_MM, float((high - low).max()) / CUBES_ALONG)
        x, y, z = (int(np.ceil(length / step)) for length in high - low)
        return cls(low + step / 2, step, (z, y, x))

    def image(self) -> sitk.Image:
        """Return an image with this geometry, to resample onto."""
        grid = sitk.Image(self.shape[::-1], sitk.sitkUInt8)
        grid.SetOrigin(self.origin_mm.tolist())
        grid.SetSpacing([self.step_mm] * 3)
        return grid


@dataclass(frozen=True)
class Solid:
    """A body on the grid of cubes.

    values: (z, y, x) float32, above `level` inside. start: the cube at which they begin; they may be a part of
    the grid.
    """

    values: NDArray[np.float32]
    start: tuple[int, int, int]
    level: float


def smoothed_solid(
    mask: Mask,
    box: Box,
    image: sitk.Image,
    cubes: IsotropicGrid,
    *,
    smoothing_voxels: float,
    level: float = LEVEL,
) -> Solid | None:
    """Return a body, given as mask (z, y, x) in a box of an image; None when it lies outside of the cubes.

    The mask has a voxel, and holds all of the body. level: where the smoothed body is cut; lower than a half for
    what is thin all along, as vessels are.
    """
    body = sitk.GetImageFromArray(np.pad(mask.astype(np.float32), BORDER_VOXELS))
    body.SetSpacing(image.GetSpacing())
    body.SetDirection(image.GetDirection())
    body.SetOrigin(ImageAxes.of(image).position_mm(box_start(box) - BORDER_VOXELS).tolist())
    sigma = [max(smoothing_voxels * step, MIN_SMOOTHING_MM) for step in image.GetSpacing()]
    smooth = sitk.SmoothingRecursiveGaussian(body, sigma)
    window = _window(smooth, cubes)
    if window is None:
        return None
    start, size = window
    grid = cubes.image()[
        tuple(slice(first, first + length) for first, length in zip(start, size, strict=True))
    ]
    fine = sitk.Resample(smooth, grid, sitk.Transform(), sitk.sitkLinear, 0.0)
    # Between the slices of a coarse grid a linear interpolation has edges, which shine.
    fine = sitk.SmoothingRecursiveGaussian(
        fine, max(RESAMPLED_SMOOTHING * max(image.GetSpacing()), cubes.step_mm)
    )
    values = sitk.GetArrayFromImage(fine)
    # What is smaller than the smoothing would vanish: it is cut at half of what is left of it.
    level = min(level, 0.5 * float(values.max()))
    return Solid(values.astype(np.float32, copy=False), (start[2], start[1], start[0]), level)


def height_field(surface: CutSurface, within: Solid, cubes: IsotropicGrid) -> Solid:
    """Return how high the cubes of a solid lie above a surface, mm: every fourth is computed, and between them it is
    interpolated."""
    coarse = [
        np.arange(-(-(length - 1) // COARSE_CUBES) + 1) * COARSE_CUBES for length in within.values.shape
    ]
    index = np.stack(np.meshgrid(*coarse, indexing="ij"), axis=-1) + np.array(within.start)
    values = surface.height_mm(cubes.origin_mm + cubes.step_mm * index[..., ::-1]).astype(np.float32)
    for axis, length in enumerate(within.values.shape):
        values = _interpolated(values, axis, length)
    return Solid(values, within.start, 0.0)


def _interpolated(values: NDArray[np.float32], axis: int, length: int) -> NDArray[np.float32]:
    """Return values between those at every fourth cube along an axis."""
    place = np.arange(length)
    low = np.minimum(place // COARSE_CUBES, max(values.shape[axis] - 2, 0))
    high = np.minimum(low + 1, values.shape[axis] - 1)
    share = ((place - COARSE_CUBES * low) / COARSE_CUBES).astype(np.float32)
    share = share.reshape([-1 if number == axis else 1 for number in range(values.ndim)])
    return np.asarray(values.take(low, axis) * (1 - share) + values.take(high, axis) * share)


def _window(body: sitk.Image, cubes: IsotropicGrid) -> tuple[list[int], list[int]] | None:
    """Return the first cube and the number of cubes (x, y, z) that cover an image, within the grid."""
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(body.GetSize()) - 1)
    positions = np.array([body.TransformIndexToPhysicalPoint(corner.tolist()) for corner in corners])
    places = (positions - cubes.origin_mm) / cubes.step_mm
    low = np.maximum(np.floor(places.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(places.max(axis=0)).astype(int) + 1, cubes.shape[::-1])
    if np.any(high <= low):
        return None
    return low.tolist(), (high - low).tolist()
