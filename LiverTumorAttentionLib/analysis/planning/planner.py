"""One case to plan on: laid out once, asked as often as a plane is dragged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis.planning.curved_resection import beyond, plan_curved_resection
from LiverTumorAttentionLib.analysis.planning.margin import MarginPlan, plan_margin
from LiverTumorAttentionLib.analysis.planning.plane import CutPlane
from LiverTumorAttentionLib.analysis.planning.planning_volume import PlannedLiver
from LiverTumorAttentionLib.analysis.planning.resection import Combination, ResectionPlan, plan_resection
from LiverTumorAttentionLib.analysis.planning.surface import CutSurface
from LiverTumorAttentionLib.analysis.planning.surface_mesh import SurfaceMesh, surface_mesh
from LiverTumorAttentionLib.analysis.vessels import Vessels
from LiverTumorAttentionLib.voxels.boxes import full_box
from LiverTumorAttentionLib.voxels.geometry import check_same_grid


class Planner:
    """Plans margins and resections of one case. Nothing it returns is meant for clinical use.

    instances: 0 background, 1 liver, 2, 3, … one value a tumor; in any orientation and handedness.
    vessels: on the same grid; None when there are none.
    Raises `InputError` when there is no liver, the grid is sheared, or the vessels lie on another one.
    """

    def __init__(self, instances: sitk.Image, vessels: Vessels | None = None) -> None:
        if vessels is not None:
            check_same_grid(instances, vessels.labels, "the segmentation", "the vessels")
        self._liver = PlannedLiver.of(instances)
        self._vessels = vessels
        # What a plane needs is made ready now, so that the first one is as quick as the others.
        _ = (
            self._liver.corners_mm,
            self._liver.surface_points_mm,
            self._liver.voxels,
            self._liver.runs.start_mm,
        )

    @property
    def tumor_numbers(self) -> tuple[int, ...]:
        """The tumors that can be chosen."""
        return self._liver.tumor_numbers

    def margin(self, margin_mm: float, tumors: Sequence[int] | None = None) -> MarginPlan:
        """Return a safety margin around chosen tumors, all when None; see `plan_margin`."""
        return plan_margin(self._liver, margin_mm, tumors, self._vessels)

    def resection(
        self,
        planes: CutPlane | Sequence[CutPlane],
        combine: Combination = "all",
        weight_kg: float | None = None,
    ) -> ResectionPlan:
        """Return what one or several planes take out and what they leave; see `plan_resection`."""
        chosen = [planes] if isinstance(planes, CutPlane) else list(planes)
        return plan_resection(self._liver, chosen, combine, weight_kg)

    def curved_resection(
        self,
        surface: CutSurface,
        weight_kg: float | None = None,
        planes: Sequence[CutPlane] = (),
        combine: Combination = "all",
    ) -> ResectionPlan:
        """Return what a curved cut, with planes or without, takes out and leaves; see `plan_curved_resection`."""
        return plan_curved_resection(self._liver, surface, weight_kg, planes, combine)

    def curved_mask(
        self, surface: CutSurface, planes: Sequence[CutPlane] = (), combine: Combination = "all"
    ) -> sitk.Image:
        """Return what a curved cut, with planes or without, takes out, as `resected_mask` does."""
        mask = beyond(self._liver, surface, planes, combine)
        return self._liver.on_grid(mask, full_box(self._liver.values.shape))

    def curved_mesh(self, surface: CutSurface) -> SurfaceMesh:
        """Return a curved cut as triangles, to be drawn."""
        return surface_mesh(self._liver, surface)

    def resected_mask(
        self, planes: CutPlane | Sequence[CutPlane], combine: Combination = "all"
    ) -> sitk.Image:
        """Return what is taken out as uint8 on the segmentation's grid: voxels whose center lies beyond.

        For showing: the plan's volumes are finer, since they share out the voxels that a plane cuts.
        """
        chosen = [planes] if isinstance(planes, CutPlane) else list(planes)
        liver = self._liver
        place = [np.arange(length, dtype=float) for length in liver.values.shape]
        beyond = np.full(liver.values.shape, combine == "all")
        for plane in chosen:
            z, y, x = (
                steps * float(step @ plane.unit_normal)
                for steps, step in zip(place, liver.axes.steps_mm, strict=True)
            )
            first = float(plane.height_mm(liver.axes.origin_mm))
            side = (z[:, None, None] + y[:, None]) + x > -first
            beyond = beyond & side if combine == "all" else beyond | side
        return liver.on_grid(beyond & (liver.values > 0), full_box(beyond.shape))
