"""`segment` computed by a server: read and checked here, computed there, written here as by a run on this computer.

Voxels, their grid and settings are sent, nothing else: identity and phases are checked here, where the headers are.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import SimpleITK as sitk

from LiverTumorAttentionLib import __version__
from LiverTumorAttentionLib.config_parsing import from_mapping, nearest, shown
from LiverTumorAttentionLib.errors import InputError, ModelError, RemoteError
from LiverTumorAttentionLib.io import full_suffix
from LiverTumorAttentionLib.io.segmentation import DICOM_SEG_SUFFIX
from LiverTumorAttentionLib.pipeline.jobs import SEGMENTATION_OUTPUTS, SegmentationJob
from LiverTumorAttentionLib.pipeline.outputs import check_outputs
from LiverTumorAttentionLib.pipeline.read_case import read_case
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.remote.address import ServerAddress
from LiverTumorAttentionLib.remote.connection import Connection, Refused, pause
from LiverTumorAttentionLib.remote.protocol import (
    DONE,
    FAILED,
    RUNNING,
    SERVED_SETTINGS,
    JobRequest,
    JobState,
)
from LiverTumorAttentionLib.remote.results import write_results
from LiverTumorAttentionLib.remote.upload import upload

POLL_S = 0.5
STANDS_FOR_DICOM_SEG = ".seg.nrrd"
"""Asked for in its place: a DICOM SEG names the slices of its source, which stay here."""
_NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True)
class RemoteResult:
    """What a run on a server found, as the console tells it; the files are written."""

    text: str
    statement: str
    tumors: int
    warnings: tuple[str, ...]

    def summary(self) -> str:
        """Return the result in a few lines for the terminal."""
        return self.text


def segment_remotely(
    job: SegmentationJob, server: ServerAddress, progress: Progress | None = None
) -> RemoteResult:
    """Segment one case on a server and write what the job asks for, the same as `segment_case` would.

    The device is the server's. Raises as `segment_case` does, and `RemoteError`; then nothing is written, and the
    server is asked to delete what it has of the case.
    """
    progress = progress or Progress()
    check_outputs(job)
    connection = Connection(server)
    try:
        _check_server(connection, job, progress)
        case = read_case(job, progress.part(0.0, 0.05), check_outputs)
        images, case = dict(case.images), replace(case, images={})
        uploads = {role: secrets.token_hex(16) for role in images}
        with _forgotten_at_an_error(connection, uploads.values()):
            _send(connection, images, uploads, progress.part(0.05, 0.15, "sending volumes"))
            with _job_given(connection, case.job, uploads, progress) as path:
                state = _followed(connection, path, progress.part(0.15, 0.9))
                write_results(connection, path, state, case, progress.part(0.9, 1.0, "receiving results"))
    finally:
        connection.close()
    lines = state.summary.split("\n")
    lines[1:1] = case.chosen
    return RemoteResult(
        text="\n".join(lines),
        statement=state.statement,
        tumors=state.tumors,
        warnings=(*case.warnings, *state.warnings),
    )


def wanted_outputs(job: SegmentationJob) -> dict[str, str]:
    """Return the suffixes of the files that a server writes for a job, by the job's fields."""
    given = {field: getattr(job, field) for field in SEGMENTATION_OUTPUTS}
    suffixes = {field: full_suffix(path) for field, path in given.items() if path}
    return {
        field: STANDS_FOR_DICOM_SEG if suffix == DICOM_SEG_SUFFIX else suffix
        for field, suffix in suffixes.items()
    }


def _check_server(connection: Connection, job: SegmentationJob, progress: Progress) -> None:
    """Ask whether the server can do it, before anything is read. Raises `RemoteError` and `ModelError`."""
    progress.part(0.0, 0.0, "asking the server").update(0.0)
    about = connection.json("GET", "/v1/server", check=progress.check)
    if not isinstance(about, dict) or not isinstance(about.get("models"), list):
        raise connection.strange("it does not say what it can do")
    version = about.get("version")
    if version != __version__:
        raise RemoteError(
            f"the server {connection.url} runs version {shown(version)} of this software, this is {__version__}: "
            "install the same version on both"
        )
    known = [str(model) for model in about["models"]]
    if job.model not in known:
        raise ModelError(
            f"the server {connection.url} has no model {shown(job.model)}{nearest(job.model, known)}; choose one of "
            "its models, or install this one there"
        )


@contextlib.contextmanager
def _forgotten_at_an_error(connection: Connection, uploads: Iterable[str]) -> Iterator[None]:
    """Have volumes deleted at the server when the block raises."""
    try:
        yield
    except BaseException:
        all(connection.forget(f"/v1/uploads/{identifier}") for identifier in uploads)
        raise


def _send(
    connection: Connection, images: dict[str, sitk.Image], uploads: Mapping[str, str], progress: Progress
) -> None:
    """Send the volumes, and let go of each once it is there."""
    count = len(images)
    for number in range(count):
        role = next(iter(images))
        part = progress.part(number / count, (number + 1) / count)
        upload(connection, uploads[role], images.pop(role), part)


@contextlib.contextmanager
def _job_given(
    connection: Connection, job: SegmentationJob, uploads: Mapping[str, str], progress: Progress
) -> Iterator[str]:
    """Give the server the job and yield its path; it is deleted there when the block ends, however it does."""
    request = JobRequest(
        version=__version__,
        volumes=uploads,
        settings={name: getattr(job, name) for name in SERVED_SETTINGS},
        outputs=wanted_outputs(job),
        attention=job.save_attention is not None,
    )
    path = f"/v1/jobs/{secrets.token_hex(16)}"
    try:
        connection.json("PUT", path, request.to_dict(), check=progress.check)
        yield path
    finally:
        connection.forget(path)


def _followed(connection: Connection, path: str, progress: Progress) -> JobState:
    """Report the progress of a job until it is done; return what the server says of it. Raises `RemoteError`."""
    while True:
        try:
            values = connection.json("GET", path, check=progress.check)
        except Refused as refusal:
            if refusal.status != _NOT_FOUND:
                raise
            raise RemoteError(
                f"the server {connection.url} no longer has this case (it was started anew, or heard nothing for too "
                "long): start again"
            ) from refusal
        state = from_mapping(JobState, values, where="the server's answer", error=RemoteError)
        if state.state == DONE:
            return state
        if state.state == FAILED:
            raise InputError(state.message or "the server failed without a word: ask who runs it")
        if state.state == RUNNING:
            progress.part(0.0, 1.0, state.stage).update(state.fraction, state.detail)
        else:
            before = "next" if state.position == 0 else f"{state.position} before this one"
            progress.part(0.0, 1.0, f"waiting for the server: {before}").update(0.0)
        pause(POLL_S, progress.check)
