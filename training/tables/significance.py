"""Paired tests of two rows of a table on the same cases.

Source: PA-ResSeg, Discussion, "A paired t-test was performed on the results of the two models", p < 0.05; DPC-Net,
    section IV.C.3, "a t-test", without more. The other papers test nothing.
Departs: Wilcoxon's signed-rank test stands beside it, since differences of Dice are seldom normal. Neither is corrected
    for the number of rows that are compared, as in the papers.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from training.tables.pooling import common

LEVEL = 0.05
"""Below it a difference is called significant, as in both papers."""


@dataclass(frozen=True, kw_only=True)
class Paired:
    """A row against the reference."""

    cases: int
    """Cases with a defined score in both."""
    difference: float
    """Mean of the row's scores less the reference's on these cases; nan without any."""
    t_test_p: float
    """Two-sided paired t-test; nan for fewer than two cases, or where all differences are the same."""
    wilcoxon_p: float
    """Two-sided Wilcoxon signed-rank test; nan where no case differs."""


def paired(scores: Mapping[str, float], reference: Mapping[str, float]) -> Paired:
    """Compare the scores of cases, each the mean over its trainings, with those of the reference."""
    cases = common(scores, reference)
    differences = np.array([scores[case] - reference[case] for case in cases])
    return Paired(
        cases=len(cases),
        difference=float(differences.mean()) if cases else math.nan,
        t_test_p=_t_test(differences),
        wilcoxon_p=_wilcoxon(differences),
    )


def _t_test(differences: np.ndarray) -> float:
    if len(differences) < 2 or np.ptp(differences) == 0:
        return math.nan
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def _wilcoxon(differences: np.ndarray) -> float:
    if not np.any(differences):
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of ties and small numbers, for which it takes the normal approximation
        return float(stats.wilcoxon(differences).pvalue)
