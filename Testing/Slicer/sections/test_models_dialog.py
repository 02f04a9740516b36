"""The Models dialog: what it lists, and that a damaged model, a cancelled or a refused action changes nothing."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from Testing.Library.classifiers import by_size
from Testing.Library.model_folder import change_description, write_model
from Testing.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]

CARD = {
    "format": 3,
    "never_seen": ["livers of children"],
    "known_failures": ["veins are taken for <b>lesions"],
    "sources": [
        {
            "title": "LiTS",
            "licence": "CC-BY-SA-4.0",
            "attribution": "Bilic et al.",
            "stages": ["liver", "tumor"],
            "patients": 2,
            "cases": 3,
            "slices": 12,
        }
    ],
}

# A child that says how far it is, and then goes on until it is cancelled.
ENDLESS = (
    "import json, time\n"
    "print(json.dumps({'event': 'progress', 'stage': 'verifying x', 'fraction': 0.5}), flush=True)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def user_folder(tmp_path, monkeypatch):
    folder = tmp_path / "user"
    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(folder))
    return folder


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "fresh" / "random")


@pytest.fixture
def make(scene, user_folder, request):
    """Return a function that makes the dialog; `answers` is what the user chooses, `told` what was said."""
    from LiverTumorAttentionGui.model_collection import ModelCollection
    from LiverTumorAttentionGui.sections.models_dialog import ModelsDialog

    def build(**collection) -> SimpleNamespace:
        made = SimpleNamespace(changed=0, questions=[], file="", consent=True)

        def ask(question: str) -> bool:
            made.questions.append(question)
            return made.consent

        def changed() -> None:
            made.changed += 1

        made.dialog = ModelsDialog(
            collection=ModelCollection(on_changed=changed, **collection),
            choose_file=lambda: made.file,
            ask=ask,
        )
        request.addfinalizer(made.dialog.cleanup)
        made.ui = made.dialog.ui
        made.dialog.open()
        return made

    return build


@pytest.fixture
def end(wait_until):
    """Return a function that waits until a dialog's action has ended."""
    return lambda made: wait_until(lambda: not made.ui.modelProgressBar.enabled, "the action has ended")


def cells(made, row: int) -> list[str]:
    return [made.ui.modelTable.item(row, column).text() for column in range(6)]


def install(model: Path, user_folder: Path, name: str = "random") -> Path:
    return Path(shutil.copytree(model, user_folder / name))


def damage(folder: Path) -> None:
    path = folder / "tumor.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


def test_bundled_and_added_models_are_listed_with_their_description(make, model, user_folder):
    change_description(model, lambda d: d.update(scores={"dice": 0.75}, training={"data": "<nothing>"}))
    folder = install(model, user_folder)
    made = make()
    assert made.ui.modelTable.rowCount == 2
    assert cells(made, 0)[1] == "demonstration"
    assert cells(made, 0)[4] == "bundled"
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert cells(made, 1) == ["Random", "random", "1", f"{size / 1e6:.1f} MB", "added", str(folder)]
    made.ui.modelTable.selectRow(1)
    shown = made.ui.detailsBrowser.toPlainText()
    digest = made.dialog.selected().description.stages[1].sha256
    for words in ("Random weights, for tests.", "Intended use: tests", "dice: 0.75", "<nothing>", digest):
        assert words in shown
    assert "Apache-2.0" in shown
    assert shown.endswith("Not for clinical use.")


def test_a_model_tells_what_it_was_trained_on_and_where_it_fails(make, model, user_folder):
    change_description(model, lambda d: d.update(CARD))
    install(model, user_folder)
    made = make()
    made.ui.modelTable.selectRow(1)
    shown = made.ui.detailsBrowser.toPlainText()
    for words in (
        "LiTS: 2 patients, 3 cases, 12 slices (liver, tumor). CC-BY-SA-4.0. Bilic et al.",
        "Never seen",
        "livers of children",
        "Known failures",
        "veins are taken for <b>lesions",
    ):
        assert words in shown


def test_a_lesion_probability_is_told_with_how_well_it_does(make, model, user_folder):
    candidates = asdict(by_size(20.0)) | {"measured": {"area_under_roc": 0.9375}}
    change_description(model, lambda d: d.update(format=4, candidates=candidates))
    install(model, user_folder)
    made = make()
    made.ui.modelTable.selectRow(0)
    assert "area under roc: 0.9375" not in made.ui.detailsBrowser.toPlainText()
    made.ui.modelTable.selectRow(1)
    assert "Lesion probability\narea under roc: 0.9375" in made.ui.detailsBrowser.toPlainText()


def test_only_an_added_model_can_be_removed(make, model, user_folder):
    install(model, user_folder)
    made = make()
    made.ui.modelTable.selectRow(0)
    assert not made.ui.removeModelButton.enabled
    assert "comes with the extension" in made.ui.removeModelButton.toolTip
    assert made.ui.verifyModelButton.enabled
    made.ui.modelTable.selectRow(1)
    assert made.ui.removeModelButton.enabled


def test_a_damaged_model_is_listed_with_the_reason(make, model, user_folder):
    folder = install(model, user_folder)
    (folder / "model.json").write_text("{", encoding="utf-8")
    made = make()
    assert cells(made, 1)[:4] == ["random (damaged)", "random", "", ""]
    made.ui.modelTable.selectRow(1)
    shown = made.ui.detailsBrowser.toPlainText()
    assert "Damaged: random/model.json is not valid JSON" in shown
    assert "Remove it and import it again." in shown
    assert not made.ui.verifyModelButton.enabled
    made.ui.removeModelButton.click()
    assert not folder.exists()
    assert made.ui.modelTable.rowCount == 1


@pytest.mark.parametrize("source", ["zip", "model.json"])
def test_import_adds_the_model_and_notifies_the_panel(make, end, model, user_folder, tmp_path, source):
    made = make()
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", model.parent, model.name)
    made.file = archive if source == "zip" else str(model / "model.json")
    made.ui.importModelButton.click()
    assert not made.ui.importModelButton.enabled
    assert made.ui.cancelModelButton.enabled
    end(made)
    assert made.ui.messageLabel.text == "The model was imported."
    assert [cells(made, row)[1] for row in range(made.ui.modelTable.rowCount)] == ["demonstration", "random"]
    assert made.changed == 1
    assert made.ui.importModelButton.enabled
    assert not made.ui.cancelModelButton.enabled


def test_damaged_file_is_refused_and_changes_nothing(make, end, model, user_folder):
    damage(model)
    made = make()
    made.file = str(model / "model.json")
    made.ui.importModelButton.click()
    end(made)
    assert made.ui.messageLabel.text.startswith(
        "The file tumor.safetensors of the model 'random' is damaged or was changed"
    )
    assert made.ui.messageLabel.styleSheet
    assert made.ui.modelTable.rowCount == 1
    assert made.changed == 0
    assert not user_folder.exists() or not list(user_folder.iterdir())


def test_cancelled_file_choice_starts_nothing(make):
    made = make()
    made.ui.importModelButton.click()
    assert made.ui.importModelButton.enabled
    assert not made.ui.modelProgressBar.enabled


def test_verification_finds_a_changed_byte_until_it_is_restored(make, end, model, user_folder):
    folder = install(model, user_folder)
    damage(folder)
    made = make()
    made.ui.modelTable.selectRow(1)
    made.ui.verifyModelButton.click()
    end(made)
    assert "is damaged or was changed" in made.ui.messageLabel.text
    assert cells(made, 1)[0] == "Random (damaged)"
    assert made.dialog.selected().id == "random"
    shutil.copy(model / "tumor.safetensors", folder)
    made.ui.verifyModelButton.click()
    end(made)
    assert made.ui.messageLabel.text == "Random is whole: its files match their checksums."
    assert cells(made, 1)[0] == "Random"
    assert made.changed == 0


def test_removing_asks_first(make, model, user_folder):
    folder = install(model, user_folder)
    made = make()
    made.ui.modelTable.selectRow(1)
    made.consent = False
    made.ui.removeModelButton.click()
    assert folder.is_dir()
    assert (made.changed, len(made.questions)) == (0, 1)
    assert str(folder) in made.questions[0]
    made.consent = True
    made.ui.removeModelButton.click()
    assert not folder.exists()
    assert made.changed == 1
    assert made.ui.messageLabel.text == "Random was removed."
    assert made.dialog.selected().id == "demonstration"


def test_removing_a_missing_model_is_refused(make, model, user_folder):
    folder = install(model, user_folder)
    made = make()
    made.ui.modelTable.selectRow(1)
    shutil.rmtree(folder)
    made.ui.removeModelButton.click()
    assert made.ui.messageLabel.text.startswith("No model 'random' was added;")
    assert made.changed == 0
    assert made.ui.modelTable.rowCount == 1


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_a_long_action_shows_progress_and_can_be_cancelled(make, end, wait_until, tmp_path, how):
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    made = make(script=script)
    made.ui.verifyModelButton.click()
    wait_until(lambda: made.ui.modelProgressBar.value == 50, "progress is shown")
    assert made.ui.messageLabel.text == "Verifying x"
    assert not made.ui.verifyModelButton.enabled
    (made.ui.cancelModelButton if how == "cancel" else made.ui.closeModelsButton).click()
    end(made)
    assert made.ui.messageLabel.text == "Cancelled. No model was changed."
    assert made.ui.verifyModelButton.enabled


def test_two_actions_do_not_run_at_once(scene, user_folder, tmp_path):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.model_collection import ModelCollection

    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    collection = ModelCollection(script=script)
    row = collection.rows()[0]
    nothing = {"on_progress": lambda *_: None, "on_finished": lambda *_: None}
    collection.verify(row, **nothing)
    try:
        for action in (lambda: collection.verify(row, **nothing), lambda: collection.remove(row)):
            with pytest.raises(PanelError, match="Another model is being imported or verified"):
                action()
    finally:
        collection.abandon()
    assert not collection.busy
    with pytest.raises(PanelError, match="'demonstration' comes with LiverTumorAttention and cannot be"):
        collection.remove(row)


def test_dialog_does_not_import_torch():
    import subprocess

    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from Testing.bench import slicer_like; slicer_like.start()\n"
        "from LiverTumorAttentionGui.sections.models_dialog import ModelsDialog\n"
        "dialog = ModelsDialog(); dialog.open()\n"
        "assert dialog.selected() is not None\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(ROOT)], cwd=ROOT, check=True, timeout=PATIENCE_S)
