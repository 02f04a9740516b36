"""Body, spine and great vessels of the upper abdomen on a coarse grid, by simple anatomy, and their HU.

Nothing here is a segmentation: each region is a part of a structure that is large enough to be measured. The order is
that of certainty: the spine from its bone, aorta and inferior vena cava beside it as even, upright tubes, the liver as
the mask that is given or the largest even organ on the right, kidneys and spleen as the compact organs beside the spine
and on the left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.voxels.block_means import Prepare, block_means
from LiverTumorAttentionLib.voxels.boxes import bounding_box, full_box
from LiverTumorAttentionLib.voxels.geometry import to_lps

GRID_MM = 4.0
"""Voxels on which everything is measured; noise is averaged away, and the aorta still is five voxels wide."""
BODY_HU = -300.0
BONE_HU = 200.0
SPINE_SMOOTHING_MM = 12.0
BACK_TO_SPINE_MM = 95.0
"""The spine lies within that of the skin of the back, bowel with contrast mostly farther in front."""
OFF_MIDDLE_MM = 25.0
"""How far the spine lies beside the middle of what is seen of the body, as a standard deviation."""
TIP_TO_FRONT_MM = (58.0, 115.0)
"""How far in front of the spinous processes the great vessels lie: vertebral arch, canal, vertebral body, vessel."""
AORTA_MM, CAVA_MM = (-14.0, 48.0), (-46.0, -9.0)
"""Sideways from the spine, to the left."""
FRONT_OF_CAVA_MM = 70.0
"""The inferior vena cava lies beside the front of the vertebral bodies, never beside their middle."""
PERIOD_MM = 36.0
"""A vertebra with its disc: along it bone and disc differ, and a vessel does not."""
UNEVEN_HU = 50.0
"""What varies by this across a few voxels, or along a vertebra and its disc, hardly is a vessel."""
EDGE_SHARE = 0.3
"""How much of a vessel's contrast to fat that may be; and what is brighter than `ARTERY_HU` is no marrow."""
ARTERY_HU = 230.0
LEVELS_HU = tuple(float(level) for level in range(15, 466, 15))
LEVEL_SD_HU = 18.0
"""A vessel has one level along its course; those that are tried, and how far it may depart from it."""
LEAST_COURSE = 0.4
"""Of several tubes the brightest is the vessel, if it runs that far as the longest one: muscles run along it."""
DOUBTFUL_COURSE = 0.2
"""One that is brighter and runs at least this far may be the vessel or not: then none is told."""
LARGEST_AORTA_CM2 = 5.0
"""Cross-section of an aorta of 25 mm; what is even and of one level over more is bowel with contrast agent."""
SAME_LEVEL_HU = (8.0, 20.0)
"""How far the mean of 3 x 3 voxels and a voxel itself depart from the level of what they belong to."""
VERTEBRA_MM = (62.0, 26.0, 24.0)
"""Middle of the vertebral body in front of the tips, and its half axes forward and sideways."""
BONE_WEIGHT = 0.35
"""How much a course through the place of the vertebrae counts: vessels lie there only where the spine is bent."""
ORGAN_HU = (-10.0, 220.0)
EVEN_HU = 40.0
RIM_MM = 9.0

_DISC = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], np.float32) / 5

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Region:
    """A measured region: median HU, half of the middle 68 % of its values (HU), and volume (mL)."""

    hu: float
    spread_hu: float
    volume_ml: float


@dataclass(frozen=True, kw_only=True)
class Coarse:
    """A CT on a coarse grid in LPS order: HU (z, y, x), and the liver where it is known."""

    hu: Array
    spacing_zyx_mm: tuple[float, float, float]
    liver: Mask | None


def coarse(image: sitk.Image, liver: sitk.Image | None = None) -> Coarse:
    """Return a CT (HU, any orientation) averaged to about `GRID_MM`; liver: a mask on its grid."""
    hu = coarse_image(image)
    organ = None
    if liver is not None:
        share = _averaged(to_lps(liver), lambda plane: plane > 0)
        share = sitk.Resample(share, hu, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkLinear, 0.0)
        organ = sitk.GetArrayFromImage(share) >= 0.5
    values = np.clip(sitk.GetArrayFromImage(hu), -1024, 3071).astype(np.float32)
    return Coarse(hu=values, spacing_zyx_mm=hu.GetSpacing()[::-1], liver=organ)


def coarse_image(image: sitk.Image) -> sitk.Image:
    """Return a CT (HU, any orientation) averaged to about `GRID_MM`, in LPS order and at its place."""
    small = _averaged(to_lps(image))
    extent = [n * s for n, s in zip(small.GetSize(), small.GetSpacing(), strict=True)]
    size = [max(1, round(length / GRID_MM)) for length in extent]
    grid = sitk.Image(size, sitk.sitkFloat32)
    grid.SetSpacing([length / n for length, n in zip(extent, size, strict=True)])
    grid.SetDirection(small.GetDirection())
    half = [0.5 * (g / s - 1) for g, s in zip(grid.GetSpacing(), small.GetSpacing(), strict=True)]
    grid.SetOrigin(small.TransformContinuousIndexToPhysicalPoint(half))
    return sitk.Resample(small, grid, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkLinear, -1024.0)


def _averaged(image: sitk.Image, prepare: Prepare | None = None) -> sitk.Image:
    factors = [
        max(1, min(n, int(GRID_MM / s + 0.3)))
        for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    return block_means(image, factors, prepare)


@dataclass(frozen=True, kw_only=True)
class Spine:
    """Where the spine runs: sideways index, and the index of the tips of the spinous processes, per slice."""

    x: NDArray[np.float64]
    tip: NDArray[np.float64]


def body_of(scan: Coarse) -> Mask:
    """Return the body without table and arms."""
    solid = scan.hu > BODY_HU
    solid = ndimage.binary_opening(solid, np.ones((1, 5, 5), bool))
    labels, count = ndimage.label(solid)
    if count == 0:
        return solid
    return filled(labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:])))


def filled(mask: Mask) -> Mask:
    """Return a mask (z, y, x) with the holes of each slice filled."""
    in_plane = np.zeros((3, 3, 3), bool)
    in_plane[1] = ndimage.generate_binary_structure(2, 1)
    labels, count = ndimage.label(~mask, in_plane)
    outside = np.zeros(count + 1, bool)
    for side in (labels[:, [0, -1]], labels[:, :, [0, -1]]):
        outside[np.unique(side)] = True
    outside[0] = False  # the mask itself
    return ~outside[labels]


def find_spine(scan: Coarse, body: Mask) -> Spine | None:
    """Return the course of the spine; None where no bone runs along the middle of the back."""
    dz, dy, dx = scan.spacing_zyx_mm
    bone = (scan.hu > BONE_HU) & body
    if not body.any():
        return None
    rows, columns = np.asarray(body.any(axis=2)), np.asarray(body.any(axis=1))
    back = rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
    left = columns.argmax(axis=1)
    right = columns.shape[1] - 1 - columns[:, ::-1].argmax(axis=1)
    middle = float(np.median(0.5 * (left + right)[columns.any(axis=1)]))
    near = (back[:, None] - np.arange(rows.shape[1])[None, :]) * dy < BACK_TO_SPINE_MM
    rear = bone & near[:, :, None]
    offset = (np.arange(bone.shape[2]) - middle) * dx / OFF_MIDDLE_MM
    profile = ndimage.gaussian_filter1d(rear.sum(axis=(0, 1)).astype(float), SPINE_SMOOTHING_MM / dx)
    profile *= np.exp(-0.5 * offset**2)
    if profile.max() <= 0:
        return None
    x0 = int(profile.argmax())
    reach, width = round(20 / dx), round(12 / dx)
    count = len(bone)
    x, tip = np.full(count, np.nan), np.full(count, np.nan)
    band = rear[:, :, max(0, x0 - reach) : x0 + reach + 1]
    around = ndimage.uniform_filter1d(band.astype(float), max(1, round(PERIOD_MM / dz)), axis=0)
    start = max(0, x0 - reach)
    for z in range(count):
        weights = around[z].sum(axis=0)
        if weights.sum() <= 0:
            continue
        x[z] = start + float((weights * np.arange(len(weights))).sum() / weights.sum())
        near = around[z][:, max(0, round(x[z]) - start - width) : round(x[z]) - start + width + 1].max(axis=1)
        filled = np.flatnonzero(near > 0.15)
        if filled.size:
            tip[z] = filled.max()
    known = np.isfinite(x) & np.isfinite(tip)
    if known.mean() < 0.5:
        return None
    every = np.arange(count)
    steady = max(1.0, PERIOD_MM / dz)
    x = ndimage.gaussian_filter1d(np.interp(every, every[known], x[known]), steady, mode="nearest")
    tip = ndimage.gaussian_filter1d(
        ndimage.median_filter(
            np.interp(every, every[known], tip[known]), size=max(3, round(PERIOD_MM / dz)), mode="nearest"
        ),
        steady / 2,
        mode="nearest",
    )
    return Spine(x=x, tip=tip)


def find_aorta(scan: Coarse, body: Mask, spine: Spine) -> tuple[Region, Mask] | None:
    """Return the aorta; None where the volume does not reach that far, or it may be bowel with contrast agent."""
    found = _tube(scan, body, spine, AORTA_MM, TIP_TO_FRONT_MM, None)
    if found is not None and found[0].hu > ARTERY_HU and _is_bowel(scan, body, found[0].hu):
        return None
    return found


def _is_bowel(scan: Coarse, body: Mask, level_hu: float) -> bool:
    """Whether what is as even and bright as a vessel takes up more of the slices than an aorta does."""
    _, dy, dx = scan.spacing_zyx_mm
    mean = ndimage.uniform_filter(scan.hu, (1, 3, 3))
    alike = (np.abs(mean - level_hu) < SAME_LEVEL_HU[0]) & (np.abs(scan.hu - level_hu) < SAME_LEVEL_HU[1])
    return bool(np.median((alike & body).sum(axis=(1, 2))) * dy * dx / 100 > LARGEST_AORTA_CM2)


def find_cava(scan: Coarse, body: Mask, spine: Spine, aorta: Mask) -> tuple[Region, Mask] | None:
    """Return the inferior vena cava, or what lies in its place and is brighter; None where nothing does."""
    other = ndimage.binary_dilation(aorta, np.ones((1, 3, 3), bool))
    return _tube(scan, body, spine, CAVA_MM, (FRONT_OF_CAVA_MM, TIP_TO_FRONT_MM[1]), other)


def _tube(
    scan: Coarse,
    body: Mask,
    spine: Spine,
    sideways_mm: tuple[float, float],
    ahead_mm: tuple[float, float],
    other: Mask | None,
) -> tuple[Region, Mask] | None:
    """Return the brightest even structure that runs along the body in a window beside the spine, and its voxels.

    None where there is none, and where one as bright as only an artery is runs a part of the way. What is less bright
    there may be bone or bowel, and leaves the one that was found.
    """
    dz, dy, dx = scan.spacing_zyx_mm
    ahead = (spine.tip[:, None, None] - np.arange(scan.hu.shape[1])[None, :, None]) * dy
    left = (np.arange(scan.hu.shape[2])[None, None, :] - spine.x[:, None, None]) * dx
    window = (ahead >= ahead_mm[0]) & (ahead <= ahead_mm[1]) & (left >= sideways_mm[0])
    window &= left <= sideways_mm[1]
    if not window.any(axis=(1, 2)).all():
        return None
    _, rows, columns = bounding_box(window, (0, 4, 4)) or full_box(window.shape)
    box = (slice(None), rows, columns)
    hu = scan.hu[box]
    disc = ndimage.convolve(hu, _DISC, mode="nearest")
    uneven = np.sqrt(np.maximum(ndimage.convolve(hu**2, _DISC, mode="nearest") - disc**2, 0))
    along = _range_along(
        ndimage.uniform_filter1d(disc, 3, axis=0, mode="nearest"), max(1, round(PERIOD_MM / 2 / dz))
    )
    middle, forward, side = VERTEBRA_MM
    bone = ((ahead[:, rows] - middle) / forward) ** 2 + (left[:, :, columns] / side) ** 2 < 1
    # At the rim of a narrow vessel voxels hold fat as well, the more so the brighter the vessel is.
    rim = EDGE_SHARE * (disc + 100)
    across = np.maximum(UNEVEN_HU, rim)
    upright = np.where(disc > ARTERY_HU, rim, UNEVEN_HU)
    tubular = np.exp(-((uneven / across) ** 2) - (along / upright) ** 2) * np.where(bone, BONE_WEIGHT, 1.0)
    tubular *= window[box] & (body if other is None else body & ~other)[box]
    levels = np.array(LEVELS_HU, disc.dtype)[:, None, None, None]
    paths = _steady_paths(tubular * np.exp(-0.5 * ((disc - levels) / LEVEL_SD_HU) ** 2))
    best = max(total for total, _ in paths)
    if best <= 0:
        return None
    brighter: float | None = None
    for total, path in reversed(paths):
        if total < DOUBTFUL_COURSE * best:
            continue
        at = (np.arange(len(hu)), path[:, 0], path[:, 1])
        found, quality = disc[at], (uneven + along)[at]
        # Where the vessel leaves the window the path runs through something else, which is less even.
        region = region_of(found[quality <= np.median(quality)], scan)
        if region.spread_hu > max(UNEVEN_HU, EDGE_SHARE * region.hu) / 2:
            continue
        if total >= LEAST_COURSE * best:
            break
        brighter = max(brighter or region.hu, region.hu)
    else:
        return None
    if brighter is not None and brighter > ARTERY_HU and brighter - region.hu > UNEVEN_HU:
        return None
    mask = np.zeros(scan.hu.shape, bool)
    mask[box][at] = True
    return region, ndimage.binary_dilation(mask, np.ones((1, 3, 3), bool))


def _range_along(hu: Array, half: int) -> Array:
    """Return the range of HU within `half` slices above and below, along the upright or leaning line where it is least.

    A line leans by at most a voxel at its ends.
    """
    padded = np.pad(hu, ((half, half), (1, 1), (1, 1)), mode="edge")
    size = hu.shape
    least = np.full(size, np.inf, np.float32)
    for y in (-1, 0, 1):
        for x in (-1, 0, 1):
            high, low = hu.copy(), hu.copy()
            for k in range(-half, half + 1):
                dy, dx = 1 + round(y * k / half), 1 + round(x * k / half)
                line = padded[half + k : half + k + size[0], dy : dy + size[1], dx : dx + size[2]]
                np.maximum(high, line, out=high)
                np.minimum(low, line, out=low)
            np.minimum(least, high - low, out=least)
    return least


def _steady_paths(scores: NDArray[np.floating]) -> list[tuple[float, NDArray[np.intp]]]:
    """Return for each of the scores (n, z, y, x) the highest sum over a path, and its (row, column) per slice.

    A path moves by at most one voxel a slice.
    """
    totals = np.empty_like(scores)
    totals[:, 0] = scores[:, 0]
    for k in range(1, scores.shape[1]):
        totals[:, k] = scores[:, k] + ndimage.maximum_filter(totals[:, k - 1], (1, 3, 3), mode="nearest")
    return [_path_back(total) for total in totals]


def _path_back(total: NDArray[np.floating]) -> tuple[float, NDArray[np.intp]]:
    path = np.empty((len(total), 2), np.intp)
    path[-1] = np.unravel_index(int(total[-1].argmax()), total[-1].shape)
    for k in range(len(total) - 2, -1, -1):
        y, x = path[k + 1]
        y0, x0 = max(0, y - 1), max(0, x - 1)
        part = total[k][y0 : y + 2, x0 : x + 2]
        dy, dx = np.unravel_index(int(part.argmax()), part.shape)
        path[k] = y0 + dy, x0 + dx
    return float(total[-1].max()), path


def region_of(values: NDArray[np.floating], scan: Coarse) -> Region:
    """Return median, spread and volume of the voxels of a region."""
    low, median, high = np.percentile(values, (16, 50, 84))
    voxel_ml = float(np.prod(scan.spacing_zyx_mm)) / 1000
    return Region(hu=float(median), spread_hu=float(high - low) / 2, volume_ml=values.size * voxel_ml)
