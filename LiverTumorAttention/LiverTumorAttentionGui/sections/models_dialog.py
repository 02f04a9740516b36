"""The dialog Models: lists, describes, imports, verifies and removes models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import error_style
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.model_collection import ModelCollection, ModelRow
from LiverTumorAttentionGui.process.install import Installer
from LiverTumorAttentionGui.process.protocol import Outcome
from LiverTumorAttentionGui.sections.file_drop import FileDrop
from LiverTumorAttentionGui.sections.import_dialog import ImportDialog
from LiverTumorAttentionGui.sections.model_details import model_details, public_details
from LiverTumorAttentionGui.signals import Connections

UI_FILE = Path(__file__).resolve().parents[2] / "Resources" / "UI" / "ModelManager.ui"
COLUMNS = (_("Title"), _("Id"), _("Version"), _("Size"), _("Origin"), _("Path"))
FILES = _("Models (*.zip model.json)")
TITLE = _("Models")
MONAI_EXTRA = "liver-tumor-attention[monai]"
"""Named by a message that asks for the packages of MONAI."""
REMOVE_TOOLTIP = _("Delete the selected model from this computer.")
BUNDLED_TOOLTIP = _("This model comes with the extension and cannot be removed.")


class ModelsDialog:
    """A non-modal dialog over a collection of models; long actions run in child processes.

    parent: widget that the dialog stays above. on_changed: called when models were added or removed. collection:
    the models, made by default. choose_file, choose_folder: return a path, empty when the user cancels. ask: asks a
    question and returns whether the user agrees. install_monai: installs what models of MONAI need, or raises
    `PanelError`. The last five are replaced in tests. A folder or zip that is dropped onto the dialog is imported.
    """

    def __init__(
        self,
        parent: Any = None,
        *,
        on_changed: Callable[[], None] | None = None,
        collection: ModelCollection | None = None,
        choose_file: Callable[[], str] | None = None,
        choose_folder: Callable[[], str] | None = None,
        ask: Callable[[str], bool] | None = None,
        install_monai: Callable[[], None] | None = None,
    ) -> None:
        self._collection = collection or ModelCollection(on_changed=on_changed)
        self._choose_file = choose_file or self._file_dialog
        self._choose_folder = choose_folder or self._folder_dialog
        self._import_dialog: ImportDialog | None = None
        self._ask = ask or self._question
        self._install_monai = install_monai or Installer().ensure_monai
        self._rows: list[ModelRow] = []
        self.widget = slicer.util.loadUI(str(UI_FILE))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        if parent is not None:
            self.widget.setParent(parent, qt.Qt.Dialog)
        self.ui.modelTable.columnCount = len(COLUMNS)
        self.ui.modelTable.setHorizontalHeaderLabels(list(COLUMNS))
        self._connections = Connections(
            (self.ui.modelTable, "itemSelectionChanged()", self._show_selected),
            (self.ui.importModelButton, "clicked(bool)", self._import_clicked),
            (self.ui.importFolderButton, "clicked(bool)", self._import_folder_clicked),
            (self.ui.publicModelsButton, "toggled(bool)", self._show_selected),
            (self.ui.verifyModelButton, "clicked(bool)", self._verify_clicked),
            (self.ui.removeModelButton, "clicked(bool)", self._remove_clicked),
            (self.ui.cancelModelButton, "clicked(bool)", self._cancel_clicked),
            (self.ui.closeModelsButton, "clicked(bool)", self._close_clicked),
            (self.widget, "finished(int)", self._closed),
        )
        self._drop = FileDrop(self.widget, self.import_path)
        self._show_idle()

    def open(self) -> None:
        """Refresh the list and show the dialog."""
        self.refresh()
        self._say("")
        self.widget.show()
        self.widget.raise_()

    def cleanup(self) -> None:
        """End the running action, disconnect the widgets and delete the dialog: the module is being unloaded."""
        self._collection.abandon()
        self._drop.stop()
        self._close_questions()
        self._connections.disconnect()
        self.widget.close()
        self.widget.deleteLater()

    def refresh(self) -> None:
        """List the installed models; the selected one stays selected while it exists."""
        before = self.selected()
        try:
            self._rows = self._collection.rows()
        except Exception as error:  # a broken installation must not take the dialog with it
            self._rows = []
            self._say(
                _("The models cannot be listed ({error}): install the extension again.").format(error=error),
                error=True,
            )
        table = self.ui.modelTable
        table.clearSelection()
        table.rowCount = len(self._rows)
        for number, row in enumerate(self._rows):
            for column, text in enumerate(_cells(row)):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(row.problem or text)
                table.setItem(number, column, item)
        table.resizeColumnsToContents()
        paths = [row.path for row in self._rows]
        if self._rows:
            table.selectRow(paths.index(before.path) if before is not None and before.path in paths else 0)
        self._show_selected()

    def selected(self) -> ModelRow | None:
        """Return the selected model."""
        number = self.ui.modelTable.currentRow()
        return self._rows[number] if 0 <= number < len(self._rows) else None

    # Buttons ----------------------------------------------------------------------------------------------

    def import_path(self, path: Path) -> None:
        """Import a model's folder or zip; what one of another program leaves open is asked first."""
        self._close_questions()

        def asked(outcome: Outcome, questions: dict[str, Any] | None) -> None:
            self._show_idle()
            if outcome.status == "done" and questions is not None and questions["program"]:
                self._say("")
                self._ask_open(path, questions)
            elif outcome.status == "done":
                self._import(path, [])
            elif outcome.status == "cancelled":
                self._say(_("Cancelled. No model was changed."))
            elif not self._monai_was_missing(outcome, lambda: self.import_path(path)):
                self._say(outcome.message, error=True)

        self._start(lambda: self._collection.ask_of(path, on_progress=self._show_progress, on_finished=asked))

    def _ask_open(self, path: Path, questions: dict[str, Any]) -> None:
        self._import_dialog = ImportDialog(
            self.widget,
            questions,
            lambda options: self._import(path, options),
            lambda: self._say(_("Cancelled. No model was changed.")),
        )
        self._import_dialog.open()

    def _import(self, path: Path, options: list[str]) -> None:
        listeners = self._listeners(_("was imported"))
        say = listeners["on_finished"]

        def finished(outcome: Outcome) -> None:
            say(outcome)
            self._monai_was_missing(outcome, lambda: self._import(path, options))

        listeners["on_finished"] = finished
        self._start(lambda: self._collection.import_model(path, options, **listeners))

    def _monai_was_missing(self, outcome: Outcome, again: Callable[[], None]) -> bool:
        """Install what a model of MONAI needs where an import failed for want of it, and call `again`.

        Returns whether that was tried: the user is asked first.
        """
        if outcome.status != "failed" or MONAI_EXTRA not in outcome.message:
            return False
        if not self._ask(_("This model was made with MONAI, which is not installed. Install it now?")):
            return False
        try:
            self._install_monai()
        except PanelError as error:
            self._say(str(error), error=True)
            return True
        again()
        return True

    def _close_questions(self) -> None:
        dialog, self._import_dialog = self._import_dialog, None
        if dialog is not None:
            dialog.cleanup()

    def _import_clicked(self, _checked: bool = False) -> None:
        chosen = self._choose_file()
        if chosen:
            self.import_path(Path(chosen))

    def _import_folder_clicked(self, _checked: bool = False) -> None:
        chosen = self._choose_folder()
        if chosen:
            self.import_path(Path(chosen))

    def _verify_clicked(self, _checked: bool = False) -> None:
        row = self.selected()
        if row is not None:
            listeners = self._listeners(_("is whole: its files match their checksums"), row.title)
            self._start(lambda: self._collection.verify(row, **listeners))

    def _remove_clicked(self, _checked: bool = False) -> None:
        row = self.selected()
        if row is None or not self._ask(
            _("Remove the model {title} and delete its files from {path}? This cannot be undone.").format(
                title=row.title, path=row.path
            )
        ):
            return
        try:
            self._collection.remove(row)
        except PanelError as error:
            self._say(str(error), error=True)
        else:
            self._say(_("{title} was removed.").format(title=row.title))
        self.refresh()

    def _cancel_clicked(self, _checked: bool = False) -> None:
        self.ui.cancelModelButton.enabled = False
        self._collection.cancel()

    def _close_clicked(self, _checked: bool = False) -> None:
        self.widget.reject()

    def _closed(self, _result: int = 0) -> None:
        self._collection.cancel()

    # Progress and state -----------------------------------------------------------------------------------

    def _listeners(self, done: str, title: str = _("The model")) -> dict[str, Callable[..., None]]:
        """Return the listeners of an action whose success is reported as "<title> <done>."."""

        def finished(outcome: Outcome) -> None:
            self._show_idle()
            self.refresh()
            if outcome.status == "done":
                self._say(f"{title} {done}.")
            elif outcome.status == "cancelled":
                self._say(_("Cancelled. No model was changed."))
            else:
                self._say(outcome.message, error=True)

        return {"on_progress": self._show_progress, "on_finished": finished}

    def _start(self, action: Callable[[], None]) -> None:
        try:
            action()
        except PanelError as error:
            self._say(str(error), error=True)
            return
        self._say("")
        self._show_progress(0.0, "starting")
        self.ui.cancelModelButton.enabled = True
        self._update_buttons()

    def _show_progress(self, fraction: float, stage: str) -> None:
        self.ui.modelProgressBar.enabled = True
        self.ui.modelProgressBar.value = round(100 * fraction)
        self._say(f"{stage[:1].upper()}{stage[1:]}")

    def _show_idle(self) -> None:
        self.ui.modelProgressBar.value = 0
        self.ui.modelProgressBar.enabled = False
        self.ui.cancelModelButton.enabled = False
        self._update_buttons()

    def _show_selected(self, _public: bool = False) -> None:
        row = self.selected()
        if self.ui.publicModelsButton.checked:
            self.ui.detailsBrowser.html = public_details()
        else:
            self.ui.detailsBrowser.html = model_details(row) if row is not None else ""
        self._update_buttons()

    def _update_buttons(self) -> None:
        row, idle = self.selected(), not self._collection.busy
        self.ui.importModelButton.enabled = self.ui.importFolderButton.enabled = idle
        self.ui.verifyModelButton.enabled = idle and row is not None and row.description is not None
        self.ui.removeModelButton.enabled = idle and row is not None and not row.bundled
        bundled = row is not None and row.bundled
        self.ui.removeModelButton.toolTip = BUNDLED_TOOLTIP if bundled else REMOVE_TOOLTIP

    def _say(self, message: str, *, error: bool = False) -> None:
        self.ui.messageLabel.text = message
        self.ui.messageLabel.styleSheet = error_style() if error else ""

    def _file_dialog(self) -> str:
        return str(qt.QFileDialog.getOpenFileName(self.widget, _("Import a model"), "", FILES))

    def _folder_dialog(self) -> str:
        return str(qt.QFileDialog.getExistingDirectory(self.widget, _("Import the folder of a model")))

    def _question(self, text: str) -> bool:
        return bool(slicer.util.confirmOkCancelDisplay(text, windowTitle=TITLE, parent=self.widget))


def _cells(row: ModelRow) -> tuple[str, ...]:
    size = "" if row.size_bytes is None else _("{value:.1f} MB").format(value=row.size_bytes / 1e6)
    title = _("{title} (damaged)").format(title=row.title) if row.problem else row.title
    return (title, row.id, row.version, size, "bundled" if row.bundled else "added", str(row.path))
