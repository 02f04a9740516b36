"""Checks of a data set before training. Every case is read whole, so that nothing fails hours later."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from LiverTumorAttentionLib.errors import LiverTumorAttentionError
from LiverTumorAttentionLib.progress import Progress
from training.data.case import SourceCase
from training.data.checks.case_checks import CaseReport, check_case
from training.data.checks.duplicates import duplicate_findings
from training.data.checks.finding import Finding, finding_from, print_findings, summary
from training.parallel import each

__all__ = ["Finding", "check_cases", "print_findings", "summary"]


def check_cases(
    cases: Sequence[SourceCase],
    progress: Progress | None = None,
    *,
    phases: Sequence[str] | None = None,
    processes: int | None = None,
) -> list[Finding]:
    """Return all that is wrong with the cases, in their order, errors of a case before its warnings.

    Checked are: files that can be read; the same grid of volume and labels; geometry and HU of a CT; values of the
    labels, a liver in them, tumors in the liver, a plausible place and size of it; the arterial volume over the
    liver; names or voxels that occur twice.
    phases: those that the recipe takes, so that a missing arterial volume is an error; None checks what there is.
    processes: None takes every core; each needs about 1 GB for 450 slices of 512 x 512, 2.5 GB for floating labels.
    Raises `Cancelled`.
    """
    work = functools.partial(check_case, phases=None if phases is None else tuple(phases))
    reports: dict[int, CaseReport] = {}
    for number, result in each(
        work, cases, processes=processes, progress=progress, name=lambda case: case.name
    ):
        if isinstance(result, Exception):
            result = CaseReport(findings=(_failed(cases[number].name, result),), digests={})
        reports[number] = result
    ordered = [reports[number] for number in range(len(cases))]
    found = [finding for report in ordered for finding in report.findings]
    found += duplicate_findings(cases, ordered)
    place = {case.name: number for number, case in enumerate(cases)}
    return sorted(found, key=lambda finding: (place[finding.case], finding.severity))


def _failed(case: str, error: Exception) -> Finding:
    if isinstance(error, LiverTumorAttentionError):
        return finding_from(case, "error", str(error))
    return Finding(
        case=case,
        severity="error",
        what=f"the check itself failed ({type(error).__name__}: {error})",
        do="report it as a fault of this program",
    )
