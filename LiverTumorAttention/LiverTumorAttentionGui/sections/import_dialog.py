"""The dialog that asks what a model of another program leaves open: phases, labels, orientation, with guesses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import qt
import slicer

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.signals import Connections
from LiverTumorAttentionLib.contrast_phase import ROLES

UI_FILE = Path(__file__).resolve().parents[2] / "Resources" / "UI" / "ImportModel.ui"
UNCLEAR = _("choose …")
MEANINGS = ("liver", "tumor", "cyst", "vessel", "ignore")
ORIENTATIONS = ("RAS", "LPS", "LAS", "RPS", "LAI", "RPI", "RAI", "LPI")
"""Those that volumes of CT are stored in; another one that a model asks for comes first."""


class ImportDialog:
    """A dialog over the questions of one model.

    questions: as `models questions` prints them. on_answered: called with the answers, as options of `models add`.
    on_rejected: called when the user cancels.
    """

    def __init__(
        self,
        parent: Any,
        questions: Mapping[str, Any],
        on_answered: Callable[[list[str]], None],
        on_rejected: Callable[[], None],
    ) -> None:
        self._questions = questions
        self._on_answered = on_answered
        self._on_rejected = on_rejected
        self._answered = False
        self.widget = slicer.util.loadUI(str(UI_FILE))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        if parent is not None:
            self.widget.setParent(parent, qt.Qt.Dialog)
        program = questions["program"]
        self.ui.introLabel.text = _(
            "A model of {program}. Check what its names were taken for, and choose what they do not say."
        ).format(program=program)
        self.ui.titleEdit.text = str(questions.get("title") or "")
        self._channels = _table(
            self.ui.channelTable,
            (_("Channel"), _("Phase")),
            [(f"{each['number']}: {each['name']}", each["phase"]) for each in questions["channels"]],
            ROLES,
        )
        self._labels = _table(
            self.ui.labelTable,
            (_("Label"), _("Is")),
            [(each["name"], each["meaning"]) for each in questions["labels"]],
            MEANINGS,
        )
        _fill(self.ui.configurationComboBox, questions["configurations"], questions["configuration"])
        several = len(questions["configurations"]) > 1
        self.ui.configurationComboBox.visible = self.ui.configurationLabel.visible = several
        orientation = questions["orientation"]
        _fill(self.ui.orientationComboBox, dict.fromkeys([orientation, *ORIENTATIONS]), orientation)
        self.ui.orientationComboBox.enabled = not questions["orientation_known"]
        self._connections = Connections(
            (self.ui.confirmImportButton, "clicked(bool)", self._confirm_clicked),
            (self.ui.rejectImportButton, "clicked(bool)", self._reject_clicked),
            (self.widget, "finished(int)", self._finished),
            *((box, "currentIndexChanged(int)", self._changed) for box in (*self._channels, *self._labels)),
        )
        self._changed()

    def open(self) -> None:
        """Show the dialog."""
        self.widget.show()
        self.widget.raise_()

    def cleanup(self) -> None:
        """Disconnect the widgets and delete the dialog; nothing is called any more."""
        self._answered = True
        self._connections.disconnect()
        self.widget.close()
        self.widget.deleteLater()

    def options(self) -> list[str]:
        """Return the answers as options of `models add`."""
        options = []
        for each, box in zip(self._questions["channels"], self._channels, strict=True):
            options += ["--channel", f"{box.currentText}={each['number']}"]
        for each, box in zip(self._questions["labels"], self._labels, strict=True):
            options += ["--label", f"{each['name']}={box.currentText}"]
        if not self._questions["orientation_known"]:
            options += ["--orientation", str(self.ui.orientationComboBox.currentText)]
        if len(self._questions["configurations"]) > 1:
            options += ["--configuration", str(self.ui.configurationComboBox.currentText)]
        title = str(self.ui.titleEdit.text).strip()
        return [*options, "--title", title] if title else options

    def problem(self) -> str:
        """Return what is still to be answered, in a sentence; empty when nothing is."""
        phases = [str(box.currentText) for box in self._channels]
        meanings = [str(box.currentText) for box in self._labels]
        if UNCLEAR in phases:
            return _("Choose the phase of each channel.")
        if "portal" not in phases or len(set(phases)) < len(phases):
            return _("One channel is the portal venous phase, and no phase is given twice: choose again.")
        if UNCLEAR in meanings:
            unclear = self._questions["labels"][meanings.index(UNCLEAR)]["name"]
            return _("Choose what the label {unclear} is; ignore is for what is of no use here.").format(
                unclear=unclear
            )
        if not {"liver", "tumor"} & set(meanings):
            return _("At least one label is the liver or a tumor: choose which.")
        return ""

    def _changed(self, _index: int = 0) -> None:
        problem = self.problem()
        self.ui.openLabel.text = problem
        self.ui.confirmImportButton.enabled = not problem

    def _confirm_clicked(self, _checked: bool = False) -> None:
        self._answered = True
        self.widget.accept()
        self._on_answered(self.options())

    def _reject_clicked(self, _checked: bool = False) -> None:
        self.widget.reject()

    def _finished(self, _result: int = 0) -> None:
        if not self._answered:
            self._answered = True
            self._on_rejected()


def _table(
    table: Any, titles: Sequence[str], rows: Sequence[tuple[str, str]], choices: Sequence[str]
) -> list[Any]:
    """Fill a table with names and a list of choices each; return the lists. A guess that is empty has to be chosen."""
    table.columnCount = len(titles)
    table.setHorizontalHeaderLabels(list(titles))
    table.rowCount = len(rows)
    boxes = []
    for number, (name, guess) in enumerate(rows):
        table.setItem(number, 0, qt.QTableWidgetItem(name))
        box = qt.QComboBox()
        _fill(box, choices if guess else (UNCLEAR, *choices), guess or UNCLEAR)
        table.setCellWidget(number, 1, box)
        boxes.append(box)
    table.resizeColumnsToContents()
    return boxes


def _fill(box: Any, choices: Any, chosen: str) -> None:
    for choice in choices:
        box.addItem(str(choice))
    box.setCurrentIndex(max(box.findText(str(chosen)), 0))
