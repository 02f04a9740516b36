"""Vessels and organs of the upper abdomen on a coarse grid, by simple anatomy, and their HU.

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
KIDNEY_MM = (24.0, 100.0)
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
WALL_MM = 25.0
"""Skin, fat, muscle and ribs around what lies inside."""
KIDNEY_HU = 90.0
KIDNEY_ML = (25.0, 400.0)
KIDNEY_AHEAD_MM = (35.0, 92.0)
SOFT_HU = (-20.0, 700.0)
ORGAN_HU = (-10.0, 220.0)
LIVER_MINIMUM_ML, SPLEEN_MINIMUM_ML = 120.0, 25.0
"""Without the rim."""
EVEN_HU = 40.0
RIM_MM = 9.0

TOP_OF_NOISE = 2.42
"""Mean of the highest 2 % of a standard normal distribution."""
_BALL = ndimage.generate_binary_structure(3, 1).astype(np.float32) / 7
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
    image = to_lps(image)
    small = _averaged(sitk.Cast(image, sitk.sitkFloat32))
    extent = [n * s for n, s in zip(small.GetSize(), small.GetSpacing(), strict=True)]
    size = [max(1, round(length / GRID_MM)) for length in extent]
    grid = sitk.Image(size, sitk.sitkFloat32)
    grid.SetSpacing([length / n for length, n in zip(extent, size, strict=True)])
    grid.SetDirection(small.GetDirection())
    half = [0.5 * (g / s - 1) for g, s in zip(grid.GetSpacing(), small.GetSpacing(), strict=True)]
    grid.SetOrigin(small.TransformContinuousIndexToPhysicalPoint(half))
    hu = sitk.Resample(small, grid, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkLinear, -1024.0)
    organ = None
    if liver is not None:
        share = _averaged(sitk.Cast(to_lps(liver) > 0, sitk.sitkFloat32))
        share = sitk.Resample(share, grid, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkLinear, 0.0)
        organ = sitk.GetArrayFromImage(share) >= 0.5
    values = np.clip(sitk.GetArrayFromImage(hu), -1024, 3071).astype(np.float32)
    return Coarse(hu=values, spacing_zyx_mm=grid.GetSpacing()[::-1], liver=organ)


def _averaged(image: sitk.Image) -> sitk.Image:
    factors = [
        max(1, min(n, int(GRID_MM / s + 0.3)))
        for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    return image if max(factors) == 1 else sitk.BinShrink(image, factors)


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
    body = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return np.stack([ndimage.binary_fill_holes(plane) for plane in body])


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
    paths = [
        _steady_path(tubular * np.exp(-0.5 * ((disc - level) / LEVEL_SD_HU) ** 2)) for level in LEVELS_HU
    ]
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
        region = _region(found[quality <= np.median(quality)], scan)
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


def _steady_path(score: NDArray[np.floating]) -> tuple[float, NDArray[np.intp]]:
    """Return the highest sum over a path that moves by at most one voxel a slice, and its (row, column) per slice."""
    total = np.empty_like(score)
    total[0] = score[0]
    for k in range(1, len(score)):
        total[k] = score[k] + ndimage.maximum_filter(total[k - 1], 3, mode="nearest")
    path = np.empty((len(score), 2), np.intp)
    path[-1] = np.unravel_index(int(total[-1].argmax()), total[-1].shape)
    for k in range(len(score) - 2, -1, -1):
        y, x = path[k + 1]
        y0, x0 = max(0, y - 1), max(0, x - 1)
        part = total[k][y0 : y + 2, x0 : x + 2]
        dy, dx = np.unravel_index(int(part.argmax()), part.shape)
        path[k] = y0 + dy, x0 + dx
    return float(total[-1].max()), path


@dataclass(frozen=True, kw_only=True)
class Kidneys:
    """Both kidneys, or one: HU of cortex and medulla, the level of the brightest urine, volume (mL)."""

    cortex_hu: float
    medulla_hu: float
    urine_hu: float
    volume_ml: float


def find_kidneys(scan: Coarse, body: Mask, spine: Spine, others: Mask) -> Kidneys | None:
    """Return the enhanced kidneys; None where there are none in the volume, or they are not brighter than muscle.

    others: what is known to be something else (liver, great vessels). The cortex is the rim and the medulla what lies
    5 mm or more inside it; urine with contrast is brighter than both.
    """
    _, dy, dx = scan.spacing_zyx_mm
    rows = np.arange(scan.hu.shape[1])[None, :, None]
    columns = np.arange(scan.hu.shape[2])[None, None, :]
    ahead = (spine.tip[:, None, None] - rows) * dy
    left = np.abs((columns - spine.x[:, None, None]) * dx)
    window = (left >= KIDNEY_MM[0]) & (left <= KIDNEY_MM[1]) & (ahead > 12) & (ahead < 110) & body & ~others
    window &= ndimage.distance_transform_edt(body, sampling=scan.spacing_zyx_mm) > WALL_MM
    bright = ndimage.binary_opening(window & (scan.hu > KIDNEY_HU), ndimage.generate_binary_structure(3, 1))
    labels, count = ndimage.label(bright)
    voxel_ml = float(np.prod(scan.spacing_zyx_mm)) / 1000
    kept = np.zeros(bright.shape, bool)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        part = labels[box] == number
        if not KIDNEY_ML[0] <= part.sum() * voxel_ml <= KIDNEY_ML[1]:
            continue
        middle = tuple(np.round(np.argwhere(part).mean(axis=0)).astype(int) + [side.start for side in box])
        if not (KIDNEY_AHEAD_MM[0] < ahead[middle[0], middle[1], 0] < KIDNEY_AHEAD_MM[1]):
            continue  # bowel with contrast lies farther in front
        closed = ndimage.binary_closing(np.pad(part, 3), iterations=2)[3:-3, 3:-3, 3:-3]
        kept[box] |= np.stack(
            [ndimage.binary_fill_holes(plane) for plane in closed]
        )  # a medulla that is dark still
    if not count or not kept.any():
        return None
    kept &= scan.hu > SOFT_HU[0]
    depth = ndimage.distance_transform_edt(kept, sampling=scan.spacing_zyx_mm)
    rim, core = scan.hu[(depth > 0) & (depth <= 9)], scan.hu[depth > 9]
    if rim.size == 0 or core.size < 4:
        return None
    return Kidneys(
        cortex_hu=float(np.percentile(rim, 80)),
        medulla_hu=float(np.percentile(core, 25)),
        urine_hu=float(np.percentile(core, 98)),
        volume_ml=float(kept.sum()) * voxel_ml,
    )


def find_liver(scan: Coarse, body: Mask, spine: Spine) -> Mask | None:
    """Return the inside of the largest even organ on the right of the spine; None where there is none."""
    columns = np.arange(scan.hu.shape[2])[None, None, :]
    return _organ(scan, body & (columns < spine.x[:, None, None]), ORGAN_HU, LIVER_MINIMUM_ML)


def find_spleen(scan: Coarse, body: Mask, spine: Spine, others: Mask) -> Mask | None:
    """Return the inside of the largest even organ on the left, behind the middle of the body; None where none is."""
    _, dy, dx = scan.spacing_zyx_mm
    rows = np.arange(scan.hu.shape[1])[None, :, None]
    columns = np.arange(scan.hu.shape[2])[None, None, :]
    window = ((columns - spine.x[:, None, None]) * dx > 55) & ((spine.tip[:, None, None] - rows) * dy < 130)
    return _organ(scan, body & window & ~others, ORGAN_HU, SPLEEN_MINIMUM_ML)


def _organ(scan: Coarse, where: Mask, hu: tuple[float, float], least_ml: float) -> Mask | None:
    """Return the largest part of soft tissue in a window that is even and a few centimeters thick, without its rim."""
    steady = ndimage.uniform_filter(scan.hu, 3)
    uneven = np.sqrt(np.maximum(ndimage.uniform_filter(scan.hu**2, 3) - steady**2, 0))
    soft = where & (steady > hu[0]) & (steady < hu[1]) & (uneven < EVEN_HU)
    depth = ndimage.distance_transform_edt(soft, sampling=scan.spacing_zyx_mm)
    labels, count = ndimage.label(depth > RIM_MM)
    if not count:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    inside = labels == 1 + int(sizes.argmax())
    voxel_ml = float(np.prod(scan.spacing_zyx_mm)) / 1000
    return inside if inside.sum() * voxel_ml >= least_ml else None


def liver_levels(scan: Coarse, liver: Mask) -> tuple[Region, float]:
    """Return the liver's own level, and that of its brightest veins: the brightest 2 % inside its hull.

    Noise alone lifts the mean of the brightest 2 % by 2.42 standard deviations; that is taken out in quadrature, the
    deviation being that below the median, where there are no veins.
    """
    region = _region(scan.hu[liver], scan)
    inside = ndimage.binary_closing(np.pad(liver, 3), iterations=2)[3:-3, 3:-3, 3:-3]
    inside = ndimage.binary_erosion(inside)
    values = ndimage.convolve(scan.hu, _BALL, mode="nearest")[inside if inside.sum() > 200 else liver]
    low, median, bound = np.percentile(values, (16, 50, 98))
    excess = float(values[values >= bound].mean() - median)
    noise = TOP_OF_NOISE * float(median - low)
    return region, float(median) + max(0.0, excess**2 - noise**2) ** 0.5


def _region(values: NDArray[np.floating], scan: Coarse) -> Region:
    low, median, high = np.percentile(values, (16, 50, 84))
    voxel_ml = float(np.prod(scan.spacing_zyx_mm)) / 1000
    return Region(hu=float(median), spread_hu=float(high - low) / 2, volume_ml=values.size * voxel_ml)
