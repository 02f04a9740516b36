"""Threads of the numerical libraries: asleep while they wait, in the command line and in the panel's child."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from LiverTumorAttentionLib import threads

ROOT = Path(__file__).resolve().parents[2]
CHILD = ROOT / "LiverTumorAttention" / "LiverTumorAttentionGui" / "process" / "child.py"
PROGRAMS = {"command line": ["-m", "LiverTumorAttentionLib"], "panel's child": [str(CHILD)]}


def environment(**changes: str) -> dict[str, str]:
    """Return the environment without what says how threads wait, with changes."""
    kept = {name: value for name, value in os.environ.items() if name not in threads.WAITING}
    return {**kept, "OMP_DISPLAY_ENV": "VERBOSE", **changes}


def told_by_openmp(program: str, **changes: str) -> str:
    """Return what GNU's OpenMP tells about itself as torch loads it, which a run does before it reads its input."""
    command = [sys.executable, *PROGRAMS[program], "segment", "--portal", "none.nii", "--output", "none.nrrd"]
    done = subprocess.run(command, cwd=ROOT, env=environment(**changes), capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    return done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP tells it")
@pytest.mark.parametrize("program", PROGRAMS)
def test_threads_of_the_program_sleep_while_they_wait(program: str) -> None:
    told = told_by_openmp(program)
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in told
    assert "GOMP_SPINCOUNT = '0'" in told


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP tells it")
def test_what_the_user_has_set_stays() -> None:
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in told_by_openmp("command line", OMP_WAIT_POLICY="ACTIVE")


def test_linear_algebra_has_one_thread_whatever_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {**dict.fromkeys(threads.LINEAR_ALGEBRA, "8"), threads.ITK_THREADS: "3"}
    monkeypatch.setattr(os, "environ", names)
    threads.prepare_threads()
    assert {names[name] for name in threads.LINEAR_ALGEBRA} == {"1"}
    assert names[threads.ITK_THREADS] == "3"


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": "damaged"}, None),
        ({}, None),
    ],
)
def test_the_quota_of_a_container(tmp_path: Path, files: dict[str, str], cores: float | None) -> None:
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert threads._container_cores(tmp_path) == cores


def test_no_more_threads_than_the_quota_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    for quota, cores in ((None, 8), (1.5, 2), (0.2, 1), (64.0, 8)):
        monkeypatch.setattr(threads, "_container_cores", lambda quota=quota: quota)
        assert threads.usable_cores() == cores


def test_the_device_has_no_more_threads_than_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    from LiverTumorAttentionLib.inference import device

    monkeypatch.setattr(device.torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(device, "usable_cores", lambda: 3)
    assert device.choose_device("cpu").threads == 3
