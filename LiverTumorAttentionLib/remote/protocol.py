"""What client and server say to each other: volumes as numbers, one job, and the bounds of every exchange.

A client sends voxels, their grid, settings, and the formats of the results that it wants. There is no field for a name,
a path, a tag or a text about a patient.

    GET    /v1/server                            version, models, limits
    PUT    /v1/uploads/ID                        a `VolumeHeader`; answers how much has been received
    PUT    /v1/uploads/ID/voxels?offset=N        the next bytes, at most `CHUNK_BYTES`; answers likewise
    PUT    /v1/jobs/ID                           a `JobRequest`; answers as the next one
    GET    /v1/jobs/ID                           waiting with its position, running, done, or failed
    GET    /v1/jobs/ID/results/N?offset=M        the next bytes of a result, at most `CHUNK_BYTES`
    DELETE /v1/jobs/ID, /v1/uploads/ID           ends the work, and deletes all that belongs to it

Identifiers are drawn by the client, so that every request can be sent again where its answer was lost.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.pipeline.jobs import SEGMENTATION_SETTINGS
from LiverTumorAttentionLib.regular_file import MIB

CHUNK_BYTES = MIB
"""Of voxels or results in one exchange, at most: none is large or long, and a cut costs no more than one."""
MOST_JSON_BYTES = MIB // 8
"""Of a request in JSON."""
IDENTIFIER = re.compile(r"[0-9a-f]{32}")
"""Of uploads and jobs: 128 random bits, which nobody guesses."""
SHA256 = re.compile(r"[0-9a-f]{64}")
VOXEL_BYTES = {"int16": 2, "float32": 4}
"""Voxel types, little-endian, x running fastest."""
MOST_VOXELS = 2**32
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
"""States of a job."""
SERVED_SETTINGS = (
    *(name for name in SEGMENTATION_SETTINGS if name != "phases_as_given"),
    "attention_point",
)
"""Fields of a `SegmentationJob` that a server follows. Phases are checked by the client, which has the headers."""
ATTENTION = "save_attention"


@dataclass(frozen=True, kw_only=True)
class VolumeHeader:
    """Grid and checksum of a volume; x, y, z order, LPS mm. Raises `InputError` for what is no grid."""

    size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: tuple[float, float, float, float, float, float, float, float, float]
    """Rows of the matrix whose columns are the axes."""
    voxel_type: str
    """"int16" or "float32", HU."""
    sha256: str
    """Of the voxels."""

    def __post_init__(self) -> None:
        if min(self.size) < 1 or math.prod(self.size) > MOST_VOXELS:
            raise InputError(f"a volume of {self.size} voxels is sent: send 1 to {MOST_VOXELS} of them")
        if min(self.spacing_mm) <= 0:
            raise InputError(f"a volume with voxels of {self.spacing_mm} mm is sent: send its true spacing")
        if self.voxel_type not in VOXEL_BYTES:
            raise InputError(
                f"unknown type of voxels {self.voxel_type[:20]!r}: send {' or '.join(VOXEL_BYTES)}"
            )
        if not SHA256.fullmatch(self.sha256):
            raise InputError("the checksum of a volume is no SHA-256: send 64 digits of 0 to 9 and a to f")

    @property
    def byte_count(self) -> int:
        """How many bytes the voxels are."""
        return math.prod(self.size) * VOXEL_BYTES[self.voxel_type]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """A case to segment."""

    version: str
    """Of the client's software, which must be the server's."""
    volumes: Mapping[str, Any]
    """Identifiers of uploads by what they are for: "portal" and the other phases that there are."""
    settings: Mapping[str, Any]
    """Some of `SERVED_SETTINGS`; the model by its id."""
    outputs: Mapping[str, Any]
    """Suffixes of the results that are wanted, by the fields of a `SegmentationJob`."""
    attention: bool = False
    """Whether the attention maps are wanted."""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class ResultFile:
    """One result that a server holds. field: of a `SegmentationJob`. name: of one of several files of a folder."""

    field: str
    byte_count: int
    sha256: str
    name: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class JobState:
    """What a server says of a job. fraction, stage, detail: as in a `ProgressEvent`. message: why it failed."""

    state: str
    position: int = 0
    """How many jobs come before one that is waiting."""
    fraction: float = 0.0
    stage: str = ""
    detail: str = ""
    message: str = ""
    summary: str = ""
    """The result in a few lines."""
    statement: str = ""
    """What the model says of itself."""
    tumors: int = 0
    warnings: tuple[str, ...] = ()
    files: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)
    """`ResultFile`s; results are asked for by their number in this list."""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)
