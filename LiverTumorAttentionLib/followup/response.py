"""Response of the targets that a person chose, by RECIST 1.1 and mRECIST, volumes beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from LiverTumorAttentionLib.followup.changes import Comparison
from LiverTumorAttentionLib.followup.criteria import (
    Candidate,
    NonTarget,
    SumResponse,
    overall_response,
    response_of_sums,
)
from LiverTumorAttentionLib.followup.matching import Match
from LiverTumorAttentionLib.followup.viable import ViableTumor

MRECIST_NEW_MM = 10.0
"""A new lesion counts for mRECIST from this diameter on (Lencioni and Llovet 2010); a reader judges its pattern."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a person says of the response.

    targets: numbers of the baseline. nadir_mm, nadir_viable_mm: smallest sums so far, None for the baseline's.
    non_target_progression: whether unequivocal progression of the other lesions is seen. viable_mm: measured viable
    diameters of the baseline and of the follow-up, by the target's number in the baseline.
    """

    targets: tuple[int, ...]
    nadir_mm: float | None = None
    nadir_viable_mm: float | None = None
    non_target_progression: bool = False
    viable_mm: tuple[Mapping[int, float], Mapping[int, float]] = ({}, {})


@dataclass(frozen=True, kw_only=True)
class TargetRow:
    """A target at both times. diameters in mm; None where it cannot be measured. by_person: viable ones that are."""

    number: int
    followup: tuple[int, ...]
    status: str
    baseline_mm: float
    followup_mm: float | None
    baseline_ml: float
    followup_ml: float | None
    baseline_viable_mm: float | None
    followup_viable_mm: float | None
    baseline_viable_by_person: bool
    followup_viable_by_person: bool
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """Response at the follow-up.

    candidates: all lesions of the baseline with what keeps them from being targets. targets: those that were chosen;
    without them everything else is empty. non_targets: the other lesions of the baseline. new: certain new lesions,
    numbers of the follow-up; maybe_new: those that are uncertain and do not count. recist, mrecist: of the sums;
    mrecist is None without viable diameters of all targets. volume_percent: change of the sum of the targets' volumes.
    settled: whether no uncertain pair bears on it. open: what a person has to settle, in words.
    """

    candidates: tuple[Candidate, ...]
    targets: tuple[TargetRow, ...] = ()
    non_targets: tuple[int, ...] = ()
    non_target_response: NonTarget = "none"
    new: tuple[int, ...] = ()
    maybe_new: tuple[int, ...] = ()
    recist: SumResponse | None = None
    recist_overall: str | None = None
    mrecist: SumResponse | None = None
    mrecist_overall: str | None = None
    volume_baseline_ml: float | None = None
    volume_followup_ml: float | None = None
    volume_percent: float | None = None
    settled: bool = True
    open: tuple[str, ...] = field(default=())


Viable = tuple[Mapping[int, ViableTumor], Mapping[int, ViableTumor]]


def assess(
    comparison: Comparison,
    candidates: Mapping[int, Candidate],
    chosen: Chosen,
    viable: Viable = ({}, {}),
) -> Assessment:
    """Return the response. candidates: all lesions of the baseline by number. viable: at both times, by number."""
    listed = tuple(candidates[number] for number in sorted(candidates))
    if not chosen.targets:
        return Assessment(candidates=listed)
    rows = _rows(comparison, chosen, viable)
    others = tuple(number for number in sorted(candidates) if number not in chosen.targets)
    non_target = _non_target(comparison, others, chosen)
    new = [m for m in comparison.matches if m.status == "new"]
    certain = tuple(n for m in new if not m.uncertain for n in m.followup)
    maybe = tuple(n for m in new if m.uncertain for n in m.followup)

    gone = all(row.followup_mm == 0.0 for row in rows)
    recist = response_of_sums(
        _total(row.baseline_mm for row in rows) or 0.0,
        _total(row.followup_mm for row in rows),
        chosen.nadir_mm,
        all_gone=gone,
    )
    mrecist, mrecist_overall = _mrecist(rows, comparison, non_target, certain, chosen)
    before, after = _total(row.baseline_ml for row in rows), _total(row.followup_ml for row in rows)
    questions = _open(comparison, chosen, maybe)
    return Assessment(
        candidates=listed,
        targets=rows,
        non_targets=others,
        non_target_response=non_target,
        new=certain,
        maybe_new=maybe,
        recist=recist,
        recist_overall=overall_response(recist.response, non_target, bool(certain)),
        mrecist=mrecist,
        mrecist_overall=mrecist_overall,
        volume_baseline_ml=before,
        volume_followup_ml=after,
        volume_percent=None if after is None or not before else 100.0 * (after - before) / before,
        settled=not questions,
        open=questions,
    )


def _rows(comparison: Comparison, chosen: Chosen, viable: Viable) -> tuple[TargetRow, ...]:
    """Return the targets; of several that merged the first one has what they became (RECIST 1.1, section 4.3.2)."""
    rows = []
    counted: set[int] = set()
    for number in chosen.targets:
        match = comparison.match_of(number)
        later = [n for n in match.followup if n not in counted]
        note = ""
        if match.status == "merged":
            note = "merged: the longest diameter of what they became is counted once"
        elif match.status == "split":
            note = "split: the longest diameters of the pieces are added"
        elif match.missing:
            note = f"its place is not assessed: {_missing(match)}"
        counted.update(match.followup)
        before, after = comparison.baseline.tumors[number], comparison.followup.tumors
        seen = not match.missing
        first, second = chosen.viable_mm
        own = viable[0].get(number)
        found = [viable[1].get(n) for n in later]
        measured = None
        if seen and all(found) and (found or match.status in ("gone", "merged")):
            measured = sum(v.diameter_mm for v in found if v is not None)
        rows.append(
            TargetRow(
                number=number,
                followup=match.followup,
                status=match.status,
                baseline_mm=before.longest_axial_diameter_mm,
                followup_mm=sum(after[n].longest_axial_diameter_mm for n in later) if seen else None,
                baseline_ml=before.volume_ml,
                followup_ml=sum(after[n].volume_ml for n in later) if seen else None,
                baseline_viable_mm=first.get(number, None if own is None else own.diameter_mm),
                followup_viable_mm=second.get(number, measured),
                baseline_viable_by_person=number in first,
                followup_viable_by_person=number in second,
                note=note,
            )
        )
    return tuple(rows)


def _missing(match: Match) -> str:
    if match.missing == "liver":
        return "the liver around it is missing in the follow-up"
    return "it lies outside of what the follow-up shows"


def _non_target(comparison: Comparison, others: tuple[int, ...], chosen: Chosen) -> NonTarget:
    """Return the response of the other lesions; that they progress unequivocally is for a person to say."""
    if chosen.non_target_progression:
        return "PD"
    if not others:
        return "none"
    matches = [comparison.match_of(number) for number in others]
    if any(match.missing for match in matches):
        return "NE"
    return "CR" if all(match.status == "gone" for match in matches) else "non-CR/non-PD"


def _mrecist(
    rows: tuple[TargetRow, ...],
    comparison: Comparison,
    non_target: NonTarget,
    certain: tuple[int, ...],
    chosen: Chosen,
) -> tuple[SumResponse | None, str | None]:
    before = _total(row.baseline_viable_mm for row in rows)
    after = _total(row.followup_viable_mm for row in rows)
    if before is None or before <= 0 or after is None:
        return None, None
    sums = response_of_sums(
        before, after, chosen.nadir_viable_mm, all_gone=after == 0.0, least_increase_mm=0.0
    )
    tumors = comparison.followup.tumors
    new = any(tumors[n].longest_axial_diameter_mm >= MRECIST_NEW_MM for n in certain)
    return sums, overall_response(sums.response, non_target, new)


def _open(comparison: Comparison, chosen: Chosen, maybe: tuple[int, ...]) -> tuple[str, ...]:
    """Return what a person has to settle before the response stands."""
    questions = []
    for number in chosen.targets:
        if comparison.match_of(number).uncertain:
            questions.append(f"what became of target {number} is uncertain: look at it and name the pair")
    for number in maybe:
        questions.append(
            f"lesion {number} of the follow-up may be new, and is not counted: a new lesion is progression"
        )
    for match in comparison.matches:
        if match.uncertain and match.baseline and not set(match.baseline) & set(chosen.targets):
            which = ", ".join(str(n) for n in match.baseline)
            questions.append(f"what became of lesion {which}, no target, is uncertain")
    return tuple(questions)


def _total(values: Iterable[float | None]) -> float | None:
    """Return the sum; None where one of the values is."""
    listed = list(values)
    known = [value for value in listed if value is not None]
    return float(sum(known)) if len(known) == len(listed) else None
