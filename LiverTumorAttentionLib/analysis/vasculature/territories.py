"""What of the liver loses its portal supply or its venous drainage where a vessel is cut.

Every voxel of the liver belongs to the nearest point of the tree's centerline, as is usual for lack of the finest
branches; what belongs to points downstream of a cut is lost, seen from the tree's root.

Source: Selle et al., Analysis of vasculature for liver surgical planning, IEEE Transactions on Medical Imaging 2002;
21: 1344-1357, nearest-neighbor model. Departs: nearest points instead of nearest branches, so that a cut along a branch
parts its territory.

What it cannot tell: supply through other branches than the known ones, collaterals between hepatic veins, and arteries.
Trees end where the image shows them no more, so that a territory's border is the model's, not the patient's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from LiverTumorAttentionLib.analysis.vasculature.vessel_tree import VesselTree, vessel_tree
from LiverTumorAttentionLib.analysis.vasculature.working_grid import CUBE_MM
from LiverTumorAttentionLib.analysis.vessels import Vessels
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.terminology import plain_text
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import bounding_box, box_start
from LiverTumorAttentionLib.voxels.cubes import cubes_around
from LiverTumorAttentionLib.voxels.geometry import ImageAxes, Point, as_point, check_same_grid
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, tumor_number

Side = Literal["supply", "drainage"]
Mask = NDArray[np.bool_]

FARTHEST_MM = 10.0
"""A cut lies no farther from a vessel's wall."""
MOST_CUTS = 20
BLOCK = 1 << 18


@dataclass(frozen=True, kw_only=True)
class VesselCut:
    """A cut through a vessel. point_lps_mm: a place in or beside it; the nearest centerline of both trees is cut."""

    point_lps_mm: Point

    def __post_init__(self) -> None:
        if len(self.point_lps_mm) != 3 or not np.isfinite(self.point_lps_mm).all():
            raise InputError(
                f"the place of a cut must be three finite numbers (L, P, S), got {self.point_lps_mm}: give three"
            )


@dataclass(frozen=True, kw_only=True)
class Territory:
    """What a cut takes from the liver.

    vessel: name of the vessel that is cut. side: whether the part loses "supply" (portal vein) or "drainage" (hepatic
    veins). point_lps_mm: on the centerline, where it is cut; diameter_mm: of the vessel there. lost_ml: of the whole
    liver, lost_percent: likewise. tumors: numbers of those that lie in it, whole or in part.
    """

    vessel: str
    side: Side
    point_lps_mm: Point
    diameter_mm: float
    lost_ml: float
    lost_percent: float
    tumors: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class TerritoryPlan:
    """What several cuts take together. mask: uint8 on the segmentation's grid, 1 lost supply, 2 drainage, 3 both."""

    territories: tuple[Territory, ...]
    mask: sitk.Image
    supply_lost_ml: float
    drainage_lost_ml: float
    lost_ml: float
    lost_percent: float

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON values, without the mask."""
        return {
            "territories": [asdict(territory) for territory in self.territories],
            "supply_lost_ml": self.supply_lost_ml,
            "drainage_lost_ml": self.drainage_lost_ml,
            "lost_ml": self.lost_ml,
            "lost_percent": self.lost_percent,
        }


def side_of(name: str) -> Side | None:
    """Return what a vessel is for, by its name; None for one that is neither portal nor hepatic vein."""
    words = set(plain_text(name).split())
    if words & {"portal", "portae", "portale", "pfortader", "porta"}:
        return "supply"
    veins = {"vein", "veins", "vena", "venae", "vene", "venen", "veine", "veines", "lebervene", "lebervenen"}
    if words & veins and not words & {"cava", "splenic", "mesenteric", "renal"}:
        return "drainage"
    return None


class Territories:
    """The territories of the vessels of a liver, laid out once.

    instances: 0 background, 1 liver, 2, 3, … tumors. vessels: on its grid, named as portal and hepatic veins; a vena
    cava is where hepatic veins drain to. Raises `InputError` for other grids, no liver, and no such vessel.
    """

    def __init__(self, instances: sitk.Image, vessels: Vessels, progress: Progress | None = None) -> None:
        progress = progress or Progress(stage="territories")
        check_same_grid(instances, vessels.labels, "the segmentation", "the vessels")
        values: NDArray[Any] = sitk.GetArrayViewFromImage(instances)
        box = bounding_box(values)
        if box is None:
            raise InputError("the segmentation has no liver that vessels could supply: segment it first")
        self._instances, self._box, self._values = instances, box, values[box].copy()
        self._axes = ImageAxes.of(instances).of_part(box_start(box))
        self._trees: dict[Side, VesselTree] = {}
        self._names: dict[Side, str] = {}
        for number, side in enumerate(("supply", "drainage")):
            progress.update(0.5 * number)
            chosen = [value for value, name in vessels.names.items() if side_of(name) == side]
            if chosen:
                side_name: Side = "supply" if side == "supply" else "drainage"
                self._names[side_name] = ", ".join(vessels.names[value] for value in chosen)
                self._trees[side_name] = _tree(instances, vessels, chosen, with_cava=side == "drainage")
        if not self._trees:
            raise InputError(
                f"none of the vessels ({', '.join(vessels.names.values())}) is named as portal or hepatic vein, so "
                "that nothing is known of what they supply: name them so"
            )
        progress.update(1.0)

    def cut(self, cuts: Sequence[VesselCut], progress: Progress | None = None) -> TerritoryPlan:
        """Return what cuts take from the liver.

        Raises `InputError` when none or too many are given, or one lies far from every vessel, and `Cancelled`.
        """
        progress = progress or Progress(stage="territories")
        if not 1 <= len(cuts) <= MOST_CUTS:
            raise InputError(
                f"a plan takes 1 to {MOST_CUTS} cuts through vessels, got {len(cuts)}: add or remove some"
            )
        organ = self._values > 0
        total, voxel_ml = int(np.count_nonzero(organ)), self._axes.voxel_ml
        lost: dict[Side, Mask] = {side: np.zeros(organ.shape, bool) for side in ("supply", "drainage")}
        territories = []
        for number, cut in enumerate(cuts, start=1):
            progress.update((number - 1) / len(cuts))
            side, point = self._nearest(cut, number)
            tree = self._trees[side]
            away = tree.downstream(point)
            part = np.zeros(organ.shape, bool)
            part[organ] = away[self._owners[side]]
            lost[side] |= part
            count = int(np.count_nonzero(part))
            inside = np.unique(self._values[part & (self._values >= FIRST_TUMOR)])
            territories.append(
                Territory(
                    vessel=self._names[side],
                    side=side,
                    point_lps_mm=as_point(tree.points_mm[point]),
                    diameter_mm=2.0 * float(tree.radius_mm[point]),
                    lost_ml=count * voxel_ml,
                    lost_percent=100.0 * count / total,
                    tumors=tuple(tumor_number(int(value)) for value in inside),
                )
            )
        either = int(np.count_nonzero(lost["supply"] | lost["drainage"]))
        progress.update(1.0)
        return TerritoryPlan(
            territories=tuple(territories),
            mask=self._on_grid(lost["supply"] + 2 * lost["drainage"].astype(np.uint8)),
            supply_lost_ml=int(np.count_nonzero(lost["supply"])) * voxel_ml,
            drainage_lost_ml=int(np.count_nonzero(lost["drainage"])) * voxel_ml,
            lost_ml=either * voxel_ml,
            lost_percent=100.0 * either / total,
        )

    @cached_property
    def _owners(self) -> dict[Side, NDArray[np.intp]]:
        """The nearest point of each tree, by the liver's voxels in their order."""
        index = np.argwhere(self._values > 0)
        found = {}
        for side, tree in self._trees.items():
            points = cKDTree(tree.points_mm)
            parts = [
                points.query(self._axes.position_mm(index[begin : begin + BLOCK]))[1]
                for begin in range(0, len(index), BLOCK)
            ]
            found[side] = np.concatenate(parts).astype(np.intp)
        return found

    def _nearest(self, cut: VesselCut, number: int) -> tuple[Side, int]:
        """Return which tree a cut cuts, and at which point."""
        found = {}
        for side, tree in self._trees.items():
            point, away = tree.nearest(cut.point_lps_mm)
            found[side] = (away - float(tree.radius_mm[point]), point)
        side = min(found, key=lambda each: found[each][0])
        gap, point = found[side]
        if gap > FARTHEST_MM:
            raise InputError(
                f"cut {number} lies {gap:.0f} mm from the nearest vessel ({self._names[side]}): move it onto the "
                "vessel that is cut"
            )
        return side, point

    def _on_grid(self, part: NDArray[np.uint8]) -> sitk.Image:
        whole = np.zeros(self._instances.GetSize()[::-1], np.uint8)
        whole[self._box] = part
        image = sitk.GetImageFromArray(whole)
        image.CopyInformation(self._instances)
        return image


def _tree(instances: sitk.Image, vessels: Vessels, chosen: Sequence[int], *, with_cava: bool) -> VesselTree:
    """Return the tree of vessels on cubes. with_cava: joined by the cava, whose upper end is then the root."""
    cava = [value for value, name in vessels.names.items() if "cava" in plain_text(name).split()]
    values = [*chosen, *cava] if with_cava else list(chosen)
    shown = np.isin(vessels.array, values)
    box = bounding_box(shown)
    if box is None:
        raise ValueError("a vessel that is named has voxels")
    used = sitk.GetImageFromArray(shown.astype(np.float32))
    used.CopyInformation(vessels.labels)
    cubes = cubes_around(ImageAxes.of(instances), box, CUBE_MM, CUBE_MM)
    mask = np.asarray(sitk.GetArrayFromImage(sitk.Resample(used, cubes)) >= 0.5)
    organ = sitk.Resample(
        sitk.Cast(instances > 0, sitk.sitkUInt8), cubes, sitk.Transform(), sitk.sitkNearestNeighbor
    )
    root = None
    if with_cava and cava:
        index = np.argwhere(np.isin(vessels.array, cava))
        place = ImageAxes.of(vessels.labels).position_mm(index)
        root = place[int(place[:, 2].argmax())]
    if not mask.any():
        raise InputError(
            f"{', '.join(vessels.names[value] for value in chosen)} is thinner than {CUBE_MM:g} mm: draw it wider"
        )
    return vessel_tree(mask, ImageAxes.of(cubes), root_mm=root, organ=sitk.GetArrayViewFromImage(organ) > 0)
