"""Real runs in too little address space: the right result, or one sentence about memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.inference.slices import SlicePredictor
from LiverTumorAttentionLib.phantoms import Phantom
from Testing.patience import PATIENCE_S

on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="limits of address space are Linux's"
)

ROOT = Path(__file__).resolve().parents[3]
SHARES = (0.25, 0.45, 0.6, 0.75, 0.85, 0.9, 0.94, 0.97)
"""Address space of a run, in shares of what it takes without a limit; loading torch takes the first three quarters."""
LOADER_SHARE = 0.93
"""Of `segment`: where the dynamic loader found no room for a thread's own data, and ended the work with code 127."""

CHILD = """
import pathlib, re, resource, sys
limit, peak, *arguments = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
sys.argv = ["liver-tumor-attention", *arguments]
from LiverTumorAttentionLib.__main__ import main
code = main()  # under a limit in a child of its own, whose code follows here too
if not int(limit):
    status = pathlib.Path("/proc/self/status").read_text()
    pathlib.Path(peak).write_text(str(1024 * int(re.search(r"VmPeak:\\s+(\\d+)", status)[1])))
sys.exit(code)
"""


def run(folder: Path, limit_bytes: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(limit_bytes), str(folder / "peak"), *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def arguments_of(command: str, source: Path, out: Path) -> list[object]:
    portal, arterial = source / "portal.nii.gz", source / "arterial.nii.gz"
    if command == "segment":
        return ["segment", "--portal", portal, "--device", "cpu", "--output", out, "--progress", "none"]
    if command == "register":
        given = ["register", "--fixed", portal, "--moving", arterial, "--device", "cpu"]
        return [*given, "--output", out, "--progress", "none"]
    if command == "review":
        return ["review", "--portal", portal, "--segmentation", source / "labels.nii.gz", "--output", out]
    return ["evaluate", "--prediction", source / "labels.nii.gz", "--truth", source / "labels.nii.gz"]


@on_linux
@pytest.mark.parametrize("command", ["segment", "register", "review", "evaluate"])
def test_a_run_ends_well_or_with_a_sentence_about_memory(
    command: str, case: tuple[Phantom, Path], tmp_path: Path
) -> None:
    suffix = "html" if command == "review" else "nrrd"
    whole, out = tmp_path / f"whole.{suffix}", tmp_path / f"out.{suffix}"
    finished = run(tmp_path, 0, *arguments_of(command, case[1], whole))
    assert finished.returncode == 0, finished.stderr
    peak = int((tmp_path / "peak").read_text())
    ends = []
    for share in (*SHARES, LOADER_SHARE) if command == "segment" else SHARES[1::2]:
        limited = run(tmp_path, int(share * peak), *arguments_of(command, case[1], out))
        ends.append(limited.returncode)
        lines = [line for line in limited.stderr.splitlines() if line.startswith("error: ")]
        what = f"{share:g} of {peak} bytes: exit code {limited.returncode}, {limited.stderr}"
        assert "Traceback" not in limited.stderr, what
        assert "damaged" not in limited.stderr, what
        if limited.returncode == 0:
            assert lines == [], what
            if suffix == "nrrd" and command != "evaluate":
                results = [sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in (out, whole)]
                # Smaller windows see less of the body; what is done is said, and the result is nearly the same.
                allowed = 0.05 * np.count_nonzero(results[1]) if "windows of" in limited.stderr else 0
                assert np.count_nonzero(results[0] != results[1]) <= allowed, what
            continue
        assert limited.returncode == 2, what
        assert len(lines) == 1, what
        assert "too little free memory" in lines[0], what
        assert not out.exists(), what
        assert limited.stdout == "", what
    assert 2 in ends


def test_what_was_done_is_said_and_the_result_is_there(
    case: tuple[Phantom, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Memory for one tile at a time of the two that go through a network together on the CPU."""
    out = {name: tmp_path / f"{name}.nrrd" for name in ("usual", "frugal")}
    report = tmp_path / "report.json"
    assert main([*map(str, arguments_of("segment", case[1], out["usual"]))]) == 0
    capsys.readouterr()
    tiles, tried = SlicePredictor._tiles, []

    def short_of_memory(self: SlicePredictor, phases: Any, corners: Any, *rest: Any) -> Any:
        tried.append(len(corners))
        if len(corners) > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        return tiles(self, phases, corners, *rest)

    monkeypatch.setattr(SlicePredictor, "_tiles", short_of_memory)
    assert main([*map(str, arguments_of("segment", case[1], out["frugal"])), "--report", str(report)]) == 0
    _, err = capsys.readouterr()
    told = [
        line
        for line in err.splitlines()
        if line.startswith("warning: memory ran short, so the network ran on")
    ]
    assert told
    said = json.loads(report.read_text(encoding="utf-8"))["warnings"]
    assert [f"warning: {text}" for text in said if "memory" in text] == told
    assert max(tried) > 1
    one, other = (sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in out.values())
    assert np.count_nonzero(one != other) <= 1e-3 * np.count_nonzero(one)
