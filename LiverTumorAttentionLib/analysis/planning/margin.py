"""A safety margin around tumors, inside the liver.

A voxel of the liver belongs to the margin when its center lies no farther from the tumor's surface than the
margin is wide; the surface lies half a step beyond the tumor's outermost voxel centers (`voxels.surfaces`).
Measured on balls, the margin comes out 0.1 to 0.2 mm too wide on voxels of 1 mm, within 0.1 mm on
0.75 x 0.75 x 3 mm and up to 0.3 mm too narrow on 0.7 x 0.7 x 5 mm. Distances are straight, also across a fissure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.planning.planning_volume import PlannedLiver
from LiverTumorAttentionLib.analysis.vessels import Vessels
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import bounding_box, expanded_box, margin_voxels
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, tumor_value
from LiverTumorAttentionLib.voxels.surfaces import (
    EQUAL,
    Surface,
    distance_map_mm,
    half_step_share,
    surface_voxels,
)

WIDEST_MM = 100.0
NEIGHBOURS = 8
"""So many of the nearest voxels are compared, since several are equally near as a rule."""


@dataclass(frozen=True, kw_only=True)
class VesselInMargin:
    """A vessel that the margin touches. volume_ml: of the vessel inside margin and tumors."""

    name: str
    volume_ml: float


@dataclass(frozen=True, kw_only=True)
class MarginPlan:
    """A safety margin in numbers and as a mask.

    margin_mm, tumors: what was asked for. mask: uint8 on the segmentation's grid, 1 the tumors and their
    margin. volume_ml: of the mask; rim_ml: of the margin alone, without any of the chosen tumors.
    liver_percent: volume_ml in percent of the whole liver. other_tumors: those that were not chosen and lie
    in the margin, whole or in part. vessels: those that have a voxel in the mask, in their order.
    """

    margin_mm: float
    tumors: tuple[int, ...]
    mask: sitk.Image
    volume_ml: float
    rim_ml: float
    liver_percent: float
    other_tumors: tuple[int, ...]
    vessels: tuple[VesselInMargin, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON values, without the mask."""
        return {
            "margin_mm": self.margin_mm,
            "tumors": list(self.tumors),
            "volume_ml": self.volume_ml,
            "rim_ml": self.rim_ml,
            "liver_percent": self.liver_percent,
            "other_tumors": list(self.other_tumors),
            "vessels": [{"name": v.name, "volume_ml": v.volume_ml} for v in self.vessels],
        }


def plan_margin(
    liver: PlannedLiver,
    margin_mm: float,
    tumors: Sequence[int] | None = None,
    vessels: Vessels | None = None,
) -> MarginPlan:
    """Return a margin around tumors.

    tumors: numbers of those that are chosen, all when None. vessels: on the liver's grid.
    Raises `InputError` when the margin is no width from above 0 to 100 mm, and when no tumor is chosen or
    one that is not there.
    """
    chosen = check_margin(liver, margin_mm, tumors)
    values = np.array([tumor_value(number) for number in chosen])
    body = np.isin(liver.values, values)
    around = bounding_box(body)
    if around is None:
        raise ValueError("a chosen tumor has no voxel")
    box = expanded_box(around, margin_voxels(margin_mm, liver.axes.spacing_zyx_mm), body.shape)
    inside = liver.values[box]
    zone = _near(body[box], inside > 0, margin_mm, liver)

    mask = liver.on_grid(zone, box)
    voxel_ml = liver.axes.voxel_ml
    touched = np.unique(inside[zone & (inside >= FIRST_TUMOR)]).astype(int) - FIRST_TUMOR + 1
    return MarginPlan(
        margin_mm=margin_mm,
        tumors=chosen,
        mask=mask,
        volume_ml=int(np.count_nonzero(zone)) * voxel_ml,
        rim_ml=int(np.count_nonzero(zone & ~body[box])) * voxel_ml,
        liver_percent=100.0 * float(np.count_nonzero(zone) / liver.voxels.sum()),
        other_tumors=tuple(number for number in touched.tolist() if number not in chosen),
        vessels=() if vessels is None else _touched(vessels, mask, voxel_ml),
    )


def check_margin(liver: PlannedLiver, margin_mm: float, tumors: Sequence[int] | None) -> tuple[int, ...]:
    """Return the chosen tumors in order; raise `InputError` as `plan_margin` does."""
    if not 0.0 < margin_mm <= WIDEST_MM:
        raise InputError(
            f"the margin must be wider than 0 and at most {WIDEST_MM:g} mm, got {margin_mm:g} mm"
            ": give a width in that range"
        )
    known = ", ".join(str(number) for number in liver.tumor_numbers)
    if not known:
        raise InputError(
            "the segmentation has no tumor to lay a margin around: choose another segmentation, or leave margins out"
        )
    if tumors is not None and len(tumors) == 0:
        raise InputError(f"no tumor was chosen: choose at least one of {known}")
    chosen = tuple(sorted(set(liver.tumor_numbers if tumors is None else tumors)))
    for number in chosen:
        if number not in liver.tumor_numbers:
            raise InputError(f"there is no tumor {number}: choose from {known}")
    return chosen


def _near(
    body: NDArray[np.bool_], organ: NDArray[np.bool_], margin_mm: float, liver: PlannedLiver
) -> NDArray[np.bool_]:
    """Return what of the organ lies within the margin; all are masks (z, y, x) of one box.

    Voxels whose nearest center is within the margin are in it, and those a longest half step farther are
    not: only between the two has the direction to be known.
    """
    distance = distance_map_mm(body, liver.axes.spacing_zyx_mm)
    zone = organ & (distance <= margin_mm)
    widest_mm = margin_mm + 0.5 * max(liver.axes.spacing_zyx_mm)
    doubtful = np.argwhere(organ & ~zone & (distance <= widest_mm * (1 + EQUAL)))
    if len(doubtful):
        surface = Surface(surface_voxels(body), liver.axes)
        count = min(NEIGHBOURS, len(surface.voxels))
        lengths, nearest = surface.tree.query(liver.axes.position_mm(doubtful), k=np.arange(1, count + 1))
        steps = surface.voxels[nearest] - doubtful[:, None, :]
        gaps = lengths * (1.0 - half_step_share(steps))
        equal = lengths <= lengths[:, :1] * (1 + EQUAL)
        found = np.where(equal, gaps, np.inf).min(axis=1) <= margin_mm * (1 + EQUAL)
        zone[tuple(doubtful[found].T)] = True
    return zone


def _touched(vessels: Vessels, mask: sitk.Image, voxel_ml: float) -> tuple[VesselInMargin, ...]:
    touched, zone = [], sitk.GetArrayViewFromImage(mask)
    for value, name in vessels.names.items():
        box = vessels.boxes[value]
        count = int(np.count_nonzero((vessels.array[box] == value) & (zone[box] > 0)))
        if count:
            touched.append(VesselInMargin(name=name, volume_ml=count * voxel_ml))
    return tuple(touched)
