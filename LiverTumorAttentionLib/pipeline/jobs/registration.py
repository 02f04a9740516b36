"""Job of two phases to register."""

from __future__ import annotations

from dataclasses import dataclass

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.pipeline.jobs.base import ReportedJob


@dataclass(frozen=True, kw_only=True)
class RegistrationJob(ReportedJob):
    """Two phases to register. Raises `InputError` for a value out of range or files that collide."""

    fixed: str
    """Portal venous CT: a file or a DICOM folder."""
    moving: str
    """Arterial CT of the same examination, likewise."""
    fixed_series: str | None = None
    """Which DICOM series of the fixed folder: its UID, its number in the list, or words of its description."""
    moving_series: str | None = None
    """Which DICOM series of the moving folder, likewise."""
    model: str = "demonstration"
    """Model whose liver stage finds the livers that mask the registration."""
    device: str = "auto"
    """"auto", "cpu", "cuda" or "cuda:N"."""
    output: str | None = None
    """Where the moving volume on the fixed volume's grid goes."""
    transform: str | None = None
    """Where the transform goes; it maps points of the fixed volume to points of the moving one, LPS mm."""
    inverse: str | None = None
    """Where the inverse transform goes, from points of the moving volume to points of the fixed one, likewise."""
    preview: str | None = None
    """Where a picture for checking by eye goes, as PNG: checkerboards and differences, before and after."""
    report: str | None = None
    """Where the verdict and its numbers go, as JSON."""
    seed: int = 0
    """Seed of the voxels that are sampled."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, got {self.seed}: give 0 or more")
        self._check_files()

    def inputs(self) -> dict[str, str | None]:
        """Return what the run reads."""
        return {"fixed": self.fixed, "moving": self.moving, "model": self.model}

    def outputs(self) -> dict[str, str | None]:
        """Return what the run writes."""
        return {
            "registered": self.output,
            "transform": self.transform,
            "inverse": self.inverse,
            "preview": self.preview,
            "report": self.report,
        }
