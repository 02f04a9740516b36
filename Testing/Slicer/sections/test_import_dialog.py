"""Import of a model of another program: dropped or chosen, asked about, installed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

ASKED = {
    "program": "nnU-Net 2",
    "title": "Dataset 7",
    "channels": [
        {"number": 0, "name": "CT_a", "phase": ""},
        {"number": 1, "name": "arterial", "phase": "arterial"},
    ],
    "labels": [
        {"name": "liver", "meaning": "liver"},
        {"name": "spleen", "meaning": "ignore"},
        {"name": "k=1", "meaning": ""},
    ],
    "orientation": "RAS",
    "orientation_known": False,
    "configurations": ["2d", "3d_fullres"],
    "configuration": "3d_fullres",
}


@pytest.fixture
def answered(scene, request):
    """Return a function that opens the dialog over questions; `answers` is what comes out of it."""
    from LiverTumorAttentionGui.sections.import_dialog import ImportDialog

    def build(**changes) -> SimpleNamespace:
        made = SimpleNamespace(answers=None, rejected=0)

        def accept(options: list[str]) -> None:
            made.answers = options

        def reject() -> None:
            made.rejected += 1

        made.dialog = ImportDialog(None, {**ASKED, **changes}, accept, reject)
        request.addfinalizer(made.dialog.cleanup)
        made.ui = made.dialog.ui
        made.dialog.open()
        return made

    return build


def choose(table, row: int, text: str) -> None:
    box = table.cellWidget(row, 1)
    box.setCurrentIndex(box.findText(text))


def test_guesses_are_filled_in_and_what_is_unclear_has_to_be_chosen(answered):
    made = answered()
    assert not made.ui.confirmImportButton.enabled
    assert made.ui.openLabel.text == "Choose the phase of each channel."
    assert made.ui.channelTable.cellWidget(1, 1).currentText == "arterial"
    choose(made.ui.channelTable, 0, "portal")
    assert made.ui.openLabel.text.startswith("Choose what the label k=1 is")
    choose(made.ui.labelTable, 2, "tumor")
    assert made.ui.openLabel.text == ""
    made.ui.orientationComboBox.setCurrentIndex(made.ui.orientationComboBox.findText("LPS"))
    made.ui.confirmImportButton.click()
    assert made.answers == [
        *("--channel", "portal=0", "--channel", "arterial=1"),
        *("--label", "liver=liver", "--label", "spleen=ignore", "--label", "k=1=tumor"),
        *("--orientation", "LPS", "--configuration", "3d_fullres", "--title", "Dataset 7"),
    ]
    assert made.rejected == 0


def test_two_channels_of_one_phase_and_labels_of_no_use_are_told(answered):
    made = answered(labels=[{"name": "liver", "meaning": "liver"}])
    choose(made.ui.channelTable, 0, "arterial")
    assert "One channel is the portal venous phase" in made.ui.openLabel.text
    choose(made.ui.channelTable, 0, "portal")
    choose(made.ui.labelTable, 0, "ignore")
    assert made.ui.openLabel.text == "At least one label is the liver or a tumor: choose which."
    assert not made.ui.confirmImportButton.enabled


def test_what_is_known_is_not_asked(answered):
    made = answered(orientation_known=True, configurations=["3d_fullres"])
    assert not made.ui.orientationComboBox.enabled
    assert not made.ui.configurationComboBox.visible
    choose(made.ui.channelTable, 0, "portal")
    choose(made.ui.labelTable, 2, "vessel")
    made.ui.confirmImportButton.click()
    assert "--orientation" not in made.answers
    assert "--configuration" not in made.answers


@pytest.mark.parametrize("how", ["button", "close"])
def test_a_cancelled_question_answers_nothing(answered, how):
    made = answered()
    made.ui.rejectImportButton.click() if how == "button" else made.dialog.widget.reject()
    assert made.answers is None
    assert made.rejected == 1


# A child that asks, and writes down with what it was called to add.
ASKING = """
import json, os, sys
arguments = sys.argv[2:]
with open({log!r}, "a") as log:
    log.write(json.dumps(arguments) + "\\n")
if arguments[0] == "add" and {missing!r} and not os.path.exists({missing!r}):
    print(json.dumps({{"event": "error", "message": "needs monai: pip install 'liver-tumor-attention[monai]'"}}))
    sys.exit(2)
if arguments[0] == "questions":
    print(json.dumps({{"event": "questions", **json.loads({asked!r})}}))
print(json.dumps({{"event": "done"}}))
"""


@pytest.fixture
def dialog(scene, tmp_path, monkeypatch, request):
    """The dialog Models over a child that asks; `calls` is with what it was called, `asked` what the user was."""
    from LiverTumorAttentionGui.model_collection import ModelCollection
    from LiverTumorAttentionGui.sections.models_dialog import ModelsDialog

    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(tmp_path / "user"))
    log, script = tmp_path / "log", tmp_path / "asking.py"
    missing = str(tmp_path / "monai") if getattr(request, "param", "") == "without MONAI" else ""
    script.write_text(ASKING.format(log=str(log), asked=json.dumps(ASKED), missing=missing), encoding="utf-8")
    asked: list[str] = []
    made = ModelsDialog(
        collection=ModelCollection(script=script),
        choose_folder=lambda: str(tmp_path / "chosen"),
        ask=lambda question: asked.append(question) or True,
        install_monai=(tmp_path / "monai").touch,
    )
    request.addfinalizer(made.cleanup)  # noqa: PT021
    made.open()

    def calls() -> list[list[str]]:
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    return SimpleNamespace(dialog=made, ui=made.ui, calls=calls, asked=asked)


def drop(widget, path: Path) -> bool:
    """Drop a file onto a widget as Qt does; return whether it was taken."""
    from PySide6 import QtCore, QtGui

    data = QtCore.QMimeData()
    data.setUrls([QtCore.QUrl.fromLocalFile(str(path))])
    position, action = QtCore.QPointF(5, 5), QtCore.Qt.DropAction.CopyAction
    button, no_key = QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.KeyboardModifier.NoModifier
    for kind in (QtGui.QDragEnterEvent, QtGui.QDropEvent):
        point = position.toPoint() if kind is QtGui.QDragEnterEvent else position
        event = kind(point, action, data, button, no_key)
        event.ignore()
        QtCore.QCoreApplication.sendEvent(widget, event)
    return event.isAccepted()


@pytest.mark.parametrize("how", ["dropped", "button"])
def test_a_folder_is_asked_about_and_imported_with_the_answers(dialog, wait_until, tmp_path, how):
    folder = tmp_path / "chosen"
    if how == "dropped":
        assert drop(dialog.dialog.widget, folder)
    else:
        dialog.ui.importFolderButton.click()
    wait_until(lambda: dialog.dialog._import_dialog is not None, "the questions are there")
    assert dialog.calls() == [["questions", str(folder), "--progress", "json"]]
    questions = dialog.dialog._import_dialog.ui
    choose(questions.channelTable, 0, "portal")
    choose(questions.labelTable, 2, "cyst")
    questions.confirmImportButton.click()
    wait_until(lambda: not dialog.ui.modelProgressBar.enabled, "the import has ended")
    added = dialog.calls()[1]
    assert added[:2] == ["add", str(folder)]
    assert "portal=0" in added
    assert "k=1=cyst" in added
    assert dialog.ui.messageLabel.text == "The model was imported."


@pytest.mark.parametrize("dialog", ["without MONAI"], indirect=True)
def test_monai_is_installed_when_the_first_such_model_is_imported(dialog, wait_until):
    dialog.ui.importFolderButton.click()
    wait_until(lambda: dialog.dialog._import_dialog is not None, "the questions are there")
    questions = dialog.dialog._import_dialog.ui
    choose(questions.channelTable, 0, "portal")
    choose(questions.labelTable, 2, "tumor")
    questions.confirmImportButton.click()
    wait_until(
        lambda: len(dialog.calls()) == 3 and not dialog.ui.modelProgressBar.enabled, "it was tried again"
    )
    assert dialog.asked == ["This model was made with MONAI, which is not installed. Install it now?"]
    assert dialog.calls()[1] == dialog.calls()[2]
    assert dialog.ui.messageLabel.text == "The model was imported."


def test_questions_that_are_cancelled_import_nothing(dialog, wait_until):
    dialog.ui.importFolderButton.click()
    wait_until(lambda: dialog.dialog._import_dialog is not None, "the questions are there")
    dialog.dialog._import_dialog.ui.rejectImportButton.click()
    assert dialog.ui.messageLabel.text == "Cancelled. No model was changed."
    assert len(dialog.calls()) == 1


def test_public_models_are_shown_with_their_licences_and_links(dialog):
    dialog.ui.publicModelsButton.click()
    shown = dialog.ui.detailsBrowser.toPlainText()
    for words in (
        "MONAI Model Zoo, whole body CT",
        "Licence of the weights: Apache-2.0",
        "Trained on: TotalSegmentator data set",
        "Needs: a portal venous CT; tumors from another model",
        "Checksum: the publisher states none",
        "Nothing is downloaded by this program",
    ):
        assert words in shown
    assert 'href="https://zenodo.org/record/4003545"' in dialog.ui.detailsBrowser.html
    dialog.ui.publicModelsButton.click()
    assert "Intended use" in dialog.ui.detailsBrowser.toPlainText()
