"""A resection by a curved surface: the same numbers as one by planes.

In each voxel the surface is taken for the plane that touches it there, so that the voxel's share is that of a plane
(`halfspace`). A tumor's clearance is measured to points of the surface inside the liver, one a voxel that it cuts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.planning.clearance import Status, gaps_mm
from LiverTumorAttentionLib.analysis.planning.halfspace import share_beyond
from LiverTumorAttentionLib.analysis.planning.planning_volume import PlannedLiver
from LiverTumorAttentionLib.analysis.planning.resection import (
    NOTHING_VOXELS,
    ResectionPlan,
    resection_numbers,
)
from LiverTumorAttentionLib.analysis.planning.surface import CutSurface
from LiverTumorAttentionLib.analysis.segments.remnant import check_weight
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.surfaces import half_step_mm, point_tree

Floats = NDArray[np.float64]


def plan_curved_resection(
    liver: PlannedLiver, surface: CutSurface, weight_kg: float | None = None
) -> ResectionPlan:
    """Return what a curved cut takes out and what it leaves.

    Raises `InputError` for a weight that is none, and when the surface does not part the liver.
    """
    check_weight(weight_kg)
    cut = _Cut.of(liver, surface)
    for part, side in ((cut.resected, "stays"), (liver.voxels - cut.resected, "is taken out")):
        if float(part.sum()) <= NOTHING_VOXELS:
            raise InputError(
                f"the curved cut does not pass through the liver: all of it lies on the side that {side}; move its "
                "points into the liver"
            )
    statuses = [cut.of_tumor(liver, number) for number in range(len(liver.tumor_numbers))]
    return resection_numbers(liver, cut.resected, statuses, weight_kg, surface=surface)


def beyond(liver: PlannedLiver, surface: CutSurface) -> NDArray[np.bool_]:
    """Return the liver's voxels whose center is taken out, (z, y, x) of its box."""
    found = np.zeros(liver.values.shape, bool)
    for z in range(len(found)):
        index = np.argwhere(liver.values[z] > 0)
        place = liver.axes.position_mm(np.insert(index, 0, z, axis=1))
        found[z][tuple(index.T)] = surface.height_mm(place) > 0
    return found


@dataclass(frozen=True)
class _Cut:
    """A surface in a liver. resected: voxels by label. points_mm, normals: of the surface, one a voxel that it cuts."""

    surface: CutSurface
    resected: Floats
    points_mm: Floats
    normals: Floats

    @classmethod
    def of(cls, liver: PlannedLiver, surface: CutSurface) -> _Cut:
        labels = 1 + len(liver.tumor_numbers)
        resected = np.zeros(labels)
        number = np.zeros(int(liver.values.max()) + 1, np.intp)
        for label, tumor in enumerate(liver.tumor_numbers, start=1):
            number[tumor + 1] = label
        points, normals = [], []
        for z, plane in enumerate(liver.values):
            index = np.argwhere(plane > 0)
            if not len(index):
                continue
            place = liver.axes.position_mm(np.insert(index, 0, z, axis=1))
            height, slope = surface.height_mm(place), surface.slope(place)
            reach = np.abs(slope @ liver.axes.steps_mm.T)
            share = share_beyond(height, reach)
            resected += np.bincount(number[plane[tuple(index.T)]], weights=share, minlength=labels)
            border = (share > 0) & (share < 1)
            steep = (slope[border] ** 2).sum(axis=1, keepdims=True)
            points.append(place[border] - height[border, None] * slope[border] / steep)
            normals.append(slope[border] / np.sqrt(steep))
        return cls(surface, resected, np.concatenate(points), np.concatenate(normals))

    def of_tumor(self, liver: PlannedLiver, label: int) -> tuple[Status, float | None]:
        """Return what becomes of a tumor, by its label less one, and its margin in mm."""
        centres = liver.surfaces[label].points_mm
        height, slope = self.surface.height_mm(centres), self.surface.slope(centres)
        steep = np.linalg.norm(slope, axis=1)
        half = half_step_mm(slope / steep[:, None], liver.axes)
        distance = height / steep
        if float((distance + half).max()) < 0:
            return "remnant", None
        least = float((distance - half).min())
        if least <= 0:
            return "cut", least
        tree = point_tree(self.points_mm)
        gaps = gaps_mm(centres, self.points_mm, tree, lambda nearest: self.normals[nearest], liver.axes)
        return "resected", float(gaps.min())
