"""What is installed: the library, and the training below a name of its own, with all of their files."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from Testing.bench.cmake_lists import ROOT

pytest.importorskip("setuptools", minversion="77")
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "LiverTumorAttentionLib", "training")
TRAINING = "LiverTumorAttentionTraining"
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


def in_git(*paths: str) -> list[str]:
    """The files below these paths that are in git."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    told = subprocess.run(
        ["git", "ls-files", "-z", *paths], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in told.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel is unpacked to, as pip does."""
    copy = tmp_path_factory.mktemp("sources")
    for name in in_git(*SOURCES):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    build = "import setuptools.build_meta as b; print('built', b.build_wheel('.'))"
    made = subprocess.run(
        [sys.executable, "-c", build], cwd=copy, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(copy / made.stdout.split()[-1]) as wheel:
        wheel.extractall(folder)
    return folder


def test_two_names_are_taken_and_none_that_is_anybodys(installed: Path) -> None:
    (described,) = installed.glob("*.dist-info")
    assert {path.name for path in installed.iterdir()} == {
        "LiverTumorAttentionLib",
        TRAINING,
        described.name,
    }
    scripts = (described / "entry_points.txt").read_text()
    assert f"liver-tumor-attention-training = {TRAINING}.__main__:main" in scripts


def test_every_file_that_a_program_reads_is_there(installed: Path) -> None:
    wanted = {*in_git("LiverTumorAttentionLib"), *(f"{TRAINING}/{name}" for name in in_git("training"))}
    wanted -= {name for name in wanted if name.endswith("/README.md") or "/results/" in name}
    wanted -= {name for name in wanted if name.startswith(f"{TRAINING}/training/installed/")}
    wanted |= {f"{TRAINING}/__init__.py", f"{TRAINING}/__main__.py"}
    missing = {name for name in wanted if not (installed / name).is_file()}
    assert missing == {"LiverTumorAttentionLib/CMakeLists.txt"}
    assert not (installed / TRAINING / "training" / "results").exists()


def test_the_training_runs_from_a_folder_that_has_a_training_of_its_own(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "training.py").write_text("raise SystemExit('somebody else is imported')")
    command = [sys.executable, "-m", TRAINING]
    small = ["--count", "2", "--matrix", "64", "--slices", "12", "--thickness", "8", "--output", "cohort"]
    recipe = ["--recipe", "paresseg/table4-single", "--set", "stage.arguments.width=8"]
    prepare = ["prepare", "--layout", "plain", "--data", "cohort", *recipe, "--output", "prepared"]
    for arguments in (["phantoms", *small], [*prepare, "--processes", "2"]):
        done = subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            env={**ENVIRONMENT, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "2 prepared" in done.stdout


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name in ('monai', 'yaml') else find(name, *a)\n"
        "from training.__main__ import main; sys.exit(main())"
    )
    environment = {**ENVIRONMENT, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: training needs pyyaml, monai, not installed here: run pip install '.[training]' in the folder of "
        "the sources\n"
    )


def test_what_training_checks_for_is_its_extra() -> None:
    (extra,) = re.findall(r"^training = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    needed = importlib.import_module("training.__main__").NEEDED
    assert sorted(needed.values()) == sorted(re.findall(r'"([a-z]+)>=', extra))
