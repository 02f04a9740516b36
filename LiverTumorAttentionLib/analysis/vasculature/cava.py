"""The vena cava beside the liver: a column of blood along the liver's back, looked for slab by slab.

In each slab of 5 mm the places are scored by how much of a disc around them is blood: as bright as the liver within
limits, and not liver, or brighter than it where the liver's mask holds the cava. The best chain of places through the
upper two thirds of the liver, which may move by 5 mm a slab, is its middle.

What it cannot tell: the cava from other soft tissue against the liver's back where that lies nearer to its usual place
(a thick crus of the diaphragm, the adrenal); its wall from them where both are equally bright.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.analysis.vasculature.working_grid import CUBE_MM, WorkingGrid
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import bounding_box

SLAB = 4
"""Cubes of a slab along z: 5 mm."""
STEP = 2
"""Cubes of a place across: 2.5 mm."""
DARKEST_HU, BRIGHTER_HU = -40.0, 15.0
"""Blood of the cava is at most so much darker than the liver, and so much brighter than the liver's vessels: blood of
the legs is dark, that of the kidneys bright."""
BONE_HU, GAP_MM = 230.0, 8.0
"""The shell of a vertebra is denser, and its gaps are narrower."""
BLOOD_SHARE = 0.6
"""Inside the liver's mask it is at least so bright, in share of the liver's vessels."""
DISC_MM, RING_MM = 8.0, 20.0
"""Radius of the disc that is to be blood, and of the one that is not to be all blood: organs are wider."""
NEAR_MM = 12.0
"""Its middle lies no farther from the liver."""
WIDEST_MM = 16.0
"""Its wall lies no farther from its middle."""
USUAL = (0.45, 0.72)
"""Its place in the liver's box, from right to left and from front to back."""
SPREAD_MM = 25.0
BESIDE_MM, SPREAD_BESIDE_MM = -20.0, 12.0
"""Where the body's middle is known, it lies so far to the right of it, give or take."""
LOWEST_SHARE = 0.35
"""It is followed down to this height in the liver's box."""
LEAST_SCORE = 0.15
THIN_MM = 3.0


def find_cava(
    grid: WorkingGrid, blood_hu: float, point_zyx: tuple[int, ...] | None, progress: Progress
) -> NDArray[np.bool_]:
    """Return the cava, (z, y, x) of cubes; empty where none is found.

    blood_hu: of the liver's vessels, beside the liver. point_zyx: a cube in it, by a reader.
    """
    empty = np.zeros(grid.organ.shape, bool)
    box = bounding_box(grid.organ)
    if box is None:
        return empty
    blood = _blood(grid, blood_hu)
    progress.update(0.3)
    low = box[0].start + int(LOWEST_SHARE * (box[0].stop - box[0].start))
    first, last = low // SLAB, (box[0].stop - 1) // SLAB
    if last <= first:
        return empty
    score = _scores(grid, blood, first, last, box, point_zyx)
    progress.update(0.6)
    path = _best_path(score)
    good = np.array([score[k][place] for k, place in enumerate(path)]) >= LEAST_SCORE
    if not good.any():
        return empty
    cava = empty
    for k, place in enumerate(path):
        if good[k]:
            for z in range((first + k) * SLAB, min((first + k + 1) * SLAB, blood.shape[0])):
                cava[z] = _outline(blood[z], (place[0] * STEP, place[1] * STEP))
    progress.update(1.0)
    return cava & ~grid.tumor


def _blood(grid: WorkingGrid, blood_hu: float) -> NDArray[np.bool_]:
    """Return what may be blood of the cava by its brightness, and is no marrow."""
    smooth = ndimage.gaussian_filter(np.clip(grid.relative_hu, -150, 200), 1.2, truncate=3.0)
    like = (smooth > DARKEST_HU) & (smooth < blood_hu + BRIGHTER_HU)
    return np.where(grid.organ, like & (smooth > BLOOD_SHARE * blood_hu), like & ~_bone(grid))


def _bone(grid: WorkingGrid) -> NDArray[np.bool_]:
    """Return bone with its marrow, which is as bright as blood: in each slice, what dense bone surrounds."""
    dense = grid.relative_hu + np.float32(grid.liver_hu) > BONE_HU
    radius = round(GAP_MM / 2 / CUBE_MM)
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disc = (y**2 + x**2 <= radius**2)[None]
    room = ((0, 0), (radius + 1, radius + 1), (radius + 1, radius + 1))
    closed = ndimage.binary_closing(np.pad(dense, room), disc)
    closed[:, -1] = True  # a vertebra may reach beyond what is looked at, at its back
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in closed])
    inner = slice(radius + 1, -radius - 1)
    return np.asarray(filled[:, inner, inner])


def _scores(
    grid: WorkingGrid,
    blood: NDArray[np.bool_],
    first: int,
    last: int,
    box: tuple[slice, ...],
    point_zyx: tuple[int, ...] | None,
) -> list[NDArray[np.float32]]:
    """Return how well each place of each slab, (y, x) of steps, would be its middle."""
    (y0, y1), (x0, x1) = ((side.start, side.stop) for side in box[1:])
    y, x = (np.arange(0, length, STEP, dtype=np.float32) for length in grid.organ.shape[1:])
    usual_x, usual_y = x0 + USUAL[0] * (x1 - x0), y0 + USUAL[1] * (y1 - y0)
    spread_x = SPREAD_MM
    if grid.midline_mm is not None:
        usual_x = float(grid.axes.index_zyx(np.array([grid.midline_mm + BESIDE_MM, 0.0, 0.0]))[2])
        spread_x = SPREAD_BESIDE_MM
    away = ((y[:, None] - usual_y) / SPREAD_MM) ** 2 + ((x[None] - usual_x) / spread_x) ** 2
    prior = np.exp(-away * CUBE_MM**2 / 2).astype(np.float32)
    found = []
    for slab in range(first, last + 1):
        z = slice(slab * SLAB, (slab + 1) * SLAB)
        share = blood[z].mean(axis=0, dtype=np.float32)
        disc = ndimage.gaussian_filter(share, DISC_MM / 2 / CUBE_MM, truncate=3.0)[::STEP, ::STEP]
        organ = np.asarray(grid.organ[z].any(axis=0))[::STEP, ::STEP]
        near = np.zeros(organ.shape, bool)
        if organ.any():
            near = ndimage.distance_transform_edt(~organ) * (STEP * CUBE_MM) <= NEAR_MM
        wide = ndimage.gaussian_filter(share, RING_MM / 2 / CUBE_MM, truncate=3.0)[::STEP, ::STEP]
        score = (disc - 0.5 * wide) * prior * near
        if point_zyx is not None and z.start <= point_zyx[0] < z.stop:
            score = np.zeros_like(score)
            score[point_zyx[1] // STEP, point_zyx[2] // STEP] = 10.0
        found.append(score.astype(np.float32))
    return found


def _best_path(score: list[NDArray[np.float32]]) -> list[tuple[int, int]]:
    """Return the chain of places, slab by slab, with the greatest sum; neighbors lie within two steps."""
    total = [score[0]]
    for each in score[1:]:
        total.append(each + ndimage.maximum_filter(total[-1], size=5, mode="constant"))
    place = np.unravel_index(int(total[-1].argmax()), total[-1].shape)
    path = [(int(place[0]), int(place[1]))]
    for before in total[-2::-1]:
        y, x = path[-1]
        y0, x0 = max(0, y - 2), max(0, x - 2)
        window = before[y0 : y + 3, x0 : x + 3]
        dy, dx = np.unravel_index(int(window.argmax()), window.shape)
        path.append((y0 + int(dy), x0 + int(dx)))
    return path[::-1]


def _outline(blood: NDArray[np.bool_], middle: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the part of a slice that hangs together around a middle, no farther from it than a cava is wide."""
    reach = int(np.ceil(WIDEST_MM / CUBE_MM))
    window = tuple(slice(max(0, m - reach), m + reach + 1) for m in middle)
    found = np.zeros(blood.shape, bool)
    part = blood[window]
    y, x = np.ogrid[: part.shape[0], : part.shape[1]]
    radius = np.hypot(y + window[0].start - middle[0], x + window[1].start - middle[1]) * CUBE_MM
    inside = part & (radius <= WIDEST_MM)
    core, count = ndimage.label(
        ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1] * CUBE_MM > THIN_MM
    )
    if count:
        nearest = ndimage.minimum(radius, core, range(1, count + 1))
        chosen = core == int(np.argmin(nearest)) + 1
        found[window] = inside & (ndimage.distance_transform_edt(~chosen) * CUBE_MM <= THIN_MM)
    return found
