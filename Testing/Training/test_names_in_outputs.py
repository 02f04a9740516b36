"""What training passes on tells nothing of where its data lie, who works here, or on which computer.

The prepared folder and run.json have to find the data again: they alone hold paths. Names of cases and patients stand
in everything that is resumed or split by them, but not in a model.
"""

from __future__ import annotations

import gzip
import platform
import re
import socket
import zipfile
from pathlib import Path

import pytest

from LiverTumorAttentionLib.cli import main as library
from Testing.Training.abdomen import make_abdomen
from Testing.Training.commands.test_train import RECIPE, write_recipe
from Testing.Training.data.preparation.data_set import write_source
from training.cli import main
from training.evaluation.score_files import ScoreFiles
from training.runs.run_folder import run_name

FOLDER, CASE, PATIENT, HOST, USER = (
    "ZqMark7folder", "ZqMark7case", "ZqMark7patient", "ZqMark7host", "ZqMark7user",
)  # fmt: skip
NEED_PATHS = ("prepared/manifest.json", "prepared/cases/*/case.json", "run/run.json")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every command of training has written, from data with marked names."""
    folder = tmp_path_factory.mktemp("w") / FOLDER
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "gethostname", lambda: HOST)
        patch.setattr(platform, "node", lambda: HOST)
        for name in ("USER", "LOGNAME", "USERNAME", "HOSTNAME"):
            patch.setenv(name, USER)
        for seed in range(4):
            write_source(folder / "data", f"{CASE}-{seed}", *make_abdomen(seed))
            case = folder / "data" / f"{CASE}-{seed}" / "case.json"
            case.write_text(f'{{"patient": "{PATIENT}-{seed}"}}')
        recipe = write_recipe(folder / "recipe.yaml", RECIPE)
        prepared = ("--prepared", folder / "prepared")
        run("prepare", "--layout", "plain", "--data", folder / "data", "--processes", "1", "--recipe", recipe,
            "--output", folder / "prepared")  # fmt: skip
        run("train", "--recipe", recipe, *prepared, "--device", "cpu", "--output", folder / "run")
        run("evaluate", "--run", folder / "run", "--device", "cpu", "--output", folder / "scores.csv")
        run("tables", folder / "scores.csv", "--output", folder / "tables")
        run("export", "--run", folder / "run", "--output", folder / "model.zip")
    return folder


def run(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


def content(path: Path) -> bytes:
    """Return the name and the content of a file, unpacked."""
    raw = path.read_bytes()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            raw = b"".join(name.encode() + archive.read(name) for name in archive.namelist())
    return path.name.encode() + (gzip.decompress(raw) if path.suffix == ".gz" else raw)


def test_no_file_but_those_that_find_the_data_again_holds_a_path(work: Path) -> None:
    needed = {path for pattern in NEED_PATHS for path in work.glob(pattern)}
    assert len(needed) == 1 + 4 + 1
    written = [path for path in work.rglob("*") if path.is_file() and work / "data" not in path.parents]
    assert {"scores.csv", "model.zip", "checkpoint.safetensors", "log.csv"} <= {path.name for path in written}
    assert any("tfevents" in path.name for path in written)
    names = re.compile("|".join((FOLDER, HOST, USER)).encode())
    found = {
        str(path.relative_to(work)): set(names.findall(content(path)))
        for path in written
        if path not in needed
    }
    assert {name: marks for name, marks in found.items() if marks} == {}


def test_a_model_names_no_case_and_no_patient(work: Path, tmp_path: Path) -> None:
    assert b"ZqMark7" not in content(work / "model.zip")
    run("export", "--run", work / "run", "--scores", work / "scores.csv", "--output", tmp_path / "model")
    for path in (tmp_path / "model").iterdir():
        assert b"ZqMark7" not in content(path)
    assert library(["models", "verify", str(tmp_path / "model")]) == 0


def test_a_run_is_told_from_others_of_its_name_and_rows_of_earlier_versions_are_taken_over(
    work: Path,
) -> None:
    name = run_name(work / "run")
    assert name.startswith("run ")
    assert name != run_name(work / "elsewhere" / "run")
    ((key, _),) = [*ScoreFiles(work / "scores.csv").read().items()]
    assert key[0] == name
    earlier = work / "earlier.csv"
    for part in ("", "-lesions", "-slices"):
        text = (work / f"scores{part}.csv").read_text().replace(name, str(work / "run"))
        earlier.with_name(f"earlier{part}.csv").write_text(text)
    assert str(work) in earlier.read_text()
    assert ScoreFiles(earlier).read().keys() == {key}
    for part in ("", "-lesions", "-slices"):
        earlier.with_name(f"earlier{part}.csv").unlink()
