"""Runs become models that the library takes, installs and segments with."""

from __future__ import annotations

import csv
import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import SimpleITK as sitk
import torch
from torch import nn

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.inference.candidate_predictor import load_candidate_predictor
from LiverTumorAttentionLib.models import ModelPackage, add_model
from LiverTumorAttentionLib.models.candidate_network import CandidateNetworkDescription
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.phantoms import generate_phantom
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.segment import segment_case
from Testing.Library.classifiers import by_size
from Testing.Library.paper_models import say_liver
from Testing.Training.prepared import patch_recipe, slice_recipe, write_case
from training.candidates.build import ClassifierFile
from training.cli import main
from training.export.export_runs import export_runs, identity_of
from training.export.kept_stages import RunAs
from training.export.model_folder import TrainedStage, write_model
from training.loop.task import RecipeTask
from training.loop.trainer import Trainer
from training.recipes.recipe import Recipe, read_recipe
from training.runs.checkpoint import read_weights
from training.runs.run_folder import Run

WINDOW = {"intensity": {"window_hu": [-70, 180]}, "grid": {"in_plane_spacing_mm": 6.0}}
RECIPES = {
    "liver": slice_recipe("liver", stage_changes=WINDOW),
    "tumor": slice_recipe(
        "tumor",
        stage_changes={
            **WINDOW,
            "network": "paresseg",
            "arguments": {"width": 8},
            "phases": ["portal", "arterial"],
            "missing_phase": "portal",
            "mask_dilation_mm": 5.0,
        },
    ),
    "liver_and_tumor": patch_recipe(
        stage_changes={"grid": {"in_plane_spacing_mm": 8.0, "slice_spacing_range_mm": [8, 8]}}
    ),
}


class LiverEverywhere(RecipeTask):
    """Starts from a network that calls everything liver: after one step it finds one, wherever it looks."""

    def build(self) -> nn.Module:
        network = super().build()
        if self.recipe.stage.name != "tumor":
            say_liver(network, len(self.recipe.stage.classes))
        return network


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One run of each stage, of one step."""
    folder = tmp_path_factory.mktemp("runs")
    labels = np.zeros((4, 40, 40), int)
    labels[:, 5:35, 5:35], labels[1:3, 10:20, 10:20] = 1, 2
    standard = {"low": -70.0, "high": 180.0, "mean": 0.0, "deviation": 60.0}
    case = write_case(
        folder / "prepared" / "cases" / "case", labels * 50, labels, intensity={"portal": standard}
    )
    made = {}
    for stage, recipe in RECIPES.items():
        made[stage] = _run(folder / stage, recipe, case)
    return made


def _run(folder: Path, recipe: Recipe, case) -> Path:
    about = {
        "part": 2,
        "prepared": str(folder.parent / "prepared"),
        "cases": {"training": ["case"], "validation": [], "test": []},
    }
    task = LiverEverywhere(recipe, [case], [], seed=4, device=choose_device("cpu"), about=about)
    Trainer(folder, task, say=lambda line: None).run(stop_at=1)
    return folder


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], str]:
    """Install a model where no other test sees it; returns its id."""
    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(tmp_path / "installed"))
    return lambda path: add_model(path).description.id


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "portal.nrrd"
    phantom = generate_phantom(5, matrix=64, slices=12, thickness_mm=8.0, lesions=1)
    sitk.WriteImage(phantom.portal, str(path))
    return path


@pytest.mark.parametrize(
    ("settings", "by"),
    [
        ({}, "paresseg/table4-msf-pa"),
        ({"stage.arguments.width": 8}, "paresseg/table4-msf-pa with other settings"),
    ],
)
def test_a_model_is_titled_by_what_trained_it(runs, settings: dict, by: str) -> None:
    recipe = read_recipe("paresseg/table4-msf-pa", settings)
    named = identity_of([replace(Run.read(runs["tumor"]), recipe=recipe)])
    assert named["title"] == f"paresseg, trained by {by} on 1 case"
    assert named["statement"].startswith(f"trained by the recipe {by} on 1 case, ")
    own = identity_of([Run.read(runs["tumor"])])
    assert own["title"] == "paresseg, trained by test on 1 case"


@pytest.mark.parametrize("stages", [("liver_and_tumor",), ("tumor", "liver")])
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_an_exported_model_is_installed_and_segments(tmp_path, runs, study, installed, stages, form):
    output = tmp_path / ("model" if form == "folder" else "model.zip")
    made = export_runs([runs[stage] for stage in stages], output, identity={"id": "mine"})
    assert installed(output) == made.id == "mine"
    result = segment_case(
        SegmentationJob(portal=str(study), model="mine", device="cpu", minimum_diameter_mm=0.0)
    )
    assert result.model.id == "mine"
    portal = sitk.ReadImage(str(study))
    assert result.probability.GetSize() == portal.GetSize()
    assert sitk.GetArrayViewFromImage(result.probability).std() > 0


@pytest.mark.parametrize(("half", "tolerance"), [(False, 0.0), (True, 1e-3)])
def test_the_weights_are_those_of_the_run(tmp_path, runs, half, tolerance):
    export_runs([runs["liver_and_tumor"]], tmp_path / "model", half=half)
    package = ModelPackage(tmp_path / "model")
    package.verify()
    exported = package.load_weights(package.description.stages[0])
    expected, _ = read_weights(runs["liver_and_tumor"] / "best.safetensors")
    assert exported.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(exported[name], value, rtol=tolerance, atol=tolerance)
    size = (tmp_path / "model" / "liver_and_tumor.safetensors").stat().st_size
    weights = sum(value.numel() for value in expected.values())
    assert size == pytest.approx(weights * (2 if half else 4), rel=0.25)  # beside the header


def test_a_model_tells_what_it_is_and_where_it_comes_from(tmp_path, runs):
    made = export_runs([runs["liver"], runs["tumor"]], tmp_path / "model", postprocessing={"rim_mm": 2.0})
    assert made.id == "test"
    assert made.format == 3  # its sources
    assert "not for clinical use" in made.statement
    assert "must not guide" in made.intended_use
    assert made.postprocessing == {"rim_mm": 2.0}
    assert [stage.name for stage in made.stages] == ["liver", "tumor"]
    assert made.stages[1].mask_dilation_mm == 5.0
    assert made.stages[1].slices == RECIPES["tumor"].stage.slices
    told = made.training["runs"]["tumor"]
    assert told["recipe"]["stage"]["network"] == "paresseg"
    assert (told["seed"], told["part"], told["cases"]["training"]) == (4, 2, 1)
    assert told["versions"]["torch"] == torch.__version__
    assert "--part 2 --seed 4" in made.training["command"]
    for file in ("model.json", "README.md", "LICENSE.md"):
        assert str(runs["liver"].parent) not in (tmp_path / "model" / file).read_text()


def test_the_same_run_gives_the_same_zip(tmp_path, runs):
    for name in ("a.zip", "b.zip"):
        export_runs([runs["liver_and_tumor"]], tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert zipfile.ZipFile(tmp_path / "a.zip").namelist() == [
        "test/liver_and_tumor.safetensors",
        "test/model.json",
        "test/README.md",
        "test/LICENSE.md",
    ]


def write_scores(path: Path, run: Path, *rows: dict[str, str]) -> None:
    digest = hashlib.sha256((run / "best.safetensors").read_bytes()).hexdigest()[:16]
    with path.open("w", newline="") as file:
        columns = ("case", "weights_sha256", "liver_dice", "tumor_dice", "tumor_assd_mm")
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows({"weights_sha256": digest, **row} for row in rows)


def test_scores_are_means_of_what_is_defined(tmp_path, runs):
    write_scores(
        tmp_path / "scores.csv",
        runs["liver_and_tumor"],
        {"case": "a", "tumor_dice": "0.5", "tumor_assd_mm": "2.0"},
        {"case": "b", "tumor_dice": "0.0", "tumor_assd_mm": "nan"},
    )
    made = export_runs([runs["liver_and_tumor"]], tmp_path / "model", scores=tmp_path / "scores.csv")
    assert made.scores["cases"] == 2
    assert made.scores["mean"] == {"tumor_dice": 0.25, "tumor_assd_mm": 2.0}
    low, high = made.scores["interval_95"]["tumor_dice"]
    assert 0.0 <= low < 0.25 < high <= 0.5
    assert made.scores["undefined"] == {"tumor_assd_mm": 1}


def test_scores_of_other_weights_are_refused(tmp_path, runs):
    write_scores(tmp_path / "scores.csv", runs["liver"], {"case": "a", "tumor_dice": "0.9"})
    with pytest.raises(InputError, match=r"the scores in .* are of other weights than those of"):
        export_runs([runs["liver_and_tumor"]], tmp_path / "model", scores=tmp_path / "scores.csv")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("stages", [("tumor",), ("liver",), ("liver", "liver"), ("liver", "liver_and_tumor")])
def test_half_a_model_is_refused(tmp_path, runs, stages):
    with pytest.raises(InputError, match=f"a model is made of .* got {', '.join(stages)}"):
        export_runs([runs[stage] for stage in stages], tmp_path / "model")


def test_a_stage_that_no_run_trains_is_kept_as_it_is(tmp_path, runs):
    before = export_runs(
        [runs["liver"], runs["tumor"]],
        tmp_path / "before",
        postprocessing={"tumor_threshold": 0.4, "minimum_peak_probability": 0.6},
    )
    after = export_runs([runs["tumor"]], tmp_path / "after", keep=str(tmp_path / "before"))
    assert [stage.name for stage in after.stages] == ["liver", "tumor"]
    assert after.stages[0] == before.stages[0]  # with the checksum of its weights
    told = json.loads((tmp_path / "after/model.json").read_text())["training"]
    assert told["runs"]["liver"]["kept_from"] == {
        "id": before.id,
        "version": "1",
        "sha256": before.stages[0].sha256,
    }
    assert told["runs"]["liver"]["recipe"]["stage"]["name"] == "liver"
    assert told["command"].endswith("export --keep before")
    assert ("tumor_threshold" in after.postprocessing) is False
    tumor_kept = export_runs([runs["liver"]], tmp_path / "other", keep=str(tmp_path / "before"))
    assert tumor_kept.stages[1] == before.stages[1]
    assert tumor_kept.postprocessing == {"tumor_threshold": 0.4, "minimum_peak_probability": 0.6}


def test_a_model_with_nothing_to_keep_is_refused(tmp_path, runs):
    export_runs([runs["liver"], runs["tumor"]], tmp_path / "before")
    with pytest.raises(InputError, match=r"the runs train every stage of the model .* leave --keep out"):
        export_runs([runs["liver"], runs["tumor"]], tmp_path / "after", keep=str(tmp_path / "before"))
    with pytest.raises(InputError, match="got liver_and_tumor, liver, tumor"):
        export_runs([runs["liver_and_tumor"]], tmp_path / "after", keep=str(tmp_path / "before"))
    assert not (tmp_path / "after").exists()


def test_sources_of_a_kept_stage_are_told(tmp_path, runs):
    export_runs([runs["liver"], runs["tumor"]], tmp_path / "before")
    told = json.loads((tmp_path / "before/model.json").read_text())
    about = {"licence": "CC-BY-4.0", "attribution": "them", "patients": 3, "cases": 4, "slices": 5}
    told["sources"] = [
        {"title": "livers", "stages": ["liver", "tumor"], **about},
        {"title": "tumors", "stages": ["tumor"], **about},
    ]
    (tmp_path / "before/model.json").write_text(json.dumps(told))
    after = export_runs([runs["tumor"]], tmp_path / "after", keep=str(tmp_path / "before"))
    by_title = {source.title: source for source in after.sources}
    assert by_title["livers"].stages == ("liver",)
    assert "tumors" not in by_title


def test_what_stands_there_is_not_written_over(tmp_path, runs):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is there already: name a new folder"):
        export_runs([runs["liver_and_tumor"]], tmp_path / "model")


def test_a_run_without_weights_says_so(tmp_path, runs):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text((runs["liver"] / "run.json").read_text())
    with pytest.raises(InputError, match="has no weights yet: train it"):
        export_runs([tmp_path / "run", runs["tumor"]], tmp_path / "model")
    with pytest.raises(InputError, match=r"is not a run: it has no run\.json"):
        export_runs([tmp_path, runs["tumor"]], tmp_path / "model")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"identity": {"statement": "safe for all"}}, "the statement must say 'not for clinical use'"),
        ({"postprocessing": {"rim": 2.0}}, "unknown key 'rim'; did you mean 'rim_mm'"),
    ],
)
def test_what_a_model_must_not_say_is_refused(tmp_path, runs, change, message):
    with pytest.raises(InputError, match=message):
        export_runs([runs["liver_and_tumor"]], tmp_path / "model", **change)
    assert not (tmp_path / "model").exists()


def test_weights_beyond_half_precision_are_not_cut(tmp_path, runs):
    weights, _ = read_weights(runs["liver_and_tumor"] / "best.safetensors")
    description = json.loads((runs["liver_and_tumor"] / "run.json").read_text())["recipe"]["stage"]
    name = next(iter(weights))
    weights[name].view(-1)[0] = 1e6
    stage = TrainedStage(description=description, weights=weights)
    identity = dict.fromkeys(("id", "title", "version", "licence", "intended_use"), "test")
    identity["statement"] = "not for clinical use"
    with pytest.raises(InputError, match="does not fit into float16: export with --precision float32"):
        write_model(tmp_path / "model", [stage], identity=identity, training={})
    assert write_model(tmp_path / "model", [stage], identity=identity, training={}, half=False).id == "test"


@pytest.fixture
def classifier(tmp_path: Path, runs: dict[str, Path]) -> Path:
    """candidates.json of the two stages' model."""
    export_runs([runs["liver"], runs["tumor"]], tmp_path / "first")
    content = ClassifierFile(
        weights=tuple(stage.sha256 for stage in ModelPackage(tmp_path / "first").description.stages),
        postprocessing={"minimum_diameter_mm": 4.0, "minimum_peak_probability": 0.5},
        candidates=by_size(20.0),
    )
    path = tmp_path / "candidates.json"
    path.write_text(json.dumps(asdict(content)), encoding="utf-8")
    return path


def test_a_classifier_of_candidates_is_exported_with_how_they_are_found(tmp_path, runs, classifier):
    made = export_runs(
        [runs["liver"], runs["tumor"]],
        tmp_path / "model",
        postprocessing={"minimum_diameter_mm": 7.0, "rim_mm": 2.0},
        candidates=classifier,
    )
    assert ModelPackage(tmp_path / "first").description.format == 3
    there = ModelPackage(tmp_path / "model").description
    assert there == made
    assert (there.format, there.candidates) == (4, by_size(20.0))
    assert there.postprocessing == {
        "minimum_diameter_mm": 4.0,
        "minimum_peak_probability": 0.5,
        "rim_mm": 2.0,
    }


def test_what_the_second_look_was_fitted_on_is_told_with_the_rest(tmp_path, runs, classifier):
    fitted_on = {
        "title": "Scans with lesions of ours",
        "licence": "CC-BY-4.0",
        "attribution": "the people who scanned",
        "stages": ["second look"],
        "patients": 3,
        "cases": 32,
        "slices": 900,
    }
    told = {**json.loads(classifier.read_text()), "sources": [fitted_on]}
    classifier.write_text(json.dumps(told), encoding="utf-8")
    made = export_runs([runs["liver"], runs["tumor"]], tmp_path / "model", candidates=classifier)
    (source,) = (each for each in made.sources if each.title == fitted_on["title"])
    assert (source.stages, source.patients) == (("second look",), 3)
    assert "the people who scanned" in (tmp_path / "model" / "LICENSE.md").read_text()


def test_a_classifier_of_other_weights_is_refused(tmp_path, runs, classifier):
    with pytest.raises(InputError, match=r"of other weights than those that are exported.*export again"):
        export_runs([runs["liver_and_tumor"]], tmp_path / "model", candidates=classifier)
    assert not (tmp_path / "model").exists()


def test_a_damaged_classifier_is_refused(tmp_path, runs, classifier):
    classifier.write_text('{"weights": []}', encoding="utf-8")
    with pytest.raises(InputError, match=r"candidates\.json': the key 'postprocessing' is missing"):
        export_runs([runs["liver"], runs["tumor"]], tmp_path / "model", candidates=classifier)


def test_candidates_of_other_pixels_are_refused(tmp_path, runs, classifier):
    told = {
        **json.loads(classifier.read_text()),
        "run_with": ["pixels of 6 mm", "pixels of 6 mm at scales 1, 0.8"],
    }
    classifier.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(
        InputError, match=r"at scales 1, 0\.8 and the model has .*: export with the same --pixels"
    ):
        export_runs([runs["liver"], runs["tumor"]], tmp_path / "model", candidates=classifier)


def test_the_network_of_the_second_look_is_exported_with_it(tmp_path, runs, classifier):
    network = build_network("candidate_net", generator=torch.Generator().manual_seed(0), width=4)
    content = safetensors.torch.save(network.state_dict())
    described = CandidateNetworkDescription(
        network="candidate_net",
        arguments={"width": 4},
        weights="candidates.safetensors",
        sha256=hashlib.sha256(content).hexdigest(),
    )
    by_network = replace(by_size(0.0).curves[0], feature="network_logit")
    told = {
        **json.loads(classifier.read_text()),
        "candidates": asdict(replace(by_size(0.0), curves=(by_network,))),
        "candidate_network": asdict(described),
    }
    classifier.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(InputError, match=r"candidates\.safetensors cannot be read"):
        export_runs([runs["liver"], runs["tumor"]], tmp_path / "model", candidates=classifier)
    (tmp_path / "candidates.safetensors").write_bytes(content)
    made = export_runs([runs["liver"], runs["tumor"]], tmp_path / "model", candidates=classifier)
    package = ModelPackage(tmp_path / "model")
    package.verify()
    assert (made.format, made.candidate_network) == (6, described)
    assert load_candidate_predictor(package) is not None
    assert "network candidate_net on the patch" in (tmp_path / "model" / "README.md").read_text()
    (tmp_path / "candidates.safetensors").write_bytes(content[:-1] + b"?")
    with pytest.raises(InputError, match=r"is not what candidates\.json asks for"):
        export_runs([runs["liver"], runs["tumor"]], tmp_path / "other", candidates=classifier)


def test_a_model_is_kept_whole_and_run_with_other_pixels(tmp_path, runs):
    before = export_runs([runs["liver"], runs["tumor"]], tmp_path / "before", postprocessing={"rim_mm": 2.0})
    kept = str(tmp_path / "before")
    after = export_runs(
        [],
        tmp_path / "after",
        keep=kept,
        run_as={"tumor": RunAs(pixels_mm=0.9, scales=(1.0, 0.5))},
        identity={"version": "2"},
    )
    assert [stage.sha256 for stage in after.stages] == [stage.sha256 for stage in before.stages]
    assert after.stages[0] == before.stages[0]
    assert after.tumor_stage.grid.in_plane_spacing_mm == 0.9
    assert after.tumor_stage.slices.scales == (1.0, 0.5)
    assert (after.id, after.title, after.version) == (before.id, before.title, "2")
    assert after.postprocessing == before.postprocessing
    told = json.loads((tmp_path / "after" / "model.json").read_text())["training"]["runs"]["tumor"][
        "kept_from"
    ]
    assert told["in_plane_spacing_mm"] == before.tumor_stage.grid.in_plane_spacing_mm
    assert told["scales"] == list(before.tumor_stage.slices.scales)
    with pytest.raises(
        InputError, match=r"no stage 'tumour' whose pixels and scales .* name one of liver, tumor"
    ):
        export_runs([], tmp_path / "other", keep=kept, run_as={"tumour": RunAs(pixels_mm=0.9)})
    with pytest.raises(InputError, match=r"no stage .tumor. whose pixels and scales"):
        export_runs([runs["tumor"]], tmp_path / "other", keep=kept, run_as={"tumor": RunAs(pixels_mm=0.9)})


def test_nothing_to_export_is_said(tmp_path, capsys):
    assert main(["export", "--output", str(tmp_path / "model")]) == 2
    assert "there is nothing to export: name a --run, or a model to --keep" in capsys.readouterr().err
