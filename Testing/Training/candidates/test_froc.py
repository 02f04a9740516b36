"""FROC curves count a lesion once, and every false finding."""

from __future__ import annotations

import numpy as np

from training.candidates.collect import Candidate, CaseCandidates
from training.candidates.froc import froc


def case(name: str, lesions_mm: tuple[float, ...], *candidates: tuple[int, ...]) -> CaseCandidates:
    """Return a case whose candidates touch these lesions; none, and it is no lesion."""
    return CaseCandidates(
        cohort="c",
        case=name,
        patient=name,
        phases=("portal",),
        lesions_mm=lesions_mm,
        candidates=tuple(Candidate(is_lesion=bool(some), lesions=some, features={}) for some in candidates),
    )


def test_lesions_are_counted_once_and_thresholds_from_the_highest_on() -> None:
    cases = [case("a", (9.0, 12.0), (1,), (1, 2), ()), case("b", (), (), ()), case("d", (8.0,))]
    probabilities = np.array([0.9, 0.5, 0.7, 0.5, 0.1])
    assert list(froc(cases, probabilities)) == [(0.9, 1, 0), (0.7, 1, 1), (0.5, 2, 2), (0.1, 2, 3)]


def test_without_candidates_there_is_no_curve() -> None:
    assert list(froc([case("a", (9.0,))], np.zeros(0))) == []
