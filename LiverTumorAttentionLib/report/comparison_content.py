"""Content of a comparison of two time points in numbers, for the JSON file, the table and the page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.analysis.tumor_tables import csv_text
from LiverTumorAttentionLib.correction.sign_off import SignOff
from LiverTumorAttentionLib.followup.measures import VISITS, comparison_values, counts_of
from LiverTumorAttentionLib.identifying_names import without_names
from LiverTumorAttentionLib.pipeline.compare import ComparedCases, Visit
from LiverTumorAttentionLib.pipeline.jobs import ComparisonJob

COLUMNS = {
    "baseline": None,
    "followup": None,
    "status": None,
    "uncertain": None,
    "volumes.baseline_ml": 3,
    "volumes.followup_ml": 3,
    "diameters.baseline_mm": 1,
    "diameters.followup_mm": 1,
    "changes.volume_ml": 3,
    "changes.volume_percent": 1,
    "changes.diameter_mm": 1,
    "changes.diameter_percent": 1,
    "changes.doubling_time_days": 0,
    "segments.baseline": None,
    "segments.followup": None,
    "reasons": None,
}
"""Columns of the table of pairs, by their path in a pair's JSON values, and their decimals; None for text."""


@dataclass(frozen=True, kw_only=True)
class ComparisonContent:
    """Two compared time points with what the job says of them. sign_offs: who stands by each segmentation, or None."""

    job: ComparisonJob
    cases: ComparedCases
    sign_offs: dict[str, SignOff | None]

    def counts(self) -> dict[str, int]:
        """Return how many matches there are of each status."""
        return counts_of(self.cases.comparison)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values, unrounded; nothing in it identifies a patient."""
        measures = self.cases.measures.as_dict()
        visits = {
            name: {**measures[name], **_visit(getattr(self.cases, name), self.sign_offs[name])}
            for name in VISITS
        }
        values = {
            "notice": NOT_FOR_CLINICAL_USE,
            "version": __version__,
            "dates": {"baseline": self.job.baseline_date, "followup": self.job.followup_date},
            "registration": {
                **self.cases.registration.verdict.as_dict(),
                "place_sd_mm": self.cases.place_sd_mm,
            },
            **comparison_values(self.cases.comparison, self.cases.assessment),
            **measures,
            **visits,
            "warnings": [without_names(warning) for warning in self.cases.warnings],
        }
        plain: dict[str, Any] = json.loads(json.dumps(values, allow_nan=False))
        return plain

    def response_lines(self) -> list[str]:
        """Return the response in a few lines; what is still to be done where nobody chose targets."""
        found = self.cases.assessment
        if found.recist is None:
            may = ", ".join(str(c.number) for c in found.candidates if c.qualifies) or "none"
            return [f"no response: no target was chosen (lesions that qualify: {may})"]
        lines = [f"RECIST 1.1 in the liver: {found.recist_overall} (targets {found.recist.response})"]
        if found.mrecist is not None:
            lines.append(f"mRECIST in the liver: {found.mrecist_overall} (targets {found.mrecist.response})")
        return [*lines, *(f"open: {question}" for question in found.open)]

    def csv(self) -> str:
        """Return the table of pairs as CSV text."""
        rows = [
            {name: _cell(pair, name, digits) for name, digits in COLUMNS.items()}
            for pair in self.as_dict()["pairs"]
        ]
        heading = {
            name: name.replace("volumes.", "volume_")
            .replace("diameters.", "diameter_")
            .replace("segments.", "segments_")
            for name in COLUMNS
        }
        heading = {name: title.replace("changes.", "change_") for name, title in heading.items()}
        return csv_text(list(heading.values()), [{heading[n]: row[n] for n in row} for row in rows])


def _visit(visit: Visit, sign_off: SignOff | None) -> dict[str, Any]:
    verdict = visit.arterial_verdict
    return {
        "sign_off": None if sign_off is None else {"reader": sign_off.reader, "time": sign_off.time},
        "arterial_registration": None if verdict is None else verdict.as_dict(),
        "segments": None if visit.segments is None else visit.segments.as_dict(),
    }


def _cell(pair: dict[str, Any], path: str, digits: int | None) -> str:
    value: Any = pair
    for key in path.split("."):
        value = value[key]
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if digits is None else f"{value:.{digits}f}"
