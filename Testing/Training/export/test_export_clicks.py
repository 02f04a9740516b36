"""A run that trains answers to clicks becomes a model of its own kind, which the library reads and others refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.correction.click_network.channels import CHANNELS
from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.inference.click_predictor import load_click_predictor
from LiverTumorAttentionLib.models import ModelPackage
from LiverTumorAttentionLib.models.interaction_model import InteractionPackage
from LiverTumorAttentionLib.progress import Progress
from Testing.Library.correction.made_case import DARK, SPACING_MM, ball, made_case
from Testing.Training.prepared import write_case
from training.cli import main
from training.data.case import PreparedCase
from training.loop.click_task import ClickTask
from training.loop.trainer import Trainer
from training.recipes.interaction_settings import InteractionSettings
from training.recipes.recipe import read_recipe
from training.runs.checkpoint import read_weights
from training.runs.run_folder import Run
from training.sampling.click_cases import simulate

SMALL = {
    "stage.arguments.width": 2, "sampling.mix_by": None, "sampling.mix": {}, "loop.batch": 1,
    "sampling.samples_an_epoch": 1, "schedule.epochs": 1, "schedule.warm_up_steps": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step on a case of generated data."""
    folder = tmp_path_factory.mktemp("clicks")
    made = made_case((DARK,), arterial=False)
    labels = np.asarray(made.start).copy()
    labels[ball(DARK.center, DARK.radius_mm)] = 2
    case = write_case(
        folder / "prepared" / "cases" / "a", made.portal_hu, labels,
        spacing_mm=SPACING_MM, intensity={"portal": {"liver_median_hu": 100.0}},
    )  # fmt: skip
    values = json.loads((case.folder / "case.json").read_text())
    (case.folder / "case.json").write_text(json.dumps({**values, "facts": {"source": "phantom"}}))
    simulate([PreparedCase.read(case.folder)], InteractionSettings(), processes=1, progress=Progress())
    about = {
        "part": 0,
        "prepared": str(folder / "prepared"),
        "cases": {"training": ["a"], "validation": [], "test": []},
    }
    task = ClickTask(read_recipe("bundled/interaction", SMALL), [case], [], seed=0, about=about)
    Trainer(folder / "run", task, say=lambda line: None).run()
    return folder / "run"


def export(run: Path, output: Path, *options: str) -> int:
    return main(["export", "--run", str(run), "--output", str(output), *options])


def test_the_model_is_read_with_its_weights_sources_and_licence(run: Path, tmp_path: Path) -> None:
    assert export(run, tmp_path / "model", "--id", "clicks") == 0
    package = InteractionPackage(tmp_path / "model")
    assert package.id == "clicks"
    assert "not for clinical use" in package.description.statement
    assert [source.cases for source in package.description.sources] == [1]
    trained, _ = read_weights(Run.read(run).weights)
    for name, value in package.load_weights().items():
        torch.testing.assert_close(value, trained[name], rtol=1e-3, atol=1e-3, check_dtype=False)
    found = load_click_predictor(package)(np.zeros((len(CHANNELS), 16, 16, 16), np.float32))
    assert found.shape == (16, 16, 16)
    assert {path.name for path in (tmp_path / "model").iterdir()} == {
        *("model.json", "clicks.safetensors", "README.md", "LICENSE.md")
    }


def test_a_changed_file_of_weights_is_refused(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "model")
    weights = tmp_path / "model" / "clicks.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    with pytest.raises(ModelError, match="is damaged or was changed"):
        InteractionPackage(tmp_path / "model").load_weights()


def test_neither_kind_of_model_is_taken_for_the_other(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "model")
    with pytest.raises(ModelError, match="of the kind 'interaction', which segments no whole case"):
        ModelPackage(tmp_path / "model")
    from LiverTumorAttentionLib.models import find_model

    with pytest.raises(ModelError, match="is no model that answers clicks"):
        InteractionPackage(find_model("demonstration").path)


def test_what_makes_no_such_model_is_refused_and_nothing_is_written(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scores.csv").write_text("")
    assert export(run, tmp_path / "model", "--scores", str(tmp_path / "scores.csv")) == 2
    assert "--scores is for models that segment whole cases" in capsys.readouterr().err
    assert export(run, tmp_path / "model", "--statement", "good for all") == 2
    assert "the statement must say 'not for clinical use'" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_it_is_exported_alone(run: Path) -> None:
    from training.export.export_clicks import answers_clicks

    assert answers_clicks([run])
    with pytest.raises(InputError, match="makes a model by itself"):
        answers_clicks([run, run])
