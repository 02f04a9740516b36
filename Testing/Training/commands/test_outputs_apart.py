"""No command of training writes over what it reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.file_identity import check_outside
from Testing.Training.abdomen import make_abdomen
from Testing.Training.commands.test_train import RECIPE, write_recipe
from Testing.Training.data.preparation.data_set import write_source
from training.cli import main


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with recipe.yaml and four cases in `data`."""
    for seed, name in enumerate("abcd"):
        write_source(tmp_path / "data", name, *make_abdomen(seed))
    write_recipe(tmp_path / "recipe.yaml", RECIPE)
    return tmp_path


def facts(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *words: object) -> str:
    """Run a command that must be refused and change nothing in a folder; return what it says."""
    before = facts(folder)
    assert main([str(word) for word in words]) == 2
    assert facts(folder) == before
    return capsys.readouterr().err


def prepare(work: Path, data: Path, output: Path) -> tuple[object, ...]:
    read = ("--layout", "plain", "--data", data, "--recipe", work / "recipe.yaml", "--processes", "1")
    return ("prepare", *read, "--output", output)


def test_prepare(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = work / "data"
    assert "lies in" in refused(capsys, work, *prepare(work, data, data))
    inner = work / "all" / "cases"
    inner.parent.mkdir()
    shutil.copytree(data, inner)  # the prepared cases would take the place of these
    (work / "link").symlink_to(inner)
    for given in (inner, work / "link"):
        assert "where results would be written over it" in refused(
            capsys, work, *prepare(work, given, work / "all")
        )


def test_splits(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(word) for word in prepare(work, work / "data", work / "prepared")]) == 0
    capsys.readouterr()
    words = ("splits", "--prepared", work / "prepared", "--recipe", work / "recipe.yaml", "--output")
    assert "would be written over" in refused(capsys, work, *words, work / "prepared" / "manifest.json")


def test_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from Testing.Training.tables.made_scores import case_row, write

    (tmp_path / "tables").mkdir()
    path = write(
        tmp_path / "tables" / "overview-table-all-cases.csv", [case_row("test/msf", "A", tumor_dice=0.5)]
    )
    text = refused(capsys, tmp_path, "tables", path, "--output", tmp_path / "tables")
    assert "overview-table-all-cases.csv would be written over, though it is read" in text


def test_synthesize(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cohort = tmp_path / "cohort"
    (cohort / "painted-0").mkdir(parents=True)
    labels = cohort / "painted-0" / "labels.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((4, 5, 6), np.uint8)), str(labels))
    words = ("synthesize", "--label-map", f"{labels}:spl", "--count", "1", "--output", cohort)
    assert "the label map" in refused(capsys, tmp_path, *words)


def test_export_takes_new_folders_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    for output in (tmp_path / "run", tmp_path / "run" / "run.json"):
        text = refused(capsys, tmp_path, "export", "--run", tmp_path / "run", "--output", output)
        assert "is there already" in text


def test_what_lies_beside_or_around_a_folder_is_apart(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    check_outside(tmp_path / "data" / "results", {"data": tmp_path / "data"})
    check_outside(tmp_path / "results", {"data": tmp_path / "data", "nothing": None})
    with pytest.raises(InputError, match=r"the data .* lies in"):
        check_outside(tmp_path, {"data": tmp_path / "data" / "missing.nii"})
