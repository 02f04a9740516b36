"""The second half of the section Review and plan: a safety margin and resection planes on one plan."""

from __future__ import annotations

from typing import Any

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.feedback import wait_cursor
from LiverTumorAttentionGui.review import formatting as plan_words
from LiverTumorAttentionGui.sections.margin import MarginSection
from LiverTumorAttentionGui.sections.planes import PlanesSection


class PlanSection:
    """Owns the plan of the study under work.

    It is laid out when it is first asked for, since that takes a while on a large liver, and anew when it is asked for
    after tumours or vessels have changed.
    """

    def __init__(self, ui: Any, active_case: ActiveCase) -> None:
        self._button = ui.planUpdateButton
        self._active_case = active_case
        self._controller: Any = None
        self._plan: Any = None
        self._stale = False
        self._margin = MarginSection(ui, self._laid_out)
        self._planes = PlanesSection(ui, self._laid_out)
        self._button.connect("clicked(bool)", self._update_clicked)
        self._button.visible = False
        active_case.on_change(self.update)
        active_case.on_outcome(lambda _outcome: self.tumors_changed())

    def update(self) -> None:
        """Show the plan of the study under work: another one, none, or the same one anew."""
        controller = self._active_case.controller
        if controller is self._controller:
            return
        self._let_go()
        self._controller = controller
        segmentation = self._active_case.segmentation if controller is not None else None
        self._margin.take(segmentation, controller.rows() if controller is not None else [])
        self._planes.take(segmentation)
        self._button.visible = self._planned

    def tumors_changed(self) -> None:
        """Tumours or vessels are others now: the numbers that are shown are not about them."""
        if self._controller is None:
            return
        self._stale = True
        self._margin.offer(self._controller.rows())
        self._button.visible = self._planned
        if self._margin.on:
            self._margin.say(plan_words.STALE)
        if self._planes.planes:
            self._planes.say(plan_words.STALE)

    def as_json(self) -> dict[str, Any] | None:
        """Return the plan as the report reads it; None without one. Raises `PanelError`."""
        return self._laid_out().as_json() if self._planned else None

    def leave(self) -> None:
        """Stop following the scene; what was planned stays in it."""
        self._let_go()
        self._controller = None
        self._margin.take(None, [])
        self._planes.take(None)

    def disconnect(self) -> None:
        """Let go of the widgets."""
        self._let_go()
        self._margin.disconnect()
        self._planes.disconnect()
        self._button.disconnect("clicked(bool)", self._update_clicked)

    @property
    def _planned(self) -> bool:
        return self._controller is not None and (self._margin.on or bool(self._planes.planes))

    def _laid_out(self) -> Any:
        """Return the plan on the tumours as they stand. Raises `PanelError`."""
        if self._plan is None:
            from LiverTumorAttentionGui.review.planning import ScenePlan

            self._plan = ScenePlan(self._active_case.study, self._active_case.instances())
            self._plan.on_changed(self._planes.changed)
        elif self._stale:
            self._plan.set_instances(self._active_case.instances())
        self._stale = False
        self._button.visible = False
        return self._plan

    def _let_go(self) -> None:
        plan, self._plan, self._stale = self._plan, None, False
        if plan is not None:
            plan.close()

    def _update_clicked(self, _checked: bool = False) -> None:
        with wait_cursor():
            self._margin.show()
            self._planes.show()
