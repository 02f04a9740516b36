"""Job of the vessels of a liver."""

from __future__ import annotations

from dataclasses import dataclass

from LiverTumorAttentionLib.pipeline.jobs.base import LabelledJob


@dataclass(frozen=True, kw_only=True)
class VesselsJob(LabelledJob):
    """Vessels of a segmented liver, proposed. Raises `InputError` for files that collide."""

    portal: str
    """Portal venous CT: a file or a DICOM folder."""
    segmentation: str
    """Liver and tumors on the portal grid: `.seg.nrrd`, DICOM SEG or a label map."""
    output: str
    """Where the vessels go: .seg.nrrd or a label map of 1 portal vein, 2 hepatic veins, 3 vena cava."""
    portal_series: str | None = None
    """Which DICOM series of the portal folder: its UID, its number in the list, or words of its description."""
    headers: str | None = None
    """JSON file with what the DICOM headers say of a portal volume that is no DICOM itself; see
    `pipeline.headers_file`."""
    points: str | None = None
    """Places that a reader gives as JSON: portal_vein, hepatic_veins, vena_cava, each in LPS mm."""
    json: str | None = None
    """Where source and volumes go, as JSON."""

    def __post_init__(self) -> None:
        self._check_files()

    def inputs(self) -> dict[str, str | None]:
        """Return what the run reads."""
        return {name: getattr(self, name) for name in ("portal", "segmentation", "headers", "points")}

    def outputs(self) -> dict[str, str | None]:
        """Return what the run writes."""
        return {"vessels": self.output, "numbers": self.json}
