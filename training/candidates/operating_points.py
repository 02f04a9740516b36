"""Operating points of the lesion probability, by what validation cases say of each threshold.

- sensitive: the highest threshold that keeps 95 % of the candidates that are lesions.
- balanced: of the thresholds that leave at most half a false finding a case, the one with the best F2.
- specific: the lowest threshold that leaves at most 0.15 false findings a case.

F2 is that of the candidates, F-measure with recall weighed twice as much as precision (van Rijsbergen, Information
retrieval, 1979, chapter 7): a false finding takes a click to reject, a lesion that is left out is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.lesion_classifier import OperatingPoint, OperatingPoints

SENSITIVE_KEPT = 0.95
BALANCED_FALSE_PER_CASE = 0.5
SPECIFIC_FALSE_PER_CASE = 0.15
DIGITS = 4
"""Decimals of a threshold."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Every threshold that makes a difference, and what it does; arrays of one length.

    thresholds: rising. kept: share of the lesions among the candidates that are kept. false_per_case: false findings
    a case that are left. f2: of the candidates.
    """

    thresholds: NDArray[np.float64]
    kept: NDArray[np.float64]
    false_per_case: NDArray[np.float64]
    f2: NDArray[np.float64]

    @classmethod
    def of(cls, probabilities: NDArray[np.float64], truth: NDArray[np.bool_], cases: int) -> Sweep:
        """Try the thresholds between all probabilities, and beyond them.

        probabilities, truth: (candidates,), at least one of them a lesion. cases: those without a candidate too.
        """
        values = np.unique(np.clip(probabilities, 0.0, 1.0))
        between = np.concatenate([[0.0], (values[:-1] + values[1:]) / 2, [(values[-1] + 1.0) / 2]])
        thresholds = np.unique(np.round(between, DIGITS))
        lesions, others = np.sort(probabilities[truth]), np.sort(probabilities[~truth])
        hits = len(lesions) - np.searchsorted(lesions, thresholds)
        false = len(others) - np.searchsorted(others, thresholds)
        return cls(
            thresholds=thresholds,
            kept=hits / len(lesions),
            false_per_case=false / cases,
            f2=5 * hits / (hits + false + 4 * len(lesions)),
        )


def choose(probabilities: NDArray[np.float64], truth: NDArray[np.bool_], cases: int) -> OperatingPoints:
    """Return the operating points. probabilities, truth, cases: as for `Sweep.of`."""
    sweep = Sweep.of(probabilities, truth, cases)
    everything = np.arange(len(sweep.thresholds))
    sensitive = int(everything[sweep.kept >= SENSITIVE_KEPT].max(initial=0))
    few = everything[sweep.false_per_case <= BALANCED_FALSE_PER_CASE]
    balanced = int(few[np.argmax(sweep.f2[few])]) if few.size else int(everything[-1])
    fewest = everything[sweep.false_per_case <= SPECIFIC_FALSE_PER_CASE]
    specific = int(fewest.min()) if fewest.size else int(everything[-1])
    # Where candidates are told apart well, one threshold serves all; the order stays.
    sensitive, specific = min(sensitive, balanced), max(specific, balanced)

    def point(place: int) -> OperatingPoint:
        return OperatingPoint(
            threshold=float(sweep.thresholds[place]),
            kept_lesions=round(float(sweep.kept[place]), DIGITS),
            false_findings_per_case=round(float(sweep.false_per_case[place]), DIGITS),
        )

    return OperatingPoints(sensitive=point(sensitive), balanced=point(balanced), specific=point(specific))
