"""The dialog Models: lists, describes, imports, verifies and removes models."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import error_style
from LiverTumorAttentionGui.model_collection import ModelCollection, ModelRow
from LiverTumorAttentionGui.process.protocol import Outcome
from LiverTumorAttentionGui.signals import Connections
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

if TYPE_CHECKING:
    from LiverTumorAttentionLib.models import ModelDescription, StageDescription

UI_FILE = Path(__file__).resolve().parents[2] / "Resources" / "UI" / "ModelManager.ui"
COLUMNS = ("Title", "Id", "Version", "Size", "Origin", "Path")
FILES = "Models (*.zip model.json)"
TITLE = "Models"
REMOVE_TOOLTIP = "Delete the selected model from this computer."
BUNDLED_TOOLTIP = "This model comes with the extension and cannot be removed."


class ModelsDialog:
    """A non-modal dialog over a collection of models; long actions run in child processes.

    parent: widget that the dialog stays above. on_changed: called when models were added or removed. collection:
    the models, made by default. choose_file: returns a path, empty when the user cancels. ask: asks a question and
    returns whether the user agrees. The last three are replaced in tests.
    """

    def __init__(
        self,
        parent: Any = None,
        *,
        on_changed: Callable[[], None] | None = None,
        collection: ModelCollection | None = None,
        choose_file: Callable[[], str] | None = None,
        ask: Callable[[str], bool] | None = None,
    ) -> None:
        self._collection = collection or ModelCollection(on_changed=on_changed)
        self._choose_file = choose_file or self._file_dialog
        self._ask = ask or self._question
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
            (self.ui.verifyModelButton, "clicked(bool)", self._verify_clicked),
            (self.ui.removeModelButton, "clicked(bool)", self._remove_clicked),
            (self.ui.cancelModelButton, "clicked(bool)", self._cancel_clicked),
            (self.ui.closeModelsButton, "clicked(bool)", self._close_clicked),
            (self.widget, "finished(int)", self._closed),
        )
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
            self._say(f"The models cannot be listed ({error}): install the extension again.", error=True)
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

    def _import_clicked(self, _checked: bool = False) -> None:
        chosen = self._choose_file()
        if chosen:
            self._start(
                lambda: self._collection.import_model(Path(chosen), **self._listeners("was imported"))
            )

    def _verify_clicked(self, _checked: bool = False) -> None:
        row = self.selected()
        if row is not None:
            listeners = self._listeners("is whole: its files match their checksums", row.title)
            self._start(lambda: self._collection.verify(row, **listeners))

    def _remove_clicked(self, _checked: bool = False) -> None:
        row = self.selected()
        if row is None or not self._ask(
            f"Remove the model {row.title} and delete its files from {row.path}? This cannot be undone."
        ):
            return
        try:
            self._collection.remove(row)
        except PanelError as error:
            self._say(str(error), error=True)
        else:
            self._say(f"{row.title} was removed.")
        self.refresh()

    def _cancel_clicked(self, _checked: bool = False) -> None:
        self.ui.cancelModelButton.enabled = False
        self._collection.cancel()

    def _close_clicked(self, _checked: bool = False) -> None:
        self.widget.reject()

    def _closed(self, _result: int = 0) -> None:
        self._collection.cancel()

    # Progress and state -----------------------------------------------------------------------------------

    def _listeners(self, done: str, title: str = "The model") -> dict[str, Callable[..., None]]:
        """Return the listeners of an action whose success is reported as "<title> <done>."."""

        def finished(outcome: Outcome) -> None:
            self._show_idle()
            self.refresh()
            if outcome.status == "done":
                self._say(f"{title} {done}.")
            elif outcome.status == "cancelled":
                self._say("Cancelled. No model was changed.")
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

    def _show_selected(self) -> None:
        row = self.selected()
        self.ui.detailsBrowser.html = model_details(row) if row is not None else ""
        self._update_buttons()

    def _update_buttons(self) -> None:
        row, idle = self.selected(), not self._collection.busy
        self.ui.importModelButton.enabled = idle
        self.ui.verifyModelButton.enabled = idle and row is not None and row.description is not None
        self.ui.removeModelButton.enabled = idle and row is not None and not row.bundled
        bundled = row is not None and row.bundled
        self.ui.removeModelButton.toolTip = BUNDLED_TOOLTIP if bundled else REMOVE_TOOLTIP

    def _say(self, message: str, *, error: bool = False) -> None:
        self.ui.messageLabel.text = message
        self.ui.messageLabel.styleSheet = error_style() if error else ""

    def _file_dialog(self) -> str:
        return str(qt.QFileDialog.getOpenFileName(self.widget, "Import a model", "", FILES))

    def _question(self, text: str) -> bool:
        return bool(slicer.util.confirmOkCancelDisplay(text, windowTitle=TITLE, parent=self.widget))


def _cells(row: ModelRow) -> tuple[str, ...]:
    size = "" if row.size_bytes is None else f"{row.size_bytes / 1e6:.1f} MB"
    title = f"{row.title} (damaged)" if row.problem else row.title
    return (title, row.id, row.version, size, "bundled" if row.bundled else "added", str(row.path))


def model_details(row: ModelRow) -> str:
    """Return a model's description as HTML; of a damaged model, the reason and what to do."""
    parts = [f"<h3>{escape(row.title)}</h3>"]
    if row.problem:
        advice = "Install the extension again." if row.bundled else "Remove it and import it again."
        parts.append(f"<p><b>Damaged:</b> {escape(row.problem.rstrip('.'))}. {advice}</p>")
    if row.description is not None:
        parts += _description(row.description)
    parts.append(f"<p><b>Folder:</b> {escape(str(row.path))}</p><p><b>{NOT_FOR_CLINICAL_USE}</b></p>")
    return "\n".join(parts)


def _description(model: ModelDescription) -> list[str]:
    parts = [
        f"<p><b>{escape(_sentence(model.statement))}</b></p>",
        f"<p><b>Intended use:</b> {escape(model.intended_use)}</p>",
        f"<p><b>Finds:</b> {escape(', '.join(label.name for label in model.labels))}</p>",
        f"<p><b>Takes:</b> {_inputs(model)}</p>",
        f"<p><b>Licence of the weights:</b> {escape(model.licence)}</p>",
        f"<h4>Trained on</h4>{_sources(model)}{_tree(model.training)}",
    ]
    for title, texts in (("Never seen", model.never_seen), ("Known failures", model.known_failures)):
        if texts:
            parts.append(f"<h4>{title}</h4><ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>")
    if model.scores:
        parts.append(f"<h4>Scores</h4>{_tree(model.scores)}")
    if model.candidates is not None:
        measured = _tree(model.candidates.measured)
        parts.append(
            f"<h4>Lesion probability</h4>{measured or '<p>The model does not say how well it does.</p>'}"
        )
    rows = "".join(_files(stage) for stage in model.stages)
    parts.append(f"<h4>Files</h4><ul>{rows}</ul>")
    return parts


def _sources(model: ModelDescription) -> str:
    """Return the data that the weights were made from; what does not say so is told by `training` alone."""
    if not model.sources:
        return "" if model.training else "<p>The model does not say.</p>"
    rows = (
        f"<li>{escape(each.title)}: {f'{each.patients} patients, ' if each.patients else ''}{each.cases} cases, "
        f"{each.slices} slices ({escape(', '.join(each.stages))}). {escape(each.licence)}. "
        f"{escape(each.attribution)}</li>"
        for each in model.sources
    )
    return f"<ul>{''.join(rows)}</ul>"


def _inputs(model: ModelDescription) -> str:
    if model.needs_arterial:
        return "a portal venous and an arterial CT, both of them"
    if model.takes_arterial:
        return "a portal venous CT, and an arterial one where there is one"
    return "a portal venous CT"


def _files(stage: StageDescription) -> str:
    return "".join(
        f"<li>{escape(file.weights)} (network {escape(stage.network)})<br/>"
        f"SHA-256 <code>{escape(file.sha256)}</code></li>"
        for file in stage.weight_files
    )


def _tree(value: Any) -> str:
    """Return JSON values as nested HTML lists; lists without mappings stay on one line."""
    if isinstance(value, dict):
        items = (
            f"<li>{escape(str(key).replace('_', ' '))}: {_tree(inner)}</li>" for key, inner in value.items()
        )
        return f"<ul>{''.join(items)}</ul>" if value else ""
    if isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        return f"<ul>{''.join(f'<li>{_tree(inner)}</li>' for inner in value)}</ul>"
    if isinstance(value, list):
        return escape(", ".join(str(inner) for inner in value))
    return escape(str(value))


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."
