"""A resection by planes: what is taken out, what stays, and how near the cut comes to each tumor.

Distances run from the outermost voxel centers of a tumor, extended by half a step as in `voxels.surfaces`,
to the cut surface, which is where the planes lie inside the liver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from LiverTumorAttentionLib.analysis.planning.clearance import Clearance
from LiverTumorAttentionLib.analysis.planning.plane import CutPlane
from LiverTumorAttentionLib.analysis.planning.planning_volume import PlannedLiver
from LiverTumorAttentionLib.analysis.planning.region import Region, region_beyond
from LiverTumorAttentionLib.analysis.planning.surface import CutSurface
from LiverTumorAttentionLib.analysis.segments.remnant import check_weight
from LiverTumorAttentionLib.errors import InputError

Combination = Literal["all", "any"]
"""What several planes, and a curved surface with them, take out: what lies beyond all of them (a wedge), or any."""
Status = Literal["resected", "cut", "remnant"]

MOST_PLANES = 20
NOTHING_VOXELS = 1e-6
"""Less of the liver on one side of a plane is none: a plane along the voxels' faces rounds."""


@dataclass(frozen=True, kw_only=True)
class TumorResection:
    """What becomes of one tumor.

    status: "resected" where it is taken out whole, "remnant" where it stays whole, "cut" where a plane cuts
    or touches it. margin_mm: smallest distance of a resected tumor to the cut surface; of one that is cut 0
    or below: by how much it reaches beyond the cut; None for one that stays. resected_ml, remnant_ml: its
    volume on both sides.
    """

    number: int
    status: Status
    margin_mm: float | None
    resected_ml: float
    remnant_ml: float


@dataclass(frozen=True, kw_only=True)
class ResectionPlan:
    """A resection in numbers.

    planes, combine: what was asked for. liver_ml: the whole organ, tumors included; parenchyma_ml: without
    any tumor. resected_ml, remnant_ml: of the whole organ; resected_percent, remnant_percent: likewise.
    remnant_parenchyma_ml: what stays, without the tumors that stay; remnant_parenchyma_percent: of
    parenchyma_ml; remnant_ml_per_kg: remnant_parenchyma_ml by the body's weight, None without a weight.
    tumors: in the order of their numbers. smallest_margin_mm: over all that are not left; None without any. surface:
    the curved one that cuts with the planes or instead of them.
    """

    planes: tuple[CutPlane, ...]
    combine: Combination
    weight_kg: float | None
    liver_ml: float
    parenchyma_ml: float
    resected_ml: float
    resected_percent: float
    remnant_ml: float
    remnant_percent: float
    remnant_parenchyma_ml: float
    remnant_parenchyma_percent: float
    remnant_ml_per_kg: float | None
    tumors: tuple[TumorResection, ...]
    smallest_margin_mm: float | None
    surface: CutSurface | None = None

    @property
    def cut_tumors(self) -> tuple[int, ...]:
        """Numbers of the tumors that a plane cuts or touches."""
        return tuple(tumor.number for tumor in self.tumors if tumor.status == "cut")

    @property
    def left_tumors(self) -> tuple[int, ...]:
        """Numbers of the tumors that stay whole."""
        return tuple(tumor.number for tumor in self.tumors if tumor.status == "remnant")

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {**asdict(self), "cut_tumors": list(self.cut_tumors), "left_tumors": list(self.left_tumors)}


def plan_resection(
    liver: PlannedLiver,
    planes: Sequence[CutPlane],
    combine: Combination = "all",
    weight_kg: float | None = None,
) -> ResectionPlan:
    """Return what a resection takes out and what it leaves.

    Raises `InputError` when no plane or too many are given, for a weight that is none, when a plane does not
    pass through the liver, and when the planes together take out nothing or everything.
    """
    check_combination(len(planes), combine)
    check_weight(weight_kg)
    region, resected = _resected_voxels(liver, planes, combine)
    _check_divides(liver, planes, resected)
    clearance = Clearance(liver, region, planes, combine)
    statuses = [clearance.of_tumor(label) for label in range(1, 1 + len(liver.tumor_numbers))]
    return resection_numbers(liver, resected, statuses, weight_kg, planes=planes, combine=combine)


def resection_numbers(
    liver: PlannedLiver,
    resected: np.ndarray,
    statuses: Sequence[tuple[Status, float | None]],
    weight_kg: float | None,
    *,
    planes: Sequence[CutPlane] = (),
    combine: Combination = "all",
    surface: CutSurface | None = None,
) -> ResectionPlan:
    """Return a resection in numbers. resected: voxels by label. statuses: of each tumor, with its margin."""
    voxel_ml, total = liver.axes.voxel_ml, liver.voxels
    stays = np.maximum(total - resected, 0.0)
    tumors = []
    for label, number in enumerate(liver.tumor_numbers, start=1):
        status, margin_mm = statuses[label - 1]
        tumors.append(
            TumorResection(
                number=number,
                status=status,
                margin_mm=margin_mm,
                resected_ml=float(resected[label]) * voxel_ml,
                remnant_ml=float(stays[label]) * voxel_ml,
            )
        )
    parenchyma_ml, remnant_parenchyma_ml = float(total[0]) * voxel_ml, float(stays[0]) * voxel_ml
    return ResectionPlan(
        planes=tuple(planes),
        combine=combine,
        weight_kg=weight_kg,
        liver_ml=float(total.sum()) * voxel_ml,
        parenchyma_ml=parenchyma_ml,
        resected_ml=float(resected.sum()) * voxel_ml,
        resected_percent=100.0 * float(resected.sum() / total.sum()),
        remnant_ml=float(stays.sum()) * voxel_ml,
        remnant_percent=100.0 * float(stays.sum() / total.sum()),
        remnant_parenchyma_ml=remnant_parenchyma_ml,
        remnant_parenchyma_percent=100.0 * remnant_parenchyma_ml / parenchyma_ml if parenchyma_ml else 0.0,
        remnant_ml_per_kg=None if weight_kg is None else remnant_parenchyma_ml / weight_kg,
        tumors=tuple(tumors),
        smallest_margin_mm=min((t.margin_mm for t in tumors if t.margin_mm is not None), default=None),
        surface=surface,
    )


def _resected_voxels(
    liver: PlannedLiver, planes: Sequence[CutPlane], combine: Combination
) -> tuple[Region, np.ndarray]:
    """Return the region that the planes bound and the voxels that are taken out, by label."""
    if combine == "all":
        region = region_beyond(liver.runs, planes, len(liver.voxels))
        return region, region.voxels
    # What lies beyond any plane is what does not lie before all of them.
    region = region_beyond(liver.runs, [plane.flipped() for plane in planes], len(liver.voxels))
    return region, liver.voxels - region.voxels


def check_combination(count: int, combine: str, *, least: int = 1) -> None:
    """Raise `InputError` for too many or too few planes, and for another way of combining than "all" and "any"."""
    if not least <= count <= MOST_PLANES:
        raise InputError(
            f"a resection needs {least} to {MOST_PLANES} planes, got {count}: add or remove planes"
        )
    if combine not in ("all", "any"):
        raise InputError(
            f"planes combine as 'all' (a wedge) or as 'any', got {combine!r}: choose one of the two"
        )


def _check_divides(liver: PlannedLiver, planes: Sequence[CutPlane], resected: np.ndarray) -> None:
    """Raise `InputError` when a plane, or all of them together, leave the liver on one side."""
    for number, plane in enumerate(planes, start=1):
        distance = plane.height_mm(liver.corners_mm)
        which = "the plane" if len(planes) == 1 else f"plane {number}"
        if distance.min() >= 0 or distance.max() <= 0:
            side = "that is taken out" if distance.min() >= 0 else "that stays"
            gap = float(np.abs(distance).min())
            raise InputError(
                f"{which} does not pass through the liver: all of it lies on the side {side}, {gap:.0f} mm "
                "away or more; move the plane into the liver"
            )
    if resected.sum() <= NOTHING_VOXELS:
        raise InputError(
            "the planes together take out nothing of the liver: move one of them or turn it round"
        )
    if liver.voxels.sum() - resected.sum() <= NOTHING_VOXELS:
        raise InputError("the planes together take out the whole liver: move one of them or turn it round")
