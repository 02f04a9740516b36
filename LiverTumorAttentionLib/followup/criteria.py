"""RECIST 1.1 and mRECIST: which lesions may be targets, and the response by sums of diameters.

Sources: Eisenhauer et al., Eur. J. Cancer 45 (2009), RECIST 1.1, sections 3, 4 and Tables 1 and 2; Lencioni and
Llovet, Semin. Liver Dis. 30 (2010), mRECIST for hepatocellular carcinoma. Only the liver is known here; what is
elsewhere in the body is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from LiverTumorAttentionLib.errors import InputError

Response = Literal["CR", "PR", "SD", "PD", "NE"]
NonTarget = Literal["CR", "non-CR/non-PD", "PD", "NE", "none"]

SMALLEST_TARGET_MM = 10.0
"""Longest axial diameter from which a lesion on CT is measurable (section 3.1),"""
SLICES_A_TARGET = 2.0
"""and so many slice thicknesses, where slices are thicker than 5 mm (section 3.1 and its appendix on CT)."""
MOST_TARGETS = 2
"""Targets in one organ (section 3.2)."""
PR_PERCENT = -30.0
PD_PERCENT = 20.0
PD_MM = 5.0
"""Progression needs this absolute increase too (section 4.3.1); mRECIST knows no such rule."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A lesion of the baseline as a target. reasons: why it does not qualify; empty where it does."""

    number: int
    longest_axial_diameter_mm: float
    reasons: tuple[str, ...] = ()

    @property
    def qualifies(self) -> bool:
        """Whether it may be chosen."""
        return not self.reasons


def candidate(number: int, longest_mm: float, slice_mm: float) -> Candidate:
    """Return a lesion with what keeps it from being a target. slice_mm: the slices' thickness."""
    reasons = []
    if longest_mm < SMALLEST_TARGET_MM:
        reasons.append(f"its longest axial diameter is below {SMALLEST_TARGET_MM:g} mm")
    if longest_mm < SLICES_A_TARGET * slice_mm:
        reasons.append(f"it is smaller than twice the slice thickness of {slice_mm:g} mm")
    return Candidate(number=number, longest_axial_diameter_mm=longest_mm, reasons=tuple(reasons))


def check_targets(targets: tuple[int, ...], candidates: dict[int, Candidate]) -> None:
    """Raise `InputError` where a person's targets cannot be targets. candidates: all lesions by number."""
    listed = ", ".join(str(n) for n, c in sorted(candidates.items()) if c.qualifies) or "none"
    if len(set(targets)) != len(targets):
        raise InputError(f"a target was chosen twice, in {list(targets)}: name each once")
    if len(targets) > MOST_TARGETS:
        raise InputError(
            f"{len(targets)} targets were chosen, RECIST 1.1 takes at most {MOST_TARGETS} in one organ: choose fewer"
        )
    for number in targets:
        if number not in candidates:
            raise InputError(f"the baseline has no lesion {number}: choose targets among {listed}")
        if not candidates[number].qualifies:
            raise InputError(
                f"lesion {number} cannot be a target, since {' and '.join(candidates[number].reasons)}: "
                f"choose targets among {listed}"
            )


@dataclass(frozen=True, kw_only=True)
class SumResponse:
    """Response of the targets by the sum of their diameters.

    nadir_mm: the smallest sum so far, that of the baseline included. change_percent: against the baseline;
    increase_percent, increase_mm: against the nadir; None where they cannot be told.
    """

    baseline_mm: float
    followup_mm: float | None
    nadir_mm: float
    change_percent: float | None
    increase_percent: float | None
    increase_mm: float | None
    response: Response


def response_of_sums(
    baseline_mm: float,
    followup_mm: float | None,
    nadir_mm: float | None = None,
    *,
    all_gone: bool = False,
    least_increase_mm: float = PD_MM,
) -> SumResponse:
    """Return the response of the targets (RECIST 1.1, section 4.3.1).

    CR: all have disappeared. PD: at least 20 % above the smallest sum so far, the baseline's included, and at least
    5 mm above it. PR: at least 30 % below the baseline's. SD: neither. Progression counts before partial response: a
    sum may be both, below the baseline's and above the nadir. NE: a target cannot be measured.

    followup_mm: None where a target cannot be measured. nadir_mm: smallest sum before this follow-up; None is the
    baseline's. least_increase_mm: 0 for mRECIST, which has no absolute rule.
    """
    nadir = baseline_mm if nadir_mm is None else min(nadir_mm, baseline_mm)
    if followup_mm is None:
        return SumResponse(
            baseline_mm=baseline_mm,
            followup_mm=None,
            nadir_mm=nadir,
            change_percent=None,
            increase_percent=None,
            increase_mm=None,
            response="NE",
        )
    change = _percent(followup_mm, baseline_mm)
    increase_mm = followup_mm - nadir
    increase = _percent(followup_mm, nadir)
    # After complete response what appears again is progression, whatever its size (RECIST 1.1, questions and answers).
    grown = increase is None or (_reaches(increase, PD_PERCENT) and _reaches(increase_mm, least_increase_mm))
    response: Response = "SD"
    if all_gone:
        response = "CR"
    elif increase_mm > 0 and grown:
        response = "PD"
    elif change is not None and _reaches(-change, -PR_PERCENT):
        response = "PR"
    return SumResponse(
        baseline_mm=baseline_mm,
        followup_mm=followup_mm,
        nadir_mm=nadir,
        change_percent=change,
        increase_percent=increase,
        increase_mm=increase_mm,
        response=response,
    )


def overall_response(target: Response | None, non_target: NonTarget, new_lesions: bool) -> str:
    """Return the overall response at a time point (RECIST 1.1, Table 1; Table 2 without target lesions).

    target: None where there is none. non_target: "none" where there are no other lesions.
    """
    if new_lesions or non_target == "PD" or target == "PD":
        return "PD"
    if target is None:
        return "NE" if non_target == "none" else non_target
    if target == "CR":
        return "CR" if non_target in ("CR", "none") else "PR"
    return target


def _percent(value: float, of: float) -> float | None:
    return None if of <= 0 else 100.0 * (value - of) / of


def _reaches(value: float, limit: float) -> bool:
    """Return whether a value reaches a limit; what rounding of floating point takes away counts."""
    return value >= limit - 1e-9
