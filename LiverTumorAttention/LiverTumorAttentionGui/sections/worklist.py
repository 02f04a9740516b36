"""The section Worklist: a folder of cases, opened one after another, saved, and segmented in the background."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.feedback import MessageLine, wait_cursor
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.library_words import shown
from LiverTumorAttentionGui.sections.lesion_table import set_up_table, table_item
from LiverTumorAttentionGui.sections.shortcuts import NEXT_CASE
from LiverTumorAttentionGui.sections.worklist_batch import BatchBox
from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic, RunSettings
from LiverTumorAttentionGui.signals import Connections
from LiverTumorAttentionLib.pipeline.worklist import OPEN, STATUSES, UNREAD, CaseStatus, WorklistCase
from LiverTumorAttentionLib.wording import counted

if TYPE_CHECKING:
    from LiverTumorAttentionGui.worklist.case_nodes import CaseNodes

HEADERS = (_("Case"), _("Status"), _("Remarks"))
TITLE = _("Unsaved corrections")
NOT_WHILE_RUNNING = _(
    "A case is being segmented here: wait until that has ended or cancel it, then open another case."
)
NOT_WHILE_BUSY = _("The case is at work: wait until that has ended or cancel it, then open another case.")
ALL_READ = _("Every case of this list was begun or signed by a reader.")
SAVE, DISCARD, CANCEL = "save", "discard", "cancel"


def ask_what_to_do(parent: Any, name: str) -> str:
    """Ask what becomes of unsaved corrections; return `SAVE`, `DISCARD` or `CANCEL`."""
    box = qt.QMessageBox
    text = _(
        "The corrections of {name} are not saved. Save them into its folder before another case is opened?"
    ).format(name=name)
    answer = box.question(parent, TITLE, text, box.Save | box.Discard | box.Cancel)
    if answer == box.Save:
        return SAVE
    return DISCARD if answer == box.Discard else CANCEL


def choose_folder(parent: Any) -> str:
    """Ask for a folder of cases; return an empty string when the dialog is cancelled."""
    return str(qt.QFileDialog.getExistingDirectory(parent, _("Open a folder of cases")) or "")


class WorklistSection:
    """Connects the widgets of WorklistSection.ui to a folder of cases.

    parent: widget of the panel. ensure: installs missing packages that reading a case needs, ensure_all those that a
    run needs, or raise `PanelError`. settings: returns the settings of a run. run_problem: returns why no run can start
    now, in one sentence; empty when it can. on_open: called with the nodes of the case that was opened. on_change:
    called when the batch begins, goes on or ends.
    ask, choose_folder, run_factory: collaborators, replaced in tests.
    """

    def __init__(
        self,
        ui: Any,
        parent: Any,
        logic: LiverTumorAttentionLogic,
        active_case: ActiveCase,
        *,
        ensure: Callable[[], None],
        ensure_all: Callable[[], None],
        settings: Callable[[], RunSettings],
        run_problem: Callable[[], str],
        on_open: Callable[[CaseNodes], None],
        on_change: Callable[[], None],
        ask: Callable[[Any, str], str] = ask_what_to_do,
        choose_folder: Callable[[Any], str] = choose_folder,
        run_factory: Callable[..., Any] | None = None,
    ) -> None:
        self._ui = ui
        self._logic = logic
        self._active_case = active_case
        self._ensure = ensure
        self._on_open = on_open
        self._run_problem = run_problem
        self.ask = ask
        self.choose_folder = choose_folder
        self._folder: Path | None = None
        self._cases: list[WorklistCase] = []
        self._statuses: list[CaseStatus] = []
        self._here = True
        self._message = MessageLine(ui.worklistStatusLabel)
        set_up_table(ui.worklistTable, HEADERS)
        ui.worklistTable.setSelectionMode(qt.QAbstractItemView.SingleSelection)
        self.batch = BatchBox(
            ui,
            ensure=ensure_all,
            settings=settings,
            run_problem=run_problem,
            cases=self._unread,
            on_case=self.refresh,
            on_change=self._batch_changed,
            say=self._message.say,
            run_factory=run_factory,
        )
        self._notify = on_change
        self._key = qt.QShortcut(parent)
        self._key.setKey(qt.QKeySequence(NEXT_CASE))
        self._key.setContext(qt.Qt.ApplicationShortcut)
        self._key.setAutoRepeat(False)
        self._connections = Connections(
            (ui.openWorklistButton, "clicked(bool)", self._open_clicked),
            (ui.worklistTable, "cellDoubleClicked(int,int)", self._double_clicked),
            (ui.nextCaseButton, "clicked(bool)", self._next_clicked),
            (ui.saveCaseButton, "clicked(bool)", self._save_clicked),
            (ui.brushGroupBox, "toggled(bool)", self._brush_toggled),
            (self._key, "activated()", ui.nextCaseButton.click),
        )
        active_case.on_change(self._update)
        active_case.on_outcome(lambda _outcome: self._update())
        self._update()

    def open_folder(self, folder: Path) -> None:
        """List the cases of a folder; where there are none, the list stays as it was."""
        from LiverTumorAttentionLib.pipeline.worklist import find_cases

        try:
            self._ensure()
            with as_panel_error(), wait_cursor():
                cases = find_cases(folder)
        except PanelError as error:
            self._message.say(str(error), error=True)
            return
        self._folder, self._cases = folder, cases
        self._message.say("")
        self.refresh()

    def refresh(self) -> None:
        """Read from the disk how far each case is read, and show it."""
        self._statuses = [case.status() for case in self._cases]
        table = self._ui.worklistTable
        chosen = table.currentRow()
        table.setRowCount(len(self._cases))
        for row, (case, status) in enumerate(zip(self._cases, self._statuses, strict=True)):
            kind, remark = self.batch.state_of(case) or (status.kind, status.detail)
            tip = remark or shown(STATUSES.get(kind, ""))
            for column, text in enumerate((case.name, shown(kind), remark)):
                table.setItem(row, column, table_item(text, tip if column else str(case.place)))
        if chosen >= 0:
            table.setCurrentCell(min(chosen, len(self._cases) - 1), 0)
        self._update()

    def enter(self) -> None:
        """The module was opened: the key acts."""
        self._here = True
        if self._cases:
            self.refresh()

    def leave(self) -> None:
        """The module was left, or the scene is being closed: the key is let go of; the batch goes on."""
        self._here = False
        self._update_key()

    def abandon(self, message: str = "") -> None:
        """End the batch: the scene or the window is being closed."""
        if self.batch.running:
            self.batch.abandon()
            self._message.say(message)
            self.refresh()

    def disconnect(self) -> None:
        """End the batch and disconnect the widgets."""
        self.abandon()
        self._key.setEnabled(False)
        self.batch.disconnect()
        self._connections.disconnect()

    def open_case(self, case: WorklistCase) -> None:
        """Load a case into the scene in place of the one before, whose unsaved corrections are asked about."""
        from LiverTumorAttentionGui.worklist import case_nodes, saved_state

        try:
            self._check_free()
            self._ensure()
            others = [each for each in case_nodes.cases_in_scene() if not case_nodes.has_plan(each)]
            here = case_nodes.find_nodes(case.place)
            if here is not None and (self._unsaved(here) or saved_state.is_current(here.segmentation, case)):
                others = [each for each in others if each.portal is not here.portal]
            else:
                here = None  # what is on the disk is newer
            if not all(self._may_leave(each) for each in others):
                return
            with wait_cursor():
                nodes = here or case_nodes.load_case(self._logic, case)
        except PanelError as error:
            self._message.say(str(error), error=True)
            return
        self._message.say(_("{name} is open.").format(name=case.name))
        self._on_open(nodes)
        for each in others:
            case_nodes.remove_case(each)
        self.refresh()
        self._ui.worklistTable.setCurrentCell(self._cases.index(case) if case in self._cases else -1, 0)

    def _may_leave(self, nodes: CaseNodes) -> bool:
        """Ask about unsaved corrections of a case to be removed. Raises `PanelError` if they cannot be saved."""
        from LiverTumorAttentionGui.worklist.case_nodes import segmentations_of
        from LiverTumorAttentionGui.worklist.saved_state import is_unsaved, save_case

        if self._active_case.controller is not None:
            self._active_case.controller.apply_manual_edits()
        for segmentation in segmentations_of(nodes.portal):
            if not is_unsaved(segmentation):
                continue
            answer = self.ask(self._ui.worklistTable.window(), segmentation.GetName())
            if answer == CANCEL:
                return False
            if answer == SAVE:
                save_case(self._logic.controller(segmentation))
        return True

    def _unsaved(self, nodes: CaseNodes) -> bool:
        from LiverTumorAttentionGui.worklist.case_nodes import segmentations_of
        from LiverTumorAttentionGui.worklist.saved_state import is_unsaved

        return any(is_unsaved(segmentation) for segmentation in segmentations_of(nodes.portal))

    def _check_free(self) -> None:
        """Raise `PanelError` while something works on the case that would be left."""
        if self._active_case.busy:
            raise PanelError(NOT_WHILE_BUSY)
        if self._run_problem():
            raise PanelError(NOT_WHILE_RUNNING)

    def _unread(self) -> list[WorklistCase]:
        self.refresh()
        return [
            case for case, status in zip(self._cases, self._statuses, strict=True) if status.kind == UNREAD
        ]

    # Slots ------------------------------------------------------------------------------------------------

    def _open_clicked(self, _checked: bool = False) -> None:
        chosen = self.choose_folder(self._ui.openWorklistButton)
        if chosen:
            self.open_folder(Path(chosen))

    def _double_clicked(self, row: int, _column: int) -> None:
        if 0 <= row < len(self._cases):
            self.open_case(self._cases[row])

    def _next_clicked(self, _checked: bool = False) -> None:
        """Open the next case, after the chosen one and then from the first, that no reader has begun with."""
        self.refresh()
        at = self._ui.worklistTable.currentRow() + 1
        order = [*range(at, len(self._cases)), *range(min(at, len(self._cases)))]
        open_case = self._open_place()
        for index in order:
            case = self._cases[index]
            being_segmented = self.batch.current is not None and case.place == self.batch.current.place
            if self._statuses[index].kind in OPEN and str(case.place) != open_case and not being_segmented:
                self.open_case(case)
                return
        self._message.say(ALL_READ)

    def _save_clicked(self, _checked: bool = False) -> None:
        from LiverTumorAttentionGui.worklist.saved_state import case_of, save_case

        controller = self._active_case.controller
        if controller is None:
            return
        try:
            current = self.batch.current
            if current is not None and case_of(controller.study).place == current.place:
                raise PanelError(
                    _("The case {name} is being segmented in the background: save it after that.").format(
                        name=current.name
                    )
                )
            with wait_cursor():
                case = save_case(controller)
        except (PanelError, OSError) as error:
            self._message.say(str(error), error=True)
            return
        self._message.say(_("{name} is saved in {result}.").format(name=case.name, result=case.result))
        self.refresh()

    def _brush_toggled(self, _open: bool) -> None:
        self._update_key()

    def _batch_changed(self) -> None:
        self._update()
        self._notify()

    # Showing ----------------------------------------------------------------------------------------------

    def _open_place(self) -> str:
        """Return the folder of the case under work; empty where it is not of a worklist."""
        from LiverTumorAttentionGui.scene.node_attributes import CASE_ATTRIBUTE

        study = self._active_case.study
        return "" if study is None else study.portal.GetAttribute(CASE_ATTRIBUTE) or ""

    def _update(self) -> None:
        listed = bool(self._cases)
        kinds = [status.kind for status in self._statuses]
        self._ui.worklistFolderLabel.text = (
            f"{self._folder}: {counted(len(kinds), 'case')}, "
            + ", ".join(f"{kinds.count(kind)} {shown(kind)}" for kind in STATUSES if kind in kinds)
            if listed
            else _("No folder is open.")
        )
        self._ui.worklistTable.visible = self._ui.nextCaseButton.enabled = listed
        self._ui.saveCaseButton.enabled = bool(self._open_place()) and not self._active_case.busy
        self.batch.update(listed)
        self._update_key()

    def _update_key(self) -> None:
        self._key.setEnabled(bool(self._here and self._cases and self._ui.brushGroupBox.collapsed))
