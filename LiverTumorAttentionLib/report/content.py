"""Content of a report in words and numbers, for the JSON file and the page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.analysis import CaseReview
from LiverTumorAttentionLib.analysis.neck import is_neck_warning, neck_warnings
from LiverTumorAttentionLib.correction.sign_off import DRAFT, SignOff
from LiverTumorAttentionLib.identifying_names import without_names
from LiverTumorAttentionLib.report.plan import CasePlan
from LiverTumorAttentionLib.report.report_inputs import ReportCase
from LiverTumorAttentionLib.report.run_report import RunReport

SAME_VOLUME = 0.001
"""Volumes that differ by less than this share are those of one segmentation: files round spacings."""
LEAST_DIFFERENCE_ML = 0.01


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """A review with its case, plan and run.

    case: the volumes. review: of them. plan: what was planned, None without a plan. run: what is known of the run
    that found the tumors, None when nothing is. sign_off: who stands by the segmentation; None for a draft.
    """

    case: ReportCase
    review: CaseReview
    plan: CasePlan | None = None
    run: RunReport | None = None
    sign_off: SignOff | None = None

    def status(self) -> str:
        """Return who signed the case, or that it is a draft."""
        return f"{DRAFT}: not signed" if self.sign_off is None else self.sign_off.sentence()

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values, unrounded; nothing in it identifies a patient."""
        values = {
            "notice": NOT_FOR_CLINICAL_USE,
            "version": __version__,
            "phases": list(self.case.phases),
            "vessels": [] if self.case.vessels is None else list(self.case.vessels.names.values()),
            "segments": None if self.case.segments is None else self.case.segments.as_dict(),
            "sign_off": None
            if self.sign_off is None
            else {"reader": self.sign_off.reader, "time": self.sign_off.time},
            "run": None if self.run is None else self.run.as_dict(),
            **self.review.as_dict(),
            "plan": None if self.plan is None else self.plan.as_dict(),
            "warnings": [without_names(warning) for warning in self.warnings()],
        }
        for tumor, told in zip(self.review.tumors, values["tumors"], strict=True):
            nearest = tumor.nearest_vessel
            told["nearest_vessel"] = None if nearest is None else nearest.name
        # Tuples become lists, so that who reads the file gets what who asks the library gets.
        plain: dict[str, Any] = json.loads(json.dumps(values, allow_nan=False))
        return plain

    def warnings(self) -> list[str]:
        """Return the warnings for the user, one sentence each; those of the run may lack their names."""
        said = () if self.run is None else self.run.warnings
        again = {without_names(note) for note in self.case.notes}
        # The run's own are of tumors as it left them: those of the tumors as they are now take their place.
        return [
            *(
                warning
                for warning in said
                if without_names(warning) not in again and not is_neck_warning(warning)
            ),
            *self.case.notes,
            *self._changed(),
            *neck_warnings({t.number: t.measurement.neck_ratio for t in self.review.tumors}),
        ]

    def _changed(self) -> list[str]:
        """Return a warning when the segmentation is not the one that the run wrote."""
        if self.run is None or self.run.liver is None:
            return []
        now, then = self.review.case, self.run.liver
        for here, there in (
            (now.liver_volume_ml, then.volume_ml),
            (now.tumor_volume_ml, then.tumor_volume_ml),
        ):
            if abs(here - there) > max(LEAST_DIFFERENCE_ML, SAME_VOLUME * there):
                return [
                    "the segmentation is not as the run left it: it was changed since, or belongs to another run; "
                    "all numbers here are of the segmentation that was given"
                ]
        return []
