"""A stub in place of `segment_case`, and an engine without processes: for tests of what lies around a case.

The stub finds one tumor whose volume is the first byte of the input. The other bytes say what else it does: "refuse"
raises the error of a user's fault, "fault" one of the program, "die" ends its process each time, "die once" the first
time alone.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import SimpleITK as sitk
from PIL import Image

from LiverTumorAttentionLib.cohort.engine import ANSWERED, Event
from LiverTumorAttentionLib.cohort.task import THUMBNAIL_FILE, Task, run_task
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import write_segmentation
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.progress import Progress

RUNNER = "Testing.Library.cohort.stub:run"


def run(job: SegmentationJob, folder: Path, progress: Progress) -> None:
    """Write the files of a result of the input's size."""
    content = Path(job.portal).read_bytes()
    words = content[1:].decode()
    progress.update(0.5, "stub")
    mark = Path(f"{job.portal}.died")
    if words == "die" or (words == "die once" and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if words == "refuse":
        raise InputError(f"the volume '{job.portal}' is no CT: choose another")
    if words == "fault":
        raise KeyError("a fault")
    assert job.output is not None
    assert job.report is not None
    write_segmentation(job.output, sitk.Image(2, 2, 2, sitk.sitkUInt8) + 1)
    Path(job.report).write_text(json.dumps(report(float(content[0]), grade=words)), encoding="utf-8")
    Image.new("RGB", (8, 6), (90, 90, 90)).save(folder / THUMBNAIL_FILE, "JPEG")


def report(volume_ml: float, *, grade: str = "") -> dict[str, Any]:
    """Return a report with what the tables take of it."""
    tumor = {
        "number": 1,
        "volume_ml": volume_ml,
        "longest_axial_diameter_mm": 10.0,
        "perpendicular_diameter_mm": 8.0,
        "slice_index": 3,
        "centroid_lps_mm": [1.0, 2.0, 3.0],
        "mean_hu_portal": 60.0,
        "sd_hu_portal": 5.0,
        "mean_probability": 0.9,
    }
    return {
        "version": "0",
        "model": {"id": "stub", "version": "1"},
        "phases": ["portal"],
        "phase_estimates": {"portal": {"phase": "portal", "confidence": 0.9, "hu": {"liver": 100}}},
        "registration": {"grade": grade} if grade in ("good", "doubtful", "refused") else None,
        "liver": {"volume_ml": 1500.0, "tumor_volume_ml": volume_ml, "tumor_burden_percent": volume_ml / 15},
        "tumors": [tumor],
        "warnings": [],
    }


def write_cases(folder: Path, **contents: str) -> Path:
    """Write inputs of the stub, a folder a case, and return the folder. contents: first byte and words, by name."""
    for name, content in contents.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "portal.nii.gz").write_bytes(content.encode())
    return folder


class InlineEngine:
    """Runs each task where it is submitted. after: called after each, with the number of those before it."""

    most = 2
    shares_memory = True

    def __init__(self, after: Callable[[int], None] = lambda count: None) -> None:
        self.names: list[str] = []
        self.closed = 0
        self._after = after
        self._events: list[Event] = []

    def submit(self, task: Task, *, again: bool = False) -> None:
        answer = run_task(task.to_dict(), "cpu", lambda fraction, stage: None)
        self._events.append(Event(kind=ANSWERED, task=task, answer=answer))
        self.names.append(task.name)
        self._after(len(self.names))

    def events(self, timeout_s: float) -> Sequence[Event]:
        found, self._events = self._events, []
        return found

    def close(self) -> None:
        self.closed += 1

    def describe(self) -> dict[str, Any]:
        return {"name": "inline"}


def hang(job: SegmentationJob, folder: Path, progress: Progress) -> None:
    """Go on until the process is ended."""
    while True:
        time.sleep(0.05)
