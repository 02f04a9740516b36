"""Change of sizes between two time points: diameters, volumes, doubling time, one row a pair of lesions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib.analysis import CaseMeasurement, TumorMeasurement
from LiverTumorAttentionLib.followup.matching import Match


@dataclass(frozen=True, kw_only=True)
class Change:
    """Change of the lesions of a match, all that belong together taken together.

    volume_ml, volume_percent: of the sum of their volumes. diameter_mm, diameter_percent: of the sum of their longest
    axial diameters, as RECIST 1.1 counts lesions that split (section 4.3.2). doubling_time_days: interval x ln 2 / ln
    (later volume / earlier volume), the time in which a volume that grows evenly doubles; None where it does not grow,
    or the dates are not known. Percent are of the baseline; all are None for what is new.
    """

    volume_ml: float | None = None
    volume_percent: float | None = None
    diameter_mm: float | None = None
    diameter_percent: float | None = None
    doubling_time_days: float | None = None


@dataclass(frozen=True, kw_only=True)
class LesionPair:
    """A lesion of the baseline and one of the follow-up: one row of the table.

    A lesion that split is in one row with each piece, and so is each of several that merged; `match` has all of them.
    """

    match: Match
    baseline: TumorMeasurement | None
    followup: TumorMeasurement | None
    change: Change

    def as_dict(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {
            "baseline": None if self.baseline is None else self.baseline.number,
            "followup": None if self.followup is None else self.followup.number,
            "status": self.match.status,
            "uncertain": self.match.uncertain,
            "reasons": list(self.match.reasons),
            "missing": self.match.missing or None,
            "together": {"baseline": list(self.match.baseline), "followup": list(self.match.followup)},
            "segments": {
                "baseline": None if self.baseline is None else self.baseline.segments,
                "followup": None if self.followup is None else self.followup.segments,
            },
            "volumes": {
                "baseline_ml": _of(self.baseline, "volume_ml"),
                "followup_ml": _of(self.followup, "volume_ml"),
            },
            "diameters": {
                "baseline_mm": _of(self.baseline, "longest_axial_diameter_mm"),
                "followup_mm": _of(self.followup, "longest_axial_diameter_mm"),
                "baseline_perpendicular_mm": _of(self.baseline, "perpendicular_diameter_mm"),
                "followup_perpendicular_mm": _of(self.followup, "perpendicular_diameter_mm"),
            },
            "changes": {
                "volume_ml": self.change.volume_ml,
                "volume_percent": self.change.volume_percent,
                "diameter_mm": self.change.diameter_mm,
                "diameter_percent": self.change.diameter_percent,
                "doubling_time_days": self.change.doubling_time_days,
            },
        }


@dataclass(frozen=True, kw_only=True)
class TimePoint:
    """What is measured at one time: the case as a whole, and its lesions by number."""

    case: CaseMeasurement
    tumors: Mapping[int, TumorMeasurement]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Sizes at both times and their changes. interval_days: between them; None where a date is not known."""

    baseline: TimePoint
    followup: TimePoint
    matches: tuple[Match, ...]
    pairs: tuple[LesionPair, ...]
    interval_days: float | None = None

    def match_of(self, baseline: int) -> Match:
        """Return the match that holds a lesion of the baseline."""
        return next(match for match in self.matches if baseline in match.baseline)


def compare_sizes(
    baseline: TimePoint, followup: TimePoint, matches: Sequence[Match], interval_days: float | None = None
) -> Comparison:
    """Return the table of a matching: a row for every pair of lesions that belong together, new ones last."""
    pairs = []
    for match in matches:
        change = change_of(match, baseline.tumors, followup.tumors, interval_days)
        for one in match.baseline or (None,):
            for other in match.followup or (None,):
                pairs.append(
                    LesionPair(
                        match=match,
                        baseline=None if one is None else baseline.tumors[one],
                        followup=None if other is None else followup.tumors[other],
                        change=change,
                    )
                )
    return Comparison(
        baseline=baseline,
        followup=followup,
        matches=tuple(matches),
        pairs=tuple(pairs),
        interval_days=interval_days,
    )


def change_of(
    match: Match,
    before: Mapping[int, TumorMeasurement],
    after: Mapping[int, TumorMeasurement],
    interval_days: float | None,
) -> Change:
    """Return the change of all lesions of a match together."""
    if not match.baseline:
        return Change()
    if match.missing == "field of view":
        return Change()  # what became of it is not seen
    volumes = [
        sum(t[n].volume_ml for n in ns) for t, ns in ((before, match.baseline), (after, match.followup))
    ]
    lengths = [
        sum(t[n].longest_axial_diameter_mm for n in ns)
        for t, ns in ((before, match.baseline), (after, match.followup))
    ]
    return Change(
        volume_ml=volumes[1] - volumes[0],
        volume_percent=100.0 * (volumes[1] - volumes[0]) / volumes[0],
        diameter_mm=lengths[1] - lengths[0],
        diameter_percent=100.0 * (lengths[1] - lengths[0]) / lengths[0],
        doubling_time_days=doubling_time_days(volumes[0], volumes[1], interval_days),
    )


def doubling_time_days(before_ml: float, after_ml: float, interval_days: float | None) -> float | None:
    """Return the time in which a volume doubles that grows by the same factor in equal times.

    Source: Collins et al., Am. J. Roentgenol. 76 (1956); Schwartz, Cancer 14 (1961): T = t ln 2 / ln(V2 / V1).
    None where nothing grows or the interval is not known.
    """
    if interval_days is None or interval_days <= 0 or after_ml <= before_ml or before_ml <= 0:
        return None
    return interval_days * math.log(2.0) / math.log(after_ml / before_ml)


def _of(tumor: TumorMeasurement | None, name: str) -> float | None:
    return None if tumor is None else float(getattr(tumor, name))
