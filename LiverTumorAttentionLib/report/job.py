"""What a report is asked to hold: the one description that the command line, Slicer and scripts all fill in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError


@dataclass(frozen=True, kw_only=True)
class ReviewJob:
    """A segmented case to report on. Raises `InputError` when a value cannot be meant."""

    portal: str
    """Portal venous CT: a file or a DICOM folder."""
    segmentation: str
    """Liver and tumours on the portal grid: `.seg.nrrd`, DICOM SEG or a label map."""
    arterial: str | None = None
    """Arterial CT, registered onto the portal grid."""
    portal_series: str | None = None
    """Which DICOM series of the portal folder: its UID, its number in the list, or words of its description."""
    arterial_series: str | None = None
    """Which DICOM series of the arterial folder, likewise."""
    probability: str | None = None
    """Probability of tumour on the portal grid."""
    vessels: str | None = None
    """Named vessels on the portal grid: `.seg.nrrd`, DICOM SEG or a label map."""
    plan: str | None = None
    """Margins and resections to compute, as JSON; see `report/README.md`."""
    report: str | None = None
    """What `segment` wrote as its report: model, versions and the verdict on the registration."""
    weight_kg: float | None = None
    """The body's weight, for what a resection leaves by kilogram; it counts before that of the plan."""
    patient_name: str | None = None
    """Written at the head of the page. Nothing else that could identify a patient is written there."""
    arterial_source: str | None = None
    """DICOM folder of the arterial series before registration, which the DICOM SR then names as source."""
    output: str | None = None
    """Where the page goes, as HTML."""
    csv: str | None = None
    """Where the table of tumours goes, as CSV."""
    json: str | None = None
    """Where all numbers go, as JSON."""
    sr: str | None = None
    """Where the DICOM structured report goes (.dcm); the portal volume must be a DICOM folder then."""
    seg: str | None = None
    """Where the DICOM SEG goes that the structured report refers to, unless the segmentation is one itself."""

    def __post_init__(self) -> None:
        for value, what in ((self.portal, "portal venous volume"), (self.segmentation, "segmentation")):
            if not value:
                raise InputError(f"no {what} was given: name a file")
        if not any(self.outputs().values()):
            raise InputError("nothing is asked for: name a file for the page, the table or the numbers")
        if self.weight_kg is not None and self.plan is None:
            raise InputError("a weight was given, but no plan that would need it: give one, or leave it out")
        if self.arterial_source is not None and (self.sr is None or self.arterial is None):
            raise InputError(
                "the source of the arterial volume is named in a DICOM SR: ask for one and give the registered "
                "arterial volume, or leave the source out"
            )
        self._check_files()

    def _check_files(self) -> None:
        """Raise `InputError` when a file would be written twice, or over one that is read."""
        written = [Path(path).resolve() for path in self.outputs().values() if path]
        names = ("portal", "segmentation", "arterial", "probability", "vessels", "plan", "report")
        read = [Path(path).resolve() for path in (getattr(self, name) for name in names) if path]
        for path in written:
            if written.count(path) > 1:
                raise InputError(f"two results would be written to {path}: give each its own file")
            if path in read:
                raise InputError(
                    f"{path} would be written over, though it is read: give the result another name"
                )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ReviewJob:
        """Build a job from JSON values. Raises `InputError` naming an unknown key and the nearest known one."""
        return from_mapping(cls, values, where="job")

    def outputs(self) -> dict[str, str | None]:
        """Return the files that the run writes, by what they hold; None where nothing is asked for."""
        return {
            "page": self.output,
            "table": self.csv,
            "numbers": self.json,
            "structured report": self.sr,
            "segmentation": self.seg,
        }
