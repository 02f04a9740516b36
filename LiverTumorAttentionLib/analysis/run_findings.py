"""Findings of a run, as its report tells them: the lesion probability of the tumors that are as the run left them.

A tumor that was drawn or changed by hand is not what the run judged, so it has no lesion probability. Numbers of tumors
change with corrections, and a study may have been moved; what a tumor measures tells it apart instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from LiverTumorAttentionLib.analysis.tumors import TumorMeasurement

SAME_VOLUME = 2e-6
"""Volumes that differ by less than this share are the same: files round spacings to 24 bits."""
SAME_HU = 1e-3
"""Means and standard deviations that differ by less are the same."""


class Measured(Protocol):
    """What of a tumor tells whether it is as a run left it; fields as in `TumorMeasurement`."""

    @property
    def volume_ml(self) -> float: ...
    @property
    def mean_hu_portal(self) -> float: ...
    @property
    def sd_hu_portal(self) -> float: ...
    @property
    def centroid_lps_mm(self) -> tuple[float, float, float]: ...


@dataclass(frozen=True, kw_only=True)
class RunFinding:
    """A tumor as a run left it; fields as in `TumorMeasurement`."""

    volume_ml: float
    mean_hu_portal: float
    sd_hu_portal: float
    centroid_lps_mm: tuple[float, float, float]
    lesion_probability: float

    def is_as(self, tumor: Measured) -> bool:
        """Whether a tumor is this one, unchanged."""
        return (
            math.isclose(self.volume_ml, tumor.volume_ml, rel_tol=SAME_VOLUME)
            and abs(self.mean_hu_portal - tumor.mean_hu_portal) <= SAME_HU
            and abs(self.sd_hu_portal - tumor.sd_hu_portal) <= SAME_HU
        )


def run_findings(report: Mapping[str, Any]) -> tuple[RunFinding, ...]:
    """Return the findings that a run's report gives a lesion probability; none for a model without.

    report: what `segment --report` wrote. What is no such finding is left out: older reports have none.
    """
    findings = []
    tumors = report.get("tumors")
    for tumor in tumors if isinstance(tumors, list) else ():
        try:
            x, y, z = (float(value) for value in tumor["centroid_lps_mm"])
            names = ("volume_ml", "mean_hu_portal", "sd_hu_portal", "lesion_probability")
            numbers = {name: float(tumor[name]) for name in names}
        except (KeyError, TypeError, ValueError):
            continue
        findings.append(RunFinding(centroid_lps_mm=(x, y, z), **numbers))
    return tuple(findings)


def with_lesion_probabilities(
    tumors: Sequence[TumorMeasurement], findings: Sequence[RunFinding]
) -> list[TumorMeasurement]:
    """Return tumors with the lesion probability of the finding that each is, unchanged; None for the others.

    Of several findings that measure the same the nearest counts.
    """
    return [replace(tumor, lesion_probability=lesion_probability_of(tumor, findings)) for tumor in tumors]


def lesion_probability_of(tumor: Measured, findings: Sequence[RunFinding]) -> float | None:
    """Return the lesion probability of the finding that a tumor is, unchanged; None where it is none."""
    same = [finding for finding in findings if finding.is_as(tumor)]
    nearest = min(same, key=lambda f: math.dist(f.centroid_lps_mm, tumor.centroid_lps_mm), default=None)
    return None if nearest is None else nearest.lesion_probability
