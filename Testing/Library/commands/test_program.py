"""Both programs with standard streams that are full, closed or cannot encode, and with values that are none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from LiverTumorAttentionLib.cli import main as library
from Testing.patience import PATIENCE_S
from training.cli import main as training

full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a system without /dev/full")
PROGRAMS = {"LiverTumorAttentionLib": ["models", "list"], "training": ["--help"]}


def started(
    program: str, *arguments: str, redirect: str, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a program from a shell with redirected streams."""
    command = [sys.executable, "-m", program, *arguments]
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirect}', "sh", *command],
        capture_output=True, check=False, env={**os.environ, **environment}, timeout=PATIENCE_S,
    )  # fmt: skip


@full
@pytest.mark.parametrize("arguments", [["models", "show", "demonstration"], ["--help"], ["--version"]])
@pytest.mark.parametrize("buffered", ["", "1"])
def test_stdout_that_is_full(arguments: list[str], buffered: str) -> None:
    done = started("LiverTumorAttentionLib", *arguments, redirect=">/dev/full", PYTHONUNBUFFERED=buffered)
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, len(lines)) == (2, 1), lines
    assert lines[0].startswith(
        "error: what the command says cannot be written (No space left on device): free "
    )


@full
def test_stdout_that_is_full_for_training() -> None:
    done = started("training", "--help", redirect=">/dev/full")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr


@full
@pytest.mark.parametrize("redirect", ["2>/dev/full", ">/dev/full 2>/dev/full"])
@pytest.mark.parametrize("arguments", [["models", "show", "nothing"], ["models", "shaw"]])
@pytest.mark.parametrize("buffered", ["", "1"])
def test_stderr_that_is_full(redirect: str, arguments: list[str], buffered: str) -> None:
    done = started("LiverTumorAttentionLib", *arguments, redirect=redirect, PYTHONUNBUFFERED=buffered)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")


SMALL = ("phantom", "--seed", "3", "--size", "small", "--slices", "4", "--progress", "none", "--output")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes with its streams open."""
    folder = tmp_path_factory.mktemp("other")
    assert library([*SMALL, str(folder)]) == 0
    return folder


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")
@pytest.mark.parametrize("redirect", [">&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(tmp_path: Path, other: Path, redirect: str) -> None:
    """What is printed goes nowhere, and above all not into the results."""
    output = tmp_path / "case"
    done = started("LiverTumorAttentionLib", *SMALL, str(output), redirect=redirect)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in output.iterdir()) == sorted(p.name for p in other.iterdir())
    for path in other.iterdir():
        assert (output / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_streams_that_cannot_encode(program: str, encoding: str) -> None:
    done = started(program, *PROGRAMS[program], redirect="", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("program", "arguments", "option"),
    [
        (library, ["phantom", "--seed", "1", "--output", ""], "after '--output'"),
        (library, ["phantom", "--seed", "1", "--output="], "after '--output'"),
        (library, ["segment", "--portal", "", "--output", "a.nii.gz"], "after '--portal'"),
        (library, ["models", "show", " "], "after 'show'"),
        (training, ["phantoms", "--count", "1", "--output", ""], "after '--output'"),
        (training, ["tables", "--scores", "", "--output", "x"], "after '--scores'"),
        (training, ["export", "--run", "r", "--output=", "--id", "a"], "after '--output'"),
    ],
)
def test_an_empty_value_is_refused(
    program,
    arguments: list[str],
    option: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert program(arguments) == 2
    assert (
        capsys.readouterr().err
        == f"error: an empty value was given {option}: give one, or leave the option out\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "cuda:²"], "unknown device 'cuda:²'"),
        (["--device", "cuda:"], "unknown device 'cuda:'"),
        (["--device", "cuda:" + "9" * 5000], "unknown device 'cuda:999"),
        (["--model", "~nobody-of-that-name"], "begins with the home of a user who is not known here"),
        (["--model", "n" * 5000], "the name of the model is longer than 255 bytes"),
        (["--model", "\udcff"], "unknown model"),
    ],
)  # fmt: skip
def test_values_that_are_none(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    given = [
        "segment",
        "--portal",
        str(tmp_path),
        "--output",
        str(tmp_path / "o.nii.gz"),
        "--progress",
        "none",
    ]
    assert library([*given, *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert len(line) < 500
