"""The section Correct: the tumors of the study and the tools that change them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import qt

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.correction.click_answers import ANSWERED, ClickAnswers
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import MessageLine, wait_cursor
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene import slice_views
from LiverTumorAttentionGui.sections.click_tools import ClickTools
from LiverTumorAttentionGui.sections.formatting import action_text
from LiverTumorAttentionGui.sections.lesion_table import LesionTable
from LiverTumorAttentionGui.sections.other_phase import OtherPhase
from LiverTumorAttentionGui.sections.reading import ReadingEnvironment
from LiverTumorAttentionGui.sections.segment_editor import SegmentEditorBox
from LiverTumorAttentionGui.sections.shortcuts import KEYS, Shortcuts, with_key
from LiverTumorAttentionGui.sections.threshold_slider import ThresholdSlider
from LiverTumorAttentionGui.signals import Connections, Slot

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionLib.correction import Action, Outcome


@dataclass(frozen=True, kw_only=True)
class SelectionTool:
    """A button that applies one of the library's tools to each selected tumor.

    button: name of the widget. tool: the library's name of the tool. takes_distance: whether the distance of the
    spin box is its parameter. tip: the tooltip, without a full stop.
    """

    button: str
    tool: str
    takes_distance: bool = False
    tip: str

    def fits(self, statuses: set[str]) -> bool:
        """Whether the tool can be applied to all tumors of these statuses."""
        if self.tool == "revise":
            return bool(statuses) and "draft" not in statuses
        return statuses == {"draft"}


SELECTION_TOOLS = (
    SelectionTool(
        button="acceptButton",
        tool="accept",
        tip=_("Accept the selected tumors: nothing changes them until they are reopened"),
    ),
    SelectionTool(
        button="rejectButton",
        tool="reject",
        tip=_("Reject the selected tumors: a later run does not bring them back"),
    ),
    SelectionTool(
        button="reviseButton", tool="revise", tip=_("Make accepted or rejected tumors drafts again")
    ),
    SelectionTool(
        button="removeSelectedButton",
        tool="remove",
        tip=_("Remove the selected tumors; a later run may find them again"),
    ),
    SelectionTool(
        button="growButton",
        tool="grow",
        takes_distance=True,
        tip=_("Grow the selected tumors by this distance, inside the liver"),
    ),
    SelectionTool(
        button="shrinkButton",
        tool="shrink",
        takes_distance=True,
        tip=_("Shrink the selected tumors by this distance"),
    ),
    SelectionTool(
        button="smoothButton",
        tool="smooth",
        takes_distance=True,
        tip=_("Smooth the selected tumors over this distance; their volume stays"),
    ),
    SelectionTool(
        button="fillButton",
        tool="fill",
        takes_distance=True,
        tip=_("Fill holes and gaps of the selected tumors, up to this distance"),
    ),
)


class CorrectSection:
    """Connects the widgets of CorrectSection.ui to the correction controller of the active case."""

    def __init__(
        self, ui: Any, widget: Any, active_case: ActiveCase, *, click_model: Path | None = None
    ) -> None:
        """ui: the widgets by name. widget: of the panel; the keyboard shortcuts act while it is visible.

        click_model: folder of the network that improves answers to clicks; None for none.
        """
        self._ui = ui
        self._active_case = active_case
        self._controller: CorrectionController | None = None
        self._notes: list[str] = []
        self._message = MessageLine(ui.correctStatusLabel)
        self._clicks = ClickAnswers(click_model)
        ui.networkCheckBox.visible = self._clicks.given
        self._table = LesionTable(ui.lesionTable, self._selection_changed)
        self._threshold = ThresholdSlider(
            ui.lesionThresholdSlider, active_case, self.perform, self._message.say
        )
        self._tools = ClickTools(
            ui,
            study=lambda: active_case.study,
            selected=lambda: self._table.numbers,
            on_start=self._tool_starts,
            on_end=self._stop_tools,
            phase=lambda: self._phases.phase(),
            perform=self.perform,
            refuse=lambda reason: self._message.say(reason, error=True),
        )
        self._phases = OtherPhase(ui, active_case, number=self._selected_draft, perform=self.perform)
        self._editor = SegmentEditorBox(
            ui.brushGroupBox,
            ui.segmentEditor,
            active_case,
            on_open=self._editor_opens,
            on_close=self._editor_closed,
            segment=self._segment_to_edit,
            say=self._message.say,
        )
        self._shortcuts = Shortcuts(widget, ui, self._stop_tools)
        self.reading = ReadingEnvironment(
            ui, widget, active_case, next_draft=lambda: self._table.step_to_draft(), say=self._message.say
        )
        self._connections = self._connect()
        active_case.on_change(self.update)
        active_case.on_outcome(self._show_outcome)
        active_case.on_refusal(lambda reason: self._message.say(reason, error=True))

    def update(self) -> None:
        """Show the active case: another study, none, or the same one reopened."""
        controller = self._active_case.controller
        if controller is not self._controller:
            self.release()
            self.reading.update()
            self._controller = controller
            self._clicks.close()
            self._table.select(None)
            self._message.say(controller.note if controller is not None else "")
        ready = controller is not None and not self._active_case.busy
        if not ready:
            self._stop_tools()
        self._ui.correctContent.enabled = ready
        if controller is None:
            self._message.say(self._active_case.problem)
        self.refresh()

    def refresh(self) -> None:
        """Show the current state of the tumors."""
        self._table.show(self._controller.rows() if self._controller is not None else [])
        self._update_buttons()

    def release(self) -> None:
        """End the active tool, the preview and the Segment Editor, so that mouse and keyboard are free."""
        self._stop_tools()
        self._threshold.end_preview()
        self._editor.close()

    def disconnect(self) -> None:
        """Release everything and disconnect the widgets: the module is being unloaded."""
        self.release()
        for part in (
            self._table,
            self._threshold,
            self._tools,
            self._phases,
            self._editor,
            self._shortcuts,
            self.reading,
        ):
            part.disconnect()
        self._clicks.close()
        self._connections.disconnect()

    def perform(self, action: Action) -> Outcome | None:
        """Perform an action; return its outcome, None when it was refused, with the reason shown."""
        return self._perform(
            lambda controller: self._answered(controller, action),
            _("Done: {action_text}.").format(action_text=action_text(action)),
        )

    def _answered(self, controller: CorrectionController, action: Action) -> Outcome:
        """Perform an action, with the network that improves clicks where that is wished for. Raises `PanelError`."""
        if action.tool not in ANSWERED or not self._clicks_improved:
            controller.improve_clicks(None)
            return controller.do(action)
        controller.improve_clicks(self._clicks.model)
        if not self._clicks.waits:
            return controller.do(action)
        self._message.say(_("The network starts: this click takes a few seconds…"))
        qt.QApplication.processEvents(qt.QEventLoop.ExcludeUserInputEvents)
        with wait_cursor():
            return controller.do(action)

    @property
    def _clicks_improved(self) -> bool:
        return bool(self._ui.networkCheckBox.checked) and self._clicks.usable

    def _perform(self, call: Callable[[CorrectionController], Outcome], done: str) -> Outcome | None:
        controller = self._controller
        if controller is None or self._active_case.busy:
            return None
        self._threshold.end_preview()
        self._notes = []
        try:
            outcome = call(controller)  # the controller applies pending edits of the Segment Editor first
        except PanelError as error:
            self._message.say(str(error), error=True)
            return None
        self._message.say(" ".join([*self._notes, *([] if outcome.note else [done])]))
        if outcome.subject is not None:
            self._table.select(outcome.subject)
            self._update_buttons()
        return outcome

    def _show_outcome(self, outcome: Outcome) -> None:
        """Show the result of a correction, also of edits in the Segment Editor that were reverted."""
        self.refresh()
        note = outcome.note
        if note:
            self._notes.append(f"{note[:1].upper()}{note[1:].rstrip('.')}.")
            self._message.say(self._notes[-1])

    # Buttons ------------------------------------------------------------------------------------------------

    def _connect(self) -> Connections:
        ui = self._ui
        ui.nextButton.toolTip = with_key(_("Show the next tumor"), "nextButton")
        ui.previousButton.toolTip = with_key(_("Show the previous tumor"), "previousButton")
        slots: list[tuple[Any, Slot]] = [
            (ui.undoButton, self._undo),
            (ui.redoButton, self._redo),
            (ui.nextButton, lambda _checked=False: self._table.step(1)),
            (ui.previousButton, lambda _checked=False: self._table.step(-1)),
        ]
        slots += [(getattr(ui, tool.button), self._slot(tool)) for tool in SELECTION_TOOLS]
        return Connections(*((button, "clicked(bool)", slot) for button, slot in slots))

    def _slot(self, tool: SelectionTool) -> Slot:
        def pressed(_checked: bool = False) -> None:
            from LiverTumorAttentionLib.correction import TOOLS

            make = cast("Callable[..., Action]", TOOLS[tool.tool])
            extra = {"distance_mm": float(self._ui.distanceSpinBox.value)} if tool.takes_distance else {}
            for number in self._table.numbers:
                if self.perform(make(lesion=number, **extra)) is None:
                    break  # the refusal is shown; what was done before it can be undone

        return pressed

    def _undo(self, _checked: bool = False) -> None:
        self._perform(lambda controller: controller.undo(), "Undone.")

    def _redo(self, _checked: bool = False) -> None:
        self._perform(lambda controller: controller.redo(), _("Done again."))

    def _update_buttons(self) -> None:
        ui, rows = self._ui, self._table.selected
        statuses = {row.status for row in rows}
        for tool in SELECTION_TOOLS:
            button = getattr(ui, tool.button)
            button.enabled = tool.fits(statuses)
            button.toolTip = with_key(tool.tip, tool.button) if tool.button in KEYS else f"{tool.tip}."
        self._update_undo_and_redo()
        self._phases.update()
        ui.nextButton.enabled = ui.previousButton.enabled = bool(self._table.rows)
        self._threshold.update(rows[0] if len(rows) == 1 else None)
        self._shortcuts.enable(self._controller is not None, escape=bool(self._tools.current))

    def _update_undo_and_redo(self) -> None:
        ui, controller = self._ui, self._controller
        undo = redo = None
        if controller is not None:
            undo = controller.session.entries[-1].action if controller.can_undo else None
            redo = controller.session.undone[-1].action if controller.can_redo else None
        ui.undoButton.enabled = undo is not None
        ui.redoButton.enabled = redo is not None
        undo_tip = (
            _("Undo: {action_text}").format(action_text=action_text(undo))
            if undo is not None
            else _("Nothing to undo")
        )
        redo_tip = (
            _("Redo: {action_text}").format(action_text=action_text(redo))
            if redo is not None
            else _("Nothing to redo")
        )
        ui.undoButton.toolTip = with_key(undo_tip, "undoButton")
        ui.redoButton.toolTip = with_key(redo_tip, "redoButton")

    # Mouse and selection ------------------------------------------------------------------------------------

    def _selection_changed(self) -> None:
        """Center the views on the selected tumor, unless several are selected."""
        self._threshold.end_preview()
        rows = self._table.selected
        if len(rows) == 1 and rows[0].center_ras is not None and self._active_case.segmentation is not None:
            scene = self._active_case.segmentation.GetScene()
            slice_views.jump_to(scene, rows[0].center_ras)
            slice_views.center_3d(scene, rows[0].center_ras)
        self._editor.select_segment()
        self._update_buttons()

    def _tool_starts(self) -> None:
        self._threshold.end_preview()
        self._editor.close()
        self._message.say("")
        self._shortcuts.enable(True, escape=True)
        if self._clicks_improved:
            try:
                self._clicks.start()  # the network is ready, or nearly so, by the first click
            except PanelError as error:
                self._message.say(str(error), error=True)

    def _editor_opens(self) -> None:
        self.reading.rest(True)
        self._stop_tools()
        self._threshold.end_preview()

    def _editor_closed(self) -> None:
        self.reading.rest(False)

    def _selected_draft(self) -> int | None:
        """Return the selected tumor if it is the only one and a draft."""
        rows = self._table.selected
        return rows[0].number if len(rows) == 1 and rows[0].status == "draft" else None

    def _segment_to_edit(self) -> str:
        """Return the segment of the selected tumor if that is a draft, else of the first draft; empty for none."""
        drafts = [
            row.segment_id for row in (*self._table.selected, *self._table.rows) if row.status == "draft"
        ]
        return drafts[0] if drafts else ""

    def _stop_tools(self) -> None:
        self._tools.stop()
        self._shortcuts.enable(self._active_case.controller is not None, escape=False)
