"""A curved cut and cuts through vessels at placed points: markups lists that a study refers to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk
import slicer

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.review.curved_cut_model import CurvedCutModel
from LiverTumorAttentionGui.review.plan_segments import CURVED_RESECTED_SEGMENT, PlanSegments
from LiverTumorAttentionGui.review.plan_settings import Combination, PlanSettings
from LiverTumorAttentionGui.scene.node_attributes import CURVED_CUT_REFERENCE, VESSEL_CUTS_REFERENCE
from LiverTumorAttentionGui.scene.study import Study

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis.planning import CutPlane, CutSurface, Planner, ResectionPlan
    from LiverTumorAttentionLib.analysis.vasculature.territories import TerritoryPlan, VesselCut
    from LiverTumorAttentionLib.progress import Progress
    from LiverTumorAttentionLib.voxels.geometry import Point


class PlanPoints:
    """What is planned by points of one study. Not for clinical use.

    segments: of the plan. planner, instances: return those of the present segmentation, as in `ScenePlan`. cuts:
    returns the planes.
    """

    def __init__(
        self,
        study: Study,
        segments: PlanSegments,
        planner: Callable[[], Planner],
        instances: Callable[[], sitk.Image],
        cuts: Callable[[], tuple[CutPlane, ...]],
    ) -> None:
        self._study, self._segments = study, segments
        self._planner, self._instances, self._cuts = planner, instances, cuts
        self._settings = PlanSettings(study.segmentation)
        self.model = CurvedCutModel(study.segmentation)
        self._smaller: tuple[Planner, tuple[Point, ...], CutSurface] | None = None
        """What takes out the smaller part, by the planner and the points that told it."""

    @property
    def with_planes(self) -> bool:
        """Whether the curved cut and the planes, of which there are some, are one resection."""
        wanted = self._settings.curved_with_planes and bool(self._points(CURVED_CUT_REFERENCE))
        return wanted and bool(self._cuts())

    def curved(self) -> ResectionPlan | None:
        """Return the resection by the curved cut, with the planes where that is set; None without one.

        Raises `PanelError`.
        """
        surface = self.surface()
        if surface is None:
            return None
        with as_panel_error():
            return self._planner().curved_resection(surface, self._settings.weight_kg, *self._planes())

    def curved_mask(self) -> sitk.Image | None:
        """Return what it resects on the portal grid, whole voxels; None without one. Raises `PanelError`."""
        surface = self.surface()
        return None if surface is None else self._planner().curved_mask(surface, *self._planes())

    @property
    def resected_shown(self) -> bool:
        """Whether what the curved cut takes out by itself is shown as a segment."""
        return self._segments.has(CURVED_RESECTED_SEGMENT)

    def show_resected(self, shown: bool) -> None:
        """Show what the curved cut takes out by itself as a segment of whole voxels, or hide it.

        Where the cut is one resection with the planes it is hidden: `ScenePlan.show_resected` shows what they take out
        together. Raises `PanelError` without a cut and where it takes out nothing, and then nothing has changed.
        """
        if not shown or self.with_planes:
            self._segments.remove(CURVED_RESECTED_SEGMENT)
            return
        mask = None if self.curved() is None else self.curved_mask()
        if mask is None:
            raise PanelError(_("There is no curved cut yet: choose the list of its points first."))
        self._segments.show(CURVED_RESECTED_SEGMENT, _("Resected by the curved cut"), mask)

    def update_shown(self) -> None:
        """Update the segment where it is shown; one that can no longer be computed is removed."""
        if not self.resected_shown:
            return
        try:
            self.show_resected(True)
        except PanelError:
            self._segments.remove(CURVED_RESECTED_SEGMENT)

    def draw(self, *, visible: bool = True) -> None:
        """Draw the curved cut as it is now; without one that cuts the liver nothing stays drawn."""
        try:
            surface = self.surface()
        except PanelError:
            surface = None
        if surface is None:
            self.model.remove()
        else:
            self.model.draw(self._planner().curved_mesh(surface), visible=visible)

    def surface(self) -> CutSurface | None:
        """Return the curved cut, which takes out the smaller part unless it is turned round; None without one.

        Raises `PanelError` where the points span no surface in the liver.
        """
        from LiverTumorAttentionLib.analysis.planning import CutSurface

        points = self._points(CURVED_CUT_REFERENCE)
        if not points:
            return None
        planner = self._planner()
        if self._smaller is None or self._smaller[0] is not planner or self._smaller[1] != points:
            normal = np.linalg.svd(np.array(points) - np.mean(points, axis=0))[2][2]
            x, y, z = (float(value) for value in normal)
            with as_panel_error():
                surface = CutSurface(points_lps_mm=points, toward_lps=(x, y, z))
                plan = planner.curved_resection(surface)
            smaller = surface if plan.resected_ml <= plan.remnant_ml else surface.flipped()
            self._smaller = (planner, points, smaller)
        found = self._smaller[2]
        return found.flipped() if self._settings.curved_flipped else found

    def territories(self, progress: Progress | None = None) -> TerritoryPlan | None:
        """Return what the cuts through vessels take; None without one. Raises `PanelError`, `Cancelled`."""
        from LiverTumorAttentionLib.analysis.vasculature.territories import Territories

        cuts = self.vessel_cuts()
        if not cuts:
            return None
        with as_panel_error():
            vessels = self._study.vessel_map()
            if vessels is None:
                raise PanelError(
                    _("There are no vessels to cut: propose them, or choose their segmentation above.")
                )
            laid_out = Territories(
                self._instances(), vessels, None if progress is None else progress.part(0.0, 0.6)
            )
            return laid_out.cut(cuts, None if progress is None else progress.part(0.6, 1.0))

    def vessel_cuts(self) -> tuple[VesselCut, ...]:
        """Return the cuts through vessels for the library."""
        from LiverTumorAttentionLib.analysis.vasculature.territories import VesselCut

        return tuple(VesselCut(point_lps_mm=point) for point in self._points(VESSEL_CUTS_REFERENCE))

    def as_json(self) -> dict[str, Any]:
        """Return both as `review --plan` reads them; a curved cut that cannot be meant is left out.

        Raises `PanelError` where one that is planned with the planes cannot be meant.
        """
        plan: dict[str, Any] = {}
        try:
            surface = self.surface()
        except PanelError:
            if self.with_planes:
                raise
            surface = None
        if surface is not None:
            points = [list(point) for point in surface.points_lps_mm]
            cut = {"points_lps_mm": points, "toward_lps": list(surface.toward_lps)}
            planes, combine = self._planes()
            together = {"planes": planes_as_json(planes), "combine": combine} if planes else {}
            name = "Curved cut and planes" if planes else "Curved cut"
            plan["resections"] = [{"name": name, "surface": cut, **together}]
        cuts = self.vessel_cuts()
        if cuts and self._study.vessels is not None:
            plan["vessel_cuts"] = [{"point_lps_mm": list(cut.point_lps_mm)} for cut in cuts]
        return plan

    def _planes(self) -> tuple[tuple[CutPlane, ...], Combination]:
        """Return the planes that cut with the curved cut, and how they combine."""
        return (self._cuts(), self._settings.combine) if self.with_planes else ((), "all")

    def _points(self, role: str) -> tuple[tuple[float, float, float], ...]:
        """Return the placed points of a list, LPS mm."""
        node = self._study.segmentation.GetNodeReference(role)
        return () if node is None else tuple(self._study.to_lps(point) for point in placed_points(node))


def planes_as_json(cuts: Sequence[CutPlane]) -> list[dict[str, Any]]:
    """Return planes as `review --plan` reads them."""
    return [{"point_lps_mm": list(cut.point_lps_mm), "normal_lps": list(cut.normal_lps)} for cut in cuts]


def placed_points(node: slicer.vtkMRMLMarkupsNode) -> list[tuple[float, float, float]]:
    """Return the points of a list that have been placed, in the world, RAS mm."""
    found = []
    for index in range(node.GetNumberOfControlPoints()):
        if node.GetNthControlPointPositionStatus(index) == slicer.vtkMRMLMarkupsNode.PositionDefined:
            x, y, z = (float(value) for value in node.GetNthControlPointPositionWorld(index))
            found.append((x, y, z))
    return found
