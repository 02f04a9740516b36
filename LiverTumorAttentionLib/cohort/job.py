"""Description of a cohort run, as the command line and scripts fill it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from LiverTumorAttentionLib.cohort.engine_settings import EngineSettings
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.file_identity import check_given
from LiverTumorAttentionLib.pipeline.jobs import SEGMENTATION_SETTINGS, SegmentationJob


@dataclass(frozen=True, kw_only=True)
class CohortJob(EngineSettings):
    """A cohort to segment. Raises `InputError` for a value out of range."""

    input: str
    """Folder of cases, tree of DICOM files, or list of cases (.csv)."""
    output: str
    """Folder of the results; made where it is missing."""
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
        super().__post_init__()
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
