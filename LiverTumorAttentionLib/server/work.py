"""A job in a process of the pool: volumes that were sent through `segment_case`, into the job's own folder."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.contrast_phase import ROLES
from LiverTumorAttentionLib.io import check_ct, collected_warnings
from LiverTumorAttentionLib.io.json_file import read_json
from LiverTumorAttentionLib.memory import give_back
from LiverTumorAttentionLib.pipeline.jobs import SEGMENTATION_OUTPUTS, SegmentationJob
from LiverTumorAttentionLib.pipeline.outputs import write_json
from LiverTumorAttentionLib.pipeline.read_case import ReadCase
from LiverTumorAttentionLib.pipeline.worklist import RESULT_FOLDER
from LiverTumorAttentionLib.progress import Progress, ProgressEvent
from LiverTumorAttentionLib.remote.protocol import ATTENTION, JobRequest, ResultFile, VolumeHeader
from LiverTumorAttentionLib.remote.voxels import unpacked

if TYPE_CHECKING:
    from LiverTumorAttentionLib.pipeline.segment import CaseResult

REQUEST_FILE, PROGRESS_FILE, ANSWER_FILE = "request.json", "progress.json", "answer.json"
REPORT_S = 0.5
"""Seconds between two reports of progress, at least."""
_CHUNK_BYTES = 1 << 22


def write_request(folder: Path, request: JobRequest, headers: dict[str, VolumeHeader]) -> None:
    """Write what a job's process reads into the job's folder. headers: of the volumes, by what they are for."""
    values = {"request": request.to_dict(), "headers": {role: h.to_dict() for role, h in headers.items()}}
    write_json(folder / REQUEST_FILE, values)


def segment_upload(
    job: SegmentationJob,
    folder: Path,
    progress: Progress,
    *,
    segment: Callable[..., CaseResult] | None = None,
) -> None:
    """Segment a case whose volumes were sent. Raises as `segment_case` does.

    job: its phases name the files of voxels. folder: where results go; that of the job lies above it. segment: in place
    of `segment_case`, for tests and trials.
    """
    if segment is None:
        from LiverTumorAttentionLib.pipeline.segment import segment_case

        segment = segment_case
    values = read_json(folder.parent / REQUEST_FILE, "request")
    request = from_mapping(JobRequest, values["request"], where="request")
    images = {}
    with collected_warnings():  # the client has given its user the same ones
        for role in (role for role in ROLES if getattr(job, role)):
            header = from_mapping(VolumeHeader, values["headers"][role], where="request")
            images[role] = check_ct(unpacked(header, Path(getattr(job, role))), f"{role} volume")
    job = wanted_job(job, request, folder / RESULT_FOLDER)
    result = segment(job, reporting(folder, progress), read=ReadCase(job=job, images=images))
    write_answer(
        folder,
        job,
        summary=result.summary(),
        statement=result.model.statement,
        tumors=len(result.tumors),
        warnings=result.warnings,
    )
    del result, images
    give_back()


def wanted_job(job: SegmentationJob, request: JobRequest, folder: Path) -> SegmentationJob:
    """Return the job with the outputs that a request asks for, in a folder and under the names of their fields."""
    outputs: dict[str, Any] = dict.fromkeys(SEGMENTATION_OUTPUTS)
    outputs |= {field: str(folder / f"{field}{suffix}") for field, suffix in request.outputs.items()}
    if request.attention:
        point = request.settings.get("attention_point")
        outputs |= {
            "save_attention": str(folder / ATTENTION),
            "attention_point": tuple(point) if point else None,
        }
    return replace(job, **outputs)


def reporting(folder: Path, progress: Progress) -> Progress:
    """Return a progress that writes itself to a file in the folder, which the server reads; not too often."""
    last = 0.0

    def report(event: ProgressEvent) -> None:
        nonlocal last
        progress.update(event.fraction, event.message)
        if time.monotonic() - last >= REPORT_S:
            last = time.monotonic()
            part = folder / f".{PROGRESS_FILE}"
            values = {"fraction": event.fraction, "stage": event.stage, "detail": event.message}
            part.write_text(json.dumps(values), encoding="utf-8")
            os.replace(part, folder / PROGRESS_FILE)

    return Progress(report)


def write_answer(folder: Path, job: SegmentationJob, **found: Any) -> None:
    """Write what the job found, and its files with their checksums. found: fields of a `JobState`."""
    files = [
        _result(Path(path), field)
        for field in SEGMENTATION_OUTPUTS
        if (path := getattr(job, field)) is not None
    ]
    if job.save_attention is not None and Path(job.save_attention).is_dir():
        files += [_result(path, ATTENTION, path.name) for path in sorted(Path(job.save_attention).iterdir())]
    write_json(folder / ANSWER_FILE, {**found, "files": [file.to_dict() for file in files]})


def result_path(folder: Path, file: ResultFile, outputs: dict[str, str]) -> Path:
    """Return where a result lies. folder: of the results' process. outputs: suffixes, as in a request."""
    if file.field == ATTENTION:
        return folder / RESULT_FOLDER / ATTENTION / file.name
    return folder / RESULT_FOLDER / f"{file.field}{outputs[file.field]}"


def _result(path: Path, field: str, name: str = "") -> ResultFile:
    digest, count = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            count += len(chunk)
    return ResultFile(field=field, byte_count=count, sha256=digest.hexdigest(), name=name)
