"""The commands `prepare` and `splits`, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from Testing.Training.abdomen import make_abdomen
from Testing.Training.data.preparation.data_set import write_source
from Testing.Training.prepared import slice_recipe
from training.cli import main
from training.data.preparation import Manifest
from training.recipes.recipe import to_values


@pytest.fixture
def given(tmp_path: Path) -> list[str]:
    """Options for three cases in the plain layout, the labels of one of which are not what they should be."""
    for seed, name in enumerate("abc"):
        portal, labels = make_abdomen(seed)
        write_source(tmp_path / "data", name, portal, labels * 3 if name == "b" else labels)
    values = to_values(slice_recipe("tumor"))
    del values["name"]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values))
    data = ["--layout", "plain", "--data", str(tmp_path / "data"), "--processes", "1"]
    return [*data, "--recipe", str(tmp_path / "recipe.yaml"), "--output", str(tmp_path / "prepared")]


def test_what_is_wrong_is_left_out_and_the_rest_is_prepared_once(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["prepare", *given]) == 0
    shown = capsys.readouterr().out
    assert "3 cases: 1 error and 0 warnings in 1 of them" in shown
    assert "2 prepared, 0 were there, 1 left out" in shown
    manifest = Manifest.read(tmp_path / "prepared")
    assert [case.name for case in manifest.cases()] == ["a", "c"]
    assert manifest.entries["b"].state == "failed"

    write_source(tmp_path / "data", "b", *make_abdomen(7))
    assert main(["prepare", *given]) == 0
    assert "1 prepared, 2 were there, 0 left out" in capsys.readouterr().out
    assert main(["prepare", *given]) == 0
    assert capsys.readouterr().out == "nothing to do: all 3 cases are prepared\n"


def test_strict_ends_before_anything_is_prepared(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["prepare", *given, "--strict"]) == 2
    assert "1 of 3 cases cannot be used as they are, see the table above" in capsys.readouterr().err
    assert Manifest.read(tmp_path / "prepared").cases() == []


def test_a_changed_value_of_the_recipe_needs_another_folder(
    given: list[str], capsys: pytest.CaptureFixture
) -> None:
    assert main(["prepare", *given]) == 0
    assert main(["prepare", *given, "--set", "schedule.epochs=7"]) == 0  # is none of preparation's
    assert main(["prepare", *given, "--set", "stage.box_margin_mm=9"]) == 2
    assert "stage.box_margin_mm is 4.0 there and 9.0 here" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["prepare", *given, "--set", "epochs"])
    assert "--set expected KEY=VALUE such as schedule.epochs=2, got 'epochs'" in capsys.readouterr().err


def test_splits_of_prepared_cases_are_written_and_told(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    main(["prepare", *given])
    capsys.readouterr()
    path = tmp_path / "splits.json"
    options = ["--recipe", str(tmp_path / "recipe.yaml"), "--prepared", str(tmp_path / "prepared")]
    folds = ["--set", "split.folds=2", "--output", str(path)]
    assert main(["splits", *options, *folds]) == 0
    shown = "part {}: 1 case trains, 0 validate, 1 test\n"
    assert capsys.readouterr().out == shown.format(0) + shown.format(1)
    tested = sorted(split["test"] for split in json.loads(path.read_text())["splits"])
    assert tested == [["a"], ["c"]]
    assert main(["splits", *options, "--output", str(tmp_path / "splits.txt")]) == 2
    assert "give it a name that ends in .json" in capsys.readouterr().err


def test_a_fact_is_given_to_all_cases_of_a_data_set_and_data_sets_share_a_folder(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["prepare", *given, "--fact", "source=mine", "--fact", "scanner=GE"]) == 0
    portal, labels = make_abdomen(5)
    write_source(tmp_path / "other", "z", portal, labels)
    added = [str(tmp_path / "other") if text == str(tmp_path / "data") else text for text in given]
    assert main(["prepare", *added, "--fact", "source=other"]) == 0
    cases = {case.name: case.facts for case in Manifest.read(tmp_path / "prepared").cases()}
    assert {name: facts["source"] for name, facts in cases.items()} == {
        "a": "mine",
        "c": "mine",
        "z": "other",
    }
    assert (cases["a"]["scanner"], "scanner" in cases["z"]) == ("GE", False)
    with pytest.raises(SystemExit, match="2"):
        main(["prepare", *given, "--fact", "source"])
    assert "expected NAME=VALUE such as source=phantom, got 'source'" in capsys.readouterr().err
