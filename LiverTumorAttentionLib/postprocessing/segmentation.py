"""Liver mask and tumor instances from the probabilities of liver and tumor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import bounding_box, margin_voxels
from LiverTumorAttentionLib.voxels.geometry import check_spacing, check_volume
from LiverTumorAttentionLib.voxels.labels import BACKGROUND, FIRST_TUMOR, MOST_TUMORS
from LiverTumorAttentionLib.voxels.morphology import CORNERS, Mask, fill_holes, largest_component, opened
from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm, limit_mm


@dataclass(frozen=True, kw_only=True)
class PostprocessingSettings:
    """How probabilities become a liver and a list of tumors.

    liver_threshold: a voxel is liver from this probability on.
    liver_opening_mm: radius of the ball that opens the liver, which cuts thin bridges to neighboring
        organs before the largest part is kept; 0 leaves the liver as it is.
    liver_denser_hu: bodies that are denser than the liver's median by this much, thicker than a vessel and for the most
        part outside of the liver, are no liver: bowel with contrast agent, bone; 0 leaves them.
    tumor_threshold: a voxel is tumor from this probability on.
    minimum_peak_probability: a tumor must reach this probability somewhere (hysteresis), or it is dropped
        as too uncertain; equal to `tumor_threshold` it drops nothing.
    minimum_diameter_mm: a tumor whose volume is below that of a ball of this diameter is dropped.
    rim_mm: a tumor may reach this far out of the liver, because a coarse liver mask often misses the
        tumors at its surface; what it covers there becomes part of the liver. A tumor that lies outside
        the liver altogether is dropped.
    border_mm, minimum_core_share: a tumor of which less than this share lies deeper in the liver than
        border_mm is dropped; 0 drops nothing. Where a coarse liver laps over a neighboring organ, what is
        found there lies in its border; but so does a small tumor under the capsule.
    """

    liver_threshold: float = 0.5
    liver_opening_mm: float = 0.0
    liver_denser_hu: float = 0.0
    tumor_threshold: float = 0.5
    minimum_peak_probability: float = 0.5
    minimum_diameter_mm: float = 4.0
    rim_mm: float = 5.0
    border_mm: float = 3.0
    minimum_core_share: float = 0.0

    def __post_init__(self) -> None:
        for name in ("liver_threshold", "tumor_threshold", "minimum_peak_probability"):
            value = getattr(self, name)
            if not 0.0 < value <= 1.0:
                raise InputError(f"{name} is {value:g}; choose a probability above 0 and at most 1")
        for name, largest in (
            ("liver_opening_mm", 50.0),
            ("minimum_diameter_mm", 200.0),
            ("rim_mm", 50.0),
            ("border_mm", 50.0),
        ):
            value = getattr(self, name)
            if not 0.0 <= value <= largest:
                raise InputError(f"{name} is {value:g} mm; choose a length from 0 to {largest:g} mm")
        if not 0.0 <= self.liver_denser_hu <= 3000.0:
            raise InputError(
                f"liver_denser_hu is {self.liver_denser_hu:g} HU; choose a difference from 0 to 3000 HU"
            )
        if not 0.0 <= self.minimum_core_share <= 1.0:
            raise InputError(f"minimum_core_share is {self.minimum_core_share:g}; choose a share from 0 to 1")
        if self.minimum_peak_probability < self.tumor_threshold:
            raise InputError(
                f"minimum_peak_probability is {self.minimum_peak_probability:g}, below the tumor_threshold "
                f"of {self.tumor_threshold:g} that every tumor voxel reaches; choose at least that"
            )


def instances_from_probability(
    tumor_probability: NDArray[np.floating[Any]],
    liver: Mask,
    *,
    spacing_zyx_mm: Sequence[float],
    settings: PostprocessingSettings | None = None,
) -> NDArray[np.uint16]:
    """Return the instances: 0 background, 1 liver, 2, 3, … one value a tumor, the largest first.

    tumor_probability: (z, y, x), 0 to 1; NaN counts as no tumor. liver: (z, y, x), the organ.
    Tumors are 26-connected components of what reaches the threshold, in the liver or at its rim (see
    `PostprocessingSettings`), their holes filled. Equal sizes are ordered by their first voxel in z, y, x.
    Of more tumors than 16 bits can number, the largest 65534 stay. No tumor, or no liver, is a result:
    without a liver everything is background.
    Raises `InputError` for arrays that are no volumes or do not fit each other.
    """
    check_volume(tumor_probability, "the tumor probability")
    spacing = check_spacing(spacing_zyx_mm)
    chosen = PostprocessingSettings() if settings is None else settings
    if liver.shape != tumor_probability.shape:
        raise InputError(
            f"the tumor probability has the shape {tumor_probability.shape} and the liver {liver.shape}; "
            "bring both onto the same grid"
        )
    organ = liver.astype(bool, copy=False)
    instances = organ.astype(np.uint16)
    box = bounding_box(organ, margin_voxels(max(chosen.rim_mm, chosen.border_mm), spacing))
    if box is None:
        return instances
    probability, organ = tumor_probability[box], organ[box]
    candidates = probability >= chosen.tumor_threshold
    candidates &= organ | _rim(candidates & ~organ, organ, chosen.rim_mm, spacing)
    labels, count = ndimage.label(fill_holes(candidates), structure=CORNERS)
    if count:
        values = _values(labels, count, probability, organ, spacing, chosen)[labels]
        np.copyto(instances[box], values, where=values > 0)
    return instances


def _rim(candidates: Mask, organ: Mask, rim_mm: float, spacing: tuple[float, float, float]) -> Mask:
    """Return which candidates outside the organ lie within `rim_mm` of it, voxel center to voxel center."""
    near = np.zeros_like(candidates)
    margin = margin_voxels(rim_mm, spacing)
    box = bounding_box(candidates, margin)
    if box is not None and rim_mm > 0 and organ[box].any():
        distance_mm = distance_map_mm(organ[box], spacing)
        near[box] = candidates[box] & (distance_mm <= limit_mm(rim_mm))
    return near


def _deep(organ: Mask, border_mm: float, spacing: tuple[float, float, float]) -> Mask:
    """Return the organ's interior, deeper than its border; the edge of the volume is not a border."""
    if organ.all():  # nothing to measure a distance to
        return organ
    return distance_map_mm(~organ, spacing) > limit_mm(border_mm)


def _values(
    labels: NDArray[np.int32],
    count: int,
    probability: NDArray[np.floating[Any]],
    organ: Mask,
    spacing: tuple[float, float, float],
    settings: PostprocessingSettings,
) -> NDArray[np.uint16]:
    """Return the instance value of each component 0 … count; 0 for the background and for what is dropped."""
    places = np.flatnonzero(labels)
    owners = labels.ravel()[places]
    voxels = np.bincount(owners, minlength=count + 1)
    voxels_in_organ = np.bincount(owners, weights=organ.ravel()[places], minlength=count + 1)
    peak = np.zeros(count + 1, dtype=probability.dtype)
    np.fmax.at(peak, owners, probability.ravel()[places])
    first_place = np.zeros(count + 1, dtype=np.int64)
    first_place[owners[::-1]] = places[::-1]

    smallest_mm3 = math.pi / 6.0 * settings.minimum_diameter_mm**3
    keep = (voxels * math.prod(spacing) >= smallest_mm3) & (voxels_in_organ > 0)
    keep &= peak >= settings.minimum_peak_probability
    if settings.minimum_core_share > 0:
        deep = _deep(organ, settings.border_mm, spacing)
        core = np.bincount(owners, weights=deep.ravel()[places], minlength=count + 1)
        keep &= core >= settings.minimum_core_share * voxels
    keep[BACKGROUND] = False
    kept = np.flatnonzero(keep)
    ordered = kept[np.lexsort((first_place[kept], -voxels[kept]))][:MOST_TUMORS]
    values = np.zeros(count + 1, dtype=np.uint16)
    values[ordered] = np.arange(FIRST_TUMOR, FIRST_TUMOR + ordered.size, dtype=np.uint16)
    return values


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
    return liver_from_candidates(probability >= threshold, spacing_zyx_mm, opening_mm=opening_mm)


def liver_from_candidates(
    candidates: Mask, spacing_zyx_mm: Sequence[float], *, opening_mm: float = 0.0
) -> Mask:
    """Return the liver as `liver_from_probability` does from the voxels that reach its threshold, (z, y, x).

    The mask may be a part of the volume: what lies beyond it counts as not reaching the threshold.
    """
    spacing = check_spacing(spacing_zyx_mm)
    liver = np.zeros(candidates.shape, dtype=bool)
    box = bounding_box(candidates, (1, 1, 1))
    if box is None:
        return liver
    inside = candidates[box]
    if opening_mm > 0:
        cut = opened(inside, opening_mm, spacing)
        inside = cut if cut.any() else inside
    liver[box] = fill_holes(largest_component(inside))
    return liver
