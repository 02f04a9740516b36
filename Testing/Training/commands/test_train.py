"""The commands `train` and `export`, as a user runs them."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
import yaml

from LiverTumorAttentionLib.models import ModelPackage
from Testing.Training.abdomen import make_abdomen
from Testing.Training.data.preparation.data_set import write_source
from Testing.Training.prepared import patch_recipe
from training.cli import main
from training.loop import dry_run as rehearsal
from training.loop import overfit
from training.loop.task import RecipeTask
from training.loop.trainer import Trainer
from training.recipes.recipe import Recipe, to_values
from training.recipes.settings import AugmentationSettings
from training.runs.checkpoint import read_weights
from training.runs.run_folder import Run

RECIPE = patch_recipe(
    sampling={"samples_an_epoch": 4},
    optimizer={"learning_rate": 0.01},
    loop={"batch": 2, "validation_share": 0.3, "validate_every": 2},
    schedule={"epochs": 2},
    split={"kind": "hold-out", "test_share": 0.25},
)
"""Two steps an epoch, two epochs; of four cases one tests and one validates."""


def write_recipe(path: Path, recipe: Recipe) -> Path:
    values = to_values(recipe)
    del values["name"]
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with recipe.yaml and four cases in `prepared`."""
    folder = tmp_path_factory.mktemp("cohort")
    for seed, name in enumerate("abcd"):
        write_source(folder / "data", name, *make_abdomen(seed))
    recipe = write_recipe(folder / "recipe.yaml", RECIPE)
    data = ["--layout", "plain", "--data", str(folder / "data"), "--processes", "1"]
    assert main(["prepare", *data, "--recipe", str(recipe), "--output", str(folder / "prepared")]) == 0
    return folder


@pytest.fixture
def train(prepared: Path, tmp_path: Path):
    """Run `train` into tmp_path/run and return the exit status."""

    def command(*options: str) -> int:
        given = ["--recipe", str(prepared / "recipe.yaml"), "--prepared", str(prepared / "prepared")]
        return main(["train", *given, "--output", str(tmp_path / "run"), "--device", "cpu", *options])

    return command


def test_a_recipe_is_trained_once(train, tmp_path, prepared, capsys):
    assert train("--seed", "3") == 0
    shown = capsys.readouterr().out
    assert "a test: 2 cases train, 1 validate, step 0 of 4, on cpu" in shown
    assert "validation after epoch 2: dice 0." in shown
    run = Run.read(tmp_path / "run")
    assert sorted([*run.training, *run.validation, *run.test]) == list("abcd")
    assert (len(run.training), len(run.validation), len(run.test)) == (2, 1, 1)
    assert (run.seed, run.part, run.prepared) == (3, 0, prepared / "prepared")
    assert run.values["preparation"]["key"]
    assert train("--seed", "3") == 0
    assert "the run is finished, at step 4" in capsys.readouterr().out


def test_seeds_share_their_split_and_their_weights_differ(train, prepared, tmp_path):
    weights = []
    for seed in "12":
        assert train("--seed", seed, "--output", str(tmp_path / seed)) == 0
        weights.append(read_weights(Run.read(tmp_path / seed).weights)[0])
    assert Run.read(tmp_path / "1").test == Run.read(tmp_path / "2").test
    assert any(not value.equal(weights[1][name]) for name, value in weights[0].items())


def test_a_stopped_training_ends_with_130_and_goes_on(train, tmp_path, monkeypatch, capsys):
    one_step = Trainer._one_step

    def interrupted(self, batches):
        stopped = one_step(self, batches)
        signal.raise_signal(signal.SIGTERM)
        return stopped

    monkeypatch.setattr(Trainer, "_one_step", interrupted)
    assert train() == 130
    assert "stopped at step 2, saved; the same command resumes from here" in capsys.readouterr().out
    monkeypatch.undo()
    assert train() == 0
    assert "step 2 of 4" in capsys.readouterr().out
    starts = json.loads((tmp_path / "run" / "run.json").read_text())["starts"]
    assert [start["step"] for start in starts] == [0, 2]


def test_a_run_of_before_a_setting_existed_resumes(train, tmp_path, capsys):
    assert train("--epochs", "1") == 0
    path = tmp_path / "run" / "run.json"
    values = json.loads(path.read_text())
    del values["recipe"]["augmentation"]["registration_error_mm"]
    path.write_text(json.dumps(values))
    assert train("--epochs", "1") == 0
    assert "the run is finished" in capsys.readouterr().out
    assert train("--epochs", "1", "--set", "augmentation.noise=0.1") == 2
    assert "recipe: augmentation: noise was 0.0, now it is 0.1" in capsys.readouterr().err


def test_a_request_to_stop_before_the_first_step_is_not_lost(train, tmp_path, monkeypatch, capsys):
    built = RecipeTask.build

    def interrupted(self):
        signal.raise_signal(signal.SIGINT)
        return built(self)

    monkeypatch.setattr(RecipeTask, "build", interrupted)
    assert train() == 130
    assert capsys.readouterr().err == "stopped\n"
    assert not (tmp_path / "run" / "log.csv").exists()


def test_values_are_changed_for_one_run(train, tmp_path):
    assert train("--epochs", "1", "--set", "loop.accumulate=2") == 0
    recipe = Run.read(tmp_path / "run").recipe
    assert (recipe.schedule.epochs, recipe.loop.accumulate) == (1, 2)


def test_splits_are_taken_from_a_file(train, tmp_path, prepared):
    path = tmp_path / "splits.json"
    split = {"training": ["a"], "validation": [], "test": ["b", "c"]}
    path.write_text(json.dumps({"splits": [{**split, "training": ["d"]}, split]}))
    assert train("--splits", str(path), "--part", "1") == 0
    run = Run.read(tmp_path / "run")
    assert (run.training, run.validation, run.test) == (("a",), (), ("b", "c"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--part", "1"], "there is no part 1: the split has 1, counted from 0"),
        (["--set", "optimizer.kind=adm"], "unknown 'adm'; did you mean 'adam'"),
        (["--set", "stage.grid.in_plane_spacing_mm=3"], "was not prepared for the recipe 'recipe'"),
        (["--overfit", "aa"], "there is no prepared case 'aa'"),
        (["--set", "loop.accumulate=3"], "a batch of 2 cannot be divided among 1 processes of 3 parts"),
        (["--precision", "float16"], "precision float16 needs a CUDA device"),
    ],
)
def test_what_cannot_be_trained_is_told_in_one_line(train, tmp_path, capsys, options, message):
    assert train(*options) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_dry_run_tells_what_is_needed_and_leaves_nothing(train, tmp_path, capsys):
    assert train("--dry-run", "--set", "loop.validate_every=1") == 0
    shown = capsys.readouterr().out
    for line in ("million parameters", "MB at most", "a step ", "whole training  about"):
        assert line in shown
    assert "for 4 steps" in shown
    assert "validation after" not in shown  # one case is predicted, however short an epoch is
    assert list(tmp_path.iterdir()) == []


def test_folders_on_the_way_to_an_output_are_made(train, prepared, tmp_path):
    run, deep = tmp_path / "runs" / "of" / "mine", tmp_path / "deep"
    assert train("--dry-run", "--output", str(run)) == 0
    assert list(tmp_path.iterdir()) == []
    assert train("--epochs", "1", "--output", str(run)) == 0
    small = ["--matrix", "64", "--slices", "8", "--thickness", "8", "--processes", "1"]
    assert main(["phantoms", "--count", "1", *small, "--output", str(deep / "new" / "cohort")]) == 0
    data = ["--layout", "plain", "--data", str(deep / "new" / "cohort"), "--processes", "1"]
    recipe = ["--recipe", str(prepared / "recipe.yaml")]
    assert main(["prepare", *data, *recipe, "--output", str(deep / "a" / "prepared")]) == 0
    assert main(["export", "--run", str(run), "--output", str(deep / "models" / "mine")]) == 0
    assert main(["evaluate", "--run", str(run), "--output", str(tmp_path / "scores.csv")]) == 0
    assert main(["tables", str(tmp_path / "scores.csv"), "--output", str(deep / "of" / "tables")]) == 0


def test_a_checkpoint_that_comes_back_otherwise_is_noticed(train, monkeypatch, tmp_path):
    read = rehearsal.Trainer._resume

    def damaged(self):
        read(self)
        next(self.network.parameters()).data.add_(1.0)

    monkeypatch.setattr(rehearsal.Trainer, "_resume", damaged)
    with pytest.raises(RuntimeError, match="loaded as something else"):
        train("--dry-run")
    assert list(tmp_path.iterdir()) == []


def test_a_network_learns_one_case(train, tmp_path, capsys):
    assert (
        train("--overfit", "a", "--set", "optimizer.learning_rate=0.03", "--set", "sampling.size=[16,32,32]")
        == 0
    )
    shown = capsys.readouterr().out
    assert "it has learnt this case: loss " in shown
    assert list(tmp_path.iterdir()) == []


def test_what_is_learnt_by_heart_is_shown_as_it_is(train, monkeypatch):
    shown: list[Recipe] = []

    class Watched(overfit.RecipeTask):
        def __init__(self, recipe, *rest, **options):
            shown.append(recipe)
            super().__init__(recipe, *rest, **options)

    monkeypatch.setattr(overfit, "RecipeTask", Watched)
    monkeypatch.setattr(overfit, "SECONDS", 0.0)
    assert train("--overfit", "a", "--set", "augmentation.noise=2", "--set", "augmentation.flips=[x]") == 2
    (recipe,) = shown
    assert recipe.augmentation == AugmentationSettings()
    assert recipe.sampling.foreground_share == 1.0


def test_a_network_that_cannot_learn_a_case_is_told(train, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(overfit, "SECONDS", 0.5)
    assert train("--overfit", "a", "--set", "optimizer.learning_rate=0.0000001") == 2
    assert "it has not learnt this case: loss " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_exported(train, tmp_path, capsys):
    assert train("--epochs", "1") == 0
    command = ["export", "--run", str(tmp_path / "run"), "--id", "mine", "--licence", "MIT"]
    assert main([*command, "--output", str(tmp_path / "model.zip"), "--postprocessing", "rim_mm=2"]) == 0
    assert f"liver-tumor-attention models add {tmp_path / 'model.zip'}" in capsys.readouterr().out
    package = ModelPackage(tmp_path / "model.zip")
    package.verify()
    assert (package.description.id, package.description.licence) == ("mine", "MIT")
    assert re.fullmatch(r"\w+, trained by [\w-]+ on \d+ cases?", package.description.title)
    assert package.description.postprocessing == {"rim_mm": 2.0}
    assert main([*command, "--output", str(tmp_path / "run")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main([*command, "--run", str(tmp_path / "run"), "--output", str(tmp_path / "other")]) == 2
    assert "got liver_and_tumor, liver_and_tumor" in capsys.readouterr().err
