"""Mining, with networks that see what is bright; and training on with what was mined."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.data.preparation.data_set import write_source
from Testing.Training.evaluation.made_runs import (
    FIRST,
    HU,
    INVENTED,
    SECOND,
    SHAPE,
    Bright,
    image,
    labels,
    prepare,
    recipe,
    write_run,
)
from training.cli import main
from training.data.preparation import Manifest
from training.mining import mine_cases
from training.mining.hard_negatives import HardNegatives, read_case
from training.recipes.recipe import to_values
from training.runs.checkpoint import read_weights
from training.runs.run_folder import Run


@pytest.fixture
def bright_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.runs.stage_weights.build_network", lambda name, **more: Bright(**more))


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Four cases, bright in FIRST and INVENTED; in "ill" FIRST is a tumor, "held" validates by its facts."""
    bright = HU[labels(FIRST, INVENTED)]
    truths = {"free": labels(), "ill": labels(FIRST, SECOND), "held": labels(), "tests": labels()}
    sources = [
        write_source(
            tmp_path / "data",
            name,
            image(bright),
            image(truth),
            facts={"use": "validation"} if name == "held" else {},
        )
        for name, truth in truths.items()
    ]
    return prepare(tmp_path / "prepared", recipe(), sources)


@pytest.fixture
def run(tmp_path: Path, prepared: Path) -> Path:
    return write_run(tmp_path / "run", recipe(), prepared, test=["tests"], training=["free", "ill"])


@pytest.fixture
def mine(prepared: Path, run: Path, tmp_path: Path, bright_networks: None) -> Callable[..., int]:
    """Run `mine` into tmp_path/hard and return the exit status."""

    def command(*options: str, model: Path = run) -> int:
        given = ["--model", str(model), "--prepared", str(prepared), "--output", str(tmp_path / "hard")]
        return main(["mine", *given, "--device", "cpu", "--processes", "1", *options])

    return command


def mined(folder: Path) -> dict[str, list[list[list[int]]]]:
    """The false positives of each case, by their voxels."""
    return {
        path.stem: [one["voxels"] for one in json.loads(path.read_text())["false_positives"]]
        for path in sorted((folder / "cases").glob("*.json"))
    }


def test_what_is_wrongly_found_is_mined_and_what_validates_or_tests_is_not(mine, prepared, tmp_path, capsys):
    """In the ill case FIRST is no mistake."""
    assert mine() == 0
    found = mined(tmp_path / "hard")
    assert {name: len(of_case) for name, of_case in found.items()} == {"free": 2, "ill": 1}
    assert "3 false positives in 2 cases, 2 of them mined now" in capsys.readouterr().out
    cases = {case.name: case for case in Manifest.read(prepared).cases()}
    for name, of_case in found.items():
        for voxels in of_case:
            assert (cases[name].volume("portal")[tuple(np.array(voxels).T)] > 100).all()
            assert (cases[name].labels[tuple(np.array(voxels).T)] == 1).all()
    values = json.loads((tmp_path / "hard" / "cases" / "ill.json").read_text())
    assert values["false_positives"][0]["volume_ml"] == pytest.approx(50 * 0.75 * 0.75 * 3 / 1000, rel=0.01)
    assert values["false_positives"][0]["peak"] == pytest.approx(1.0, abs=1e-3)


def test_a_killed_run_goes_on_where_it_was(mine, tmp_path, monkeypatch, capsys):
    write = mine_cases.write_case

    def killed(folder, case, found):
        if case.name == "ill":
            raise KeyboardInterrupt
        write(folder, case, found)

    monkeypatch.setattr(mine_cases, "write_case", killed)
    assert mine() == 130
    assert set(mined(tmp_path / "hard")) == {"free"}
    monkeypatch.undo()
    monkeypatch.setattr("training.runs.stage_weights.build_network", lambda name, **more: Bright(**more))
    stamp = (tmp_path / "hard" / "cases" / "free.json").stat().st_mtime_ns
    (tmp_path / "hard" / "cases" / ".ill.0123.part.json").write_text("{")
    capsys.readouterr()
    assert mine() == 0
    assert "3 false positives in 2 cases, 1 of them mined now" in capsys.readouterr().out
    assert (tmp_path / "hard" / "cases" / "free.json").stat().st_mtime_ns == stamp
    assert mine() == 0
    assert "in 2 cases, 0 of them mined now" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "hard" / "cases").iterdir()) == ["free.json", "ill.json"]


def test_lesion_free_cases_come_first_where_a_number_is_given(mine, tmp_path):
    assert mine("--count", "1") == 0
    assert set(mined(tmp_path / "hard")) == {"free"}
    assert mine("--count", "2") == 0
    assert set(mined(tmp_path / "hard")) == {"free", "ill"}


def test_a_model_is_mined_as_a_run_is(mine, run, tmp_path, prepared, monkeypatch):
    """A model knows no split, so that what tests in the run's is mined too; what its facts hold out is not."""
    monkeypatch.setattr("training.runs.weights_content.build_network", lambda name, **more: Bright(**more))
    liver = write_run(tmp_path / "liver", recipe("liver"), prepared, test=[])
    command = ["export", "--run", str(liver), str(run), "--id", "made", "--licence", "MIT"]
    assert main([*command, "--output", str(tmp_path / "model")]) == 0
    assert mine(model=tmp_path / "model") == 0
    assert {name: len(of_case) for name, of_case in mined(tmp_path / "hard").items()} == {
        "free": 2,
        "ill": 1,
        "tests": 2,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--threshold", "1.5"], "the threshold is a probability between 0 and 1, got 1.5"),
        (["--minimum-diameter", "-1"], "the smallest diameter must not be negative, got -1 mm"),
        (["--count", "0"], "the number of cases must be at least 1, got 0"),
        (["--model", "nowhere"], "nowhere"),
        (["--processes", "0"], "the number of processes must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_mined_is_told_in_one_line(mine, tmp_path, capsys, options, message):
    assert mine(*options) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.strip().count("\n") == 0
    assert not (tmp_path / "hard" / "cases").exists() or not mined(tmp_path / "hard")


def test_a_folder_of_another_round_or_of_something_else_is_refused(mine, run, prepared, tmp_path, capsys):
    assert mine() == 0
    write_run(run, recipe(), prepared, test=["tests"], training=["free", "ill"], thresholds=(0.6,))
    assert mine() == 2
    assert "mined otherwise (weights_sha256 is " in capsys.readouterr().err
    write_run(run, recipe(), prepared, test=["tests"], training=["free", "ill"])
    assert mine("--threshold", "0.4") == 2
    assert "(threshold is 0.5 there and 0.4 here): name a new folder" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "hard")
    (tmp_path / "hard").mkdir()
    (tmp_path / "hard" / "notes.txt").write_text("mine")
    assert mine() == 2
    assert "holds other files: name a new folder" in capsys.readouterr().err


def test_a_run_and_prepared_cases_are_no_folder_of_hard_negatives(mine, run, prepared, capsys):
    for folder in (run, prepared):
        before = sorted(folder.rglob("*"))
        assert mine("--output", str(folder)) == 2
        assert "choose another folder" in capsys.readouterr().err
        assert sorted(folder.rglob("*")) == before


def test_a_stage_that_finds_no_tumors_and_cases_of_another_preparation_are_refused(
    mine, prepared, tmp_path, capsys
):
    liver = write_run(tmp_path / "liver", recipe("liver"), prepared, test=[])
    assert mine(model=liver) == 2
    assert "trains the liver stage, not one that finds tumors" in capsys.readouterr().err
    other = recipe(stage_changes={"grid": {"in_plane_spacing_mm": 1.5}})
    coarse = write_run(tmp_path / "coarse", other, prepared, test=[])
    assert mine(model=coarse) == 2
    assert "stage.grid.in_plane_spacing_mm is None there and 1.5 here" in capsys.readouterr().err


def test_what_training_cases_have_is_read_and_damage_is_told(mine, prepared, tmp_path):
    assert mine() == 0
    folder, manifest = tmp_path / "hard", Manifest.read(prepared)
    cases = {case.name: case for case in manifest.cases()}
    read = HardNegatives.read([folder], [cases["free"], cases["held"]], manifest.key)
    assert (read.count, set(read.voxels)) == (2, {"free"})
    twice = HardNegatives.read([folder, folder], [cases["free"], cases["ill"]], manifest.key)
    assert twice.count == 6
    assert twice.about[0]["sha256"] != read.about[0]["sha256"]
    with pytest.raises(InputError, match="mined on cases that were prepared otherwise"):
        HardNegatives.read([folder], [cases["free"]], "another")
    with pytest.raises(InputError, match=r"there are no hard negatives in .* run `mine` first"):
        HardNegatives.read([tmp_path], [cases["free"]], manifest.key)
    path = folder / "cases" / "free.json"
    values = json.loads(path.read_text())
    values["false_positives"][0]["voxels"][0] = [SHAPE[0], 0, 0]
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"are damaged \(a voxel lies outside the case\): delete the file"):
        read_case(folder, cases["free"])
    path.write_text(json.dumps({**values, "shape": [1, 2, 3]}))
    assert read_case(folder, cases["free"]) is None  # prepared anew, on another grid: it is mined again


# ----------------------------------------------------------------- a round


def test_two_rounds_are_four_commands(prepared, tmp_path, capsys):
    """train, mine, train on, mine: with a real network, each from the weights of the round before."""
    of = recipe(
        sampling={"samples_an_epoch": 4},
        schedule={"epochs": 1},
        split={"kind": "all"},
        stage_changes={"arguments": {"width": 4}},
    )
    values = to_values(of)
    del values["name"]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values))
    training = ["--recipe", str(tmp_path / "recipe.yaml"), "--prepared", str(prepared), "--device", "cpu"]
    mining = ["--prepared", str(prepared), "--device", "cpu", "--processes", "1", "--threshold", "0.3"]

    def path(name: str) -> str:
        return str(tmp_path / name)

    assert main(["train", *training, "--output", path("run-0")]) == 0
    assert main(["mine", *mining, "--model", path("run-0"), "--output", path("hard-1")]) == 0
    first = ["train", *training, "--set", "sampling.hard_share=0.5", "--output", path("run-1")]
    first += ["--initial", path("run-0"), "--hard-negatives", path("hard-1")]
    assert main(first) == 0
    assert main(["mine", *mining, "--model", path("run-1"), "--output", path("hard-2")]) == 0
    second = ["train", *training, "--set", "sampling.hard_share=0.5", "--output", path("run-2")]
    second += ["--initial", path("run-1"), "--hard-negatives", path("hard-1"), path("hard-2")]
    assert main(second) == 0
    about = Run.read(tmp_path / "run-2").values
    assert [one["cases"] for one in about["hard_negatives"]] == [3, 3]
    assert about["initial"]["run"]["recipe"]["sampling"]["hard_share"] == 0.5
    assert about["initial"]["run"]["initial"]["run"]["recipe"]["sampling"]["hard_share"] == 0.0
    assert about["hard_negatives"][1]["weights_sha256"] == about["initial"]["sha256"]
    assert [each["cases"] for each in about["initial"]["sources"]] == [len(about["cases"]["training"])]
    capsys.readouterr()
    assert main(second) == 0
    assert "the run is finished" in capsys.readouterr().out
    assert main([*second[:-2], path("hard-2")]) == 2
    assert "hard_negatives had 2 entries, now it has 1" in capsys.readouterr().err


def test_a_training_starts_from_the_weights_of_another(prepared, tmp_path):
    """At a learning rate of almost 0 they stay."""
    values = to_values(recipe(sampling={"samples_an_epoch": 2}, split={"kind": "all"}))
    del values["name"]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values))
    command = ["train", "--recipe", str(tmp_path / "recipe.yaml"), "--prepared", str(prepared)]
    command += ["--device", "cpu"]
    assert main([*command, "--seed", "1", "--output", str(tmp_path / "first")]) == 0
    still = ["--set", "optimizer.learning_rate=1e-12", "--seed", "2", "--output", str(tmp_path / "second")]
    assert main([*command, *still, "--initial", str(tmp_path / "first")]) == 0
    before, _ = read_weights(Run.read(tmp_path / "first").weights)
    after, _ = read_weights(Run.read(tmp_path / "second").weights)
    names = [name for name in before if "running" not in name and "num_batches" not in name]
    assert len(names) > 10
    assert all(np.allclose(before[name], after[name], atol=1e-9) for name in names)


def test_weights_of_another_network_are_refused(prepared, tmp_path, run, capsys):
    values = to_values(recipe(split={"kind": "all"}))
    del values["name"]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values))
    command = ["train", "--recipe", str(tmp_path / "recipe.yaml"), "--prepared", str(prepared)]
    command += ["--device", "cpu", "--output", str(tmp_path / "new")]
    assert main([*command, "--initial", str(run)]) == 2
    said = capsys.readouterr().err
    assert "do not fit the network 'resseg' of this training" in said
    assert said.count("\n") == 1
    liver = write_run(tmp_path / "liver", recipe("liver"), prepared, test=[])
    assert main([*command, "--initial", str(liver)]) == 2
    assert "trains the liver stage, not one 'tumor'" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
