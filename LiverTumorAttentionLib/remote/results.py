"""Results from a server: received in pieces, held against their checksums, and all of them written, or none."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.config_parsing import from_mapping, shown
from LiverTumorAttentionLib.errors import RemoteError
from LiverTumorAttentionLib.io import (
    full_suffix,
    making_folder,
    read_instances,
    write_segmentation,
)
from LiverTumorAttentionLib.io.json_file import read_json
from LiverTumorAttentionLib.io.segmentation import DICOM_SEG_SUFFIX
from LiverTumorAttentionLib.pipeline.jobs import SEGMENTATION_OUTPUTS, SegmentationJob
from LiverTumorAttentionLib.pipeline.outputs import Writer, write_all, write_json
from LiverTumorAttentionLib.pipeline.read_case import ReadCase, reported_phases
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.remote.connection import Connection
from LiverTumorAttentionLib.remote.protocol import ATTENTION, CHUNK_BYTES, JobState, ResultFile

MOST_TRIES = 3
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
"""Of a file of attention maps: a name that a server gives becomes one of a file, never more of a path."""


def write_results(
    connection: Connection, path: str, state: JobState, case: ReadCase, progress: Progress
) -> None:
    """Receive the results of a job and write them to where it asks for them. path: of the job, at the server.

    Raises `RemoteError`, `OutputError` and `Cancelled`; then no file has changed.
    """
    files = [
        from_mapping(ResultFile, values, where="the server's answer", error=RemoteError)
        for values in state.files
    ]
    job = case.job
    receiver = _Receiver(connection, path, files, progress)
    by_field = {file.field: number for number, file in enumerate(files) if file.field in SEGMENTATION_OUTPUTS}
    asked = [field for field in SEGMENTATION_OUTPUTS if getattr(job, field)]
    missing = [field for field in asked if field not in by_field]
    if missing:
        raise connection.strange(f"it gives no {SEGMENTATION_OUTPUTS[missing[0]]}")
    writers = [
        (Path(getattr(job, field)), _writer(receiver, field, by_field[field], case, state)) for field in asked
    ]
    if job.save_attention is None:
        write_all(writers, Progress(None, receiver.cancelled))
        return
    with making_folder(job.save_attention, name="attention") as folder:
        for number, file in enumerate(files):
            if file.field == ATTENTION:
                if not _NAME.fullmatch(file.name):
                    raise connection.strange(f"it names a file {shown(file.name)}")
                writers.append((folder / file.name, receiver.writer(number)))
        write_all(writers, Progress(None, receiver.cancelled))


def _writer(receiver: _Receiver, field: str, number: int, case: ReadCase, state: JobState) -> Writer:
    job = case.job
    if field == "report":
        return lambda path: _write_report(path, receiver, number, case, state)
    if field == "output" and full_suffix(job.output or "") == DICOM_SEG_SUFFIX:
        return lambda path: _write_dicom_seg(path, receiver, number, job)
    return receiver.writer(number)


def _write_report(path: Path, receiver: _Receiver, number: int, case: ReadCase, state: JobState) -> None:
    """Write the report with what is known here alone: settings, phases, and warnings of the reading."""
    job = case.job
    receiver.receive(number, path)
    report = read_json(path, "report of the server")
    if not isinstance(report, dict) or not isinstance(report.get("model"), dict):
        raise receiver.connection.strange("its report is none")
    known: dict[str, Any] = {
        "settings": job.reported_settings(str(report["model"].get("id"))),
        **reported_phases(case.estimates, case.compared, case.chosen, job),
        "warnings": job.reported_warnings((*case.warnings, *state.warnings)),
    }
    write_json(path, {**report, **known})


def _write_dicom_seg(path: Path, receiver: _Receiver, number: int, job: SegmentationJob) -> None:
    """Write the segmentation as DICOM SEG, which names the slices of its source: they lie here."""
    with tempfile.TemporaryDirectory(prefix="LiverTumorAttention-") as folder:
        received = Path(folder) / "segmentation.seg.nrrd"
        receiver.receive(number, received)
        write_segmentation(path, read_instances(received), source=job.portal, series=job.portal_series)


class _Receiver:
    """Receives files, and reports how much of all of them is here."""

    def __init__(
        self, connection: Connection, path: str, files: list[ResultFile], progress: Progress
    ) -> None:
        self.connection = connection
        self._path, self._files, self._progress = path, files, progress
        self._total = max(1, sum(file.byte_count for file in files))
        self._here = 0

    def cancelled(self) -> bool:
        """Raise `Cancelled` once the user has cancelled; else False."""
        self._progress.check()
        return False

    def writer(self, number: int) -> Writer:
        """Return what writes the file of a number."""
        return lambda path: self.receive(number, path)

    def receive(self, number: int, path: Path) -> None:
        """Receive a file, again where its checksum is another one. Raises `RemoteError` and `Cancelled`."""
        file = self._files[number]
        for _ in range(MOST_TRIES):
            digest = hashlib.sha256()
            with path.open("wb") as target:
                received = 0
                while received < file.byte_count:
                    self._progress.update((self._here + received) / self._total)
                    place = f"{self._path}/results/{number}?offset={received}"
                    piece = self.connection.exchange("GET", place, check=self._progress.check)
                    if not piece or len(piece) > min(CHUNK_BYTES, file.byte_count - received):
                        raise self.connection.strange("it gives another number of bytes than it says")
                    digest.update(piece)
                    target.write(piece)
                    received += len(piece)
            if digest.hexdigest() == file.sha256:
                self._here += file.byte_count
                return
        raise RemoteError(
            f"a result arrived damaged {MOST_TRIES} times: check the network to {self.connection.url}"
        )
