"""The plan of a study in the scene: a margin as a segment, planes to drag, and what they take out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import slicer

from LiverTumorAttentionGui.debounce import Debounce
from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.review.plan_segments import MARGIN_SEGMENT, RESECTED_SEGMENT, PlanSegments
from LiverTumorAttentionGui.review.plan_settings import Combination, PlanChoices
from LiverTumorAttentionGui.review.plane_placement import first_plane
from LiverTumorAttentionGui.review.resection_planes import CutPlanes
from LiverTumorAttentionGui.scene.study import Study

if TYPE_CHECKING:
    import SimpleITK as sitk

    from LiverTumorAttentionLib.analysis.planning import CutPlane, MarginPlan, Planner, ResectionPlan

QUIET_MS = 300
"""So long the planes have to rest before the part that is taken out is shown anew: that takes longer than numbers."""


class ScenePlan:
    """Margin and resection of one study. Nothing that it shows is meant for clinical use.

    instances: uint16 on the portal grid, in the world: 0 background, 1 liver, n + 1 tumour n. Everything that is
    chosen is kept in the scene, so that a plan on the same segmentation finds it again.
    """

    def __init__(self, study: Study, instances: sitk.Image) -> None:
        self._study = study
        self._instances = instances
        self._choices = PlanChoices(study.segmentation)
        self._segments = PlanSegments(study)
        self._listeners: list[Callable[[], None]] = []
        self._margin: MarginPlan | None = None
        self._known = (self.combine, self.weight_kg)
        self._quiet = Debounce(self._show_anew, QUIET_MS, restart=True)
        self._planes = CutPlanes(study, self._planes_changed)

    @cached_property
    def _planner(self) -> Planner:
        from LiverTumorAttentionLib.analysis.planning import Planner

        with as_panel_error():
            return Planner(self._instances, self._study.vessel_map())

    def set_instances(self, instances: sitk.Image) -> None:
        """Plan on a corrected segmentation. Segments that are shown follow when there is quiet."""
        self._instances = instances
        self.__dict__.pop("_planner", None)
        self._margin = None
        self._quiet.request()

    def on_changed(self, callback: Callable[[], None]) -> None:
        """Have a function called when the resection becomes another one, also while a plane is dragged."""
        self._listeners.append(callback)

    # The margin ------------------------------------------------------------------------------------------------

    @property
    def margin_mm(self) -> float | None:
        """The width that was chosen; None without a margin."""
        return self._choices.margin_mm

    @property
    def margin_tumors(self) -> tuple[int, ...] | None:
        """The tumours that were chosen; None for all."""
        return self._choices.margin_tumors

    def set_margin(self, mm: float, numbers: Sequence[int] | None = None) -> MarginPlan | None:
        """Lay a margin around tumours, around all when None, and show it as a segment; 0 takes it away.

        Raises `PanelError`, and then nothing has changed.
        """
        if mm == 0:
            self.clear_margin()
            return None
        chosen = None if numbers is None else tuple(sorted(set(numbers)))
        with as_panel_error():
            plan = self._planner.margin(mm, chosen)
        self._choices.set_margin(mm, chosen)
        self._show_margin(plan)
        return plan

    def margin(self) -> MarginPlan | None:
        """Return the margin in numbers; None without one. Raises `PanelError` when it cannot be laid any more."""
        width_mm = self.margin_mm
        if width_mm is None:
            return None
        if self._margin is None:
            with as_panel_error():
                self._margin = self._planner.margin(width_mm, self._margin_tumors_left())
        return self._margin

    def clear_margin(self) -> None:
        """Take the margin and its segment away."""
        self._choices.set_margin(None, None)
        self._margin = None
        self._segments.remove(MARGIN_SEGMENT)

    def _margin_tumors_left(self) -> tuple[int, ...] | None:
        """Return those of the chosen tumours that are still there; all that were chosen when none is."""
        chosen = self.margin_tumors
        left = tuple(number for number in chosen or () if number in self._planner.tumor_numbers)
        return left or chosen

    def _show_margin(self, plan: MarginPlan) -> None:
        self._margin = plan
        self._segments.show(MARGIN_SEGMENT, f"Margin {plan.margin_mm:g} mm", plan.mask)

    # The resection ---------------------------------------------------------------------------------------------

    def planes(self) -> list[slicer.vtkMRMLMarkupsPlaneNode]:
        """Return the planes; their normals point to what is taken out."""
        return self._planes.nodes()

    def add_plane(self, tumor: int | None = None) -> slicer.vtkMRMLMarkupsPlaneNode:
        """Add a plane through the liver's centre, or beside a tumour, which it takes out. Raises `PanelError`."""
        place = first_plane(self._instances, tumor, self.margin_mm)
        return self._planes.add(place.cut, place.size_mm)

    def remove_plane(self, node: slicer.vtkMRMLMarkupsPlaneNode) -> None:
        """Remove a plane."""
        self._planes.remove(node)

    @property
    def combine(self) -> Combination:
        """What several planes take out: what lies beyond "all" of them (a wedge), or beyond "any"."""
        return self._choices.combine

    @combine.setter
    def combine(self, value: Combination) -> None:
        self._choices.combine = value
        self._look_at_choices()

    @property
    def weight_kg(self) -> float | None:
        """The body's weight; None when it is not known. Setting one that is none raises `PanelError`."""
        return self._choices.weight_kg

    @weight_kg.setter
    def weight_kg(self, value: float | None) -> None:
        self._choices.weight_kg = value
        self._look_at_choices()

    def resection(self) -> ResectionPlan | None:
        """Return what the planes take out, now; None without a plane.

        Raises `PanelError` when a plane misses the liver, or when nothing or everything is taken out.
        """
        cuts = self._planes.cuts()
        if not cuts:
            return None
        with as_panel_error():
            return self._planner.resection(cuts, self.combine, self.weight_kg)

    @property
    def resected_shown(self) -> bool:
        """Whether the part that is taken out is shown as a segment."""
        return self._segments.has(RESECTED_SEGMENT)

    def show_resected(self, shown: bool) -> None:
        """Show the part that is taken out as a segment, which follows the planes, or hide it.

        The segment consists of whole voxels; the plan's volumes are finer. Raises `PanelError` when there is no
        such part, and then nothing has changed.
        """
        if not shown:
            self._segments.remove(RESECTED_SEGMENT)
            return
        if self.resection() is None:
            raise PanelError("There is no plane yet: add one first.")
        self._show_resected(self._planes.cuts())

    def _show_resected(self, cuts: Sequence[CutPlane]) -> None:
        self._segments.show(
            RESECTED_SEGMENT, "Resected part", self._planner.resected_mask(cuts, self.combine)
        )

    def _look_at_choices(self) -> None:
        """Tell of a choice that differs from the one that was known: it may have been kept by somebody else."""
        chosen = (self.combine, self.weight_kg)
        if chosen != self._known:
            self._known = chosen
            self._planes_changed()

    def _planes_changed(self) -> None:
        if self.resected_shown:
            self._quiet.request()
        for listener in tuple(self._listeners):
            listener()

    def _show_anew(self) -> None:
        """Bring the segments that are shown up to date; those that cannot be any more are taken away."""
        if self._study.segmentation.GetScene() is None:
            return
        if self._segments.has(MARGIN_SEGMENT):
            try:
                margin = self.margin()
            except PanelError:
                margin = None
            if margin is None:
                self._segments.remove(MARGIN_SEGMENT)
            else:
                self._show_margin(margin)
        if self.resected_shown:
            try:
                self.show_resected(True)
            except PanelError:
                self._segments.remove(RESECTED_SEGMENT)

    # The whole -------------------------------------------------------------------------------------------------

    def as_json(self) -> dict[str, Any] | None:
        """Return the plan in JSON values, as `review --plan` reads it; None when nothing is planned.

        Raises `PanelError` when there is no liver to plan on.
        """
        plan: dict[str, Any] = {}
        if self.margin_mm is not None:
            margin: dict[str, Any] = {"margin_mm": self.margin_mm}
            tumors = self._margin_tumors_left()
            if tumors is not None:
                margin["tumors"] = list(tumors)
            plan["margins"] = [margin]
        cuts = self._planes.cuts()
        if cuts:
            planes = [{"point_lps_mm": list(c.point_lps_mm), "normal_lps": list(c.normal_lps)} for c in cuts]
            plan["resections"] = [{"combine": self.combine, "planes": planes}]
        if not plan:
            return None
        if self.weight_kg is not None:
            plan["weight_kg"] = self.weight_kg
        return plan

    def close(self) -> None:
        """Listen no longer; what is planned stays in the scene."""
        self._quiet.cancel()
        self._planes.close()
        self._listeners.clear()
