"""The plan of a study in the scene: a safety margin, resection planes and the part that they resect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import slicer

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.review.named_resection import NamedResection
from LiverTumorAttentionGui.review.plan_points import PlanPoints, planes_as_json
from LiverTumorAttentionGui.review.plan_segments import MARGIN_SEGMENT, RESECTED_SEGMENT, PlanSegments
from LiverTumorAttentionGui.review.plan_settings import Combination, PlanSettings
from LiverTumorAttentionGui.review.resection_planes import ResectionPlanes, place_plane
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionGui.signals import Debounce

if TYPE_CHECKING:
    import SimpleITK as sitk

    from LiverTumorAttentionLib.analysis.planning import MarginPlan, Planner, ResectionPlan

SEGMENTS_MS = 300
"""Delay after the last move of a plane before the segments are updated, which takes longer than the numbers."""


class ScenePlan:
    """Margin and resection of one study. Not for clinical use.

    instances: uint16 on the portal grid in world coordinates: 0 background, 1 liver, n + 1 tumor n. named: the
    resection by Couinaud segments; points: what is planned by placed points. All settings are stored in the scene,
    where a later plan of the same segmentation finds them.
    """

    def __init__(self, study: Study, instances: sitk.Image) -> None:
        self._study = study
        self._instances = instances
        self._settings = PlanSettings(study.segmentation)
        self._segments = PlanSegments(study)
        self.named = NamedResection(study, self._segments, lambda: self._instances)
        self.points = PlanPoints(
            study, self._segments, lambda: self._planner, lambda: self._instances, lambda: self._planes.cuts()
        )
        self._listeners: list[Callable[[], None]] = []
        self._margin: MarginPlan | None = None
        self._known = (self.combine, self.weight_kg)
        self._update_segments_later = Debounce(self._update_segments, SEGMENTS_MS, restart=True)
        self._planes = ResectionPlanes(study, self._planes_changed)

    @cached_property
    def _planner(self) -> Planner:
        from LiverTumorAttentionLib.analysis.planning import Planner

        with as_panel_error():
            return Planner(self._instances, self._study.vessel_map())

    def set_instances(self, instances: sitk.Image) -> None:
        """Plan on a corrected segmentation. The segments that are shown are updated later."""
        self._instances = instances
        self.__dict__.pop("_planner", None)
        self._margin = None
        self._update_segments_later.request()

    def on_changed(self, callback: Callable[[], None]) -> None:
        """Call a function whenever the resection changes, also while a plane is dragged."""
        self._listeners.append(callback)

    # Margin ----------------------------------------------------------------------------------------------------

    @property
    def margin_mm(self) -> float | None:
        """Width of the margin; None without one."""
        return self._settings.margin_mm

    @property
    def margin_tumors(self) -> tuple[int, ...] | None:
        """Numbers of the tumors that have a margin; None for all."""
        return self._settings.margin_tumors

    def set_margin(self, mm: float, numbers: Sequence[int] | None = None) -> MarginPlan | None:
        """Compute a margin around tumors, all when None, and show it as a segment; 0 mm removes it.

        Raises `PanelError`, and then nothing has changed.
        """
        if mm == 0:
            self.clear_margin()
            return None
        chosen = None if numbers is None else tuple(sorted(set(numbers)))
        with as_panel_error():
            plan = self._planner.margin(mm, chosen)
        self._settings.set_margin(mm, chosen)
        self._show_margin(plan)
        return plan

    def margin(self) -> MarginPlan | None:
        """Return the margin; None without one. Raises `PanelError` when it can no longer be computed."""
        width_mm = self.margin_mm
        if width_mm is None:
            return None
        if self._margin is None:
            with as_panel_error():
                self._margin = self._planner.margin(width_mm, self._present_margin_tumors())
        return self._margin

    def clear_margin(self) -> None:
        """Remove the margin and its segment."""
        self._settings.set_margin(None, None)
        self._margin = None
        self._segments.remove(MARGIN_SEGMENT)

    def _present_margin_tumors(self) -> tuple[int, ...] | None:
        """Return the chosen tumors that still exist; all chosen ones when none does."""
        chosen = self.margin_tumors
        present = tuple(number for number in chosen or () if number in self._planner.tumor_numbers)
        return present or chosen

    def _show_margin(self, plan: MarginPlan) -> None:
        self._margin = plan
        self._segments.show(MARGIN_SEGMENT, f"Margin {plan.margin_mm:g} mm", plan.mask)

    # Resection -------------------------------------------------------------------------------------------------

    def planes(self) -> list[slicer.vtkMRMLMarkupsPlaneNode]:
        """Return the planes; their normals point to the resected part."""
        return self._planes.nodes()

    def add_plane(self, tumor: int | None = None) -> slicer.vtkMRMLMarkupsPlaneNode:
        """Add a plane through the liver's center, or beside a tumor, which it resects. Raises `PanelError`."""
        placed = place_plane(self._instances, tumor, self.margin_mm)
        return self._planes.add(placed.cut, placed.size_mm)

    def remove_plane(self, node: slicer.vtkMRMLMarkupsPlaneNode) -> None:
        """Remove a plane."""
        self._planes.remove(node)

    @property
    def combine(self) -> Combination:
        """Whether the part beyond "all" planes is resected, a wedge, or the part beyond "any" of them."""
        return self._settings.combine

    @combine.setter
    def combine(self, value: Combination) -> None:
        self._settings.combine = value
        self._settings_changed()

    @property
    def weight_kg(self) -> float | None:
        """Body weight; None when unknown. Setting an implausible one raises `PanelError`."""
        return self._settings.weight_kg

    @weight_kg.setter
    def weight_kg(self, value: float | None) -> None:
        self._settings.weight_kg = value
        self._settings_changed()

    def resection(self) -> ResectionPlan | None:
        """Return the resection by the present planes alone; None without a plane.

        Raises `PanelError` when a plane misses the liver, or when nothing or the whole liver is resected.
        """
        cuts = self._planes.cuts()
        if not cuts:
            return None
        with as_panel_error():
            return self._planner.resection(cuts, self.combine, self.weight_kg)

    @property
    def resected_shown(self) -> bool:
        """Whether the resected part is shown as a segment."""
        return self._segments.has(RESECTED_SEGMENT)

    def show_resected(self, shown: bool) -> None:
        """Show the resected part as a segment, which follows the planes, or hide it.

        Of planes and a curved cut that are one resection it is what they resect together; a curved cut by itself has
        a segment of its own (`PlanPoints.show_resected`).

        The segment consists of whole voxels; the volumes of `resection` are finer. Raises `PanelError` when nothing
        is resected, and then nothing has changed.
        """
        if not shown:
            self._segments.remove(RESECTED_SEGMENT)
            return
        found = self.points.curved() if self.points.with_planes else self.resection()
        if found is None:
            raise PanelError(_("There is no plane yet: add one first."))
        mask = self.points.curved_mask() if self.points.with_planes else None
        if mask is None:
            mask = self._planner.resected_mask(self._planes.cuts(), self.combine)
        self._segments.show(RESECTED_SEGMENT, "Resected part", mask)

    def points_changed(self) -> None:
        """The points of the curved cut have moved, or it is planned with the planes from now on, or no more."""
        if self.resected_shown:
            self._update_segments_later.request()

    def _settings_changed(self) -> None:
        """Notify the listeners if a setting differs from the last known one: it may have been set elsewhere."""
        settings = (self.combine, self.weight_kg)
        if settings != self._known:
            self._known = settings
            self._planes_changed()

    def _planes_changed(self) -> None:
        if self.resected_shown:
            self._update_segments_later.request()
        for listener in tuple(self._listeners):
            listener()

    def _update_segments(self) -> None:
        """Update the segments that are shown; those that can no longer be computed are removed."""
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
        self.named.update_shown()
        self.points.update_shown()

    # Export ----------------------------------------------------------------------------------------------------

    def as_json(self) -> dict[str, Any] | None:
        """Return the plan as JSON values for `review --plan`; None when nothing is planned.

        Raises `PanelError` when there is no liver to plan on, and where a curved cut that is planned with the planes
        cannot be meant.
        """
        plan: dict[str, Any] = {}
        if self.margin_mm is not None:
            margin: dict[str, Any] = {"margin_mm": self.margin_mm}
            tumors = self._present_margin_tumors()
            if tumors is not None:
                margin["tumors"] = list(tumors)
            plan["margins"] = [margin]
        cuts = self._planes.cuts()
        if cuts and not self.points.with_planes:
            plan["resections"] = [{"combine": self.combine, "planes": planes_as_json(cuts)}]
        plan |= self.named.as_json()
        by_points = self.points.as_json()
        resections = [*plan.get("resections", []), *by_points.pop("resections", [])]
        plan |= by_points | ({"resections": resections} if resections else {})
        if not plan:
            return None
        sizes = {"weight_kg": self.weight_kg, "height_cm": self._settings.height_cm}
        return plan | {name: value for name, value in sizes.items() if value is not None}

    def close(self) -> None:
        """Remove all observers; the planned nodes stay in the scene."""
        self._update_segments_later.cancel()
        self._planes.close()
        self._listeners.clear()
