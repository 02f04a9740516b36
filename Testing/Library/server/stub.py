"""A stub in place of `segment_case` behind a server, and an engine without processes: for tests of what lies around.

What is bright is tumor, everything else liver. The seed of a job says what else the stub does; see the constants.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.cohort.engine import ANSWERED, Event
from LiverTumorAttentionLib.cohort.task import Task, run_task
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import write_image, write_segmentation
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.outputs import write_json
from LiverTumorAttentionLib.progress import Progress

RUNNER = "Testing.Library.server.stub:run"
REFUSES, DIES, HANGS, DIES_ONCE, HANGS_ONCE = 101, 102, 103, 104, 105
"""Seeds: the error of a user's fault, a process that ends, one that goes on until it is ended, and the latter two once
alone. One that goes on tells its number as progress.
"""
BRIGHT_HU = 130


def run(job: SegmentationJob, folder: Path, progress: Progress) -> None:
    """Stand in for `server.work.segment_upload`: the same reading and the same answer, nothing computed between."""
    from LiverTumorAttentionLib.server import work

    def segmented(job: SegmentationJob, reported: Progress, *, read: Any) -> Any:
        return segment(job, reported, read.images)

    work.segment_upload(job, folder, progress, segment=segmented)


def segment(job: SegmentationJob, progress: Progress, images: dict[str, sitk.Image]) -> Any:
    """Write the files of a result that is a function of the voxels."""
    progress.update(0.25, "stub")
    mark = Path(f"{job.portal}.mark")
    once = job.seed in (DIES_ONCE, HANGS_ONCE) and not mark.exists()
    if once:
        mark.touch()
    if job.seed == DIES or (job.seed == DIES_ONCE and once):
        os.kill(os.getpid(), signal.SIGKILL)
    if job.seed == REFUSES:
        raise InputError("the portal volume shows no liver: choose another")
    while job.seed == HANGS or (job.seed == HANGS_ONCE and once):
        progress.part(0.0, 1.0, "stub").update(0.5, str(os.getpid()))
        time.sleep(0.02)
    portal = images["portal"]
    voxels = sitk.GetArrayViewFromImage(portal)
    instances = sitk.GetImageFromArray((1 + (voxels > BRIGHT_HU)).astype(np.uint8))
    instances.CopyInformation(portal)
    tumors = int((voxels > BRIGHT_HU).any())
    if job.output:
        write_segmentation(job.output, instances)
    if job.table:
        Path(job.table).write_text(f"voxels\n{int((voxels > BRIGHT_HU).sum())}\n", encoding="utf-8")
    if job.save_probability:
        write_image(job.save_probability, sitk.Cast(instances, sitk.sitkFloat32) * 0.25)
    if job.save_attention:
        Path(job.save_attention).mkdir()
        (Path(job.save_attention) / "maps.json").write_text("{}", encoding="utf-8")
    if job.report:
        report = {"model": {"id": "stub"}, "settings": {}, "spacing": portal.GetSpacing(), "warnings": []}
        write_json(Path(job.report), report)
    return _Result(tumors)


class _Result:
    """What is told of a result."""

    def __init__(self, tumors: int) -> None:
        self.tumors = (None,) * tumors
        self.warnings = ("a warning of the server",)
        self.model = type("Model", (), {"statement": "a stub"})

    def summary(self) -> str:
        return f"Stub: not for clinical use\n{len(self.tumors)} tumors"


class ThreadEngine:
    """Runs tasks in threads of this process; one that hangs ends when it is cancelled. most: tasks at a time."""

    shares_memory = True

    def __init__(self, most: int = 1) -> None:
        self.most = most
        self.submitted: list[str] = []
        self.cancelled: list[str] = []
        self.closed = 0
        self._threads: list[tuple[Task, threading.Thread]] = []
        self._answers: dict[str, dict[str, Any]] = {}

    def submit(self, task: Task, *, again: bool = False) -> None:
        self.submitted.append(task.name)

        def report(fraction: float, stage: str) -> None:
            if task.name in self.cancelled or self.closed:
                raise RuntimeError("ended")

        def work() -> None:
            self._answers[task.name] = run_task(task.to_dict(), "cpu", report)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self._threads.append((task, thread))

    def events(self, timeout_s: float) -> Sequence[Event]:
        limit = time.monotonic() + timeout_s
        while time.monotonic() < limit:
            ended = [task for task, thread in self._threads if not thread.is_alive()]
            if ended:
                self._threads = [each for each in self._threads if each[0] not in ended]
                return [Event(kind=ANSWERED, task=task, answer=self._answers[task.name]) for task in ended]
            time.sleep(0.005)
        return []

    def cancel(self, task: Task) -> None:
        self.cancelled.append(task.name)
        self._threads = [each for each in self._threads if each[0] != task]

    def close(self) -> None:
        self.closed += 1

    def describe(self) -> dict[str, Any]:
        return {"name": "threads"}
