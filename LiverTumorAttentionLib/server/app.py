"""The server's requests; see `remote.protocol`. FastAPI, the extra [server]."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.config_parsing import from_mapping, nearest, shown
from LiverTumorAttentionLib.contrast_phase import ROLES
from LiverTumorAttentionLib.errors import InputError, LiverTumorAttentionError
from LiverTumorAttentionLib.io.declared_size import check_memory
from LiverTumorAttentionLib.io.segmentation import DICOM_SEG_SUFFIX
from LiverTumorAttentionLib.json_values import json_values
from LiverTumorAttentionLib.models import list_models
from LiverTumorAttentionLib.pipeline.jobs import (
    SEGMENTATION_OUTPUTS,
    SEGMENTATION_SETTINGS,
    SegmentationJob,
)
from LiverTumorAttentionLib.pipeline.outputs import SUFFIXES
from LiverTumorAttentionLib.regular_file import reason
from LiverTumorAttentionLib.remote.protocol import (
    CHUNK_BYTES,
    DONE,
    IDENTIFIER,
    SERVED_SETTINGS,
    JobRequest,
    VolumeHeader,
)
from LiverTumorAttentionLib.server.guard import OWNER
from LiverTumorAttentionLib.server.jobs import Jobs
from LiverTumorAttentionLib.server.refusal import Refusal, unknown
from LiverTumorAttentionLib.server.settings import ServerSettings
from LiverTumorAttentionLib.server.store import Store

_BAD = 422


def make_app(settings: ServerSettings, store: Store, jobs: Jobs) -> FastAPI:
    """Return the application. Who may ask, and how much, is decided before it; see `guard`."""
    # No pages of documentation: they would load scripts from elsewhere.
    app = FastAPI(title="LiverTumorAttention", docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(Refusal)
    async def refuse(_request: Request, refusal: Refusal) -> JSONResponse:
        return JSONResponse({"error": refusal.message}, refusal.status)

    @app.exception_handler(LiverTumorAttentionError)
    async def refuse_input(_request: Request, error: LiverTumorAttentionError) -> JSONResponse:
        return JSONResponse({"error": " ".join(str(error).split())}, _BAD)

    @app.exception_handler(404)
    @app.exception_handler(405)
    @app.exception_handler(RequestValidationError)
    async def refuse_path(_request: Request, _error: Any) -> JSONResponse:
        return JSONResponse({"error": "there is nothing of this kind here: check the address"}, 404)

    @app.exception_handler(Exception)
    async def tell_fault(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"error": "a fault of the server: tell who runs it, and report it"}, 500)

    @app.get("/v1/server")
    async def about() -> dict[str, Any]:
        return {
            "notice": NOT_FOR_CLINICAL_USE,
            "version": __version__,
            "models": [package.description.id for package in list_models()],
            "keep_minutes": settings.keep_minutes,
            "max_gigabytes": settings.max_gigabytes,
        }

    @app.put("/v1/uploads/{identifier}")
    async def announce(identifier: str, request: Request) -> dict[str, int]:
        _check_identifier(identifier)
        header = from_mapping(VolumeHeader, _parsed(await request.body()), where="volume")
        check_memory(header.byte_count, "the volume")
        return {"received": store.announce(request.scope[OWNER], identifier, header).received}

    @app.get("/v1/uploads/{identifier}")
    async def received(identifier: str, request: Request) -> dict[str, int]:
        return {"received": store.upload(request.scope[OWNER], identifier).received}

    @app.put("/v1/uploads/{identifier}/voxels")
    async def append(identifier: str, offset: int, request: Request) -> dict[str, int]:
        upload = store.upload(request.scope[OWNER], identifier)
        if offset < 0:
            raise Refusal(_BAD, "an offset is 0 or more: send it anew")
        store.append(upload, offset, await request.body())
        return {"received": upload.received}

    @app.delete("/v1/uploads/{identifier}")
    async def drop_upload(identifier: str, request: Request) -> dict[str, bool]:
        store.drop(request.scope[OWNER], identifier)
        return {"deleted": True}

    @app.put("/v1/jobs/{identifier}")
    async def add(identifier: str, request: Request) -> dict[str, Any]:
        _check_identifier(identifier)
        owner = request.scope[OWNER]
        asked = from_mapping(JobRequest, _parsed(await request.body()), where="job")
        values = checked_settings(asked)
        known = jobs.knows(owner, identifier)
        job = jobs.find(owner, identifier) if known else jobs.add(owner, identifier, asked, values)
        return jobs.state(job).to_dict()

    @app.get("/v1/jobs/{identifier}")
    async def state(identifier: str, request: Request) -> dict[str, Any]:
        return jobs.state(jobs.find(request.scope[OWNER], identifier)).to_dict()

    @app.get("/v1/jobs/{identifier}/results/{number}")
    async def result(identifier: str, number: int, offset: int, request: Request) -> Response:
        job = jobs.find(request.scope[OWNER], identifier)
        if job.state != DONE:
            raise unknown("result")
        path, file = jobs.result(job, number)
        if not 0 <= offset < max(1, file.byte_count):
            raise Refusal(_BAD, "the offset lies beyond the result: ask for its beginning")
        with path.open("rb") as opened:
            opened.seek(offset)
            return Response(opened.read(CHUNK_BYTES), media_type="application/octet-stream")

    @app.delete("/v1/jobs/{identifier}")
    async def drop_job(identifier: str, request: Request) -> dict[str, bool]:
        jobs.drop(request.scope[OWNER], identifier)
        return {"deleted": True}

    return app


def checked_settings(asked: JobRequest) -> dict[str, Any]:
    """Return the settings of a `SegmentationJob` for a request, the model by its path here.

    Raises `InputError` for what a server does not do, and `Refusal` for another version or a model that is not here.
    """
    if asked.version != __version__:
        raise Refusal(
            _BAD,
            f"the server runs version {__version__} of this software, the client {shown(asked.version)}: install the "
            "same version on both",
        )
    for given, known, what in (
        (asked.volumes, ROLES, "phase"),
        (asked.settings, SERVED_SETTINGS, "setting"),
        (asked.outputs, tuple(SEGMENTATION_OUTPUTS), "output"),
    ):
        for name in given:
            if name not in known:
                raise InputError(f"unknown {what} {shown(name)}{nearest(str(name), known)}")
    if "portal" not in asked.volumes:
        raise InputError("no portal venous volume was sent: send one")
    for name in asked.volumes.values():
        _check_identifier(name)
    for field, suffix in asked.outputs.items():
        # A DICOM SEG names the slices of its source, which the client does not send.
        suffixes = [each for each in SUFFIXES[SEGMENTATION_OUTPUTS[field]] if each != DICOM_SEG_SUFFIX]
        if suffix not in suffixes:
            raise InputError(f"the {field} cannot end in {shown(suffix)}: choose {' or '.join(suffixes)}")
    outputs = {field: f"{field}{suffix}" for field, suffix in asked.outputs.items()}
    maps = {"save_attention": "maps"} if asked.attention else {}
    volumes = {role: f"{role}.voxels" for role in asked.volumes}
    job = SegmentationJob.from_dict({**volumes, **asked.settings, **outputs, **maps})
    package = next((each for each in list_models() if each.description.id == job.model), None)
    if package is None:
        known_models = [each.description.id for each in list_models()]
        raise Refusal(
            _BAD,
            f"the server has no model {shown(job.model)}{nearest(job.model, known_models)}; choose one of its models, "
            "or install this one there",
        )
    return {name: getattr(job, name) for name in SEGMENTATION_SETTINGS} | {"model": str(package.path)}


def _check_identifier(identifier: Any) -> None:
    """Raise `Refusal` for what is no identifier; it is a key, and never part of a path."""
    if not isinstance(identifier, str) or not IDENTIFIER.fullmatch(identifier):
        raise Refusal(_BAD, "an identifier is 32 digits of 0 to 9 and a to f: draw another")


def _parsed(body: bytes) -> Any:
    try:
        return json_values(body)
    except ValueError as error:
        raise Refusal(_BAD, f"the request is no valid JSON ({reason(error)}): send it anew") from error
