"""One case of a cohort as a task: what a worker is told, what it does, and what it answers. All of it is JSON."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.cohort.case_record import CaseRecord, write_record
from LiverTumorAttentionLib.cohort.fingerprint import fingerprint, look_unchanged, read_files
from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError, LiverTumorAttentionError
from LiverTumorAttentionLib.memory import reserve_for_linear_algebra, told
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.outputs import write_json
from LiverTumorAttentionLib.pipeline.worklist import (
    INPUTS_FILE,
    REGISTERED_FILES,
    RESULT_FOLDER,
    WorklistCase,
    inputs_of,
)
from LiverTumorAttentionLib.progress import Progress, ProgressEvent

DONE, UNCHANGED, FAILED = "done", "unchanged", "failed"
SEGMENT = "LiverTumorAttentionLib.cohort.segmentation:segment_into"
"""What runs a case, as "module:function"."""
TABLE_FILE, PREVIEW_FILE, THUMBNAIL_FILE = "tumors.csv", "preview.png", "thumbnail.jpg"
_HASHED = 0.02
"""Share of a case's progress that its checksums fill."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One case to run.

    name: of the case. inputs: what its job reads. settings: the job's settings. identity: what tells results of other
    settings or another model apart. folder: where the case is written, hidden until it is whole. volumes: whether the
    registered volumes, the transform and the probability are kept. paths: whether its report names
    files. known: fingerprint of the result that is there. is_read: whether a reader has worked on that result.
    runner: what runs the case.
    """

    name: str
    inputs: Mapping[str, str]
    settings: Mapping[str, Any]
    identity: Mapping[str, Any]
    folder: str
    version: str
    volumes: bool = True
    paths: bool = False
    known: str | None = None
    is_read: bool = False
    runner: str = SEGMENT

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)

    def job(self, device: str) -> SegmentationJob:
        """Return the description of the case for `segment_case`. Raises `InputError`."""
        folder = Path(self.folder)
        case = WorklistCase(
            name=self.name,
            place=folder,
            volumes={},
            sources=inputs_of(self.inputs, f"the case {self.name!r}"),
        )
        outputs = case.outputs()
        left_out = () if self.volumes else ("save_probability", *REGISTERED_FILES)
        outputs |= {"table": str(case.result / TABLE_FILE), "preview": str(case.result / PREVIEW_FILE)}
        kept = {field: path for field, path in outputs.items() if field not in left_out}
        return SegmentationJob.from_dict(
            {**self.inputs, **self.settings, "device": device, "paths": self.paths, **kept}
        )


def run_task(values: Mapping[str, Any], device: str, report: Callable[[float, str], None]) -> dict[str, Any]:
    """Run a case into its hidden folder; return what became of it.

    The answer has a "state" of DONE, UNCHANGED (the content of the inputs is that of the result that is there) or
    FAILED, with a sentence. report: called with the fraction that is done and what is being done.
    """
    task = from_mapping(Task, values, where="task")

    def on_event(event: ProgressEvent) -> None:
        report(event.fraction, event.stage)

    begun = time.perf_counter()
    try:
        answer = _run(task, device, Progress(on_event))
    except Exception as error:
        known = told(error)
        if not isinstance(known, LiverTumorAttentionError):
            return {"state": FAILED, "message": _fault(error)}
        return {"state": FAILED, "message": " ".join(str(known).split())}
    return {**answer, "seconds": round(time.perf_counter() - begun, 3)}


def _run(task: Task, device: str, progress: Progress) -> dict[str, Any]:
    reserve_for_linear_algebra()
    inputs = dict(task.inputs)
    files = read_files(inputs, progress.part(0.0, _HASHED, "checksums"))
    found = fingerprint(inputs, files, task.identity)
    record = CaseRecord(fingerprint=found, files=tuple(files), version=task.version, identity=task.identity)
    if found == task.known:
        return {"state": UNCHANGED, "record": record.to_dict()}
    if task.is_read:
        raise InputError(
            f"the inputs or the settings of the case {task.name!r} are no longer those of its result, which a reader "
            "has corrected or signed: move that result elsewhere to segment the case again"
        )
    folder = Path(task.folder)
    job = task.job(device)
    (folder / RESULT_FOLDER).mkdir(parents=True)
    module, _, function = task.runner.partition(":")
    run = getattr(importlib.import_module(module), function)
    run(job, folder, progress.part(_HASHED, 1.0))
    if not look_unchanged(inputs, files):
        raise InputError(
            f"the inputs of the case {task.name!r} were changed while it was segmented: run the cohort again "
            "with --resume"
        )
    write_json(folder / INPUTS_FILE, {key: str(value) for key, value in sorted(inputs.items())})
    write_record(folder, record)
    return {"state": DONE}


def _fault(error: Exception) -> str:
    """Return a sentence for an error of the program itself, with the place where it arose."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" in {Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}" if trace else ""
    words = " ".join(str(error).split())[:300]
    return f"a fault of the program ({type(error).__name__}{place}: {words}): please report it"
