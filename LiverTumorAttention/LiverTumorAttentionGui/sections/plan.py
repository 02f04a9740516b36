"""The plan of the section Review and plan: a safety margin and resection planes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import wait_cursor
from LiverTumorAttentionGui.sections.connections import Connections
from LiverTumorAttentionGui.sections.formatting import PLAN_STALE
from LiverTumorAttentionGui.sections.margin import MarginSection
from LiverTumorAttentionGui.sections.planes import PlanesSection

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionGui.review.planning import ScenePlan


class PlanSection:
    """Owns the plan of the active case.

    The plan is computed on first use, since that takes a while for a large liver, and again when it is used after
    tumors or vessels have changed.
    """

    def __init__(self, ui: Any, active_case: ActiveCase) -> None:
        self._button = ui.planUpdateButton
        self._active_case = active_case
        self._controller: CorrectionController | None = None
        self._plan: ScenePlan | None = None
        self._stale = False
        self._margin = MarginSection(ui, self._current_plan)
        self._planes = PlanesSection(ui, self._current_plan)
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

    def as_json(self) -> dict[str, Any] | None:
        """Return the plan as `review --plan` reads it; None without one. Raises `PanelError`."""
        return self._current_plan().as_json() if self._has_plan else None

    def leave(self) -> None:
        """Stop observing the scene; margin and planes stay in it."""
        self._close_plan()
        self._controller = None
        self._margin.set_study(None, [])
        self._planes.set_study(None)

    def disconnect(self) -> None:
        """Close the plan and disconnect the widgets."""
        self._close_plan()
        self._margin.disconnect()
        self._planes.disconnect()
        self._connections.disconnect()

    @property
    def _has_plan(self) -> bool:
        return self._controller is not None and (self._margin.on or bool(self._planes.planes))

    def _current_plan(self) -> ScenePlan:
        """Return the plan for the current tumors. Raises `PanelError`."""
        if self._controller is None:
            raise PanelError(self._active_case.problem)
        if self._plan is None:
            from LiverTumorAttentionGui.review.planning import ScenePlan

            self._plan = ScenePlan(self._controller.study, self._active_case.instances())
            self._plan.on_changed(self._planes.request_update)
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
