"""Liver mask from the liver probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.voxels.boxes import bounding_box
from LiverTumorAttentionLib.voxels.geometry import check_spacing, check_volume
from LiverTumorAttentionLib.voxels.morphology import Mask, fill_holes, largest_component, opened


def liver_from_probability(
    probability: NDArray[np.floating[Any]],
    spacing_zyx_mm: Sequence[float],
    *,
    threshold: float = 0.5,
    opening_mm: float = 0.0,
) -> Mask:
    """Return the liver: the largest part (6-connectivity) of what reaches the threshold, holes filled.

    probability: (z, y, x), 0 to 1; NaN counts as not liver. threshold: from here on a voxel is liver.
    opening_mm: radius of an opening that cuts thin bridges to neighbors first; 0 does without.
    Returns a boolean array of the same shape, all False when nothing reaches the threshold.
    Raises `InputError` for an array that is no volume or a spacing that is none.
    """
    check_volume(probability, "the liver probability")
    spacing = check_spacing(spacing_zyx_mm)
    candidates = probability >= threshold
    liver = np.zeros(probability.shape, dtype=bool)
    box = bounding_box(candidates, (1, 1, 1))
    if box is None:
        return liver
    inside = candidates[box]
    if opening_mm > 0:
        cut = opened(inside, opening_mm, spacing)
        inside = cut if cut.any() else inside
    liver[box] = fill_holes(largest_component(inside))
    return liver
