"""Small working copies of the volumes: one orientation, one voxel size, cropped to what matters.

All of them are `SimpleITK` images that keep their place in physical space (LPS, mm), so a transform found
on them holds for the volumes they were made from.
"""

from __future__ import annotations

import itertools

import numpy as np
import SimpleITK as sitk


def oriented(image: sitk.Image) -> sitk.Image:
    """Return `image` with its axes permuted and flipped to the nearest of L, P, S; nothing moves in space."""
    return sitk.DICOMOrient(image, "LPS")


def coarser(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """Return `image` averaged to voxels of about `spacing_mm`; axes that are coarser already keep theirs.

    Averaging whole voxels first keeps fine detail from aliasing; linear interpolation does the rest.
    """
    factors = [max(1, int(spacing_mm / s + 0.05)) for s in image.GetSpacing()]
    factors = [min(f, n) for f, n in zip(factors, image.GetSize(), strict=True)]
    if max(factors) > 1:
        image = sitk.BinShrink(image, factors)
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


def clipped(image: sitk.Image, window_hu: tuple[float, float]) -> sitk.Image:
    """Return `image` as float32, clipped to `window_hu`."""
    return sitk.Clamp(image, sitk.sitkFloat32, *window_hu)


def onto_mask_grid(mask: sitk.Image, grid: sitk.Image) -> sitk.Image:
    """Return `mask` (any integer label map, above 0 is inside) as 0/1 uint8 on the voxels of `grid`."""
    share = sitk.Cast(mask > 0, sitk.sitkFloat32)
    share = coarser(share, min(grid.GetSpacing()))
    return sitk.Resample(share, grid, sitk.Transform(), sitk.sitkLinear, 0.0) >= 0.5


def dilated(mask: sitk.Image, margin_mm: float) -> sitk.Image:
    """Return the 0/1 mask of all voxels within `margin_mm` of `mask`."""
    distance = sitk.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=True)
    return distance <= margin_mm


def body_mask(volume_hu: sitk.Image) -> sitk.Image:
    """Return the 0/1 mask of the patient: the largest thing above -300 HU, its holes (lungs) filled."""
    above = sitk.BinaryMorphologicalOpening(volume_hu > -300.0, [1, 1, 1])
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(above), sortByObjectSize=True)
    array = sitk.GetArrayFromImage(parts == 1)
    filled = np.stack([_without_holes(plane) for plane in array])
    mask = sitk.GetImageFromArray(filled.astype(np.uint8))
    mask.CopyInformation(volume_hu)
    return mask


def _without_holes(plane: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    return ndimage.binary_fill_holes(plane)


def centre(mask: sitk.Image) -> np.ndarray | None:
    """Return the centre of mass of a mask (LPS, mm), or None when the mask is empty."""
    found = np.argwhere(sitk.GetArrayViewFromImage(mask) > 0)
    if len(found) == 0:
        return None
    return np.array(physical_point(mask, [float(v) for v in found.mean(axis=0)[::-1]]))


def bounding_points(mask: sitk.Image) -> np.ndarray:
    """Return the eight corners (8, 3) of the box of a mask that is not empty (LPS, mm)."""
    found = np.argwhere(sitk.GetArrayViewFromImage(mask) > 0)[:, ::-1]
    low, high = found.min(axis=0) - 0.5, found.max(axis=0) + 0.5
    corners = itertools.product(*zip(low, high, strict=True))
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
