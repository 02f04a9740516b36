"""The benchmark of the networks goes on past what fails, and goes on where it stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from LiverTumorAttentionLib.networks import network_names
from Testing.benchmarks import networks as benchmark

# A stand-in for the child process: resseg is done at once, the others end in different ways.
CHILD = """
import json, os, signal, sys
name, precision = sys.argv[1:]
with open(os.environ["CALLS"], "a") as calls:
    print(name, precision, file=calls)
if name == "resseg":
    print("a line that a library prints")
    seconds = 2.0 if precision == "float32" else 1.0
    print(json.dumps({"seconds": seconds, "runs": 5, "others": 0.02, "peak_gib": 0.5}))
elif name == "paresseg":
    os.kill(os.getpid(), signal.SIGKILL)
elif name == "unet3d":
    raise RuntimeError("can't allocate memory: you tried to allocate 99 bytes")
else:
    others = {"mpf": 0.4, "dmp": None}.get(name, 0.0)
    print(json.dumps({"seconds": 3.0, "runs": 1, "others": others, "peak_gib": 2.0}))
"""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(benchmark, "CHILD", [sys.executable, "-c", CHILD])
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["networks", *map(str, arguments)])
    benchmark.main()


def test_what_fails_is_written_with_its_reason_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, calls: Path
):
    run(monkeypatch, "--output", tmp_path, "--only", "paresseg", "unet3d", "unet", "resseg")
    assert len(calls.read_text().splitlines()) == 8
    rows = {
        (r["name"], r["precision"]): r for r in json.loads((tmp_path / "networks.json").read_text())["rows"]
    }
    assert "signal 9" in rows["paresseg", "float32"]["failed"]
    assert "can't allocate memory" in rows["unet3d", "bfloat16"]["failed"]
    assert rows["unet", "float32"]["seconds"] == 3.0
    text = (tmp_path / "networks.md").read_text()
    # 3 s beside 2 s and 1 s, on 512 x 512 pixels beside 224 x 224
    assert "| unet | 1 x 512 x 512 | 3.000 | 1.50 | 0.29 | 2.00 | 3.000 | 3.00 | 0.57 | 2.00 |" in text
    assert "| paresseg | 3 x 224 x 224 | failed | - | - | - | failed | - | - | - |" in text
    assert "- unet3d, bfloat16: RuntimeError: can't allocate memory" in text
    calls.unlink()
    run(monkeypatch, "--output", tmp_path, "--only", "resseg", "paresseg")
    assert calls.read_text().split() == ["paresseg", "float32", "paresseg", "bfloat16"]
    assert len(json.loads((tmp_path / "networks.json").read_text())["rows"]) == 8


def test_what_other_programs_slowed_down_is_marked_and_measured_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, calls: Path
):
    run(monkeypatch, "--output", tmp_path, "--only", "mpf", "dmp", "resseg")
    assert "mpf, float32: 3.00 s, 2.00 GiB; other programs took 40%: try again" in capsys.readouterr().out
    text = (tmp_path / "networks.md").read_text()
    assert "| mpf | 3 x 224 x 224 | 3.000* |" in text
    assert "| dmp | 3 x 224 x 224 | 3.000 |" in text  # where the system does not tell
    calls.unlink()
    run(monkeypatch, "--output", tmp_path)
    assert {line.split()[0] for line in calls.read_text().splitlines()} == set(network_names()) - {
        *("dmp", "resseg")
    }


def test_what_other_programs_take_is_seen():
    def spin(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    if not Path("/proc/stat").exists():
        pytest.skip("this system does not tell")
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        beside = benchmark.OtherPrograms()
        spin(0.7)
        share = beside.share()
        other.kill()
    assert share is not None
    assert share > 0.5 / (os.cpu_count() or 1) * 0.5
    assert share < 1.0


def test_what_was_measured_elsewhere_is_measured_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, calls: Path
):
    run(monkeypatch, "--output", tmp_path, "--only", "resseg")
    path = tmp_path / "networks.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "processor": "another"}))
    run(monkeypatch, "--output", tmp_path, "--only", "resseg")
    run(monkeypatch, "--output", tmp_path, "--only", "resseg", "--fresh")
    assert len(calls.read_text().splitlines()) == 6


def test_a_run_that_takes_too_long_is_ended():
    row = benchmark.measure_in_child([sys.executable, "-c", "import time; time.sleep(60)"], 0.3)
    assert row == {"failed": "not done in 0 minutes"}


def test_an_unknown_network_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, "--output", tmp_path, "--only", "ressegg")
    assert "did you mean resseg" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
