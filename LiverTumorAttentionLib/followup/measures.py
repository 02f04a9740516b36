"""What is measured at two time points, from which pairs, changes and response follow without a volume.

A reader who names a pair, a target, a date, a sum or a viable diameter sees at once what follows, and the same as a run
that was told all of it finds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from LiverTumorAttentionLib.analysis import CaseMeasurement, TumorMeasurement
from LiverTumorAttentionLib.analysis.segments.liver_segments import SegmentShare
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.followup.changes import Comparison, TimePoint, compare_sizes
from LiverTumorAttentionLib.followup.criteria import Candidate, candidate, check_targets
from LiverTumorAttentionLib.followup.declared import DeclaredPair
from LiverTumorAttentionLib.followup.matching import FollowedLesions, match_lesions
from LiverTumorAttentionLib.followup.response import Assessment, Chosen, assess
from LiverTumorAttentionLib.followup.viable import ViableTumor

STATUSES = ("matched", "split", "merged", "new", "gone")
VISITS = ("baseline", "followup")


@dataclass(frozen=True, kw_only=True)
class FollowUpMeasures:
    """Measures of both time points.

    points: baseline and follow-up. lesions: what their matching needs. viable: the viable parts by the lesions'
    numbers. slice_mm: thickness of the baseline's slices.
    """

    points: tuple[TimePoint, TimePoint]
    lesions: FollowedLesions
    viable: tuple[Mapping[int, ViableTumor], Mapping[int, ViableTumor]]
    slice_mm: float

    def candidates(self) -> dict[int, Candidate]:
        """Return the lesions of the baseline as targets, by number."""
        return candidates_of(self.points[0], self.slice_mm)

    def compared(self, declared: Sequence[DeclaredPair], interval_days: float | None) -> Comparison:
        """Return pairs and changes. Raises `InputError` for a declared lesion that there is not."""
        return compare_sizes(*self.points, match_lesions(self.lesions, declared), interval_days)

    def assessed(self, comparison: Comparison, chosen: Chosen) -> Assessment:
        """Return the response. Raises `InputError` for targets that cannot be targets."""
        candidates = self.candidates()
        check_targets(chosen.targets, candidates)
        return assess(comparison, candidates, chosen, self.viable)

    def as_dict(self) -> dict[str, Any]:
        """Return the measures as JSON values."""
        visits = {
            name: {**asdict(point.case), "tumors": [asdict(tumor) for tumor in point.tumors.values()]}
            for name, point in zip(VISITS, self.points, strict=True)
        }
        visits["baseline"]["slice_mm"] = self.slice_mm
        return {
            **visits,
            "matching": self.lesions.as_dict(),
            "viable": {
                name: [asdict(part) for part in found.values()]
                for name, found in zip(VISITS, self.viable, strict=True)
            },
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FollowUpMeasures:
        """Read what `as_dict` returned, and the JSON file of `compare`. Raises `InputError` for what is neither."""
        try:
            before, after = (
                {part["number"]: ViableTumor(**part) for part in values["viable"][v]} for v in VISITS
            )
            return cls(
                points=(_point(values["baseline"]), _point(values["followup"])),
                lesions=FollowedLesions.from_dict(values["matching"]),
                viable=(before, after),
                slice_mm=float(values["baseline"]["slice_mm"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                "the measures of this follow-up are damaged, or of another version: run the comparison again"
            ) from error


def comparison_values(comparison: Comparison, assessment: Assessment) -> dict[str, Any]:
    """Return what follows from measures and what a person said, as JSON values; lists may still be tuples."""
    return {
        "interval_days": comparison.interval_days,
        "counts": counts_of(comparison),
        "pairs": [pair.as_dict() for pair in comparison.pairs],
        "response": asdict(assessment),
    }


def counts_of(comparison: Comparison) -> dict[str, int]:
    """Return how many matches there are of each status."""
    found = Counter[str](match.status for match in comparison.matches)
    return {status: found[status] for status in STATUSES}


def candidates_of(baseline: TimePoint, slice_mm: float) -> dict[int, Candidate]:
    """Return the lesions of the baseline as targets, by number. slice_mm: the slices' thickness."""
    return {
        number: candidate(number, tumor.longest_axial_diameter_mm, slice_mm)
        for number, tumor in baseline.tumors.items()
    }


def _point(values: Mapping[str, Any]) -> TimePoint:
    names = CaseMeasurement.__dataclass_fields__
    return TimePoint(
        case=CaseMeasurement(**{name: values[name] for name in names}),
        tumors={tumor["number"]: _tumor(tumor) for tumor in values["tumors"]},
    )


def _tumor(values: Mapping[str, Any]) -> TumorMeasurement:
    shares = tuple(SegmentShare(**share) for share in values["segment_shares"])
    return TumorMeasurement(**{**values, "segment_shares": shares})
