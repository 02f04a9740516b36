"""The section Correct: the tumours of the study, and what can be done about each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import MessageLine
from LiverTumorAttentionGui.sections.click_tools import ClickTools
from LiverTumorAttentionGui.sections.formatting import words_for
from LiverTumorAttentionGui.sections.lesion_table import LesionTable
from LiverTumorAttentionGui.sections.lesion_threshold import LesionThreshold
from LiverTumorAttentionGui.sections.segment_editor import BrushEditor
from LiverTumorAttentionGui.sections.shortcuts import Shortcuts, with_key

# Button, the library's tool, whether it takes a distance, what it does to each selected tumour.
_SELECTED = (
    (
        "acceptButton",
        "accept",
        False,
        "Accept the selected tumors: nothing changes them until they are revised",
    ),
    ("rejectButton", "reject", False, "Reject the selected tumors: a later run does not bring them back"),
    ("reviseButton", "revise", False, "Make accepted or rejected tumors drafts again"),
    ("removeSelectedButton", "remove", False, "Remove the selected tumors; a later run may find them again"),
    ("growButton", "grow", True, "Grow the selected tumors by this distance, inside the liver"),
    ("shrinkButton", "shrink", True, "Shrink the selected tumors by this distance"),
    ("smoothButton", "smooth", True, "Smooth the selected tumors over this distance; their volume stays"),
    ("fillButton", "fill", True, "Fill holes and gaps of the selected tumors, up to this distance"),
)


class CorrectSection:
    """Connects the widgets of CorrectSection.ui to the controller of the study under work."""

    def __init__(self, ui: Any, widget: Any, active_case: ActiveCase) -> None:
        """ui: the widgets by name; widget: the panel's, whose keys act while it is shown."""
        self._ui = ui
        self._active_case = active_case
        self._message = MessageLine(ui.correctStatusLabel)
        self._table = LesionTable(ui.lesionTable, self._selected)
        self._threshold = LesionThreshold(
            ui.lesionThresholdSlider, active_case, self.perform, self._message.say
        )
        self._tools = ClickTools(
            ui,
            study=lambda: active_case.study,
            selected=lambda: self._table.numbers,
            on_start=self._tool_starts,
            on_end=self._tools_off,
            perform=self.perform,
        )
        self._brush = BrushEditor(
            ui.brushGroupBox,
            ui.segmentEditor,
            active_case,
            on_open=self._brush_opens,
            segment=self._segment_to_paint,
            say=self._message.say,
        )
        self._shortcuts = Shortcuts(widget, ui, self._tools_off)
        self._slots: list[tuple[Any, Callable[..., None]]] = []
        self._connect()
        active_case.on_change(self.update)
        active_case.on_outcome(self._heard)
        self._notes: list[str] = []
        self._controller: Any = None

    def update(self) -> None:
        """Show the study under work: another one, none, or the same one anew."""
        controller = self._active_case.controller
        if controller is not self._controller:
            self.let_go()
            self._controller = controller
            self._table.select(None)
            self._message.say(controller.note if controller is not None else "")
        ready = controller is not None and not self._active_case.busy
        if not ready:
            self._tools_off()
        self._ui.correctContent.enabled = ready
        if controller is None:
            self._message.say(self._active_case.problem)
        self.refresh()

    def refresh(self) -> None:
        """Show the tumours as they stand."""
        self._table.show(self._controller.rows() if self._controller is not None else [])
        self._update_buttons()

    def let_go(self) -> None:
        """End whatever is half done: a tool, a preview, brush work. Mouse and keys are the user's again."""
        self._tools_off()
        self._threshold.end_preview()
        self._brush.close()

    def disconnect(self) -> None:
        """Let go of the widgets: the module goes."""
        self.let_go()
        for part in (self._table, self._threshold, self._tools, self._brush, self._shortcuts):
            part.disconnect()
        for button, slot in self._slots:
            button.disconnect("clicked(bool)", slot)
        self._slots = []

    def perform(self, action: Any) -> Any:
        """Do an action; return its outcome, None when it was refused, with the reason shown."""
        return self._do(lambda controller: controller.do(action), f"Done: {words_for(action)}.")

    def _do(self, call: Callable[[Any], Any], done: str) -> Any:
        controller = self._controller
        if controller is None or self._active_case.busy:
            return None
        self._threshold.end_preview()
        self._notes = []
        try:
            outcome = call(controller)  # the controller takes in first what was painted
        except PanelError as error:
            self._message.say(str(error), error=True)
            return None
        self._message.say(" ".join([*self._notes, *([] if outcome.note else [done])]))
        if outcome.subject is not None:
            self._table.select(outcome.subject)
            self._update_buttons()
        return outcome

    def _heard(self, outcome: Any) -> None:
        """Show what came of a correction, also of what was painted on a tumour that is not to be changed."""
        self.refresh()
        note = outcome.note
        if note:
            self._notes.append(f"{note[:1].upper()}{note[1:].rstrip('.')}.")
            self._message.say(self._notes[-1])

    # The buttons --------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        ui = self._ui
        slots: list[tuple[Any, Callable[..., None]]] = [
            (ui.undoButton, self._undo),
            (ui.redoButton, self._redo),
            (ui.nextButton, lambda _checked=False: self._table.step(1)),
            (ui.previousButton, lambda _checked=False: self._table.step(-1)),
        ]
        for name, tool, takes_distance, _tip in _SELECTED:
            slots.append((getattr(ui, name), self._slot_for(tool, takes_distance)))
        for button, slot in slots:
            button.connect("clicked(bool)", slot)
        self._slots = slots
        ui.nextButton.toolTip = with_key("Show the next tumor", "nextButton")
        ui.previousButton.toolTip = with_key("Show the previous tumor", "previousButton")

    def _slot_for(self, tool: str, takes_distance: bool) -> Callable[..., None]:
        def pressed(_checked: bool = False) -> None:
            from LiverTumorAttentionLib.correction import TOOLS

            extra = {"distance_mm": float(self._ui.distanceSpinBox.value)} if takes_distance else {}
            numbers = self._table.numbers
            for number in numbers:
                if self.perform(TOOLS[tool](lesion=number, **extra)) is None:
                    break  # the refusal is shown, and what came before it can be undone

        return pressed

    def _undo(self, _checked: bool = False) -> None:
        self._do(lambda controller: controller.undo(), "Undone.")

    def _redo(self, _checked: bool = False) -> None:
        self._do(lambda controller: controller.redo(), "Done again.")

    def _update_buttons(self) -> None:
        ui, rows = self._ui, self._table.selected
        statuses = {row.status for row in rows}
        for name, tool, _distance, tip in _SELECTED:
            button = getattr(ui, name)
            fits = bool(statuses) and ("draft" not in statuses if tool == "revise" else statuses == {"draft"})
            button.enabled = fits
            button.toolTip = with_key(tip, name) if name in ("acceptButton", "rejectButton") else f"{tip}."
        self._update_undo_and_redo()
        ui.nextButton.enabled = ui.previousButton.enabled = bool(self._table.rows)
        self._threshold.update(rows[0] if len(rows) == 1 else None)
        self._shortcuts.use(self._controller is not None, escape=bool(self._tools.current))

    def _update_undo_and_redo(self) -> None:
        ui, controller = self._ui, self._controller
        ui.undoButton.enabled = can_undo = controller is not None and controller.can_undo
        ui.redoButton.enabled = can_redo = controller is not None and controller.can_redo
        undo = f"Undo: {words_for(controller.session.entries[-1].action)}" if can_undo else "Nothing to undo"
        redo = f"Redo: {words_for(controller.session.undone[-1].action)}" if can_redo else "Nothing to redo"
        ui.undoButton.toolTip = with_key(undo, "undoButton")
        ui.redoButton.toolTip = with_key(redo, "redoButton")

    # Mouse and selection --------------------------------------------------------------------------------------

    def _selected(self) -> None:
        """Show the tumour that was selected, unless the user selects several."""
        self._threshold.end_preview()
        rows = self._table.selected
        if len(rows) == 1 and rows[0].center_ras is not None and self._active_case.segmentation is not None:
            from LiverTumorAttentionGui.scene import slice_views as views

            scene = self._active_case.segmentation.GetScene()
            views.jump_to(scene, rows[0].center_ras)
            views.center_3d(scene, rows[0].center_ras)
        self._brush.follow()
        self._update_buttons()

    def _tool_starts(self) -> None:
        self._threshold.end_preview()
        self._brush.close()
        self._message.say("")
        self._shortcuts.use(True, escape=True)

    def _brush_opens(self) -> None:
        self._tools_off()
        self._threshold.end_preview()

    def _segment_to_paint(self) -> str:
        """Return the segment of the selected tumour if that is a draft, else of the first draft."""
        drafts = [
            row.segment_id for row in (*self._table.selected, *self._table.rows) if row.status == "draft"
        ]
        return drafts[0] if drafts else ""

    def _tools_off(self) -> None:
        self._tools.stop()
        self._shortcuts.use(self._active_case.controller is not None, escape=False)
