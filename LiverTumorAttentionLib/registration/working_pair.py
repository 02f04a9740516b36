"""The two phases as registration works on them: in LPS order, with masks, cropped and resampled to any spacing.

All images keep their physical space (LPS, mm), so that a transform found on them holds for the volumes they were
made from.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration.settings import RegistrationSettings
from LiverTumorAttentionLib.voxels.block_means import Prepare, block_means
from LiverTumorAttentionLib.voxels.boxes import bounding_box
from LiverTumorAttentionLib.voxels.geometry import to_lps
from LiverTumorAttentionLib.voxels.morphology import fill_holes, largest_component

MOVING_MARGIN_MM = 25.0
"""Margin of the arterial volume around the region, for the region to move in."""


@dataclass(frozen=True, kw_only=True)
class ResampledPair:
    """Two volumes on working grids, clipped to one window, with the region to compare and corresponding points.

    region: 0/1 mask on fixed's grid in which the two are compared.
    liver: 0/1 mask of the fixed liver on fixed's grid, or None where it is not known.
    centroids: point pairs (fixed, moving) (LPS, mm) that may correspond, such as the bodies' centroids.
    """

    fixed: sitk.Image
    moving: sitk.Image
    region: sitk.Image
    liver: sitk.Image | None = None
    centroids: tuple[tuple[np.ndarray, np.ndarray], ...] = ()


@dataclass(frozen=True, kw_only=True)
class WorkingPair:
    """The two volumes in LPS order, with masks, to be resampled to any working grid.

    target: subject of the verdict: the portal liver, or the body where no liver is known. region: target with a margin.
    arterial_grid: the working grid of the arterial volume's masks.
    """

    portal: sitk.Image
    arterial: sitk.Image
    target: sitk.Image
    region: sitk.Image
    arterial_grid: sitk.Image
    portal_liver: sitk.Image | None
    arterial_liver: sitk.Image | None
    centroids: tuple[tuple[np.ndarray, np.ndarray], ...]
    window_hu: tuple[float, float]

    @classmethod
    def prepare(
        cls,
        portal: sitk.Image,
        arterial: sitk.Image,
        portal_liver: sitk.Image | None,
        arterial_liver: sitk.Image | None,
        settings: RegistrationSettings,
        progress: Progress,
    ) -> WorkingPair:
        """Return the working copies of two volumes and their liver masks; None where a liver is not known.

        Raises `InputError` when the portal volume shows no body.
        """
        spacing = settings.rigid_spacing_mm
        volumes = [to_lps(portal), to_lps(arterial)]
        coarse = [downsampled(v, spacing) for v in volumes]
        progress.update(0.5)
        bodies = [body_mask(v) for v in coarse]
        livers = [
            None if mask is None else resampled_mask(to_lps(mask), grid)
            for mask, grid in zip((portal_liver, arterial_liver), coarse, strict=True)
        ]
        livers = [m if m is not None and centroid(m) is not None else None for m in livers]
        pairs = [(centroid(a), centroid(b)) for a, b in (bodies, livers) if a is not None and b is not None]
        target = livers[0] if livers[0] is not None else bodies[0]
        if centroid(target) is None:
            raise InputError("the portal volume shows no body above -300 HU: choose a CT series in HU")
        margin = settings.region_margin_mm if livers[0] is not None else spacing
        progress.update(1.0)
        return cls(
            portal=volumes[0],
            arterial=volumes[1],
            target=target,
            region=dilated(target, margin),
            arterial_grid=bodies[1],
            portal_liver=livers[0],
            arterial_liver=livers[1],
            centroids=tuple((a, b) for a, b in pairs if a is not None and b is not None),
            window_hu=settings.window_hu,
        )

    def resampled(self, spacing_mm: float, around: sitk.Transform | None = None) -> ResampledPair:
        """Return both volumes at `spacing_mm`, portal cropped to the region, arterial to `around` of it."""
        corners = bounding_corners(self.region)
        fixed = cropped(self.portal, corners, 2 * spacing_mm)
        moving: sitk.Image | None = self.arterial
        if around is not None:
            there = np.array([around.TransformPoint([float(v) for v in p]) for p in corners])
            moving = cropped(self.arterial, there, MOVING_MARGIN_MM)

        def at_spacing(volume: sitk.Image) -> sitk.Image:
            return downsampled(volume, spacing_mm, lambda plane: clipped(plane, self.window_hu))

        fixed = at_spacing(fixed if fixed is not None else self.portal)
        moving = at_spacing(moving if moving is not None else self.arterial)
        region, target = (
            sitk.Resample(mask, fixed, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
            for mask in (self.region, self.target)
        )
        liver = None if self.portal_liver is None else target
        return ResampledPair(fixed=fixed, moving=moving, region=region, liver=liver, centroids=self.centroids)

    def exchanged(self, linear: sitk.Transform, settings: RegistrationSettings) -> WorkingPair | None:
        """Return the working pair of the volumes exchanged; None where the target lies outside the arterial volume.

        linear: portal to arterial points; it brings the target there where the arterial liver is not known.
        """
        target = self.arterial_liver
        if target is None:
            target = sitk.Resample(
                self.target, self.arterial_grid, linear.GetInverse(), sitk.sitkNearestNeighbor, 0
            )
        if centroid(target) is None:
            return None
        return replace(
            self,
            portal=self.arterial,
            arterial=self.portal,
            target=target,
            region=dilated(target, settings.region_margin_mm),
            arterial_grid=self.target,
            portal_liver=None if self.portal_liver is None else target,
            arterial_liver=self.portal_liver,
            centroids=(),
        )


def downsampled(image: sitk.Image, spacing_mm: float, prepare: Prepare | None = None) -> sitk.Image:
    """Return `image` averaged to voxels of about `spacing_mm`, float32; axes that are coarser already keep theirs.

    prepare: applied to the voxels before they are averaged.
    Averaging whole voxels first keeps fine detail from aliasing; linear interpolation does the rest.
    """
    factors = [max(1, int(spacing_mm / s + 0.05)) for s in image.GetSpacing()]
    factors = [min(f, n) for f, n in zip(factors, image.GetSize(), strict=True)]
    image = block_means(image, factors, prepare)
    spacing = [max(spacing_mm, s) for s in image.GetSpacing()]
    size = [
        max(1, int(np.ceil(n * s / wanted - 1e-6)))
        for n, s, wanted in zip(image.GetSize(), image.GetSpacing(), spacing, strict=True)
    ]
    if list(image.GetSize()) == size:
        return image
    shift = [(wanted - s) / 2 for wanted, s in zip(spacing, image.GetSpacing(), strict=True)]
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetSpacing(spacing)
    grid.SetDirection(image.GetDirection())
    grid.SetOrigin(physical_point(image, [a / s for a, s in zip(shift, image.GetSpacing(), strict=True)]))
    resampler = sitk.ResampleImageFilter()
    resampler.SetReferenceImage(grid)
    resampler.SetInterpolator(sitk.sitkLinear)
    resampler.UseNearestNeighborExtrapolatorOn()
    return resampler.Execute(image)


def physical_point(image: sitk.Image, index: list[float]) -> tuple[float, ...]:
    """Return the LPS point (mm) of a continuous index (x, y, z) of `image`."""
    return tuple(image.TransformContinuousIndexToPhysicalPoint(index))


def clipped(hu: NDArray[Any], window_hu: tuple[float, float]) -> NDArray[np.float32]:
    """Return voxels as float32, clipped to `window_hu`."""
    return np.clip(hu.astype(np.float32), *window_hu)


def resampled_mask(mask: sitk.Image, grid: sitk.Image) -> sitk.Image:
    """Return `mask` (any integer label map, above 0 is inside) as 0/1 uint8 on the voxels of `grid`."""
    share = downsampled(mask, min(grid.GetSpacing()), lambda plane: plane > 0)
    return sitk.Resample(share, grid, sitk.Transform(), sitk.sitkLinear, 0.0) >= 0.5


def dilated(mask: sitk.Image, margin_mm: float) -> sitk.Image:
    """Return the 0/1 mask of all voxels within `margin_mm` of `mask`."""
    distance = sitk.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=True)
    return distance <= margin_mm


def body_mask(volume_hu: sitk.Image) -> sitk.Image:
    """Return the 0/1 mask of the patient: the largest component above -300 HU, its holes (lungs) filled by slice."""
    above = sitk.BinaryMorphologicalOpening(volume_hu > -300.0, [1, 1, 1])
    body = largest_component(sitk.GetArrayViewFromImage(above) > 0)
    mask = sitk.GetImageFromArray(np.stack([fill_holes(plane) for plane in body]).astype(np.uint8))
    mask.CopyInformation(volume_hu)
    return mask


def centroid(mask: sitk.Image) -> np.ndarray | None:
    """Return the center of mass of a mask (LPS, mm), or None when the mask is empty."""
    found = np.argwhere(sitk.GetArrayViewFromImage(mask) > 0)
    if len(found) == 0:
        return None
    return np.array(physical_point(mask, [float(v) for v in found.mean(axis=0)[::-1]]))


def bounding_corners(mask: sitk.Image) -> np.ndarray:
    """Return the eight corners (8, 3) of the box of a mask that is not empty (LPS, mm)."""
    box = bounding_box(sitk.GetArrayViewFromImage(mask))
    if box is None:
        raise ValueError("an empty mask has no corners")
    corners = itertools.product(*((side.start - 0.5, side.stop - 0.5) for side in box[::-1]))
    return np.array([physical_point(mask, [float(v) for v in c]) for c in corners])


def cropped(image: sitk.Image, points: np.ndarray, margin_mm: float) -> sitk.Image | None:
    """Return `image` cropped to the box of `points` (n, 3; LPS, mm) and `margin_mm` more; None if outside."""
    indices = np.array([image.TransformPhysicalPointToContinuousIndex([float(v) for v in p]) for p in points])
    margin = margin_mm / np.array(image.GetSpacing())
    low = np.maximum(np.floor(indices.min(axis=0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(indices.max(axis=0) + margin) + 1, image.GetSize()).astype(int)
    if np.any(high - low < 2):
        return None
    return sitk.RegionOfInterest(image, [int(v) for v in high - low], [int(v) for v in low])
