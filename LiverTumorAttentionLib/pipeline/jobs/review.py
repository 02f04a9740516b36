"""Job of a segmented case to report on."""

from __future__ import annotations

from dataclasses import dataclass

from LiverTumorAttentionLib.contrast_phase import REGISTERED_ROLES
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.pipeline.jobs.base import LabelledJob

PROPOSE_SEGMENTS = "propose"
"""In place of a file of Couinaud segments: the network that ships with the library proposes them."""


@dataclass(frozen=True, kw_only=True)
class ReviewJob(LabelledJob):
    """A segmented case to report on. Raises `InputError` for a value out of range or files that collide."""

    portal: str
    """Portal venous CT: a file or a DICOM folder."""
    segmentation: str
    """Liver and tumors on the portal grid: `.seg.nrrd`, DICOM SEG or a label map."""
    arterial: str | None = None
    """Arterial CT, registered onto the portal grid."""
    delayed: str | None = None
    """Delayed CT, likewise."""
    native: str | None = None
    """CT without contrast, likewise."""
    portal_series: str | None = None
    """Which DICOM series of the portal folder: its UID, its number in the list, or words of its description."""
    arterial_series: str | None = None
    """Which DICOM series of the arterial folder, likewise."""
    delayed_series: str | None = None
    """Which DICOM series of the delayed folder, likewise."""
    native_series: str | None = None
    """Which DICOM series of the native folder, likewise."""
    probability: str | None = None
    """Probability of tumor on the portal grid."""
    vessels: str | None = None
    """Named vessels on the portal grid: `.seg.nrrd`, DICOM SEG or a label map."""
    segments: str | None = None
    """Couinaud segments: a `.seg.nrrd`, DICOM SEG or label map of 1 to 8 on the portal grid, landmarks (.json), or
    "propose" for those of the network that ships with the library."""
    plan: str | None = None
    """Margins and resections to compute, as JSON; see `report/README.md`."""
    log: str | None = None
    """Log of corrections, which says who signed the case; None takes the one in the header of a `.seg.nrrd`."""
    report: str | None = None
    """What `segment` wrote as its report: model, versions and the verdict on the registration."""
    weight_kg: float | None = None
    """The body's weight, for what a resection leaves by kilogram; it counts before that of the plan."""
    height_cm: float | None = None
    """The body's height, for the estimated liver volume; likewise."""
    patient_name: str | None = None
    """Written at the head of the page. Nothing else that could identify a patient is written there."""
    arterial_source: str | None = None
    """DICOM folder of the arterial series before registration, which the DICOM SR then names as source."""
    delayed_source: str | None = None
    """DICOM folder of the delayed series before registration, likewise."""
    native_source: str | None = None
    """DICOM folder of the native series before registration, likewise."""
    output: str | None = None
    """Where the page goes, as HTML."""
    csv: str | None = None
    """Where the table of tumors goes, as CSV."""
    plan_csv: str | None = None
    """Where the table of the plan goes, as CSV: a row for each resection and each cut through a vessel."""
    json: str | None = None
    """Where all numbers go, as JSON."""
    sr: str | None = None
    """Where the DICOM structured report goes (.dcm); the portal volume must be a DICOM folder then."""
    seg: str | None = None
    """Where the DICOM SEG goes that the structured report refers to, unless the segmentation is one itself."""
    rtstruct: str | None = None
    """Where the DICOM RT Structure Set goes (.dcm); the portal volume must be a DICOM folder then."""

    def __post_init__(self) -> None:
        for value, what in ((self.portal, "portal venous volume"), (self.segmentation, "segmentation")):
            if not value:
                raise InputError(f"no {what} was given: name a file")
        if not any(self.outputs().values()):
            raise InputError("nothing is asked for: name a file for the page, the table or the numbers")
        for size, what in ((self.weight_kg, "weight"), (self.height_cm, "height")):
            if size is not None and self.plan is None:
                raise InputError(
                    f"a {what} was given, but no plan that would need it: give one, or leave it out"
                )
        if self.plan_csv is not None and self.plan is None:
            raise InputError(
                "a table of the plan is asked for, but no plan was given: give one, or leave the table out"
            )
        for phase, source in self.sources().items():
            if source is not None and (self.sr is None or getattr(self, phase) is None):
                raise InputError(
                    f"the source of the {phase} volume is named in a DICOM SR: ask for one and give the registered "
                    f"{phase} volume, or leave the source out"
                )
        self._check_files()

    def inputs(self) -> dict[str, str | None]:
        """Return what the run reads."""
        names = (
            "portal",
            "segmentation",
            *REGISTERED_ROLES,
            "probability",
            "vessels",
            "plan",
            "log",
            "report",
        )
        segments = None if self.segments == PROPOSE_SEGMENTS else self.segments
        sources = {f"{phase}_source": source for phase, source in self.sources().items()}
        return {**{name: getattr(self, name) for name in names}, "segments": segments, **sources}

    def sources(self) -> dict[str, str | None]:
        """Return the DICOM folders of the phases before registration, by phase."""
        return {phase: getattr(self, f"{phase}_source") for phase in REGISTERED_ROLES}

    def outputs(self) -> dict[str, str | None]:
        """Return what the run writes; the DICOM SEG before the structured report, which refers to it."""
        return {
            "page": self.output,
            "table": self.csv,
            "plan table": self.plan_csv,
            "numbers": self.json,
            "DICOM SEG": self.seg,
            "structured report": self.sr,
            "RT Structure Set": self.rtstruct,
        }
