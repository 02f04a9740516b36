"""A resection by a curved surface, with planes or without: the same numbers as one by planes.

In each voxel the surface is taken for the plane that touches it there, so that the voxel's share is that of a plane
(`halfspace`, `several_sheets`). A tumor's clearance is measured to points of what cuts inside the liver, one a voxel
that is cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.planning.clearance import Status, gaps_mm
from LiverTumorAttentionLib.analysis.planning.halfspace import share_beyond
from LiverTumorAttentionLib.analysis.planning.plane import CutPlane
from LiverTumorAttentionLib.analysis.planning.planning_volume import PlannedLiver
from LiverTumorAttentionLib.analysis.planning.resection import (
    NOTHING_VOXELS,
    Combination,
    ResectionPlan,
    check_combination,
    resection_numbers,
)
from LiverTumorAttentionLib.analysis.planning.several_sheets import share_beyond_all
from LiverTumorAttentionLib.analysis.planning.surface import CutSurface
from LiverTumorAttentionLib.analysis.segments.remnant import check_weight
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.surfaces import half_step_mm, point_tree

BLOCK_VOXELS = (4, 8, 8)
"""Of a block (z, y, x)."""
BENT = 2.5
"""A block may be cut that lies nearer to a sheet than so many of its radii, as a plane in its middle would have it."""

Floats = NDArray[np.float64]
Sheet = CutSurface | CutPlane
"""What cuts: both tell the height above them and how it changes."""


def plan_curved_resection(
    liver: PlannedLiver,
    surface: CutSurface,
    weight_kg: float | None = None,
    planes: Sequence[CutPlane] = (),
    combine: Combination = "all",
) -> ResectionPlan:
    """Return what a curved cut takes out and what it leaves.

    planes: that cut with it. combine: "all" takes out what lies beyond the surface and all planes, "any" what lies
    beyond any of them. Raises `InputError` for a weight that is none, when the surface or a plane does not part the
    liver, and when they together take out nothing or everything.
    """
    check_weight(weight_kg)
    check_combination(len(planes), combine, least=0)
    cut = _Cut.of(liver, (surface, *planes), combine)
    _check_divides(liver, cut)
    statuses = [cut.of_tumor(liver, number) for number in range(len(liver.tumor_numbers))]
    return resection_numbers(
        liver, cut.resected, statuses, weight_kg, planes=planes, combine=combine, surface=surface
    )


def beyond(
    liver: PlannedLiver, surface: CutSurface, planes: Sequence[CutPlane] = (), combine: Combination = "all"
) -> NDArray[np.bool_]:
    """Return the liver's voxels whose center is taken out, (z, y, x) of its box."""
    found = np.zeros(liver.values.shape, bool)
    for slab in _slabs(liver, (surface, *planes)):
        taken, near = _chosen(slab.above, combine)[slab.block], slab.near[slab.block]
        taken[near] = lies_beyond((surface, *planes), combine, liver.axes.position_mm(slab.index[near]))
        found[tuple(slab.index.T)] = taken
    return found


def lies_beyond(sheets: Sequence[Sheet], combine: Combination, position_mm: Floats) -> NDArray[np.bool_]:
    """Return whether positions (..., 3) lie beyond all, or any, of what cuts."""
    return _chosen(np.stack([sheet.height_mm(position_mm) > 0 for sheet in sheets], axis=-1), combine)


def _chosen(above: NDArray[np.bool_], combine: Combination) -> NDArray[np.bool_]:
    """Return what lies beyond all, or any, of sheets. above: (..., sheets)."""
    return np.asarray(above.all(axis=-1) if combine == "all" else above.any(axis=-1))


def _check_divides(liver: PlannedLiver, cut: _Cut) -> None:
    """Raise `InputError` when one of the cuts, or all together, leave the liver on one side."""
    total = float(liver.voxels.sum())
    for number, alone in enumerate(cut.alone):
        which = "the curved cut" if number == 0 else f"plane {number}"
        points = "its points" if number == 0 else "it"
        for part, side in ((alone, "stays"), (total - alone, "is taken out")):
            if part <= NOTHING_VOXELS:
                raise InputError(
                    f"{which} does not pass through the liver: all of it lies on the side that {side}; move {points} "
                    "into the liver"
                )
    for part, what in (
        (cut.resected.sum(), "nothing of the liver"),
        (total - cut.resected.sum(), "the whole liver"),
    ):
        if part <= NOTHING_VOXELS:
            raise InputError(
                f"the curved cut and the planes together take out {what}: move one of them or turn it round"
            )


@dataclass(frozen=True)
class _Cut:
    """What cuts a liver, together.

    resected: voxels by label. alone: voxels that each would take out by itself. points_mm, normals: of what cuts, one a
    voxel that is cut.
    """

    sheets: tuple[Sheet, ...]
    combine: Combination
    resected: Floats
    alone: Floats
    points_mm: Floats
    normals: Floats

    @classmethod
    def of(cls, liver: PlannedLiver, sheets: tuple[Sheet, ...], combine: Combination) -> _Cut:
        labels = 1 + len(liver.tumor_numbers)
        resected, alone = np.zeros(labels), np.zeros(len(sheets))
        number = np.zeros(int(liver.values.max()) + 1, np.intp)
        for label, tumor in enumerate(liver.tumor_numbers, start=1):
            number[tumor + 1] = label
        points, normals = [], []
        for slab in _slabs(liver, sheets):
            label_of = number[slab.values]
            near = slab.near[slab.block]
            alone += np.bincount(slab.block[~near], minlength=len(slab.near)) @ slab.above
            whole = _chosen(slab.above, combine)[slab.block[~near]]
            resected += np.bincount(label_of[~near][whole], minlength=labels)
            place = liver.axes.position_mm(slab.index[near])
            height, slope = _heights(sheets, place)
            shares = share_beyond(height, np.abs(slope @ liver.axes.steps_mm.T))
            alone += shares.sum(axis=0)
            share = _together(shares, height, slope, combine, liver.axes.steps_mm)
            resected += np.bincount(label_of[near], weights=share, minlength=labels)
            border = (share > 0) & (share < 1)
            steep = np.linalg.norm(slope[border], axis=2)
            nearest = np.abs(height[border] / steep).argmin(axis=1)
            of_nearest = (np.arange(len(nearest)), nearest)
            unit = slope[border][of_nearest] / steep[of_nearest][:, None]
            points.append(place[border] - (height[border][of_nearest] / steep[of_nearest])[:, None] * unit)
            normals.append(unit)
        return cls(sheets, combine, resected, alone, np.concatenate(points), np.concatenate(normals))

    def of_tumor(self, liver: PlannedLiver, label: int) -> tuple[Status, float | None]:
        """Return what becomes of a tumor, by its label less one, and its margin in mm."""
        centres = liver.surfaces[label].points_mm
        height, slope = _heights(self.sheets, centres)
        steep = np.linalg.norm(slope, axis=2)
        half = half_step_mm(slope / steep[..., None], liver.axes)
        distance = height / steep
        chosen = np.min if self.combine == "all" else np.max
        if float(chosen(distance + half, axis=1).max()) < 0:
            return "remnant", None
        least = float(chosen(distance - half, axis=1).min())
        if least <= 0:
            return "cut", least
        tree = point_tree(self.points_mm)
        gaps = gaps_mm(centres, self.points_mm, tree, lambda nearest: self.normals[nearest], liver.axes)
        return "resected", float(gaps.min())


@dataclass(frozen=True)
class _Slab:
    """The liver's voxels of some slices.

    index: (N, 3) z, y, x in its box. values: (N,). block: (N,) which block each lies in. near: (B,) whether a block may
    be cut. above: (B, sheets) on which side of each sheet its middle lies, and all of it where it is not near.
    """

    index: NDArray[np.intp]
    values: NDArray[np.intp]
    block: NDArray[np.intp]
    near: NDArray[np.bool_]
    above: NDArray[np.bool_]


def _slabs(liver: PlannedLiver, sheets: Sequence[Sheet]) -> Iterator[_Slab]:
    """Return the liver in slabs. Few blocks are cut, and voxel by voxel only those need a look."""
    block = np.array(BLOCK_VOXELS)
    radius = 0.5 * float(np.linalg.norm(block * liver.axes.spacing_zyx_mm))
    for start in range(0, len(liver.values), BLOCK_VOXELS[0]):
        part = liver.values[start : start + BLOCK_VOXELS[0]]
        index = np.argwhere(part > 0)
        if not len(index):
            continue
        values = part[tuple(index.T)].astype(np.intp)
        index[:, 0] += start
        _, rows, columns = -(-np.array(liver.values.shape) // block)
        key = index[:, 1] // block[1] * columns + index[:, 2] // block[2]
        taken = np.flatnonzero(np.bincount(key, minlength=rows * columns))
        of_block = np.zeros(rows * columns, np.intp)
        of_block[taken] = np.arange(len(taken))
        of_block = of_block[key]
        blocks = np.stack([np.full(len(taken), start // block[0]), taken // columns, taken % columns], axis=1)
        height, slope = _heights(sheets, liver.axes.position_mm((blocks + 0.5) * block - 0.5))
        near = (np.abs(height) <= BENT * radius * np.linalg.norm(slope, axis=2)).any(axis=1)
        yield _Slab(index, values, of_block, near, height > 0)


def _heights(sheets: Sequence[Sheet], place: Floats) -> tuple[Floats, Floats]:
    """Return how high places (N, 3) lie above each sheet (N, sheets), and how that changes (N, sheets, 3)."""
    height = np.stack([sheet.height_mm(place) for sheet in sheets], axis=1)
    return height, np.stack([np.broadcast_to(sheet.slope(place), place.shape) for sheet in sheets], axis=1)


def _together(
    shares: Floats, height: Floats, slope: Floats, combine: Combination, steps_mm: Floats
) -> Floats:
    """Return the share of each voxel that lies beyond all, or any, of the sheets; see `share_beyond_all`."""
    if combine == "any":  # what lies beyond any is what does not lie before all
        return 1.0 - share_beyond_all(1.0 - shares, -height, -slope, steps_mm)
    return share_beyond_all(shares, height, slope, steps_mm)
