"""Description of a cohort run, as the command line and scripts fill it in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.file_identity import check_given
from LiverTumorAttentionLib.pipeline.jobs import SEGMENTATION_SETTINGS, SegmentationJob

ENGINES = ("local", "ray")
MOST_WORKERS = 4096
_GPUS = re.compile(r"auto|all|none|[0-9]{1,3}(,[0-9]{1,3})*")


@dataclass(frozen=True, kw_only=True)
class CohortJob:
    """A cohort to segment. Raises `InputError` for a value out of range."""

    input: str
    """Folder of cases, tree of DICOM files, or list of cases (.csv)."""
    output: str
    """Folder of the results; made where it is missing."""
    engine: str = "local"
    """"local": processes of this computer; "ray": tasks of a Ray cluster."""
    address: str | None = None
    """Of the Ray cluster: "auto" or "ray://HOST:PORT"; None starts Ray on this computer alone."""
    workers: int | None = None
    """Cases at a time, at most; None takes what cores, graphics cards and memory allow."""
    gpus: str = "auto"
    """Graphics cards: "all", "none", their numbers such as "0,1" (local), or "auto", all where there are any."""
    memory_gib: float = 3.0
    """Memory that a case may need, GiB: a worker is planned for every so many, and Ray reserves it."""
    resume: bool = False
    """Whether to go on with what the folder holds."""
    volumes: bool = True
    """Whether the registered volumes, the transform and the probability are kept, which the panel needs to correct a
    case with its arterial phase."""
    paths: bool = False
    """Whether reports and the table of failures name files, folders and series; see `ReportedJob`."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of every case's `SegmentationJob`: `SEGMENTATION_SETTINGS`."""

    def __post_init__(self) -> None:
        if not self.input.strip() or not self.output.strip():
            raise InputError("a cohort needs an input and a folder for its results: name both")
        if self.engine not in ENGINES:
            raise InputError(f"unknown engine {self.engine!r}: choose {' or '.join(ENGINES)}")
        if self.address is not None and self.engine != "ray":
            raise InputError(
                "an address was given, which the engine ray alone takes: choose --engine ray, or leave it out"
            )
        if self.address is not None and not re.fullmatch(
            r"auto|ray://[^\s/]+|[^\s/:]+:[0-9]{1,5}", self.address
        ):
            raise InputError(
                f"the address {self.address!r} is none of a Ray cluster: give auto, ray://HOST:10001 or HOST:6379"
            )
        if self.workers is not None and not 1 <= self.workers <= MOST_WORKERS:
            raise InputError(
                f"there are 1 to {MOST_WORKERS} workers, got {self.workers}: give a number in that range"
            )
        if not _GPUS.fullmatch(self.gpus):
            raise InputError(
                f"unknown graphics cards {self.gpus!r}: give auto, all, none, or numbers such as 0,1"
            )
        if self.engine == "ray" and self.gpus[0].isdigit():
            raise InputError("Ray chooses the graphics cards itself: give --gpus all or none")
        if not 0.1 <= self.memory_gib <= 4096:
            raise InputError(
                f"a case needs 0.1 to 4096 GiB, got {self.memory_gib:g}: give a number in that range"
            )
        unknown = sorted(set(self.settings) - set(SEGMENTATION_SETTINGS))
        if unknown:
            raise InputError(
                f"{unknown[0]!r} is no setting of a cohort: choose from {', '.join(SEGMENTATION_SETTINGS)}"
            )
        self.case_settings()
        check_given({"input": self.input, "cohort": self.output})

    def case_settings(self) -> dict[str, Any]:
        """Return the settings of every case, defaults included. Raises `InputError` for a value out of range."""
        job = SegmentationJob(portal="portal", **self.settings)
        return {name: getattr(job, name) for name in SEGMENTATION_SETTINGS}
