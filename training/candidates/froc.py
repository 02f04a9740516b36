"""Lesions found against false findings a case, at every threshold: FROC curves of the second look.

Source: Chakraborty, Investigative Radiology 1989: free-response receiver operating characteristic.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.io import replacing
from training.candidates.collect import CaseCandidates

COLUMNS = ("cohort", "cases", "lesions", "threshold", "lesions_found", "false_findings_per_case")


Cohort = tuple[Sequence[CaseCandidates], NDArray[np.float64]]
"""Cases, and the probability of each candidate, case by case, by curves that were fitted without the patient."""


def write_froc(path: Path, cohorts: Mapping[str, Cohort]) -> None:
    """Write the curve of each cohort as CSV, from the strictest threshold on. Raises `OutputError`."""
    with (
        replacing(path, name="FROC curves") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for name, (cases, probabilities) in cohorts.items():
            lesions = sum(len(case.lesions_mm) for case in cases)
            for threshold, found, false in froc(cases, probabilities):
                told = (name, len(cases), lesions, f"{threshold:.4f}", found, f"{false / len(cases):.4f}")
                writer.writerow(told)


def froc(
    cases: Sequence[CaseCandidates], probabilities: NDArray[np.float64]
) -> Iterator[tuple[float, int, int]]:
    """Yield each threshold with the lesions found and the false findings in all cases from it on, the highest first.

    A lesion that several candidates touch is found once. probabilities: (candidates of all cases,).
    """
    candidates = [
        (probability, number, candidate)
        for (number, candidate), probability in zip(
            ((number, one) for number, case in enumerate(cases) for one in case.candidates),
            probabilities,
            strict=True,
        )
    ]
    candidates.sort(key=lambda one: -one[0])
    found: set[tuple[int, int]] = set()
    false = 0
    for place, (probability, number, candidate) in enumerate(candidates):
        found |= {(number, lesion) for lesion in candidate.lesions}
        false += not candidate.is_lesion
        if place + 1 == len(candidates) or candidates[place + 1][0] < probability:
            yield float(probability), len(found), false
