"""Kidneys, liver and spleen on the coarse grid of `regions`, and their HU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.phases.regions import (
    EVEN_HU,
    ORGAN_HU,
    RIM_MM,
    Coarse,
    Mask,
    Region,
    Spine,
    filled,
    region_of,
)
from LiverTumorAttentionLib.voxels.boxes import bounding_box

KIDNEY_MM = (24.0, 100.0)
"""Sideways from the spine."""
WALL_MM = 25.0
"""Skin, fat, muscle and ribs around what lies inside."""
KIDNEY_HU = 90.0
KIDNEY_ML = (25.0, 400.0)
KIDNEY_AHEAD_MM = (35.0, 92.0)
SOFT_HU = (-20.0, 700.0)
LIVER_MINIMUM_ML, SPLEEN_MINIMUM_ML = 120.0, 25.0
"""Without the rim."""
TOP_OF_NOISE = 2.42
"""Mean of the highest 2 % of a standard normal distribution."""
_BALL = ndimage.generate_binary_structure(3, 1).astype(np.float32) / 7


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
        kept[box] |= filled(closed)  # a medulla that is dark still
    if not count or not kept.any():
        return None
    kept &= scan.hu > SOFT_HU[0]
    depth = _depth(kept, scan)
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
    labels, count = ndimage.label(_depth(soft, scan) > RIM_MM)
    if not count:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    inside = labels == 1 + int(sizes.argmax())
    voxel_ml = float(np.prod(scan.spacing_zyx_mm)) / 1000
    return inside if inside.sum() * voxel_ml >= least_ml else None


def _depth(mask: Mask, scan: Coarse) -> NDArray[np.float64]:
    """Return the distance of each voxel of a mask from what lies outside (mm), 0 there."""
    depth = np.zeros(mask.shape)
    box = bounding_box(mask, (1, 1, 1))
    if box is not None:
        depth[box] = ndimage.distance_transform_edt(mask[box], sampling=scan.spacing_zyx_mm)
    return depth


def liver_levels(scan: Coarse, liver: Mask) -> tuple[Region, float]:
    """Return the liver's own level, and that of its brightest veins: the brightest 2 % inside its hull.

    Noise alone lifts the mean of the brightest 2 % by 2.42 standard deviations; that is taken out in quadrature, the
    deviation being that below the median, where there are no veins.
    """
    region = region_of(scan.hu[liver], scan)
    inside = ndimage.binary_closing(np.pad(liver, 3), iterations=2)[3:-3, 3:-3, 3:-3]
    inside = ndimage.binary_erosion(inside)
    values = ndimage.convolve(scan.hu, _BALL, mode="nearest")[inside if inside.sum() > 200 else liver]
    low, median, bound = np.percentile(values, (16, 50, 98))
    excess = float(values[values >= bound].mean() - median)
    noise = TOP_OF_NOISE * float(median - low)
    return region, float(median) + max(0.0, excess**2 - noise**2) ** 0.5
