"""The card of an exported model: sources of its cases, licence, what the user tells, files beside the weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.models import ModelPackage, add_model, find_model
from Testing.Training.prepared import patch_recipe, write_case
from training.export.card import read_card_text, sources_before
from training.export.export_runs import export_runs
from training.loop.task import RecipeTask
from training.loop.trainer import Trainer
from training.runs.stage_weights import StageWeights

FACTS = {
    "crop": ({"source": "lits_crop"}, "lits-117"),
    "slice": ({"source": "msd_liver_slices"}, "lits-117"),
    "other": ({"source": "msd_liver_slices"}, "lits-4"),
    "phantom": ({"source": "phantom"}, "phantom"),
    "unused": ({"source": "clinic"}, "somebody"),
}
TEXT = "never_seen:\n  - livers of children\nknown_failures:\n  - veins of the portal phase are taken for lesions\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step on four cases of two sources."""
    folder = tmp_path_factory.mktemp("card")
    labels = np.zeros((4, 40, 40), int)
    labels[:, 5:35, 5:35], labels[1:3, 10:20, 10:20] = 1, 2
    standard = {"portal": {"low": -70.0, "high": 180.0, "mean": 0.0, "deviation": 60.0}}
    cases = []
    for name, (facts, patient) in FACTS.items():
        path = folder / "prepared" / "cases" / name
        cases.append(write_case(path, labels * 50, labels, intensity=standard))
        values = json.loads((path / "case.json").read_text())
        (path / "case.json").write_text(json.dumps({**values, "facts": facts, "patient": patient}))
    used = [name for name in FACTS if name != "unused"]
    about = {
        "part": 0,
        "prepared": str(folder / "prepared"),
        "cases": {"training": used, "validation": ["unused"], "test": []},
    }
    grid = {"grid": {"in_plane_spacing_mm": 8.0, "slice_spacing_range_mm": [8, 8]}}
    task = RecipeTask(
        patch_recipe(stage_changes=grid), cases[:4], [], seed=1, device=choose_device("cpu"), about=about
    )
    Trainer(folder / "run", task, say=lambda line: None).run(stop_at=1)
    return folder / "run"


def test_the_sources_of_the_training_cases_are_counted(tmp_path, trained):
    made = export_runs([trained], tmp_path / "model")
    found = {each.title.partition(" ")[0]: each for each in made.sources}
    assert found.keys() == {"LiTS", "Phantoms"}
    assert (found["LiTS"].patients, found["LiTS"].cases, found["LiTS"].slices) == (2, 3, 12)
    assert (found["Phantoms"].patients, found["Phantoms"].cases) == (0, 1)
    assert found["LiTS"].stages == ("liver_and_tumor",)
    assert "Bilic" in found["LiTS"].attribution
    assert made.licence == "CC-BY-SA-4.0"


def test_a_licence_that_the_sources_do_not_allow_writes_nothing(tmp_path, trained):
    with pytest.raises(InputError, match=r"'Apache-2.0', but they are made from share-alike data \(LiTS"):
        export_runs([trained], tmp_path / "model", identity={"licence": "Apache-2.0"})
    assert not (tmp_path / "model").exists()


def test_card_and_licence_lie_beside_the_weights_and_are_installed_with_them(tmp_path, trained, monkeypatch):
    (tmp_path / "card.yaml").write_text(TEXT)
    made = export_runs([trained], tmp_path / "model.zip", card=tmp_path / "card.yaml")
    assert made.never_seen == ("livers of children",)
    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(tmp_path / "installed"))
    package = add_model(tmp_path / "model.zip")
    card = package.read("README.md").decode()
    for text in (
        "Bilic",
        "Livers of children.",
        "Veins of the portal phase",
        "| 2 | 3 | 12 | CC-BY-SA-4.0 |",
    ):
        assert text in card
    licence = package.read("LICENSE.md").decode()
    assert "published under CC-BY-SA-4.0" in licence
    assert "code of LiverTumorAttention is licensed under Apache-2.0" in licence
    assert ModelPackage(package.path).description.sources == made.sources


def test_what_the_weights_started_from_counts_too(tmp_path, trained):
    shutil.copytree(trained, tmp_path / "run")
    values = json.loads((trained / "run.json").read_text())
    model = StageWeights.find("demonstration", lambda stage: stage.name == "tumor", "tumor")
    told = {"sha256": model.sha256, "run": None, "sources": sources_before(model)}
    (tmp_path / "run" / "run.json").write_text(json.dumps({**values, "initial": told}))
    made = export_runs([tmp_path / "run"], tmp_path / "model")
    shipped = {each.title for each in find_model("demonstration").description.sources}
    assert shipped
    assert shipped <= {each.title for each in made.sources}
    earlier = StageWeights.find(str(trained), lambda stage: True, "any")
    assert {each["title"].partition(" ")[0] for each in sources_before(earlier)} == {"LiTS", "Phantoms"}


def test_what_assess_measured_of_these_weights_is_recorded_with_its_interval(tmp_path, trained):
    first = export_runs([trained], tmp_path / "first")
    weights = first.stages[0].sha256[:12]
    rows = [
        f"first,{weights},a,lits-0,0.9,10,1,1",
        f"first,{weights},b,lits-5,0.8,10,2,2",
        "other,abc,a,lits-0,0.1,10,9,9",
    ]
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "slices.csv").write_text(
        "\n".join(["model,weights,case,patient,liver_dice,liver_cm2,over_cm2,under_cm2", *rows]) + "\n"
    )
    made = export_runs([trained], tmp_path / "model", assessment=tmp_path / "tables")
    figure, together = made.scores["assessed"]["Real CT"].values()
    assert figure == "0.850 (0.800 to 0.900), 2 patients, 2 slices"
    assert together == "0.850 (0.800 to 0.900)"
    assert figure in (tmp_path / "model" / "README.md").read_text()


def test_what_assess_measured_of_other_weights_is_refused(tmp_path, trained):
    (tmp_path / "slices.csv").write_text("model,weights,case,patient,liver_dice\nother,abc,a,lits-0,0.1\n")
    with pytest.raises(InputError, match=r"holds no row of `assess` of these weights .*assess that model"):
        export_runs([trained], tmp_path / "model", assessment=tmp_path)
    assert not (tmp_path / "model").exists()


def test_prepared_cases_that_are_gone_are_asked_for(tmp_path, trained):
    shutil.copytree(trained, tmp_path / "run")
    values = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps({**values, "prepared": str(tmp_path / "gone")}))
    with pytest.raises(InputError, match=r"in .*gone, are gone: put them back"):
        export_runs([tmp_path / "run"], tmp_path / "model")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("never_sen: [a]", "unknown key 'never_sen'; did you mean 'never_seen'"),
        ("never_seen: ['']", "hold an empty line"),
        ("never_seen: [a", "cannot be read"),
        ("- a", "expected an object"),
    ],
)
def test_a_card_text_that_cannot_be_used_is_refused(tmp_path, text, match):
    (tmp_path / "card.yaml").write_text(text)
    with pytest.raises(InputError, match=match):
        read_card_text(tmp_path / "card.yaml")
