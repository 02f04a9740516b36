"""The model card in words, and that it goes where the model goes."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.models import ModelPackage, add_model, find_model, model_card
from LiverTumorAttentionLib.models.card import licence_note
from Testing.Library.classifiers import by_size
from Testing.Library.model_folder import change_description
from Testing.Library.models.test_description import SOURCE
from Testing.Library.paper_models import write_paper_model

TOLD = {
    "format": 3,
    "licence": "CC-BY-SA-4.0",
    "sources": [SOURCE, {**SOURCE, "title": "Phantoms | of\nours", "patients": 0, "attribution": ""}],
    "never_seen": ["livers of children"],
    "known_failures": ["takes veins for lesions."],
    "scores": {"cases": 2, "mean": {"tumor_dice": 0.5}, "interval_95": {"tumor_dice": [0.25, 0.75]}},
}


@pytest.fixture
def told(model: Path) -> Path:
    change_description(model, lambda values: values.update(TOLD))
    return model


def test_the_card_names_data_gaps_failures_and_scores(told):
    card = model_card(ModelPackage(told).description)
    for text in (
        "| LiTS | liver, tumor | 2 | 3 | 12 | CC-BY-SA-4.0 | Bilic et al. |",
        "| Phantoms / of ours | liver, tumor |  | 3 | 12 |",
        "- Livers of children.",
        "- Takes veins for lesions.\n",
        "| mean: tumor dice | 0.5 |",
        "| interval 95: tumor dice | 0.25 to 0.75 |",
        "published under CC-BY-SA-4.0. The code of LiverTumorAttention is licensed under Apache-2.0.",
    ):
        assert text in card


def test_the_card_tells_what_the_second_look_keeps_of_patients_left_out(model):
    point = {"lesion_recall": 0.6, "false_findings_per_case": 0.3125}
    measured = {"cohorts": {"implanted": {"cases": 32, "lesions": 55, "balanced": point}, "odd": 3}}
    look = asdict(replace(by_size(20.0), measured=measured))
    change_description(model, lambda values: values.update({"format": 4, "candidates": look}))
    card = model_card(ModelPackage(model).description)
    assert "\n| implanted, 32 cases with 55 lesions | balanced | 0.6 | 0.3125 |\n" in card
    assert "patients that were left out" in card


def test_a_model_that_says_nothing_says_so(tmp_path):
    card = model_card(ModelPackage(write_paper_model(tmp_path / "model", "paresseg")).description)
    assert card.count("The model does not say.") == 3


def test_the_bundled_model_has_its_card_beside_it():
    package = find_model("demonstration")
    assert package.read("README.md").decode() == model_card(package.description)
    assert package.read("LICENSE.md").decode() == licence_note(package.description)


def test_the_licence_note_names_everybody(told):
    note = licence_note(ModelPackage(told).description)
    assert "- LiTS. CC-BY-SA-4.0. Bilic et al.\n" in note


def test_the_command_prints_the_card(told, capsys):
    assert main(["models", "show", "--card", str(told)]) == 0
    assert capsys.readouterr().out == model_card(ModelPackage(told).description)


def test_card_and_licence_are_installed_with_the_model(told, tmp_path, monkeypatch):
    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(tmp_path / "user"))
    (told / "LICENSE.md").write_text("CC BY-SA 4.0", encoding="utf-8")
    added = add_model(told)
    assert (added.path / "LICENSE.md").read_text(encoding="utf-8") == "CC BY-SA 4.0"
    assert not (added.path / "README.md").exists()
