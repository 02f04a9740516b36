"""The plan of the section Review and plan: a safety margin, resections by planes, segments and points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import slicer

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import LongAction, wait_cursor
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.review.plan_settings import PlanSettings
from LiverTumorAttentionGui.review.planning import ScenePlan
from LiverTumorAttentionGui.scene.node_attributes import VESSELS_REFERENCE
from LiverTumorAttentionGui.sections.body import BodySection
from LiverTumorAttentionGui.sections.formatting import PLAN_NOT_SHOWN, PLAN_STALE, margin_text
from LiverTumorAttentionGui.sections.named_resection import NamedResectionSection
from LiverTumorAttentionGui.sections.plan_points import PlanPointsSection
from LiverTumorAttentionGui.sections.planes import PlanesSection
from LiverTumorAttentionGui.signals import Connections, Debounce, ProgrammaticUpdate

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionGui.correction.lesion_rows import LesionRow

ALL_TUMORS = _("All tumors")
DEFAULT_MARGIN_MM = 10.0
_UPDATE_MS = 60


class MarginSection:
    """Shows a margin while its box is checked.

    plan: returns the plan for the current tumors; raises `PanelError` where there can be none.
    """

    def __init__(self, ui: Any, plan: Callable[[], ScenePlan]) -> None:
        self._box, self._slider = ui.marginGroupBox, ui.marginSlider
        self._tumors, self._label = ui.marginTumorsComboBox, ui.marginLabel
        self._plan = plan
        self._segmentation: slicer.vtkMRMLSegmentationNode | None = None
        self._update = ProgrammaticUpdate()
        self._update_later = Debounce(self.update_numbers, _UPDATE_MS, restart=False)
        self._connections = Connections(
            (self._box, "toggled(bool)", self._toggled),
            (self._slider, "valueChanged(double)", self._changed),
            (self._tumors, "currentIndexChanged(int)", self._changed),
        )

    @property
    def on(self) -> bool:
        """Whether a margin is wanted."""
        return self._segmentation is not None and bool(self._box.checked)

    def set_study(
        self, segmentation: slicer.vtkMRMLSegmentationNode | None, rows: Sequence[LesionRow]
    ) -> None:
        """Show the settings of a study; None for none. rows: its tumors."""
        self._update_later.cancel()
        self._segmentation = segmentation
        settings = PlanSettings(segmentation) if segmentation is not None else None
        margin_mm = settings.margin_mm if settings is not None else None
        tumors = settings.margin_tumors if settings is not None else None
        with self._update.running():
            self._box.checked = margin_mm is not None
            self._slider.value = DEFAULT_MARGIN_MM if margin_mm is None else margin_mm
        self.set_tumors(rows, chosen=tumors or ())
        self.say(PLAN_NOT_SHOWN if self.on else "")

    def set_tumors(self, rows: Sequence[LesionRow], chosen: Sequence[int] | None = None) -> None:
        """List these tumors. chosen: the numbers to choose, empty for all; None keeps the present choice."""
        if chosen is None:
            chosen = self._chosen()
        names = {row.number: row.name for row in rows if row.center_ras is not None}
        chosen = [number for number in chosen if number in names]
        with self._update.running():
            self._tumors.clear()
            self._tumors.addItem(ALL_TUMORS, "")
            for number, name in names.items():
                self._tumors.addItem(name, str(number))
            if len(chosen) > 1:  # a plan that was not made in this panel can have several
                self._tumors.addItem(", ".join(names[number] for number in chosen), _as_text(chosen))
            self._tumors.setCurrentIndex(max(self._tumors.findData(_as_text(chosen)), 0))

    def say(self, text: str) -> None:
        """Show a text in place of the numbers."""
        self._label.text = text
        self._label.visible = bool(text)

    def update_numbers(self) -> None:
        """Compute and show the margin for the present settings."""
        if self._segmentation is None or not self.on:
            return
        try:
            margin = self._plan().set_margin(float(self._slider.value), self._chosen() or None)
        except PanelError as error:
            self.say(str(error))
            return
        has_vessels = self._segmentation.GetNodeReference(VESSELS_REFERENCE) is not None
        self.say(margin_text(margin, with_vessels=has_vessels) if margin is not None else "")

    def disconnect(self) -> None:
        """Disconnect the widgets."""
        self._update_later.cancel()
        self._connections.disconnect()

    def _chosen(self) -> list[int]:
        """Return the numbers of the chosen tumors; none for all."""
        return [int(number) for number in (self._tumors.currentData or "").split(",") if number]

    def _toggled(self, on: bool) -> None:
        if self._update.active or self._segmentation is None:
            return
        if on:
            self._update_later.request()
            return
        self._update_later.cancel()
        self.say("")
        try:
            self._plan().clear_margin()
        except PanelError as error:
            self.say(str(error))

    def _changed(self, _value: float) -> None:
        if not self._update.active and self.on:
            self._update_later.request()


class PlanSection:
    """Owns the plan of the active case.

    The plan is computed on first use, since that takes a while for a large liver, and again when it is used after
    tumors or vessels have changed. action: runs what takes long.
    """

    def __init__(self, ui: Any, active_case: ActiveCase, action: LongAction) -> None:
        self._button = ui.planUpdateButton
        self._active_case = active_case
        self._controller: CorrectionController | None = None
        self._plan: ScenePlan | None = None
        self._stale = False
        self._margin = MarginSection(ui, self._current_plan)
        self._planes = PlanesSection(ui, self._current_plan)
        self._named = NamedResectionSection(ui, self._current_plan)
        self._points = PlanPointsSection(ui, self._current_plan, action, self._planes.request_update)
        self._body = BodySection(ui, self._body_changed)
        self._connections = Connections((self._button, "clicked(bool)", self._update_clicked))
        self._button.visible = False
        active_case.on_change(self.update)
        active_case.on_outcome(lambda _outcome: self.mark_stale())

    def update(self) -> None:
        """Show the plan of the active case: of another study, none, or the same one reopened."""
        controller = self._active_case.controller
        if controller is self._controller:
            return
        self._close_plan()
        self._controller = controller
        segmentation = self._active_case.segmentation if controller is not None else None
        self._margin.set_study(segmentation, controller.rows() if controller is not None else [])
        self._planes.set_study(segmentation)
        self._named.set_study(segmentation)
        self._points.set_study(segmentation)
        self._body.set_study(segmentation)
        self._button.visible = self._has_plan

    def mark_stale(self) -> None:
        """Tumors or vessels have changed: the numbers that are shown no longer hold."""
        if self._controller is None:
            return
        self._stale = True
        self._margin.set_tumors(self._controller.rows())
        self._button.visible = self._has_plan
        if self._margin.on:
            self._margin.say(PLAN_STALE)
        if self._planes.planes:
            self._planes.say(PLAN_STALE)
        if self._named.on:
            self._named.say(PLAN_STALE)
        if self._points.on:
            self._points.say(PLAN_STALE)

    def segments_changed(self) -> None:
        """Couinaud segments have been told, or are gone."""
        self._named.segments_changed()

    def as_json(self) -> dict[str, Any] | None:
        """Return the plan as `review --plan` reads it; None without one. Raises `PanelError`."""
        return self._current_plan().as_json() if self._has_plan else None

    def leave(self) -> None:
        """Stop observing the scene; margin and planes stay in it."""
        self._close_plan()
        self._controller = None
        self._margin.set_study(None, [])
        self._planes.set_study(None)
        self._named.set_study(None)
        self._points.set_study(None)
        self._body.set_study(None)

    def disconnect(self) -> None:
        """Close the plan and disconnect the widgets."""
        self._close_plan()
        self._margin.disconnect()
        self._planes.disconnect()
        self._named.disconnect()
        self._points.disconnect()
        self._body.disconnect()
        self._connections.disconnect()

    @property
    def _has_plan(self) -> bool:
        planned = self._margin.on or bool(self._planes.planes) or self._named.on or self._points.on
        return self._controller is not None and planned

    def _current_plan(self) -> ScenePlan:
        """Return the plan for the current tumors. Raises `PanelError`."""
        if self._controller is None:
            raise PanelError(self._active_case.problem)
        if self._plan is None:
            self._plan = ScenePlan(self._controller.study, self._active_case.instances())
            self._plan.on_changed(self._planes.request_update)
            self._plan.on_changed(self._points.planes_changed)
        elif self._stale:
            self._plan.set_instances(self._active_case.instances())
        self._stale = False
        self._button.visible = False
        return self._plan

    def _close_plan(self) -> None:
        plan, self._plan, self._stale = self._plan, None, False
        if plan is not None:
            plan.close()

    def _update_clicked(self, _checked: bool = False) -> None:
        with wait_cursor():
            self._margin.update_numbers()
            self._planes.update_numbers()
            self._named.update_numbers()
            self._points.update_numbers()

    def _body_changed(self) -> None:
        if self._planes.planes:
            self._planes.request_update()
        self._named.request_update()
        self._points.request_update()


def _as_text(numbers: Sequence[int]) -> str:
    return ",".join(str(number) for number in numbers)
