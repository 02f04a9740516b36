"""Outlines of dark lesions in a slice, each from one voxel inside it.

A lesion ends halfway between its own values and those of the liver. It is told from the rest of what is dark, such as
fissures, by the voxel that someone has set.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.errors import InputError

SMOOTHING_MM = 1.5
BIN_HU = 4.0
SEEN_HU, SEEN_DEVIATIONS = 20.0, 3.0
"""How much darker than the liver a voxel is that belongs to a dark part: by both of them at least."""
DEPTH_MM = 3.0
"""From here on inward a dark part may begin: the liver's border is dark by itself."""
GROWN_MM = 4.0
"""How far from there an outline reaches at most."""
CORE_PERCENTILE = 20.0
"""Of the values of a dark part: its own level, which its border does not brighten."""


def outlined_lesions(
    hu: NDArray[np.generic],
    liver: NDArray[np.bool_],
    spacing_mm: Sequence[float],
    places: Sequence[tuple[int, int]],
) -> NDArray[np.bool_]:
    """Return where the lesions are that hold the given voxels, holes filled.

    hu, liver: (y, x), lesions inside the liver. spacing_mm: of y and x. places: (y, x) of a voxel of each lesion.
    Raises `InputError` where nothing dark is outlined at one of them.
    """
    deviation = [SMOOTHING_MM / spacing for spacing in spacing_mm]
    weight = ndimage.gaussian_filter(liver.astype(np.float32), deviation)
    smooth = ndimage.gaussian_filter(np.where(liver, hu, 0).astype(np.float32), deviation)
    smooth /= np.maximum(weight, 1e-3)
    depth_mm = ndimage.distance_transform_edt(np.pad(liver, 1), sampling=spacing_mm)[1:-1, 1:-1]
    result = np.zeros(liver.shape, bool)
    deep = smooth[depth_mm > 2 * DEPTH_MM]
    if deep.size:
        level, spread = _level(deep)
        dark = (smooth < level - max(SEEN_HU, SEEN_DEVIATIONS * spread)) & (depth_mm > DEPTH_MM)
        parts, count = ndimage.label(dark)
        for part in range(1, count + 1):
            result |= _around(parts == part, smooth, liver, level, spacing_mm)
    outlines, _ = ndimage.label(result)
    chosen = {int(outlines[place]) for place in places}
    if 0 in chosen:
        place = next(place for place in places if not outlines[place])
        raise InputError(f"nothing dark is outlined at row {place[0]}, column {place[1]}: mark another place")
    return ndimage.binary_fill_holes(np.isin(outlines, sorted(chosen))) & liver


def _level(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return what most of the liver has, in HU, and how it scatters about it, told by what is brighter."""
    low, high = float(values.min()), float(values.max())
    counts, edges = np.histogram(values, bins=np.arange(low, high + 2 * BIN_HU, BIN_HU))
    level = float(edges[ndimage.gaussian_filter1d(counts.astype(float), 1.5).argmax()]) + BIN_HU / 2
    above = values[values > level]
    return level, float(np.median(above - level)) * 1.4826 if above.size else 0.0


def _around(
    part: NDArray[np.bool_],
    smooth: NDArray[np.float32],
    liver: NDArray[np.bool_],
    level: float,
    spacing_mm: Sequence[float],
) -> NDArray[np.bool_]:
    """Return a dark part out to where its values are halfway to those of the liver."""
    half = (float(np.percentile(smooth[part], CORE_PERCENTILE)) + level) / 2
    dark, _ = ndimage.label((smooth < half) & liver)
    own = np.unique(dark[part])
    reach_mm = ndimage.distance_transform_edt(~part, sampling=spacing_mm)
    return np.isin(dark, own[own > 0]) & (reach_mm <= GROWN_MM)
