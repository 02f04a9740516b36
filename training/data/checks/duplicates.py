"""Cases that occur twice, which would be trained and tested on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from training.data.case import SourceCase
from training.data.checks.case_checks import CaseReport
from training.data.checks.finding import Finding


def duplicate_findings(cases: Sequence[SourceCase], reports: Sequence[CaseReport]) -> Iterator[Finding]:
    """Yield names that are given twice, and volumes whose voxels are those of another volume."""
    names: dict[str, int] = defaultdict(int)
    for case in cases:
        names[case.name.lower()] += 1
    for case in {case.name.lower(): case for case in cases}.values():
        count = names[case.name.lower()]
        if count > 1:
            yield Finding(
                case=case.name,
                severity="error",
                what=f"{count} cases have this name (large and small letters are one)",
                do="rename all but one",
            )
    same: dict[str, list[tuple[SourceCase, str]]] = defaultdict(list)
    for case, report in zip(cases, reports, strict=True):
        for phase, found in report.digests.items():
            same[found].append((case, phase))
    for group in same.values():
        if len(group) > 1:
            yield _same_voxels(group)


def _same_voxels(group: Sequence[tuple[SourceCase, str]]) -> Finding:
    first, phase = group[0]
    others = [other for other, _ in group[1:]]
    listed = ", ".join(f"the {phase} volume of {other.name}" for other, phase in group[1:])
    if all(other is first for other in others):
        return Finding(
            case=first.name,
            severity="error",
            what="its arterial and its portal volume are the same voxels",
            do="name the file of each phase",
        )
    one_patient = first.patient is not None and all(other.patient == first.patient for other in others)
    return Finding(
        case=first.name,
        severity="warning" if one_patient else "error",
        what=f"its {phase} volume has the same voxels as {listed}",
        do="remove the copy, or, where both are meant (two readers), give them the same patient",
    )
