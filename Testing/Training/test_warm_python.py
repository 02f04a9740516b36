"""The Python that is warm behaves as one that is started: streams, folder, environment, arguments, exit code."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

PROGRAM = "import os, sys; print(os.getcwd(), os.environ['MARK'], sys.argv[1:]); sys.exit(7)"


def test_it_runs_a_program_as_a_python_that_is_started(warm_python: Path, tmp_path: Path) -> None:
    (tmp_path / "told.py").write_text(PROGRAM)
    command = [str(warm_python), "-m", "told", "a", "b c"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "MARK": "here"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (7, f"{tmp_path} here ['a', 'b c']\n"), done.stderr


def test_a_refusal_of_the_program_is_its_own(warm_python: Path, tmp_path: Path) -> None:
    command = [str(warm_python), "-m", "training", "tables", "--output", "x"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error" in done.stderr
