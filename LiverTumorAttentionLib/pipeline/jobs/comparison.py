"""Job of a comparison of two time points."""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.pipeline.jobs.base import LabelledJob
from LiverTumorAttentionLib.pipeline.jobs.review import PROPOSE_SEGMENTS

if TYPE_CHECKING:
    from LiverTumorAttentionLib.followup.declared import DeclaredPair

VISITS = {"baseline": "baseline", "followup": "follow-up"}
"""The two time points, by the names of fields, and as messages say them."""
LONGEST_MM = 500.0


@dataclass(frozen=True, kw_only=True)
class ComparisonJob(LabelledJob):
    """Two time points to compare. Raises `InputError` for a value out of range or files that collide."""

    baseline_portal: str
    """Portal venous CT of the baseline: a file or a DICOM folder."""
    baseline: str
    """Liver and tumors on its grid: `.seg.nrrd`, DICOM SEG or a label map."""
    followup_portal: str
    """Portal venous CT of the follow-up, likewise."""
    followup: str
    """Its segmentation, likewise."""
    baseline_arterial: str | None = None
    """Arterial CT of the baseline, on any grid: it is registered onto the portal one."""
    followup_arterial: str | None = None
    """Arterial CT of the follow-up, likewise."""
    arterial_registered: bool = False
    """Whether the arterial volumes lie on the portal grids, registered already."""
    baseline_series: str | None = None
    """Which DICOM series of the baseline's portal folder: its UID, its number in the list, or words of its name."""
    followup_series: str | None = None
    """Which DICOM series of the follow-up's portal folder, likewise."""
    baseline_arterial_series: str | None = None
    """Which DICOM series of the baseline's arterial folder, likewise."""
    followup_arterial_series: str | None = None
    """Which DICOM series of the follow-up's arterial folder, likewise."""
    baseline_headers: str | None = None
    """JSON file with what the DICOM headers say of volumes of the baseline that are no DICOM themselves, by the inputs
    portal and arterial; see `pipeline.headers_file`."""
    followup_headers: str | None = None
    """The same of the follow-up."""
    baseline_segments: str | None = None
    """Couinaud segments of the baseline, as `ReviewJob.segments` takes them."""
    followup_segments: str | None = None
    """Couinaud segments of the follow-up, likewise."""
    baseline_date: str | None = None
    """Day of the baseline, YYYY-MM-DD; None takes that of the DICOM headers."""
    followup_date: str | None = None
    """Day of the follow-up, likewise."""
    pair: tuple[str, ...] = ()
    """Pairs that a person names, such as "2=3", "2=none" (gone) or "none=3" (new)."""
    targets: tuple[int, ...] = ()
    """Target lesions that a person chose, by their numbers in the baseline; without them no response is told."""
    nadir_sum_mm: float | None = None
    """Smallest sum of the targets' diameters before this follow-up; None takes that of the baseline."""
    nadir_viable_sum_mm: float | None = None
    """Smallest sum of the targets' viable diameters before this follow-up, likewise."""
    non_target_progression: bool = False
    """Whether a person finds unequivocal progression of the lesions that are no targets."""
    viable: tuple[str, ...] = ()
    """Viable diameters in the follow-up that a person measured, "N=mm" by the target's number in the baseline."""
    baseline_viable: tuple[str, ...] = ()
    """The same in the baseline."""
    patient_name: str | None = None
    """Written at the head of the page. Nothing else that could identify a patient is written there."""
    output: str | None = None
    """Where the page goes, as HTML."""
    csv: str | None = None
    """Where the table of pairs goes, as CSV."""
    json: str | None = None
    """Where all numbers go, as JSON."""
    transform: str | None = None
    """Where the registration's transform goes (.h5, .tfm); it maps points of the baseline to points of the follow-up,
    LPS mm."""
    baseline_sr: str | None = None
    """Where the DICOM structured report of the baseline goes (.dcm); its portal volume must be a DICOM folder then."""
    baseline_seg: str | None = None
    """Where the DICOM SEG goes that it refers to, unless the segmentation is one itself."""
    followup_sr: str | None = None
    """The same of the follow-up: lesions that are one have the same tracking identifier in both."""
    followup_seg: str | None = None
    """Where the DICOM SEG goes that it refers to, likewise."""
    seed: int = 0
    """Seed of the voxels that registration samples."""

    def __post_init__(self) -> None:
        for visit, title in VISITS.items():
            for value, what in (
                (getattr(self, f"{visit}_portal"), "portal venous volume"),
                (getattr(self, visit), "segmentation"),
            ):
                if not value:
                    raise InputError(f"no {what} of the {title} was given: name a file")
        if not any(self.outputs().values()):
            raise InputError("nothing is asked for: name a file for the page, the table or the numbers")
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, got {self.seed}: give 0 or more")
        days = [self.day(visit) for visit in VISITS]
        if days[0] is not None and days[1] is not None and days[1] < days[0]:
            raise InputError(
                f"the follow-up ({self.followup_date}) is before the baseline ({self.baseline_date}): "
                "give the earlier one as the baseline"
            )
        for name in ("nadir_sum_mm", "nadir_viable_sum_mm"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 10 * LONGEST_MM:
                raise InputError(
                    f"a sum of diameters lies between 0 and {10 * LONGEST_MM:g} mm, got {value:g}: give it in mm"
                )
            if value is not None and not self.targets:
                raise InputError(
                    "a smallest sum was given, but no target that it is of: choose targets, or leave it out"
                )
        if (self.viable or self.baseline_viable or self.non_target_progression) and not self.targets:
            raise InputError(
                "a response was asked for, but no target was chosen: choose targets (--targets 1,3)"
            )
        self.declared()
        for visit in VISITS:
            self.viable_mm(visit)
        self._check_files()

    def declared(self) -> tuple[DeclaredPair, ...]:
        """Return the pairs that a person named."""
        # With it the package imports SimpleITK, without which a job can be described.
        from LiverTumorAttentionLib.followup.declared import DeclaredPair

        return tuple(DeclaredPair.of(text) for text in self.pair)

    def day(self, visit: str) -> datetime.date | None:
        """Return the day of a time point ("baseline" or "followup") that was given."""
        text = getattr(self, f"{visit}_date")
        if text is None:
            return None
        try:
            return datetime.date.fromisoformat(text)
        except ValueError:
            raise InputError(f"the date of the {VISITS[visit]} is {text!r}: give it as YYYY-MM-DD") from None

    def viable_mm(self, visit: str) -> dict[int, float]:
        """Return the viable diameters that a person measured at a time point, by the target's number."""
        found: dict[int, float] = {}
        for text in self.viable if visit == "followup" else self.baseline_viable:
            match = re.fullmatch(r"\s*(\d{1,5})\s*=\s*(\d{1,3}(?:\.\d+)?)\s*", text)
            if match is None or float(match[2]) > LONGEST_MM or not math.isfinite(float(match[2])):
                raise InputError(
                    f"a viable diameter is a target's number in the baseline and a length in mm, got {text!r}: "
                    "give it as 2=14.5, or 2=0 where nothing enhances"
                )
            number = int(match[1])
            if number not in self.targets:
                raise InputError(
                    f"a viable diameter was given for lesion {number}, which is no target: choose it as one, or "
                    "leave it out"
                )
            found[number] = float(match[2])
        return found

    def inputs(self) -> dict[str, str | None]:
        """Return what the run reads."""
        names = [f"{visit}{part}" for visit in VISITS for part in ("_portal", "", "_arterial", "_headers")]
        segments = {f"{visit}_segments": getattr(self, f"{visit}_segments") for visit in VISITS}
        files = {name: None if path == PROPOSE_SEGMENTS else path for name, path in segments.items()}
        return {**{name: getattr(self, name) for name in names}, **files}

    def outputs(self) -> dict[str, str | None]:
        """Return what the run writes; a DICOM SEG before the structured report that refers to it."""
        files = {
            "page": self.output,
            "table": self.csv,
            "numbers": self.json,
            "transform": self.transform,
        }
        for visit, title in VISITS.items():
            files[f"{title} DICOM SEG"] = getattr(self, f"{visit}_seg")
            files[f"{title} structured report"] = getattr(self, f"{visit}_sr")
        return files
