"""Neck of a tumor that may be two which touch.

The radius of a body at a place is its depth there: the distance to the nearest voxel outside. Two bodies that touch are
two summits of the depth, and the neck is the saddle between them. For two balls of radius r whose centers lie d apart
the neck ratio is sqrt(1 - (d / 2r)^2); a ball, an ellipsoid and a bar have no second summit and no neck. Depths are
looked at in `LEVELS` steps, so a ratio is too large by up to one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm

MAYBE_TWO = 0.7
"""Neck ratio below which a tumor is marked: two balls whose centers lie outside of each other (sqrt(1/2))."""
LEAST_BODY = 1.0 / 3.0
"""Radius of the smaller body over that of the larger one, below which it is a spur and no body."""
_MARK = "may be two tumors that touch"
LEVELS = 24
MOST_ALONG = 128
"""Longer sides of a tumor's box are looked at in every second, third, … voxel."""


def neck_ratio(mask: NDArray[np.bool_], spacing_zyx_mm: Sequence[float]) -> float | None:
    """Return the radius of the narrowest neck over that of the smaller of the two bodies that it joins.

    mask: a tumor (z, y, x). None where there is one body; 0 where two pieces do not touch. Bodies thinner than two
    steps of the grid are not told from its roughness.
    """
    from scipy import (
        ndimage,  # here: Slicer loads the panel, which imports this file, before scipy is installed
    )

    strides = [max(1, -(-length // MOST_ALONG)) for length in mask.shape]
    inside = np.pad(mask[tuple(slice(None, None, step) for step in strides)], 1)
    spacing = [float(step) * stride for step, stride in zip(spacing_zyx_mm, strides, strict=True)]
    depth = distance_map_mm(~inside, spacing)
    top = float(depth.max())
    least = max(LEAST_BODY * top, 2.0 * min(spacing))
    best: float | None = None
    for level in np.arange(LEVELS) / LEVELS * top:
        above = depth > level
        parts, count = ndimage.label(above, np.ones((3, 3, 3)))
        if count < 2:
            continue
        summits = np.sort(ndimage.maximum(depth, parts, np.arange(1, count + 1)))
        if summits[-2] >= least:
            ratio = float(level / summits[-2])
            best = ratio if best is None else min(best, ratio)
    return best


def may_be_two(ratio: float | None) -> bool:
    """Whether a tumor with this neck ratio is marked."""
    return ratio is not None and ratio < MAYBE_TWO


def neck_warnings(ratios: Mapping[int, float | None]) -> tuple[str, ...]:
    """Return a warning for each marked tumor. ratios: neck ratios by the tumors' numbers."""
    return tuple(
        f"Tumor {number} {_MARK} (neck ratio {ratio:.2f}, below {MAYBE_TWO:g}): look at it, and "
        "split it before its diameter is believed"
        for number, ratio in ratios.items()
        if ratio is not None and may_be_two(ratio)
    )


def is_neck_warning(warning: str) -> bool:
    """Whether a sentence is one of `neck_warnings`."""
    return _MARK in warning
