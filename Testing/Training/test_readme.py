"""The commands of training/README.md do what it says: on a tiny cohort, killed once in the middle, and resumed."""

from __future__ import annotations

import csv
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from Testing.patience import PATIENCE_S
from training.loop.trainer import CHECKPOINT

ROOT = Path(__file__).resolve().parents[2]


def commands() -> list[list[str]]:
    """Return the lines of the page's shell block, its variables filled in, each as what `python -m training` gets."""
    page = (ROOT / "training" / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```sh\n(.*?)```", page, re.DOTALL)
    assert block is not None
    variables: dict[str, str] = {}
    lines = []
    for line in block[1].splitlines():
        filled = re.sub(r"\$(\w+)", lambda name: variables[name[1]], line)
        assigned = re.fullmatch(r'(\w+)="(.*)"', filled)
        if assigned:
            variables[assigned[1]] = assigned[2]
        else:
            lines.append(shlex.split(filled))
    assert all(line[:3] == ["python", "-m", "training"] for line in lines)
    return [line[3:] for line in lines]


def start(arguments: list[str], folder: Path, python: str | Path = sys.executable) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [str(python), "-m", "training", *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def run(arguments: list[str], folder: Path, python: Path) -> str:
    process = start(arguments, folder, python)
    told, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, told
    return told


def kill_after_a_checkpoint(arguments: list[str], folder: Path) -> None:
    process = start(arguments, folder)
    end = time.monotonic() + PATIENCE_S
    while not list(folder.rglob(CHECKPOINT)) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -signal.SIGKILL


def test_the_four_commands_on_a_tiny_cohort(tmp_path: Path, warm_python: Path) -> None:
    lines = commands()
    assert [line[0] for line in lines] == ["phantoms", "prepare", "train", "evaluate", "tables"]
    phantoms, prepare, train, evaluate, tables = lines
    run(phantoms, tmp_path, warm_python)
    assert "6 prepared" in run(prepare, tmp_path, warm_python)
    assert "nothing to do: all 6 cases are prepared" in run(prepare, tmp_path, warm_python)

    kill_after_a_checkpoint(train, tmp_path)
    resumed = re.search(r"step (\d+) of (\d+), on", run(train, tmp_path, warm_python))
    assert resumed is not None
    step, steps = int(resumed[1]), int(resumed[2])
    assert 0 < step < steps
    with (tmp_path / "run" / "log.csv").open(encoding="utf-8") as stream:
        assert int(float(list(csv.DictReader(stream))[-1]["step"])) == steps

    run(evaluate, tmp_path, warm_python)
    with (tmp_path / "scores.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["recipe"] for row in rows} == {"paresseg/table4-msf-pa"}
    assert len(rows) == 2
    assert all(0 <= float(row["tumor_dice"]) <= 1 for row in rows)

    run(tables, tmp_path, warm_python)
    table = (tmp_path / "tables" / "paresseg-table-4.md").read_text(encoding="utf-8")
    assert "77.26" in table  # the published DPC of MSF + PA
    mean = sum(float(row["tumor_dice"]) for row in rows) / len(rows)
    assert f"{100 * mean:.2f}" in table
